"""Records, links and walks over the services: written once, found by any of their names, linked to what they say."""

from __future__ import annotations

from typing import Any

import pytest

from datacatalog.domain.errors import (
    DatacatalogError,
    InvalidField,
    InvalidLink,
    InvalidRecord,
    MixedLinkage,
    UnknownRecord,
)
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.services.finding import find_record, inputs_in
from datacatalog.services.lineage import Direction, walk
from datacatalog.services.linkage import resolve
from datacatalog.services.records import Written, put_record
from tests.unit.memory import SYSTEM, Memory, memory

IDENTIFIERS = {
    "d": "d",
    "e1": "experiment.1",
    "e2": "experiment.2",
    "s1": "sample.1",
    "s2": "sample.2",
    "m1": "measurement.1",
    "m2": "measurement.2",
    "m3": "measurement.3",
}
"""Short names of the records of `hierarchy`, and what identifies them."""
UUID = "103246e1-bcdf-5b6e-a8dc-4c7e81b91141"


@pytest.fixture
def here() -> Memory:
    return memory()


def put(here: Memory, kind: Kind, strategy: str = "merge", **fields: Any) -> Written:
    env = here.env
    return env.store.transact(lambda work: put_record(kind, fields, work, env, strategy=strategy))


def find(here: Memory, reference: str, *kinds: Kind) -> str:
    env = here.env
    return env.store.read(lambda work: find_record(reference, work, env, *([kinds] if kinds else []))).uuid


def hierarchy(here: Memory) -> dict[str, TypedUuid]:
    """Write two experiments; the first has two samples, of three and no measurements."""
    made: dict[str, TypedUuid] = {}

    def add(kind: Kind, name: str, parent: str | None, **fields: Any) -> None:
        made[name] = put(here, kind, **fields, **({"child_of": [made[parent]]} if parent else {})).record.uuid

    add(Kind.EXPERIMENT_DESIGN, "d", None, experiment_design_id="d", title="D", uri="https://example.org/d")
    for n in "12":
        add(Kind.EXPERIMENT, f"e{n}", "d", experiment_id=f"experiment.{n}", title=n)
        add(Kind.SAMPLE, f"s{n}", "e1", sample_id=f"sample.{n}")
    for n in "123":
        add(Kind.MEASUREMENT, f"m{n}", "s1", measurement_id=f"measurement.{n}", measurement_type="FLOW")
    return made


# ------------------------------------------------------------------------------------------- writing


def test_record_is_created_then_unchanged_then_updated(here: Memory):
    first = put(here, Kind.SAMPLE, sample_id="s.1", strain="x")
    again = put(here, Kind.SAMPLE, sample_id="s.1", strain="x")
    other = put(here, Kind.SAMPLE, sample_id="s.1", strain="y")
    assert [w.action for w in (first, again, other)] == ["created", "unchanged", "updated"]
    assert [w.record.revision for w in (first, again, other)] == [0, 0, 1]
    assert len({w.record.uuid for w in (first, again, other)}) == 1


@pytest.mark.parametrize(
    ("strategy", "body"),
    [("merge", {"sample_id": "s.1", "strain": "x", "lab_sample_id": "l"}), ("replace", {"sample_id": "s.1", "lab_sample_id": "l"}), ("drop", {"sample_id": "s.1", "strain": "x"})],
)  # fmt: skip
def test_second_writing_is_combined_as_asked(here: Memory, strategy: str, body: dict[str, str]):
    put(here, Kind.SAMPLE, sample_id="s.1", strain="x")
    written = put(here, Kind.SAMPLE, strategy, sample_id="s.1", lab_sample_id="l")
    assert dict(written.record.body) == body


def test_links_are_added_and_never_taken_away(here: Memory):
    made = hierarchy(here)
    assert put(here, Kind.SAMPLE, sample_id="sample.1", child_of=[made["e2"]]).action == "updated"
    assert put(here, Kind.SAMPLE, sample_id="sample.1", child_of=[made["e2"]]).action == "unchanged"
    assert put(here, Kind.SAMPLE, sample_id="sample.1").action == "unchanged"
    links = here.env.store.read(lambda work: work.links.of(made["s1"], Relation.CHILD_OF))
    assert {link.target for link in links} == {made["e1"], made["e2"]}


def test_private_fields_are_passed_over_and_the_own_uuid_may_be_said(here: Memory):
    uuid = put(here, Kind.SAMPLE, sample_id="s.1").record.uuid
    written = put(here, Kind.SAMPLE, sample_id="s.1", uuid=uuid, _salt="mine", _admin={"owner": "me"})
    assert written.action == "unchanged"
    assert written.record.admin == {"owner": "tests"}


