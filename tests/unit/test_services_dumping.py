"""What is dumped is loaded back into the very same records."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datacatalog.domain.errors import (
    AlreadyExists,
    DatacatalogError,
    InvalidField,
    NotInService,
    UnknownRecord,
)
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import SPECS, Kind, TypedUuid
from datacatalog.domain.strict_json import RECORD_DEPTH_MAX, parse_json
from datacatalog.services import loading
from datacatalog.services.dumping import DUMP_ORDER, csv_lines, json_lines
from datacatalog.services.jobs import job_for, move, note
from datacatalog.services.loading import Loaded, Loading, Source, load_record
from datacatalog.services.records import delete_record, put_record
from tests.unit.memory import Memory, memory
from tests.unit.test_tabular import numbers, texts, values, whole


def dumped(catalog: Memory, *, kind: Kind | None = None, hidden: bool = True) -> str:
    """Return all records as JSON Lines, or those of a kind as CSV."""

    def body(work: Any) -> str:
        if kind is None:
            return "".join(json_lines(list(SPECS), work, hidden=hidden))
        return "".join(csv_lines(kind, work, catalog.env, hidden=hidden))

    return catalog.env.store.read(body)


def loaded(catalog: Memory, *parts: str, **options: Any) -> Loaded:
    sources = [
        Source(name=f"part {n}", open=lambda text=text: nullcontext(io.BytesIO(text.encode())))  # type: ignore[misc]
        for n, text in enumerate(parts)
    ]
    return Loading(env=catalog.env, **options).load(sources)


def put(catalog: Memory, kind: Kind, **document: Any) -> TypedUuid:
    made = catalog.env.store.transact(lambda work: put_record(kind, document, work, catalog.env))
    return made.record.uuid


def load(catalog: Memory, kind: Kind, document: dict[str, Any]) -> str:
    return catalog.env.store.transact(lambda work: load_record(kind, document, work, catalog.env))


def full() -> Memory:
    """A catalog with something of everything: hidden records, a job with a long life, one that was reset."""
    catalog = memory()
    challenge = put(catalog, Kind.CHALLENGE_PROBLEM, id="C", title="A challenge")
    design = put(catalog, Kind.EXPERIMENT_DESIGN, experiment_design_id="D", child_of=[challenge])
    experiment = put(catalog, Kind.EXPERIMENT, experiment_id="experiment.tacc.1", child_of=[design])
    sample = put(
        catalog, Kind.SAMPLE, sample_id="sample.tacc.1", child_of=[experiment], strain={"a": [1.0, None]}
    )
    other = put(catalog, Kind.SAMPLE, sample_id="sample.tacc.2", lab_sample_id="", child_of=[experiment])
    for n in range(3):
        put(catalog, Kind.MEASUREMENT, measurement_id=f"m.{n}", measurement_type="FLOW", child_of=[sample])
    put(catalog, Kind.PROCESS, process_id="p", name="By hand")
    reference = put(
        catalog, Kind.REFERENCE, reference_id="r", name="r", uri="agave://data-sd2e-community/reference/r.fa"
    )
    upload = put(catalog, Kind.FILE, name="/uploads/a b.csv", level="0", type="CSV", child_of=[sample])
    put(catalog, Kind.FIXITY, name="/uploads/a b.csv", checksum="sha256:" + "0" * 64, size=5, version=1)
    tag = put(catalog, Kind.TAG_ANNOTATION, name="wilted", owner="o")
    put(catalog, Kind.ASSOCIATION, owner="o", connects_from=tag, connects_to=[sample, other])
    text = put(catalog, Kind.TEXT_ANNOTATION, body="In the shade", subject="Leaf", owner="o")
    put(catalog, Kind.TEXT_ANNOTATION, body="Indeed", subject="Leaf", owner="o", child_of=[text])
    put(catalog, Kind.INLINE_ANNOTATION, name="leaves", subject="/uploads/a b.csv", owner="o", value=12)
    put(catalog, Kind.STRUCTURED_REQUEST, name="s", experiment_id="experiment.tacc.1", child_of=[design])
    put(catalog, Kind.DASHBOARD, dashboard_id="d", derived_from=[put(catalog, Kind.QUERY, query_id="q")])
    put(catalog, Kind.UPLOAD, upload_id="u", generated_by=[sample])
    put(catalog, Kind.ANNOTATION, body="Out of focus", owner="o", child_of=[sample])
    job = catalog.job(Event.RUN, Event.FINISH, parameters={"sample_id": "sample.tacc.1"}, acted_on=[upload])
    catalog.job(Event.RUN, Event.FAIL, parameters={"experiment_id": ["experiment.tacc.1"]})
    again = catalog.job(Event.RUN, Event.RESET, Event.READY, Event.RUN, instanced=False)
    gone = catalog.job()

    def more(work: Any) -> None:
        note(job_for(job.job.uuid, work), Event.RUN, {"late": True}, work, catalog.env)
        move(job_for(again.job.uuid, work), Event.UPDATE, {"é": [1, 2.5, None]}, work, catalog.env)
        hidden = work.records.get(gone.job.uuid)
        work.records.put(_hidden(hidden), at=catalog.clock.now())
        delete_record(other, work, catalog.env)

    catalog.clock.move(days=1, seconds=0.5)
    catalog.env.store.transact(more)
    put(catalog, Kind.FILE, name="/products/out.csv", generated_by=[job.job.uuid], derived_using=[reference])
    retired = catalog.handle(
        "pipelines-manager",
        {"name": "Old", "id": "old:1", "components": [{"b": 1}, {"a": 2}]},
    )
    catalog.env.store.transact(
        lambda work: work.records.put(
            _hidden(work.records.get(retired.result["uuid"])), at=catalog.clock.now() + timedelta(1)
        )
    )
    return catalog


def _hidden(record: Any) -> Any:
    from dataclasses import replace

    return replace(record, visible=False)


# ----------------------------------------------------------------------------------------- round trips


@pytest.mark.parametrize("hidden", [True, False])
def test_dump_of_everything_loads_into_an_empty_catalog_as_it_was(hidden: bool) -> None:
    text = dumped(full(), hidden=hidden)
    assert ('"_visible":false' in text) is hidden
    copy = memory()
    assert loaded(copy, text).refusals == []
    assert dumped(copy) == text
    again = loaded(copy, text)
    assert set(again.counts["part 0"]) == {"unchanged"}
    assert dumped(copy) == text


def test_tables_of_each_kind_load_into_an_empty_catalog_as_they_were() -> None:
    catalog, copy = full(), memory()
    tables = {kind: dumped(catalog, kind=kind) for kind in DUMP_ORDER}
    for kind, table in tables.items():
        for _ in range(2):
            assert loaded(copy, table, kind=kind).refusals == []
            assert dumped(copy, kind=kind) == table
    assert dumped(copy) == dumped(catalog)


def test_example_has_something_of_every_kind() -> None:
    catalog = full()
    counts = {kind: len(dumped(catalog, kind=kind).splitlines()) - 1 for kind in DUMP_ORDER}
    assert set(DUMP_ORDER) == set(SPECS)
    assert all(counts.values()), counts


def test_dump_shows_no_salt_and_no_token() -> None:
    catalog = full()

    def salts(work: Any) -> list[str]:
        pages = [work.records.page(kind, hidden=True).records for kind in SPECS]
        return [record.salt for page in pages for record in page]

    text = dumped(catalog)
    assert not [salt for salt in catalog.env.store.read(salts) if salt in text]
    assert {name for line in text.splitlines() for name in json.loads(line) if name.startswith("_")} == {
        "_visible"
    }


def test_run_of_a_job_is_counted_from_its_resets() -> None:
    catalog = memory()
    job = catalog.job(Event.RUN, Event.RESET, Event.READY, Event.RESET)
    copy = memory()
    assert loaded(copy, dumped(catalog)).refusals == []
    runs = [c.env.store.read(lambda work: job_for(job.job.uuid, work).run) for c in (catalog, copy)]
    assert runs == [3, 3]


fields = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8).filter(
    lambda name: not name.startswith("_")
    and name not in {"uuid", "kind", "history", "sample_id"}
    and name not in SCHEMA_FIELDS
)  # fmt: skip
SCHEMA_FIELDS = set(memory().env.schemas.get("sample_document")["properties"])
samples = st.fixed_dictionaries(
    {"sample_id": texts.filter(lambda text: bool(text.strip()))},
    optional={
        "lab_sample_id": texts,
        "replicate": whole,
        "missing_pc": st.booleans(),
        "contents": st.lists(values, max_size=2),
        "standard_attributes": st.dictionaries(texts, values, max_size=2),
        "temperature": values,
        "strain": st.none() | numbers | texts,
    },
).flatmap(lambda fixed: st.dictionaries(fields, values, max_size=2).map(lambda more: {**more, **fixed}))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(samples, max_size=4))
def test_any_record_goes_through_either_format_unchanged(documents: Sequence[dict[str, Any]]) -> None:
    catalog = memory()
    for document in documents:
        try:
            load(catalog, Kind.SAMPLE, document)
        except DatacatalogError:
            continue
    lines, table = dumped(catalog), dumped(catalog, kind=Kind.SAMPLE)
    by_line, by_row = memory(), memory()
    assert loaded(by_line, lines).refusals == []
    assert loaded(by_row, table).refusals == []
    assert dumped(by_line) == lines
    assert dumped(by_row, kind=Kind.SAMPLE) == table
    assert dumped(by_row) == lines


def test_field_without_a_name_is_no_column() -> None:
    catalog = memory()
    load(catalog, Kind.SAMPLE, {"sample_id": "s", "": 1})
    assert '"":1' in dumped(catalog)
    with pytest.raises(InvalidField, match="cannot be a column"):
        dumped(catalog, kind=Kind.SAMPLE)


# ----------------------------------------------------------------------------------------------- jobs


def job_document(catalog: Memory, *events: Event, **plan: Any) -> dict[str, Any]:
    job = catalog.job(*events, **plan)
    lines = map(json.loads, dumped(catalog).splitlines())
    return next(line for line in lines if line["uuid"] == job.job.uuid)


def without(document: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != field}


def test_job_that_moved_on_is_not_taken_back_by_loading() -> None:
    catalog = memory()
    document = job_document(catalog, Event.RUN)
    assert load(catalog, Kind.PIPELINEJOB, document) == "unchanged"
    catalog.env.store.transact(
        lambda work: move(job_for(document["uuid"], work), Event.FINISH, None, work, catalog.env)
    )
    before = dumped(catalog)
    with pytest.raises(AlreadyExists, match="differs in last_event, state, history; jobs move by events"):
        load(catalog, Kind.PIPELINEJOB, document)
    assert dumped(catalog) == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"_visible": False}, "_visible"),
        ({"acted_on": ["105" + "0" * 29]}, "links"),
        ({"session": "other-name"}, "session"),
    ],
)
def test_job_that_is_described_otherwise_is_refused(changes: dict[str, Any], field: str) -> None:
    catalog = memory()
    document = job_document(catalog)
    with pytest.raises(AlreadyExists, match=f"differs in {field};"):
        load(catalog, Kind.PIPELINEJOB, {**document, **changes})


def test_imported_job_sends_nothing_and_goes_on_living() -> None:
    catalog, copy = memory(), memory()
    document = job_document(catalog, Event.RUN, Event.FINISH)
    assert load(copy, Kind.PIPELINEJOB, document) == "created"
    moved = copy.env.store.transact(
        lambda work: move(job_for(document["uuid"], work), Event.INDEX, None, work, copy.env)
    )
    assert moved.state == "INDEXING"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": "FINISHED"}, "state: is FINISHED, but the history ends with RUNNING"),
        ({"last_event": "finish"}, "last_event: is finish, but the history ends with run"),
        ({"history": []}, "history: is missing"),
        ({"history": "run"}, "history: is missing"),
        ({"history": [5]}, "history/0: is no object"),
        ({"data": 5}, "data: is missing, or no object"),
        ({"data": {"other": 1}}, "uuid: is .*, but its pipeline and data make"),
        ({"uuid": "105" + "0" * 29}, "is a file, not a pipelinejob"),
        ({"archive_path": "/products/../etc"}, "archive_path"),
        ({"archive_path": "/products//a"}, "archive_path"),
        ({"archive_path": "/"}, "archive_path"),
        ({"archive_path": "/products/v2"}, "archive_path"),
        ({"archive_path": "/products/a\nb"}, "archive_path"),
        ({"hidden": True}, "hidden"),
        ({"archive_system": None}, "archive_system: is missing"),
        ({"updated": ""}, "updated: is missing"),
        ({"generated_by": []}, "generated_by: does not name the job's pipeline"),
        ({"derived_from": ["105" + "0" * 29]}, "derived_from"),
        ({"session": 5}, "session"),
    ],
)
def test_job_that_contradicts_itself_is_not_imported(changes: dict[str, Any], reason: str) -> None:
    document = job_document(memory(), Event.RUN)
    copy = memory()
    with pytest.raises(DatacatalogError, match=reason):
        load(copy, Kind.PIPELINEJOB, {**document, **changes})
    assert '"archive_path"' not in dumped(copy)


@pytest.mark.parametrize(
    ("index", "changes", "reason"),
    [
        (0, {"name": "run"}, "history/0: is not the 'create'"),
        (0, {"noted": True}, "history/0: is not the 'create'"),
        (1, {"name": "finish"}, "history/1: a job that is CREATED cannot 'finish'"),
        (1, {"state": "FINISHED"}, "history/1: says FINISHED, but 'run' leads from CREATED to RUNNING"),
        (1, {"name": "jump"}, "'jump' is no event"),
        (1, {"state": "UP"}, "history/1/state: 'UP' is no state"),
        (1, {"date": "yesterday"}, "history/1/date: 'yesterday' is no date"),
        (1, {"date": None}, "history/1/date: is missing"),
        (1, {"uuid": "1"}, "history/1/uuid: '1' is not a UUID"),
        (1, {"data": [1]}, "history/1/data: is no object"),
        (1, {"noted": True}, "history/1: says RUNNING"),
    ],
)
def test_job_whose_history_breaks_the_lifecycle_is_not_imported(
    index: int, changes: dict[str, Any], reason: str
) -> None:
    document = job_document(memory(), Event.RUN)
    document["history"][index] |= changes
    with pytest.raises(DatacatalogError, match=reason):
        load(memory(), Kind.PIPELINEJOB, document)


def test_history_has_no_entry_twice() -> None:
    document = job_document(memory(), Event.RUN, Event.UPDATE)
    document["history"][2]["uuid"] = document["history"][1]["uuid"]
    with pytest.raises(InvalidField, match="two entries of one UUID"):
        load(memory(), Kind.PIPELINEJOB, document)


def test_job_of_a_pipeline_that_nobody_knows_is_not_imported() -> None:
    catalog = memory()
    pipeline = catalog.handle("pipelines-manager", {"name": "N", "id": "n:1", "components": [{"c": 1}]})
    catalog.pipeline = pipeline.result["uuid"]
    document = job_document(catalog)
    with pytest.raises(UnknownRecord):
        load(memory(), Kind.PIPELINEJOB, document)


def test_job_is_known_by_the_level_that_it_was_made_about() -> None:
    catalog = full()
    jobs = [json.loads(line) for line in dumped(catalog).splitlines() if '"archive_path"' in line]
    about_sample = next(job for job in jobs if len(job["child_of"]) == 3 and job["state"] == "FINISHED")
    copy = memory()
    assert loaded(copy, dumped(catalog, kind=Kind.MEASUREMENT)).refusals == []
    assert load(copy, Kind.PIPELINEJOB, about_sample) == "created"
    alone = {**about_sample, "child_of": []}
    with pytest.raises(InvalidField, match="its pipeline and data make"):
        load(memory(), Kind.PIPELINEJOB, alone)


def test_hidden_record_that_is_loaded_as_visible_is_back_and_the_other_way_round() -> None:
    catalog = memory()
    sample = {"sample_id": "s"}
    for document, action in [
        ({**sample, "_visible": False}, "created"),
        ({**sample, "_visible": False}, "unchanged"),
        ({**sample, "_visible": False, "strain": "W"}, "updated"),
        ({**sample, "_visible": False}, "unchanged"),
        (sample, "updated"),
        ({**sample, "_visible": True}, "unchanged"),
        ({**sample, "_visible": False}, "updated"),
    ]:
        assert load(catalog, Kind.SAMPLE, document) == action
        assert (dumped(catalog, hidden=False).count("sample_id") == 1) is document.get("_visible", True)


def test_pipeline_out_of_service_stays_so_when_it_is_loaded_as_in_service() -> None:
    catalog = memory()
    document = {"name": "N", "id": "n:1", "components": [{"c": 1}, {"d": 2}]}
    hidden = {**document, "_visible": False}
    assert load(catalog, Kind.PIPELINE, hidden) == "created"
    assert load(catalog, Kind.PIPELINE, hidden) == "unchanged"
    assert load(catalog, Kind.PIPELINE, {**hidden, "components": [{"d": 2}, {"c": 1}]}) == "unchanged"
    with pytest.raises(AlreadyExists, match="described otherwise"):
        load(catalog, Kind.PIPELINE, {**hidden, "name": "M"})
    with pytest.raises(NotInService):
        load(catalog, Kind.PIPELINE, document)


def test_pipeline_in_service_goes_out_of_it_by_a_hidden_document() -> None:
    catalog = memory()
    document = {"name": "N", "id": "n:1", "components": [{"c": 1}]}
    assert load(catalog, Kind.PIPELINE, document) == "created"
    assert load(catalog, Kind.PIPELINE, {**document, "_visible": False}) == "updated"
    assert "n:1" not in dumped(catalog, hidden=False)


def test_record_that_is_there_is_not_hidden_where_it_is_to_be_left() -> None:
    catalog = memory()
    load(catalog, Kind.SAMPLE, {"sample_id": "s"})
    loaded(catalog, '{"sample_id": "s", "_visible": false}', strategy="drop")
    assert dumped(catalog, hidden=False).count("sample_id") == 1


def test_log_tells_who_loaded_what_and_hid_it() -> None:
    source, copy = full(), memory()
    before = dumped(copy).splitlines()
    assert loaded(copy, dumped(source), by="ann").refusals == []
    for line in set(dumped(copy).splitlines()).difference(before):
        uuid = json.loads(line)["uuid"]
        changes = copy.env.store.read(lambda work, uuid=uuid: work.records.changes(uuid))
        assert {change.admin.get("by") for _, change in changes} <= {"ann"}


def test_catalog_of_which_records_were_removed_for_good_loads_again() -> None:
    catalog = full()

    def remove(work: Any) -> None:
        for kind in (Kind.MEASUREMENT, Kind.SAMPLE, Kind.TAG_ANNOTATION, Kind.FILE, Kind.REFERENCE):
            for record in work.records.page(kind, hidden=True).records:
                delete_record(record.uuid, work, catalog.env, force=True)

    catalog.env.store.transact(remove)
    text, copy = dumped(catalog), memory()
    assert loaded(copy, text).refusals == []
    assert dumped(copy) == text


def test_event_as_deep_as_messages_may_be_loads_again() -> None:
    catalog, deep = memory(), parse_json('{"a":' * 62 + "{}" + "}" * 62)
    job = catalog.job(Event.RUN)
    catalog.env.store.transact(
        lambda work: move(job_for(job.job.uuid, work), Event.UPDATE, deep, work, catalog.env)
    )
    for kind in (None, Kind.PIPELINEJOB):
        copy = memory()
        assert loaded(copy, dumped(catalog, kind=Kind.PIPELINE)).refusals == []
        assert loaded(copy, dumped(catalog, kind=kind)).refusals == []
        assert dumped(copy) == dumped(catalog)


def test_table_cannot_hold_what_its_dump_could_not() -> None:
    catalog, deepest = memory(), RECORD_DEPTH_MAX
    for depth, refused in ((deepest - 3, False), (deepest - 2, True)):
        table = f"sample_id,a.b.c\ns,{'[' * depth}{']' * depth}\n"
        assert bool(loaded(catalog, table, kind=Kind.SAMPLE).refusals) is refused
    assert loaded(memory(), dumped(catalog)).refusals == []


def test_batch_of_long_records_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "BATCH_MAX_BYTES", 100)
    told: list[int] = []
    lines = [json.dumps({"sample_id": f"s{n}", "note": "x" * 60}) for n in range(5)]
    assert loaded(memory(), "\n".join(lines), told=told.append).counts["part 0"] == {"created": 5}
    assert told == [2, 2, 1]
    rows = "sample_id,note\n" + "".join(f"s{n},{'x' * 120}\n" for n in range(2))
    loaded(memory(), rows, told=told.append)
    assert told[3:] == [1, 1]


def test_file_that_is_named_twice_is_counted_twice() -> None:
    here = memory()
    source = Source(name="a", open=lambda: nullcontext(io.BytesIO(b'{"sample_id": "s"}')))
    twice = Loading(env=here.env)
    assert twice.rehearse([source, source]).counts == {"a": {"created": 1, "unchanged": 1}}
    assert twice.load([source, source]).counts == {"a": {"created": 1, "unchanged": 1}}
