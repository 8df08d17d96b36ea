"""Records are merged, replaced, dropped, patched, hidden, brought back and removed; the log tells who did what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from datacatalog.domain.errors import (
    AlreadyExists,
    DatacatalogError,
    Duplicate,
    InvalidField,
    InvalidLink,
    InvalidRecord,
    PreconditionFailed,
    StaleWrite,
    UnknownRecord,
)
from datacatalog.domain.kinds import PREFIXES, SPECS, Kind, Relation, TypedUuid
from datacatalog.domain.records import Link, Record
from datacatalog.services.documents import document_of
from datacatalog.services.finding import files_of, find_record
from datacatalog.services.records import (
    Written,
    changes_of,
    delete_record,
    patch_record,
    put_record,
    undelete_record,
)
from tests.unit.memory import Memory, memory

E1, E2, E3 = (TypedUuid(f"1020000{n}-0000-5000-8000-000000000000") for n in "123")
TAG = "122acb4d-1f93-553a-9e1c-b7b58125bc89"
JOB = TypedUuid("10700000-0000-5000-8000-000000000001")


@pytest.fixture
def here() -> Memory:
    return memory()


def put(here: Memory, kind: Kind, document: dict[str, Any], **how: Any) -> Written:
    env = here.env
    return env.store.transact(lambda work: put_record(kind, document, work, env, **how))


def sample(here: Memory, how: dict[str, Any] | None = None, **fields: Any) -> Written:
    return put(here, Kind.SAMPLE, {"sample_id": "s", **fields}, **(how or {}))


def patch(here: Memory, uuid: TypedUuid, document: dict[str, Any], **how: Any) -> Written:
    env = here.env
    return env.store.transact(lambda work: patch_record(uuid, document, work, env, **how))


def delete(here: Memory, uuid: TypedUuid, **how: Any) -> Written:
    env = here.env
    return env.store.transact(lambda work: delete_record(uuid, work, env, **how))


def undelete(here: Memory, uuid: TypedUuid, **how: Any) -> Written:
    env = here.env
    return env.store.transact(lambda work: undelete_record(uuid, work, env, **how))


def shown(here: Memory, uuid: TypedUuid) -> dict[str, Any]:
    return here.env.store.read(lambda work: document_of(work.records.get(uuid), work))


def log(here: Memory, uuid: TypedUuid) -> list[tuple[str, int, dict[str, Any]]]:
    found = here.env.store.read(lambda work: work.records.changes(uuid))
    return [(change.action, change.revision, dict(change.diff)) for _, change in found]


# -------------------------------------------------------------------------------------- strategies


@pytest.mark.parametrize(
    ("strategy", "document", "action"),
    [
        ("merge", {"strain": "x", "note": {"a": 1, "b": 2}, "child_of": [E1, E2]}, "updated"),
        ("replace", {"note": {"b": 2}, "child_of": [E2]}, "updated"),
        ("drop", {"strain": "x", "note": {"a": 1}, "child_of": [E1]}, "unchanged"),
    ],
)
def test_second_writing_is_combined_with_its_links_as_asked(here: Memory, strategy: str, document: dict[str, Any], action: str):  # fmt: skip
    uuid = sample(here, strain="x", note={"a": 1}, child_of=[E1]).record.uuid
    again = sample(here, {"strategy": strategy}, note={"b": 2}, child_of=[E2])
    assert again.action == action
    assert again.record.revision == (action == "updated")
    assert shown(here, uuid) == {"uuid": uuid, "sample_id": "s", **document}
    assert sample(here, {"strategy": strategy}, note={"b": 2}, child_of=[E2]).action == "unchanged"


def test_replacement_without_links_takes_all_of_them_away(here: Memory):
    uuid = sample(here, child_of=[E1, E2]).record.uuid
    assert sample(here, {"strategy": "replace"}).action == "updated"
    assert shown(here, uuid)["child_of"] == []
    assert log(here, uuid)[1] == ("replace", 1, {"child_of": [[E1, E2], []]})


def test_change_of_links_alone_moves_the_revision_and_is_told(here: Memory):
    uuid = sample(here, child_of=[E2]).record.uuid
    written = sample(here, child_of=[E1])
    assert (written.action, written.record.revision) == ("updated", 1)
    assert sample(here, child_of=[E1]).record.revision == 1
    assert log(here, uuid) == [
        ("create", 0, {"sample_id": [None, "s"], "child_of": [None, [E2]]}),
        ("update", 1, {"child_of": [[E2], [E1, E2]]}),
    ]


def test_record_without_links_is_created_without_a_word_on_them(here: Memory):
    assert log(here, sample(here).record.uuid) == [("create", 0, {"sample_id": [None, "s"]})]


def test_unknown_strategy_is_refused_before_there_is_anything_to_combine(here: Memory):
    with pytest.raises(InvalidField, match="merge, replace, drop"):
        sample(here, {"strategy": "append"})


def test_log_tells_who_wrote_beside_whose_record_it_is(here: Memory):
    uuid = sample(here, {"by": "ann"}).record.uuid
    patch(here, uuid, {"strain": "x"}, by="bob")
    delete(here, uuid, by="cyd")
    undelete(here, uuid)
    delete(here, uuid, force=True, by="dan")
    changes = [change for _, change in here.env.store.read(lambda work: work.records.changes(uuid))]
    assert [(c.action, c.admin.get("by")) for c in changes] == [
        ("create", "ann"),
        ("update", "bob"),
        ("delete", "cyd"),
        ("undelete", None),
        ("purge", "dan"),
    ]
    assert {c.admin["owner"] for c in changes} == {"tests"}


def test_log_leaves_private_fields_out_and_outlives_its_record(here: Memory):
    env = here.env
    uuid = sample(here).record.uuid
    record = env.store.read(lambda work: work.records.get(uuid))
    seen = replace(record, body={**record.body, "_seen": "1", "strain": "x"})
    env.store.transact(lambda work: work.records.put(seen, at=env.clock.now()))
    assert log(here, uuid)[1:] == [("update", 1, {"strain": [None, "x"]})]
    unseen = replace(seen, body={**seen.body, "_seen": "2"}, revision=1)
    env.store.transact(lambda work: work.records.put(unseen, at=env.clock.now()))
    assert len(log(here, uuid)) == 2
    delete(here, uuid, force=True)
    changes = env.store.read(lambda work: changes_of(uuid, work, after=1))
    assert [(seq, c.action, dict(c.diff)) for seq, c in changes] == [(2, "update", {}), (3, "purge", {})]
    assert env.store.read(lambda work: changes_of(uuid, work, after=3)) == []
    with pytest.raises(UnknownRecord):
        env.store.read(lambda work: changes_of(E1, work))


def test_link_to_what_is_not_in_the_catalog_is_kept(here: Memory):
    uuid = sample(here, child_of=[E1]).record.uuid
    assert shown(here, uuid)["child_of"] == [E1]


def test_wrong_link_is_refused_before_anything_is_written(here: Memory):
    env = here.env

    def body(work: Any) -> int:
        with pytest.raises(InvalidLink):
            put_record(Kind.SAMPLE, {"sample_id": "s", "generated_by": [E1]}, work, env)
        return int(work.records.count(Kind.SAMPLE))

    assert env.store.transact(body) == 0


def test_complaint_names_schema_and_place(here: Memory):
    with pytest.raises(InvalidRecord) as refused:
        sample(here, replicate="one")
    assert refused.value.complaints[0]["schema"] == "sample_document"
    assert refused.value.complaints[0]["path"] == "/replicate"


# ---------------------------------------------------------------------------------------- revisions


def test_write_of_the_revision_that_was_read_goes_through_and_any_other_is_refused(here: Memory):
    uuid = sample(here, strain="0").record.uuid
    assert sample(here, {"if_revision": 0}, strain="1").record.revision == 1
    assert patch(here, uuid, {"strain": "2"}, if_revision=1).record.revision == 2
    tries: list[Any] = [
        lambda: sample(here, {"if_revision": 1}, strain="3"),
        lambda: sample(here, {"if_revision": 1, "strategy": "drop"}),
        lambda: patch(here, uuid, {"strain": "3"}, if_revision=3),
        lambda: delete(here, uuid, if_revision=1),
        lambda: delete(here, uuid, if_revision=1, force=True),
    ]
    for attempt in tries:
        with pytest.raises(PreconditionFailed, match=uuid):
            attempt()
    assert shown(here, uuid)["strain"] == "2"
    assert delete(here, uuid, if_revision=2).record.revision == 3


def test_record_that_is_not_there_is_of_no_revision(here: Memory):
    with pytest.raises(PreconditionFailed, match="not there"):
        sample(here, {"if_revision": 0})
    assert here.env.store.read(lambda work: work.records.count(Kind.SAMPLE)) == 0


# ------------------------------------------------------------------------------------------ patching


def test_patch_sets_removes_and_goes_into_objects(here: Memory):
    uuid = sample(here, strain="x", barcode="b", note={"a": 1, "b": {"c": 2}}, child_of=[E1]).record.uuid
    patch(here, uuid, {"strain": None, "barcode": "c", "note": {"a": None, "b": {"d": 3}}})
    assert shown(here, uuid) == {
        "uuid": uuid,
        "sample_id": "s",
        "barcode": "c",
        "note": {"b": {"c": 2, "d": 3}},
        "child_of": [E1],
    }


@pytest.mark.parametrize(("targets", "left"), [([E2, E3], [E2, E3]), ([], []), (None, [])])
def test_patched_links_take_the_place_of_those_that_were_there(here: Memory, targets: Any, left: list[str]):
    uuid = sample(here, child_of=[E1, E2]).record.uuid
    assert patch(here, uuid, {"child_of": targets}).action == "updated"
    assert shown(here, uuid)["child_of"] == left
    assert patch(here, uuid, {"child_of": targets}).action == "unchanged"


def test_patch_that_says_what_is_there_changes_nothing(here: Memory):
    uuid = sample(here, strain="x", child_of=[E1]).record.uuid
    same = patch(
        here, uuid, {"uuid": uuid, "sample_id": "s", "strain": "x", "absent": None, "child_of": [E1]}
    )
    assert (same.action, same.record.revision) == ("unchanged", 0)
    assert patch(here, uuid, {}).action == "unchanged"


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"sample_id": "t"}, InvalidField),
        ({"sample_id": None}, InvalidField),
        ({"uuid": E1}, InvalidField),
        ({"uuid": None}, InvalidField),
        ({"_salt": "mine"}, InvalidField),
        ({"_visible": False}, InvalidField),
        ({"replicate": "one"}, InvalidRecord),
        ({"child_of": "one"}, InvalidField),
        ({"child_of": ["one"]}, InvalidField),
        ({"generated_by": [E1]}, InvalidLink),
    ],
)
def test_patch_that_cannot_be_is_refused_and_changes_nothing(here: Memory, document: dict[str, Any], error: type[Exception]):  # fmt: skip
    uuid = sample(here, strain="x", child_of=[E1]).record.uuid
    before = shown(here, uuid)
    with pytest.raises(error):
        patch(here, uuid, {"strain": "y", **document})
    assert shown(here, uuid) == before
    assert len(log(here, uuid)) == 1


def test_file_stays_where_it_is_however_its_place_is_spelled(here: Memory):
    uuid = put(here, Kind.FILE, {"name": "/a/b.csv"}).record.uuid
    assert patch(here, uuid, {"name": "//a/./b.csv", "level": "1"}).record.body["name"] == "/a/b.csv"
    for moved in ({"name": "/a/c.csv"}, {"storage_system": "elsewhere"}):
        with pytest.raises(InvalidField, match="cannot change"):
            patch(here, uuid, moved)


def test_taken_identifier_is_refused_to_a_patch(here: Memory):
    put(here, Kind.FILE, {"name": "/a", "file_id": "file.tacc.1"})
    uuid = put(here, Kind.FILE, {"name": "/b", "file_id": "file.tacc.2"}).record.uuid
    with pytest.raises(Duplicate):
        patch(here, uuid, {"file_id": "file.tacc.1"})


def test_fixity_is_child_of_its_file_whatever_a_document_says(here: Memory):
    uuid = put(here, Kind.FIXITY, {"name": "/a", "version": 1, "child_of": []}).record.uuid
    file = TypedUuid(PREFIXES[Kind.FILE] + uuid[3:])
    assert patch(here, uuid, {"child_of": []}).action == "unchanged"
    assert shown(here, uuid)["child_of"] == [file]


# ------------------------------------------------------------------------------- hiding and removing


def test_hidden_record_is_nowhere_until_it_is_brought_back(here: Memory):
    uuid = sample(here, child_of=[E1]).record.uuid
    assert delete(here, uuid).action == "deleted"
    env = here.env

    def seen(work: Any) -> list[Any]:
        records = work.records
        return [records.count(Kind.SAMPLE), *records.page(Kind.SAMPLE).records]

    assert env.store.read(seen) == [0]
    for reference in (uuid, "s"):
        with pytest.raises(UnknownRecord):
            env.store.read(lambda work, r=reference: find_record(r, work, env))
    for attempt in (patch, lambda *a: delete(*a[:2])):
        with pytest.raises(UnknownRecord):
            attempt(here, uuid, {})
    assert undelete(here, uuid).action == "undeleted"
    assert undelete(here, uuid).action == "unchanged"
    assert env.store.read(lambda work: find_record("s", work, env)).revision == 2
    assert shown(here, uuid)["child_of"] == [E1]
    assert [line[:2] for line in log(here, uuid)] == [("create", 0), ("delete", 1), ("undelete", 2)]


@pytest.mark.parametrize("strategy", ["merge", "replace"])
def test_hidden_record_that_is_written_again_is_visible_again(here: Memory, strategy: str):
    uuid = sample(here, strain="x").record.uuid
    delete(here, uuid)
    assert sample(here, {"strategy": strategy}, strain="y", child_of=[E1]).action == "updated"
    assert here.env.store.read(lambda work: work.records.count(Kind.SAMPLE)) == 1
    assert log(here, uuid)[-1] == ("undelete", 2, {"strain": ["x", "y"], "child_of": [[], [E1]]})


def test_hidden_record_stays_hidden_where_what_is_there_is_left(here: Memory):
    uuid = sample(here).record.uuid
    delete(here, uuid)
    assert sample(here, {"strategy": "drop"}).action == "unchanged"
    assert here.env.store.read(lambda work: work.records.count(Kind.SAMPLE)) == 0


def test_file_takes_its_fixity_out_of_sight_and_back(here: Memory):
    uuid = put(here, Kind.FILE, {"name": "/a"}).record.uuid
    put(here, Kind.FIXITY, {"name": "/a", "version": 1})
    counted = lambda: here.env.store.read(lambda w: w.records.count(Kind.FIXITY))  # noqa: E731
    delete(here, uuid)
    assert counted() == 0
    undelete(here, uuid)
    assert counted() == 1
    delete(here, uuid, force=True)
    assert here.env.store.read(lambda w: w.records.page(Kind.FIXITY, hidden=True)).records == []


def test_file_that_is_written_again_brings_its_fixity_back(here: Memory):
    uuid = put(here, Kind.FILE, {"name": "/a"}).record.uuid
    fixity = put(here, Kind.FIXITY, {"name": "/a", "version": 1}).record.uuid
    delete(here, uuid)
    assert put(here, Kind.FILE, {"name": "/a"}, by="ann").action == "updated"
    assert here.env.store.read(lambda work: work.records.get(fixity).visible)


def test_field_by_which_readers_are_told_that_a_record_is_hidden_is_no_field_of_one(here: Memory):
    uuid = sample(here).record.uuid
    with pytest.raises(InvalidField, match="hidden"):
        sample(here, hidden=True)
    with pytest.raises(InvalidField, match="hidden"):
        patch(here, uuid, {"hidden": True})
    assert log(here, uuid) == [("create", 0, {"sample_id": [None, "s"]})]


@pytest.mark.parametrize("there", [True, False])
def test_record_may_be_written_out_of_sight(here: Memory, there: bool):
    if there:
        sample(here)
    for action in ("updated" if there else "created", "unchanged"):
        written = sample(here, {"visible": False, "by": "ann"})
        assert (written.action, written.record.visible) == (action, False)
    found = here.env.store.read(lambda work: work.records.changes(written.record.uuid))
    assert [change.action for _, change in found] == ["create", "delete"]
    assert found[-1][1].admin["by"] == "ann"


def test_hidden_files_are_none_of_their_job(here: Memory):
    uuids = [put(here, Kind.FILE, {"name": f"/{n}", "generated_by": [JOB]}).record.uuid for n in range(5)]
    delete(here, uuids[0])
    page = here.env.store.read(lambda work: files_of(JOB, work))
    assert [record.uuid for record in page.records] == sorted(uuids[1:])
    read, after = [], None
    while True:
        page = here.env.store.read(lambda work, after=after: files_of(JOB, work, after=after, limit=2))
        read += [record.uuid for record in page.records]
        if (after := page.next) is None:
            break
    assert read == sorted(uuids[1:])


def test_removed_record_is_gone_hidden_or_not_and_leaves_a_line(here: Memory):
    uuid = sample(here).record.uuid
    delete(here, uuid)
    assert delete(here, uuid, force=True).action == "purged"
    assert here.env.store.read(lambda work: work.records.find(uuid)) is None
    assert log(here, uuid)[-1][0] == "purge"
    with pytest.raises(UnknownRecord):
        delete(here, uuid, force=True)
    with pytest.raises(UnknownRecord):
        undelete(here, uuid)
    assert sample(here).action == "created"


def test_what_points_at_a_removed_record_loses_the_link_and_tells(here: Memory):
    uuid = sample(here).record.uuid
    made = [
        put(here, Kind.MEASUREMENT, {"measurement_id": f"m{n}", "measurement_type": "FLOW", "child_of": [uuid, E1]})
        for n in range(3)
    ]  # fmt: skip
    delete(here, uuid, force=True)
    for measurement in made:
        assert shown(here, measurement.record.uuid)["child_of"] == [E1]
        assert log(here, measurement.record.uuid)[-1] == (
            "update",
            1,
            {"child_of": [sorted([uuid, E1]), [E1]]},
        )


def test_what_a_removed_record_is_part_of_the_name_of_goes_on_naming_it(here: Memory):
    tag = put(here, Kind.TAG_ANNOTATION, {"name": "wilted", "owner": "o"}).record.uuid
    said = {"connects_from": [tag], "connects_to": [E1], "owner": "o"}
    uuid = put(here, Kind.ASSOCIATION, said).record.uuid
    delete(here, tag, force=True)
    assert shown(here, uuid) == {"uuid": uuid, **said}
    assert [action for action, _, _ in log(here, uuid)] == ["create"]
    assert put(here, Kind.ASSOCIATION, said).action == "unchanged"


def test_job_that_worked_on_a_removed_file_stays_and_tells_that_it_lost_it(here: Memory):
    env = here.env
    body = {
        "pipeline_uuid": "106" + JOB[3:],
        "archive_path": "/products/v2/x",
        "data": {},
        "state": "CREATED",
    }
    uuid = put(here, Kind.FILE, {"name": "/a"}).record.uuid

    def make(work: Any) -> None:
        work.records.put(Record(kind=Kind.PIPELINEJOB, uuid=JOB, body=body, salt="s"), at=env.clock.now())
        work.links.add([Link(source=JOB, relation=Relation.ACTED_ON, target=uuid)])

    env.store.transact(make)
    delete(here, uuid, force=True)
    assert shown(here, JOB)["acted_on"] == []
    assert log(here, JOB)[-1] == ("update", 1, {"acted_on": [[uuid], []]})


def test_jobs_and_pipelines_have_services_of_their_own(here: Memory):
    env = here.env
    body = {
        "pipeline_uuid": "106" + JOB[3:],
        "archive_path": "/products/v2/x",
        "data": {},
        "state": "CREATED",
    }
    job = Record(kind=Kind.PIPELINEJOB, uuid=JOB, body=body, salt="s")
    env.store.transact(lambda work: work.records.put(job, at=env.clock.now()))
    tries: list[Any] = [
        lambda: patch(here, JOB, {"state": "FINISHED"}),
        lambda: delete(here, JOB),
        lambda: delete(here, JOB, force=True),
        lambda: undelete(here, JOB),
        lambda: put(here, Kind.PIPELINEJOB, body),
        lambda: put(here, Kind.PIPELINE, {"name": "p"}),
    ]
    for attempt in tries:
        with pytest.raises(InvalidField, match="cannot be written this way"):
            attempt()


def test_writer_of_a_stale_record_is_refused(here: Memory):
    env = here.env
    uuid = sample(here).record.uuid
    old = env.store.read(lambda work: work.records.get(uuid))
    sample(here, strain="x")
    with pytest.raises(StaleWrite):
        env.store.transact(
            lambda work: work.records.put(old, at=env.clock.now(), beside={"child_of": [[], [E1]]})
        )


# ------------------------------------------------------------------------------------ every kind


EXAMPLES = {
    kind: memory().env.schemas.get(kind)["examples"][0]
    for kind in SPECS
    if kind not in (Kind.PIPELINE, Kind.PIPELINEJOB)
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_example_of_every_kind_is_written_found_read_and_written_again(here: Memory, kind: Kind):
    first = put(here, kind, EXAMPLES[kind])
    document = shown(here, first.record.uuid)
    assert first.action == "created"
    assert first.record.uuid.startswith(PREFIXES[kind])
    assert {k: v for k, v in EXAMPLES[kind].items() if v != document.get(k)} == {}
    for strategy in ("merge", "replace"):
        assert put(here, kind, document, strategy=strategy).action == "unchanged"
    names = [first.record.uuid, *(document[field] for field in SPECS[kind].identifiers if field in document)]
    for name in names:
        found = here.env.store.read(lambda work, name=name: find_record(name, work, here.env))
        assert found.uuid == first.record.uuid
    where = {f: document[f] for f in SPECS[kind].searchable if isinstance(document.get(f), str)}
    assert here.env.store.read(lambda work: work.records.count(kind, where)) == 1


@pytest.mark.parametrize("kind", EXAMPLES)
def test_fields_that_make_the_uuid_must_be_there_and_cannot_change(here: Memory, kind: Kind):
    uuid = put(here, kind, EXAMPLES[kind]).record.uuid
    for field in SPECS[kind].uuid_fields:
        document = {k: v for k, v in EXAMPLES[kind].items() if k != field}
        with pytest.raises(DatacatalogError, match=field):
            put(here, kind, document)
        other = [E1] if field in tuple(Relation) else "another"
        with pytest.raises(InvalidField, match=field):
            patch(here, uuid, {field: other})


def test_association_is_known_by_what_it_connects_in_whatever_order_and_spelling(here: Memory):
    said = {"owner": "ann", "connects_from": [TAG], "connects_to": [E2, E1]}
    first = put(here, Kind.ASSOCIATION, said)
    for again in ({"connects_to": [E1, E2]}, {"connects_from": TAG}):
        assert put(here, Kind.ASSOCIATION, {**said, **again}).action == "unchanged"
    assert put(here, Kind.ASSOCIATION, {**said, "connects_to": E1}).record.uuid != first.record.uuid
    assert shown(here, first.record.uuid)["connects_to"] == [E1, E2]


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        (Kind.TAG_ANNOTATION, {"name": "a", "owner": "b"}, {"name": "b", "owner": "a"}),
        (Kind.TAG_ANNOTATION, {"name": "a:b", "owner": "c"}, {"name": "a", "owner": "b:c"}),
        (
            Kind.ASSOCIATION,
            {"connects_from": [E1], "connects_to": [E2], "owner": "o"},
            {"connects_from": [E2], "connects_to": [E1], "owner": "o"},
        ),
    ],
)
@pytest.mark.parametrize("strategy", ["merge", "replace"])
def test_record_whose_values_make_the_uuid_of_another_one_does_not_overwrite_it(
    here: Memory, kind: Kind, first: dict[str, Any], second: dict[str, Any], strategy: str
):
    uuid = put(here, kind, first).record.uuid
    with pytest.raises(AlreadyExists, match="makes the same UUID"):
        put(here, kind, second, strategy=strategy)
    assert shown(here, uuid) == {"uuid": uuid, **first}
    assert put(here, kind, first, strategy=strategy).action == "unchanged"


def test_product_is_kept_among_the_files_and_must_say_its_type(here: Memory):
    said = {"name": "/products/a.csv", "type": "CSV", "derived_from": [f"105{E1[3:]}"]}
    written = put(here, Kind.PRODUCT, said)
    assert (written.record.kind, written.record.uuid[:3]) == (Kind.FILE, "105")
    assert put(here, Kind.FILE, said).action == "unchanged"
    env = here.env
    assert (
        env.store.read(lambda work: find_record("/products/a.csv", work, env, (Kind.PRODUCT,)))
        == written.record
    )
    with pytest.raises(InvalidRecord, match="product_document"):
        put(here, Kind.PRODUCT, {"name": "/products/b.csv"})


def test_links_are_those_that_were_said(here: Memory):
    uuid = sample(here, child_of=[E1, E1.upper(), f"uri:urn:{E2}"]).record.uuid
    links = here.env.store.read(lambda work: work.links.of(uuid))
    assert links == [Link(source=uuid, relation=Relation.CHILD_OF, target=target) for target in (E1, E2)]