@pytest.mark.parametrize(
    ("kind", "fields", "error"),
    [
        (Kind.SAMPLE, {}, InvalidField),
        (Kind.SAMPLE, {"sample_id": 7}, InvalidField),
        (Kind.SAMPLE, {"sample_id": {"$gt": ""}}, InvalidRecord),
        (Kind.SAMPLE, {"sample_id": "s.1", "uuid": UUID}, InvalidField),
        (Kind.SAMPLE, {"sample_id": "s.1", "uuid": "106" + UUID[3:]}, InvalidField),
        (Kind.SAMPLE, {"sample_id": "s.1", "child_of": "102"}, InvalidField),
        (Kind.SAMPLE, {"sample_id": "s.1", "child_of": [7]}, InvalidField),
        (Kind.SAMPLE, {"sample_id": "s.1", "child_of": ["nobody"]}, InvalidField),
        (Kind.SAMPLE, {"sample_id": "s.1", "generated_by": [UUID]}, InvalidLink),
        (Kind.PIPELINE, {"name": "p"}, InvalidField),
        (Kind.PIPELINEJOB, {"data": {}}, InvalidField),
        (Kind.GENERIC, {"id": "q"}, InvalidField),
    ],
)
def test_record_that_cannot_be_is_refused_and_not_written(here: Memory, kind: Kind, fields: dict[str, Any], error: type[Exception]):  # fmt: skip
    with pytest.raises(error):
        put(here, kind, **fields)
    assert here.env.store.read(lambda work: work.records.count(Kind.SAMPLE)) == 0


def test_wrong_link_undoes_the_record_it_came_with(here: Memory):
    with pytest.raises(InvalidLink):
        put(here, Kind.MEASUREMENT, measurement_id="m", measurement_type="FLOW", acted_on=[UUID])
    assert here.env.store.read(lambda work: work.records.count(Kind.MEASUREMENT)) == 0


# ------------------------------------------------------------------------------------------- finding


def test_record_is_found_by_each_of_its_names(here: Memory):
    file = put(here, Kind.FILE, name="/uploads/a.csv", file_id="file.tacc.1").record.uuid
    sample = put(here, Kind.SAMPLE, sample_id="sample.tacc.1").record.uuid
    for name in (file, "/uploads/a.csv", f"agave://{SYSTEM}/uploads/a.csv", "file.tacc.1"):
        assert find(here, name) == file
    assert find(here, "sample.tacc.1") == find(here, sample) == sample


def test_identifier_that_begins_with_a_kind_is_looked_for_there_only(here: Memory):
    shared_name = "sample.tacc.1"
    put(here, Kind.EXPERIMENT, experiment_id=shared_name, title="E")
    for kinds in ((), (Kind.EXPERIMENT,)):
        with pytest.raises(UnknownRecord):
            find(here, shared_name, *kinds)
    sample = put(here, Kind.SAMPLE, sample_id=shared_name).record.uuid
    assert find(here, shared_name) == sample


@pytest.mark.parametrize("reference", ["", "nobody", UUID, "/none", f"agave://{SYSTEM}/none", '{"$gt": ""}'])
def test_what_is_not_there_is_said_to_be_unknown(here: Memory, reference: str):
    with pytest.raises(UnknownRecord):
        find(here, reference)


def test_found_record_of_another_kind_than_wanted_counts_as_unknown(here: Memory):
    sample = put(here, Kind.SAMPLE, sample_id="s.1").record.uuid
    for name in (sample, "s.1"):
        with pytest.raises(UnknownRecord):
            find(here, name, Kind.FILE)


def test_inputs_are_what_the_catalog_knows_of_those_that_data_names(here: Memory):
    file = put(here, Kind.FILE, name="/uploads/a.csv").record.uuid
    data = {
        "inputs": {"a": ["/uploads/a.csv", "/uploads/none.csv"]},
        "parameters": {"u": "https://example.org/none"},
    }
    env = here.env
    assert env.store.read(lambda work: inputs_in(data, work, env)) == ([file], [])


# ------------------------------------------------------------------------------------------- linkage


@pytest.mark.parametrize(
    ("parameters", "named", "child_of"),
    [
        ({}, [], []),
        ({"sample_id": None, "measurement_id": [], "other": 7}, [], []),
        ({"measurement_id": "measurement.1"}, ["m1"], ["m1"]),
        ({"measurement_id": ["measurement.2", "measurement.1", "measurement.2"]}, ["m1", "m2"], ["m1", "m2"]),
        ({"sample_id": "sample.1"}, ["s1"], ["m1", "m2", "m3"]),
        ({"sample_id": "sample.2"}, ["s2"], ["s2"]),
        ({"sample_id": ["sample.1", "sample.2"]}, ["s1", "s2"], ["m1", "m2", "m3"]),
        ({"experiment_id": "experiment.1"}, ["e1"], ["m1", "m2", "m3"]),
        ({"experiment_id": "experiment.2"}, ["e2"], ["e2"]),
        ({"experiment_design_id": "d"}, ["d"], ["m1", "m2", "m3"]),
        ({"sample_id": "sample.1", "measurement_id": "measurement.3"}, ["s1"], ["m3"]),
        ({"experiment_id": "experiment.1", "measurement_id": ["measurement.3"]}, ["e1"], ["m3"]),
        ({"experiment_id": "experiment.2", "sample_id": "sample.1"}, ["e2"], ["m1", "m2", "m3"]),
    ],
)
@pytest.mark.parametrize("by_uuid", [False, True])
def test_linkage_is_named_by_the_highest_level_and_linked_below_the_lowest(
    here: Memory, parameters: dict[str, Any], named: list[str], child_of: list[str], by_uuid: bool
):
    made = hierarchy(here)
    if by_uuid:
        uuids = {identifier: made[name] for name, identifier in IDENTIFIERS.items()}
        parameters = {
            key: [uuids[v] for v in value] if isinstance(value, list) else uuids.get(value, value)
            for key, value in parameters.items()
        }
    found = here.env.store.read(lambda work: resolve(parameters, work))
    assert list(found.named) == sorted(made[n] for n in named)
    assert list(found.child_of) == sorted(made[n] for n in child_of)


