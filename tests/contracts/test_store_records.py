"""What every store promises of records, their update log and their links; see datacatalog.ports.stores."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datacatalog.domain.errors import (
    Duplicate,
    InvalidField,
    InvalidLink,
    InvalidRecord,
    StaleWrite,
    UnknownRecord,
)
from datacatalog.domain.kinds import SPECS, Kind, Relation, TypedUuid
from datacatalog.domain.records import Link, Record
from datacatalog.ports.stores import Store, Work
from tests.contracts.ledgers import START, Gatekeeper, MovableClock, entry, job, record, uuid_of

LATER = START + timedelta(seconds=1)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=12,
)


def put(store: Store, new: Record) -> Record:
    return store.transact(lambda work: work.records.put(new, at=START))


def put_later(store: Store, changed: Record) -> Record:
    return store.transact(lambda work: work.records.put(changed, at=LATER))


def get(store: Store, uuid: TypedUuid) -> Record:
    return store.read(lambda work: work.records.get(uuid))


def with_body(known: Record, **fields: Any) -> Record:
    return replace(known, body={**known.body, **fields})


# ------------------------------------------------------------------------------- reading and writing


def test_record_reads_back_as_it_was_put(store: Store) -> None:
    new = record(sample_id="s.1", nested={"ä": [1, 2.5, None, True, "\0 \U0001f9ec"]}, biggest=2**63 - 1)
    put(store, new)
    assert get(store, new.uuid) == replace(new, revision=0, created=START, modified=START)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(st.text().filter(lambda name: name != "refuse"), JSON, max_size=4))
def test_any_json_object_reads_back_as_it_was_put(store: Store, body: dict[str, Any]) -> None:
    new = (
        record(Kind.FIXITY, **body)
        if all(map(str.isidentifier, body))
        else replace(record(Kind.FIXITY), body=body)
    )
    put(store, new)
    assert get(store, new.uuid).body == body


def test_put_returns_what_is_read_afterwards(store: Store) -> None:
    stored = put(store, record(sample_id="s"))
    assert stored == get(store, stored.uuid)
    changed = put_later(store, with_body(stored, strain="B"))
    assert changed == get(store, stored.uuid)


def test_revision_counts_changes_and_created_stays(store: Store) -> None:
    first = put(store, record(strain="A"))
    second = put_later(store, with_body(first, strain="B"))
    assert (first.revision, first.created, first.modified) == (0, START, START)
    assert (second.revision, second.created, second.modified) == (1, START, LATER)


def test_unknown_record_is_none_to_find_and_an_error_to_get(store: Store) -> None:
    unknown = uuid_of(Kind.SAMPLE)
    assert store.read(lambda work: work.records.find(unknown)) is None
    with pytest.raises(UnknownRecord) as caught:
        get(store, unknown)
    assert caught.value.reference == unknown


@pytest.mark.parametrize("uuid", ["", "999", "100044fb-4c84-5c78-83a5-f7ff4b5baaee", "nonsense"])
def test_nothing_is_found_under_what_is_no_uuid_of_a_record(store: Store, uuid: str) -> None:
    assert store.read(lambda work: work.records.find(TypedUuid(uuid))) is None


def test_taken_uuid_cannot_be_inserted_again(store: Store) -> None:
    stored = put(store, record(strain="A"))
    with pytest.raises(StaleWrite):
        put(store, record(Kind.SAMPLE, stored.uuid, strain="B"))
    assert get(store, stored.uuid) == stored


def test_second_writer_of_a_stale_record_is_refused(store: Store) -> None:
    seen = put(store, record(strain="A"))
    changed = put_later(store, with_body(seen, strain="B"))
    with pytest.raises(StaleWrite):
        put_later(store, with_body(seen, strain="C"))
    with pytest.raises(StaleWrite):
        put_later(store, seen)
    assert get(store, seen.uuid) == changed


def test_record_that_was_never_stored_cannot_be_replaced(store: Store) -> None:
    with pytest.raises(StaleWrite):
        put(store, replace(record(), revision=0))


def test_equal_record_changes_nothing(store: Store, gatekeeper: Gatekeeper) -> None:
    stored = put(store, record(a={"x": 1, "y": 2}, b=[1]))
    gatekeeper.shown.clear()
    reordered = replace(stored, body={"b": [1], "a": {"y": 2, "x": 1}})
    assert put_later(store, reordered) == stored
    assert get(store, stored.uuid) == stored
    assert gatekeeper.shown == []
    assert len(store.read(lambda work: work.records.changes(stored.uuid))) == 1


@pytest.mark.parametrize(("old", "new"), [(1, True), (0, False), (1, 1.0), (1.0, True)])
def test_values_that_only_python_calls_equal_are_a_change(store: Store, old: Any, new: Any) -> None:
    stored = put(store, record(value=old))
    changed = put_later(store, with_body(stored, value=new))
    assert changed.revision == 1
    assert type(get(store, stored.uuid).body["value"]) is type(new)


def test_records_are_checked_before_they_change(store: Store, gatekeeper: Gatekeeper) -> None:
    stored = put(store, record(strain="A"))
    put_later(store, with_body(stored, strain="B"))
    assert gatekeeper.shown == [stored.uuid, stored.uuid]


def test_refused_record_is_not_written(store: Store) -> None:
    with pytest.raises(InvalidRecord):
        put(store, record(refuse=True))
    stored = put(store, record(strain="A"))
    with pytest.raises(InvalidRecord):
        put_later(store, with_body(stored, refuse=True))
    assert get(store, stored.uuid) == stored
    assert store.read(lambda work: work.records.count(Kind.SAMPLE)) == 1


def test_check_comes_before_the_question_who_was_first(store: Store) -> None:
    stored = put(store, record())
    with pytest.raises(InvalidRecord):
        put(store, record(Kind.SAMPLE, stored.uuid, refuse=True))


UNFIT = {
    "half a surrogate pair": "\ud800",
    "half a surrogate pair as a name": {"\udfff": 1},
    "not a number": float("nan"),
    "infinity": [float("inf")],
    "minus infinity": {"deep": [{"er": float("-inf")}]},
    "an integer beyond 64 bits": 2**63,
    "a small integer beyond 64 bits": [-(2**63) - 1],
    "bytes": b"bytes",
    "a set": {1, 2},
    "a name that is no text": {1: "one"},
}


@pytest.mark.parametrize("what", UNFIT)
def test_what_not_every_store_can_keep_is_refused_anywhere(store: Store, what: str) -> None:
    value = UNFIT[what]
    stored = put(store, record(strain="A"))
    with pytest.raises(InvalidRecord):
        put(store, record(value=value))
    with pytest.raises(InvalidRecord):
        put_later(store, with_body(stored, value=value))
    with pytest.raises(InvalidRecord):
        store.transact(lambda work: work.outbox.send("q", {"value": value}, id="m", at=START))
    with pytest.raises(InvalidRecord):
        store.transact(lambda work: work.answers.remember("s", "k", {"value": value}, at=START))
    with pytest.raises(InvalidRecord):
        store.transact(lambda work: work.history.append(stored.uuid, entry(data={"value": value})))
    assert get(store, stored.uuid) == stored
    assert store.read(lambda work: work.records.count(Kind.SAMPLE)) == 1


def endless() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["again"] = [value]
    return value


def deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize("make", [endless, deep])
def test_bottomless_json_is_refused(store: Store, make: Callable[[], Any]) -> None:
    with pytest.raises(InvalidRecord):
        put(store, record(value=make()))
    with pytest.raises(InvalidRecord):
        store.transact(lambda work: work.outbox.send("q", {"value": make()}, id="m", at=START))


def test_uuid_of_another_kind_is_refused(store: Store) -> None:
    with pytest.raises(InvalidRecord):
        put(store, record(Kind.SAMPLE, uuid_of(Kind.MEASUREMENT)))


def test_product_uuids_live_among_the_files(store: Store) -> None:
    product = put(store, record(Kind.FILE, uuid_of(Kind.PRODUCT), file_id="file.p"))
    assert get(store, product.uuid).kind is Kind.FILE
    assert store.read(lambda work: work.records.identified(Kind.FILE, "file_id", "file.p")) == product
    assert store.read(lambda work: work.records.page(Kind.FILE)).records == [product]


@pytest.mark.parametrize("kind", SPECS)
def test_every_kind_is_kept(store: Store, kind: Kind) -> None:
    stored = put(store, record(kind, **{name: f"some {name}" for name in SPECS[kind].searchable}))
    assert get(store, stored.uuid) == stored
    for name in SPECS[kind].searchable:
        page = store.read(lambda work, name=name: work.records.page(kind, {name: f"some {name}"}))
        assert page.records == [stored]


def test_store_keeps_its_own_copy_of_a_body(store: Store) -> None:
    body: dict[str, Any] = {"list": [1]}
    stored = put(store, replace(record(), body=body))
    expected = copy.deepcopy(body)
    body["list"].append(2)
    stored.body["list"].append(3)
    get(store, stored.uuid).body["list"].append(4)
    assert get(store, stored.uuid).body == expected


def test_change_in_place_is_noticed_when_it_is_put(store: Store) -> None:
    stored = put(store, record(data={"list": [1]}, sample_id="s.1"))

    def change(work: Any) -> Record:
        seen = work.records.get(stored.uuid)
        seen.body["data"]["list"].append(2)
        seen.body["sample_id"] = "s.2"
        return work.records.put(seen, at=LATER)

    assert store.transact(change).revision == 1
    assert get(store, stored.uuid).body == {"data": {"list": [1, 2]}, "sample_id": "s.2"}
    found = store.read(lambda work: work.records.identified(Kind.SAMPLE, "sample_id", "s.2"))
    assert found is not None


def test_new_salt_and_owner_are_kept(store: Store) -> None:
    stored = put(store, record(strain="A"))
    rotated = put_later(store, replace(stored, salt="pepper"))
    assert (rotated.revision, get(store, stored.uuid).salt) == (1, "pepper")
    moved = put_later(store, replace(rotated, admin={"owner": "vaughn"}))
    assert get(store, stored.uuid) == moved
    assert moved.admin == {"owner": "vaughn"}


# -------------------------------------------------------------------------------- finding and paging


def test_identifier_finds_its_record_hidden_or_not(store: Store) -> None:
    stored = put(store, record(sample_id="s.1"))
    look = lambda value: store.read(  # noqa: E731
        lambda work: work.records.identified(Kind.SAMPLE, "sample_id", value)
    )
    assert look("s.1") == stored
    assert look("s.2") is None
    hidden = put_later(store, replace(stored, visible=False))
    assert look("s.1") == hidden


def test_field_that_identifies_nothing_cannot_be_asked_for(store: Store) -> None:
    with pytest.raises(InvalidField):
        store.read(lambda work: work.records.identified(Kind.SAMPLE, "strain", "A"))


def test_taken_identifier_is_refused_by_name(store: Store) -> None:
    put(store, record(Kind.REFERENCE, reference_id="r.1", uri="https://example.org/1"))
    with pytest.raises(Duplicate) as caught:
        put(store, record(Kind.REFERENCE, reference_id="r.2", uri="https://example.org/1"))
    assert (caught.value.field, caught.value.value) == ("uri", "https://example.org/1")
    other = put(store, record(Kind.REFERENCE, reference_id="r.2"))
    with pytest.raises(Duplicate) as caught:
        put_later(store, with_body(other, reference_id="r.1"))
    assert (caught.value.field, caught.value.value) == ("reference_id", "r.1")
    assert get(store, other.uuid) == other


def test_refused_identifier_leaves_the_rest_of_the_work_as_it_is(store: Store) -> None:
    put(store, record(sample_id="taken"))
    free, taken = record(sample_id="free"), record(sample_id="taken")

    def body(work: Any) -> None:
        work.records.put(free, at=START)
        with pytest.raises(Duplicate):
            work.records.put(taken, at=START)
        with pytest.raises(StaleWrite):
            work.records.put(free, at=START)

    store.transact(body)
    assert get(store, free.uuid).revision == 0
    assert store.read(lambda work: work.records.find(taken.uuid)) is None


def test_identifiers_are_unique_within_their_kind_alone(store: Store) -> None:
    put(store, record(Kind.PIPELINE, id="same"))
    put(store, record(Kind.CHALLENGE_PROBLEM, id="same"))


def test_missing_and_null_identifiers_do_not_collide(store: Store) -> None:
    for body in ({}, {}, {"sample_id": None}, {"sample_id": None}):
        put(store, record(**body))
    assert store.read(lambda work: work.records.count(Kind.SAMPLE)) == 4


def test_identifier_is_free_again_once_its_record_changed_or_went(store: Store) -> None:
    first = put(store, record(sample_id="s.1"))
    put_later(store, with_body(first, sample_id="s.2"))
    second = put(store, record(sample_id="s.1"))
    store.transact(lambda work: work.records.purge(second.uuid, at=LATER))
    third = put(store, record(sample_id="s.1"))
    found = store.read(lambda work: work.records.identified(Kind.SAMPLE, "sample_id", "s.1"))
    assert found == third


def test_identifier_of_a_hidden_record_stays_taken(store: Store) -> None:
    stored = put(store, record(sample_id="s.1"))
    put_later(store, replace(stored, visible=False))
    with pytest.raises(Duplicate):
        put(store, record(sample_id="s.1"))


def test_pages_hold_every_visible_record_once_in_order(store: Store) -> None:
    uuids = [uuid_of(Kind.SAMPLE, number) for number in (7, 3, 9, 1, 5, 2, 8)]
    for uuid in uuids:
        put(store, record(Kind.SAMPLE, uuid))
    put(store, record(Kind.MEASUREMENT))
    put_later(store, replace(get(store, uuids[0]), visible=False))
    seen: list[str] = []
    after = None
    while True:
        page = store.read(lambda work, after=after: work.records.page(Kind.SAMPLE, after=after, limit=2))
        seen += [found.uuid for found in page.records]
        if (after := page.next) is None:
            break
        assert after == page.records[-1].uuid
    assert seen == sorted(uuids[1:])


def test_last_full_page_has_no_next(store: Store) -> None:
    for _ in range(4):
        put(store, record())
    assert store.read(lambda work: work.records.page(Kind.SAMPLE, limit=4)).next is None


def test_hidden_records_are_shown_on_demand(store: Store) -> None:
    stored = put(store, record(strain="A"))
    hidden = put_later(store, replace(stored, visible=False))
    page = lambda **options: store.read(  # noqa: E731
        lambda work: work.records.page(Kind.SAMPLE, {"strain": "A"}, **options)
    )
    assert page().records == []
    assert page(hidden=True).records == [hidden]
    assert store.read(lambda work: work.records.count(Kind.SAMPLE)) == 0
    shown = put_later(store, replace(hidden, visible=True))
    assert page().records == [shown]


def test_visible_records_are_told_from_hidden_ones_and_from_none(store: Store) -> None:
    kinds = (Kind.SAMPLE, Kind.FILE, Kind.FIXITY, Kind.PIPELINEJOB)
    shown = [put(store, record(kind)) for kind in kinds]
    hidden = [put(store, replace(record(kind), visible=False)) for kind in kinds]
    asked = [*(each.uuid for each in (*shown, *hidden, *shown)), uuid_of(Kind.SAMPLE), uuid_of(Kind.GENERIC)]
    assert store.read(lambda work: work.records.visible(asked)) == {each.uuid for each in shown}
    assert store.read(lambda work: work.records.visible(())) == set()
    assert store.read(lambda work: work.records.visible([TypedUuid("no UUID")])) == set()

    def body(work: Work) -> int:
        work.records.put(replace(shown[0], visible=False), at=LATER)
        new = [work.records.put(record(Kind.SAMPLE), at=LATER).uuid for _ in range(600)]
        return len(work.records.visible([shown[0].uuid, *new]))

    assert store.transact(body) == 600


def test_where_compares_declared_fields(store: Store) -> None:
    wanted = put(store, record(strain="A", lab_sample_id="l.1"))
    put(store, record(strain="A", lab_sample_id="l.2"))
    put(store, record(strain="B", lab_sample_id="l.1"))
    put(store, record(strain=["A"]))
    where = {"strain": "A", "lab_sample_id": "l.1"}
    assert store.read(lambda work: work.records.page(Kind.SAMPLE, where)).records == [wanted]
    assert store.read(lambda work: work.records.count(Kind.SAMPLE, where)) == 1
    assert store.read(lambda work: work.records.count(Kind.SAMPLE, {"strain": "A"})) == 2
    changed = put_later(store, with_body(wanted, strain="C"))
    assert store.read(lambda work: work.records.count(Kind.SAMPLE, where)) == 0
    assert store.read(lambda work: work.records.page(Kind.SAMPLE, {"strain": "C"})).records == [changed]


@pytest.mark.parametrize("field", ["colour", "body", "uuid", 'strain" = "A" OR "1', "$where"])
def test_undeclared_field_cannot_be_searched(store: Store, field: str) -> None:
    with pytest.raises(InvalidField):
        store.read(lambda work: work.records.page(Kind.SAMPLE, {field: "A"}))
    with pytest.raises(InvalidField):
        store.read(lambda work: work.records.count(Kind.SAMPLE, {field: "A"}))


def test_kind_without_records_cannot_be_listed(store: Store) -> None:
    with pytest.raises(InvalidField):
        store.read(lambda work: work.records.page(Kind.GENERIC))


# -------------------------------------------------------------------------------- purging and the log


def test_purged_record_takes_links_and_history_with_it_and_leaves_a_line(store: Store) -> None:
    target, stored, other = put(store, record(Kind.PIPELINE, id="p")), put(store, job()), put(store, job())
    mine = Link(source=stored.uuid, relation=Relation.GENERATED_BY, target=target.uuid)
    of_me = Link(source=other.uuid, relation=Relation.ACTED_ON, target=stored.uuid)
    stays = Link(source=other.uuid, relation=Relation.GENERATED_BY, target=target.uuid)

    def fill(work: Any) -> None:
        work.links.add([mine, of_me, stays])
        work.history.append(stored.uuid, entry())
        work.history.append(other.uuid, entry())

    store.transact(fill)
    store.transact(lambda work: work.records.purge(stored.uuid, at=LATER))

    def look(work: Any) -> None:
        assert work.records.find(stored.uuid) is None
        assert work.links.of(stored.uuid) == []
        assert work.links.to(target.uuid) == [stays]
        assert work.links.to(stored.uuid) == []
        assert work.history.length(stored.uuid) == 0
        assert work.history.length(other.uuid) == 1
        [*_, (_, last)] = work.records.changes(stored.uuid)
        assert (last.action, last.date, last.diff) == ("purge", LATER, {})

    store.read(look)


def test_purged_uuid_can_be_inserted_anew(store: Store) -> None:
    stored = put(store, record(sample_id="s.1"))

    def body(work: Any) -> Record:
        work.records.purge(stored.uuid, at=LATER)
        assert work.records.find(stored.uuid) is None
        return work.records.put(record(Kind.SAMPLE, stored.uuid, sample_id="s.1"), at=LATER)

    assert store.transact(body).revision == 0
    assert get(store, stored.uuid).created == LATER


def test_unknown_record_cannot_be_purged(store: Store) -> None:
    with pytest.raises(UnknownRecord):
        store.transact(lambda work: work.records.purge(uuid_of(Kind.SAMPLE), at=START))


def test_update_log_tells_who_changed_what(store: Store) -> None:
    stored = put(store, record(strain="A", sample_id="s"))
    changed = put_later(store, replace(stored, body={"strain": "B", "note": "new"}))
    hidden = put_later(store, replace(changed, visible=False))
    put_later(store, replace(hidden, visible=True))
    changes = store.read(lambda work: work.records.changes(stored.uuid))
    assert [(change.action, change.revision, change.diff) for _, change in changes] == [
        ("create", 0, {"strain": [None, "A"], "sample_id": [None, "s"]}),
        ("update", 1, {"strain": ["A", "B"], "sample_id": ["s", None], "note": [None, "new"]}),
        ("delete", 2, {}),
        ("undelete", 3, {}),
    ]
    assert [change.date for _, change in changes] == [START, LATER, LATER, LATER]
    assert {change.uuid for _, change in changes} == {stored.uuid}
    assert all(change.admin == stored.admin for _, change in changes)


def test_update_log_tells_who_wrote_and_what_the_writer_calls_it(store: Store) -> None:
    def body(work: Work) -> TypedUuid:
        stored = work.records.put(record(strain="A"), at=START, by="ann", action="replace")
        stored = work.records.put(with_body(stored, strain="B"), at=LATER, by="bob", action="replace")
        beside = {"child_of": [[], [uuid_of(Kind.EXPERIMENT, 1)]]}
        stored = work.records.put(stored, at=LATER, beside=beside, by="cyd", action="replace")
        work.records.put(stored, at=LATER, by="nobody", action="replace")
        stored = work.records.put(replace(stored, visible=False), at=LATER, action="replace")
        work.records.purge(stored.uuid, at=LATER, by="dan")
        return stored.uuid

    uuid = store.transact(body)
    changes = [change for _, change in store.read(lambda work: work.records.changes(uuid))]
    assert [(change.action, change.admin.get("by")) for change in changes] == [
        ("create", "ann"),
        ("replace", "bob"),
        ("replace", "cyd"),
        ("delete", None),
        ("purge", "dan"),
    ]
    assert all(change.admin["owner"] == "sd2e" for change in changes)


def test_new_salt_alone_is_logged_without_a_difference(store: Store) -> None:
    stored = put(store, job())
    put_later(store, replace(stored, salt="pepper"))
    [_, (_, line)] = store.read(lambda work: work.records.changes(stored.uuid))
    assert (line.action, line.diff) == ("update", {})


def test_update_log_is_read_in_pages(store: Store) -> None:
    stored = put(store, record(n=0))
    for n in range(1, 6):
        stored = put_later(store, with_body(stored, n=n))
    read = lambda **page: store.read(  # noqa: E731
        lambda work: work.records.changes(stored.uuid, **page)
    )
    everything = read()
    numbers = [seq for seq, _ in everything]
    assert numbers == sorted(set(numbers))
    assert read(limit=2) == everything[:2]
    assert read(after=numbers[1], limit=3) == everything[2:5]
    assert read(after=numbers[-1]) == []


def test_fixities_are_not_logged(store: Store) -> None:
    stored = put(store, record(Kind.FIXITY, checksum="sha256:1"))
    put_later(store, with_body(stored, checksum="sha256:2"))
    assert store.read(lambda work: work.records.changes(stored.uuid)) == []


def test_event_of_a_job_is_no_line_of_the_update_log(store: Store) -> None:
    stored = put(store, job(archive_path="/a"))
    running = put_later(
        store, with_body(stored, state="RUNNING", last_event="run", updated="2018-12-08T00:09:00.000+0000")
    )
    put_later(store, with_body(running, state="FINISHED", archive_path="/b"))
    changes = store.read(lambda work: work.records.changes(stored.uuid))
    assert [change.diff for _, change in changes] == [
        {"archive_path": [None, "/a"]},
        {"archive_path": ["/a", "/b"]},
    ]


# ------------------------------------------------------------------------------------------ linking


def say(source: TypedUuid, relation: Relation, target: TypedUuid) -> Link:
    return Link(source=source, relation=relation, target=target)


def test_links_are_there_once_and_read_from_both_ends(store: Store) -> None:
    sample, experiment = uuid_of(Kind.SAMPLE), uuid_of(Kind.EXPERIMENT)
    link = say(sample, Relation.CHILD_OF, experiment)
    assert store.transact(lambda work: work.links.add([link, link])) == 1
    assert store.transact(lambda work: work.links.add([link])) == 0
    assert store.read(lambda work: work.links.of(sample)) == [link]
    assert store.read(lambda work: work.links.to(experiment)) == [link]
    assert store.transact(lambda work: work.links.remove([link, link])) == 1
    assert store.transact(lambda work: work.links.remove([link])) == 0
    assert store.read(lambda work: work.links.of(sample)) == []
    assert store.read(lambda work: work.links.to(experiment)) == []


def test_links_of_a_record_come_by_relation_and_target(store: Store) -> None:
    me = uuid_of(Kind.FILE, 50)
    links = [
        say(me, relation, uuid_of(Kind.FILE, number))
        for relation in (Relation.GENERATED_BY, Relation.CHILD_OF, Relation.DERIVED_FROM)
        for number in (9, 3, 6)
    ]
    store.transact(lambda work: work.links.add(links))
    ordered = sorted(links, key=lambda link: (link.relation, link.target))
    assert store.read(lambda work: work.links.of(me)) == ordered
    only = [link for link in ordered if link.relation is Relation.DERIVED_FROM]
    assert store.read(lambda work: work.links.of(me, Relation.DERIVED_FROM)) == only


def test_links_to_a_record_can_be_had_by_relation_kind_and_page(store: Store) -> None:
    target = uuid_of(Kind.PIPELINEJOB, 1)
    files = [uuid_of(Kind.FILE, number) for number in range(1, 8)]
    products = [uuid_of(Kind.PRODUCT, number) for number in range(1, 4)]
    jobs = [uuid_of(Kind.PIPELINEJOB, number) for number in range(2, 5)]
    links = [say(source, Relation.GENERATED_BY, target) for source in (*files, *products)]
    links += [say(source, Relation.ACTED_ON, target) for source in jobs]
    store.transact(lambda work: work.links.add(links))
    ask = lambda *args, **options: [  # noqa: E731
        link.source for link in store.read(lambda work: work.links.to(target, *args, **options))
    ]
    assert ask() == sorted([*files, *products, *jobs])
    assert ask(Relation.ACTED_ON) == jobs
    assert ask(kind=Kind.FILE) == sorted([*files, *products])
    assert ask(kind=Kind.PIPELINEJOB) == jobs
    assert ask(kind=Kind.PIPELINE) == []
    assert ask(limit=4) == files[:4]
    assert ask(kind=Kind.FILE, after=files[3], limit=5) == [*files[4:], *products[:2]]
    assert ask(Relation.ACTED_ON, after=jobs[0]) == jobs[1:]
    assert ask(after=jobs[0], kind=Kind.FILE) == products


def test_page_of_links_never_parts_what_one_source_says(store: Store) -> None:
    target = uuid_of(Kind.FILE, 100)
    sources = [uuid_of(Kind.FILE, number) for number in range(1, 6)]
    relations = (Relation.CHILD_OF, Relation.DERIVED_FROM, Relation.DERIVED_USING)
    links = [say(source, relation, target) for source in sources for relation in relations]
    store.transact(lambda work: work.links.add(links))
    for limit in range(1, 8):
        seen: list[Link] = []
        while page := store.read(
            lambda work, seen=seen, limit=limit: work.links.to(
                target, after=seen[-1].source if seen else None, limit=limit
            )
        ):
            assert len(page) < limit + len(relations)
            seen += page
        assert seen == links


@pytest.mark.parametrize(
    "link",
    [
        say(uuid_of(Kind.SAMPLE), Relation.ACTED_ON, uuid_of(Kind.FILE)),
        say(uuid_of(Kind.CHALLENGE_PROBLEM), Relation.CHILD_OF, uuid_of(Kind.EXPERIMENT)),
        say(uuid_of(Kind.GENERIC), Relation.CHILD_OF, uuid_of(Kind.EXPERIMENT)),
        say(uuid_of(Kind.FILE, 1), Relation.CHILD_OF, uuid_of(Kind.FILE, 1)),
    ],
)
def test_link_that_its_source_may_not_carry_is_refused_with_all_the_others(store: Store, link: Link) -> None:
    good = say(uuid_of(Kind.SAMPLE), Relation.CHILD_OF, uuid_of(Kind.EXPERIMENT))

    def body(work: Any) -> None:
        with pytest.raises(InvalidLink):
            work.links.add([good, link])

    store.transact(body)
    assert store.read(lambda work: work.links.of(good.source)) == []


def test_time_of_a_change_is_the_one_that_was_told(store: Store, clock: MovableClock) -> None:
    clock.move(timedelta(days=400))
    assert put(store, record()).modified == START