def test_uuid_is_taken_at_its_word_and_an_unknown_identifier_is_not(here: Memory):
    found = here.env.store.read(lambda work: resolve({"sample_id": UUID}, work))
    assert (list(found.named), list(found.child_of)) == ([UUID], [UUID])
    with pytest.raises(UnknownRecord, match="sample: nobody"):
        here.env.store.read(lambda work: resolve({"sample_id": ["nobody"]}, work))


@pytest.mark.parametrize("name", ["experiment_design_id", "experiment_id", "measurement_id"])
def test_record_of_another_level_is_refused_and_named(here: Memory, name: str):
    with pytest.raises(MixedLinkage, match=UUID) as refused:
        here.env.store.read(lambda work: resolve({name: UUID}, work))
    assert refused.value.field == name


@pytest.mark.parametrize("value", [7, {"$gt": ""}, [7], [""], [None], True])
def test_linkage_that_is_no_text_is_refused(here: Memory, value: Any):
    with pytest.raises(InvalidField, match="identifier or a UUID"):
        here.env.store.read(lambda work: resolve({"sample_id": value}, work))


def test_thousands_of_measurements_are_all_linked(here: Memory):
    sample = put(here, Kind.SAMPLE, sample_id="s").record.uuid
    env = here.env

    def many(work: Any) -> None:
        for n in range(1203):
            put_record(
                Kind.MEASUREMENT,
                {"measurement_id": f"m{n}", "measurement_type": "FLOW", "child_of": [sample]},
                work,
                env,
            )

    env.store.transact(many)
    assert len(env.store.read(lambda work: resolve({"sample_id": "s"}, work)).child_of) == 1203


# ------------------------------------------------------------------------------------------- lineage


def test_ancestors_are_walked_nearest_first_each_once(here: Memory):
    made = hierarchy(here)
    file = put(here, Kind.FILE, name="/a", child_of=[made["m1"]], derived_from=[made["m2"]]).record.uuid
    steps = here.env.store.read(lambda work: list(walk(file, Direction.ANCESTORS, work)))
    assert [step.depth for step in steps] == [1, 1, 2, 3, 4]
    assert {step.uuid for step in steps} == {made["m1"], made["m2"], made["s1"], made["e1"], made["d"]}
    assert len({step.uuid for step in steps}) == len(steps)
    assert steps[-1].record is not None
    near = here.env.store.read(lambda work: list(walk(file, Direction.ANCESTORS, work, depth=2)))
    assert [step.uuid for step in near] == [step.uuid for step in steps[:3]]


def test_walk_ends_where_links_go_round_or_leave_the_catalog(here: Memory):
    one = put(here, Kind.FILE, name="/1").record.uuid
    two = put(here, Kind.FILE, name="/2", derived_from=[one]).record.uuid
    put(here, Kind.FILE, name="/1", derived_from=[two, "105" + UUID[3:]])
    steps = here.env.store.read(lambda work: list(walk(one, Direction.ANCESTORS, work)))
    assert {(step.uuid, step.record is None) for step in steps} == {(two, False), ("105" + UUID[3:], True)}


def test_nothing_written_by_a_failed_piece_of_work_is_there(here: Memory):
    def fails(work: Any) -> None:
        put_record(Kind.SAMPLE, {"sample_id": "s"}, work, here.env)
        raise DatacatalogError("no")

    with pytest.raises(DatacatalogError):
        here.env.store.transact(fails)
    assert here.env.store.read(lambda work: work.records.count(Kind.SAMPLE)) == 0


def test_file_keeps_the_id_of_its_provider_when_a_document_without_one_is_merged(here: Memory) -> None:
    given = {"name": "/uploads/a.csv", "file_id": "file.lab.1"}
    here.env.store.transact(lambda w: put_record(Kind.FILE, given, w, here.env))
    said = {"name": "/uploads/a.csv", "type": "CSV"}
    record = here.env.store.transact(lambda w: put_record(Kind.FILE, said, w, here.env)).record
    assert (record.body["file_id"], record.body["type"]) == ("file.lab.1", "CSV")
