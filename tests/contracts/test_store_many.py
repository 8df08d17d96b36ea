"""What every store promises of reading and writing many records at once; see datacatalog.ports.stores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from datacatalog.domain.errors import (
    DatacatalogError,
    Duplicate,
    InvalidField,
    InvalidLink,
    InvalidRecord,
    StaleWrite,
)
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Link, Record
from datacatalog.ports.stores import Glance, Store, Work
from tests.contracts.ledgers import START, entry, record, uuid_of

LATER = START + timedelta(seconds=1)


def put(store: Store, new: Record) -> Record:
    return store.transact(lambda work: work.records.put(new, at=START))


def file(name: str, number: int | None = None, /, **body: Any) -> Record:
    return record(Kind.FILE, uuid_of(Kind.FILE, number), name=name, **body)


# ----------------------------------------------------------------------------------- along one field

NAMES = ["/a", "/a/", "/a/b", "/a/b c", "/a/é", "/a/\uff5e", "/a/\U0001f9ec", "/a0", "/b"]


def filled(store: Store) -> list[Record]:
    """Return files with these names, in their order, the third of them hidden."""
    stored = [put(store, file(name, 20 - number)) for number, name in enumerate(NAMES)]
    stored[2] = put(store, replace(stored[2], visible=False))
    return stored


def between(store: Store, low: str, high: str, **options: Any) -> Sequence[Record]:
    return store.read(lambda work: work.records.between(Kind.FILE, "name", low, high, **options))


def test_between_reads_along_a_field_in_the_order_of_code_points(store: Store) -> None:
    stored = filled(store)
    assert between(store, "/a/", "/a0") == [stored[1], *stored[3:7]]
    assert between(store, "/a/", "/a0", hidden=True) == stored[1:7]
    assert between(store, "/a/", "/a0", hidden=True, limit=2) == stored[1:3]
    assert between(store, "/a/b", "/a/b") == []
    assert between(store, "", "\U0010ffff", hidden=True) == stored


def test_between_orders_equal_values_by_uuid(store: Store) -> None:
    second, first = put(store, file("/a", 2)), put(store, file("/a", 1))
    assert between(store, "/a", "/b") == [first, second]


def test_between_passes_over_what_is_no_text(store: Store) -> None:
    put(store, replace(file("/a"), body={"name": ["/a"]}))
    put(store, replace(file("/a"), body={}))
    assert between(store, "", "\U0010ffff") == []


@pytest.mark.parametrize("field", ["colour", "_seen", "uuid", "body"])
def test_between_asks_for_searchable_fields_alone(store: Store, field: str) -> None:
    with pytest.raises(InvalidField):
        store.read(lambda work: work.records.between(Kind.FILE, field, "a", "b"))


def glance(store: Store, fields: Sequence[str], low: str, high: str, **options: Any) -> Sequence[Glance]:
    return store.read(lambda work: work.records.glance(Kind.FILE, fields, low, high, **options))


def test_glance_tells_fields_of_hidden_and_visible_records(store: Store) -> None:
    stored = filled(store)
    found = glance(store, ["name"], "/a/", "/a0")
    assert found == [
        Glance(each.uuid, each.revision or 0, each.visible, (each.body["name"],)) for each in stored[1:7]
    ]
    assert [each.visible for each in found] == [True, False, True, True, True, True]
    assert [each.revision for each in found] == [0, 1, 0, 0, 0, 0]
    assert glance(store, ["name"], "/a/", "/a0", limit=2) == found[:2]


def test_glance_follows_what_is_written(store: Store) -> None:
    stored = put(store, file("/a", _seen="1", level="1", type=None))
    fields = ["_seen", "type", "level", "name"]
    assert glance(store, fields, "/", "0") == [Glance(stored.uuid, 0, True, ("1", None, "1", "/a"))]
    put(store, replace(stored, body={"name": "/a", "_seen": "2", "type": 3}))
    assert glance(store, fields, "/", "0") == [Glance(stored.uuid, 1, True, ("2", None, None, "/a"))]
    store.transact(lambda work: work.records.purge(stored.uuid, at=LATER))
    assert glance(store, fields, "/", "0") == []


def test_glance_is_for_kinds_with_names(store: Store) -> None:
    with pytest.raises(InvalidField):
        store.read(lambda work: work.records.glance(Kind.SAMPLE, [], "a", "b"))


@pytest.mark.parametrize("field", ["colour", "uuid", "body", 'name" , "body'])
def test_glance_shows_declared_fields_alone(store: Store, field: str) -> None:
    with pytest.raises(InvalidField):
        glance(store, ["name", field], "a", "b")


def test_columns_are_read_and_not_searched(store: Store) -> None:
    put(store, file("/a", _seen="1"))
    with pytest.raises(InvalidField):
        store.read(lambda work: work.records.page(Kind.FILE, {"_seen": "1"}))
    with pytest.raises(InvalidField):
        store.read(lambda work: work.records.count(Kind.FILE, {"_seen": "1"}))


def test_change_of_a_private_field_alone_counts_the_revision_and_leaves_no_line_in_the_log(
    store: Store,
) -> None:
    stored = put(store, file("/a", _seen="1"))
    changed = put(store, replace(stored, body={"name": "/a", "_seen": "2"}))
    log = store.read(lambda work: work.records.changes(stored.uuid))
    assert (changed.revision, [change.diff for _, change in log]) == (1, [{"name": [None, "/a"]}])


# --------------------------------------------------------------------------------------- many at once


def put_many(store: Store, *records: Record) -> None:
    store.transact(lambda work: work.records.put_many(records, at=LATER))


def found_many(store: Store, uuids: Sequence[TypedUuid]) -> Mapping[TypedUuid, Record]:
    return store.read(lambda work: work.records.find_many(uuids))


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 99, 100, 101, 123, 600])
def test_many_are_put_and_found_as_each_would_be(store: Store, count: int) -> None:
    new = [file(f"/{number}", _seen="1", size=number) for number in range(count)]
    put_many(store, *new)
    stored = {each.uuid: replace(each, revision=0, created=LATER, modified=LATER) for each in new}
    unknown = [uuid_of(Kind.FILE), uuid_of(Kind.QUERY), TypedUuid("105"), TypedUuid("nonsense")]
    assert found_many(store, [*unknown, *stored, *list(stored)[:3]]) == stored
    assert store.read(lambda work: work.records.count(Kind.FILE)) == count
    for each in new[:3]:
        [(seq, line)] = store.read(lambda work, each=each: work.records.changes(each.uuid))
        assert (seq, line.action, line.diff["size"]) == (1, "create", [None, each.body["size"]])


def test_find_many_finds_hidden_records_and_what_this_work_wrote(store: Store) -> None:
    hidden = put(store, replace(put(store, file("/a")), visible=False))

    def body(work: Work) -> None:
        new = [file("/b"), file("/c")]
        assert work.records.find_many([hidden.uuid, new[0].uuid]) == {hidden.uuid: hidden}
        work.records.put(new[0], at=LATER)
        work.records.put_many([new[1]], at=LATER)
        changed = work.records.put(with_body(hidden, level="2"), at=LATER)
        found = work.records.find_many([hidden.uuid, new[0].uuid, new[1].uuid])
        assert found[hidden.uuid] == changed
        assert [each.body["name"] for each in found.values()] == ["/a", "/b", "/c"]
        work.records.purge(new[1].uuid, at=LATER)
        assert new[1].uuid not in work.records.find_many([new[1].uuid])

    store.transact(body)


def test_many_are_put_and_replaced_together(store: Store) -> None:
    first, second = put(store, file("/a", file_id="f.1")), put(store, file("/b"))
    third, sample, other = file("/c"), record(sample_id="s"), record(Kind.FIXITY, checksum="sha256:0")
    put_many(store, third, with_body(first, level="2"), sample, second, other)
    seen = found_many(store, [each.uuid for each in (first, second, third, sample, other)])
    assert [each.revision for each in seen.values()] == [1, 0, 0, 0, 0]
    assert seen[first.uuid].body == {**first.body, "level": "2"}
    assert (seen[first.uuid].created, seen[first.uuid].modified) == (START, LATER)
    assert seen[second.uuid] == second
    log = store.read(lambda work: work.records.changes(first.uuid))
    assert [(seq, line.action) for seq, line in log] == [(1, "create"), (2, "update")]


def with_body(known: Record, **fields: Any) -> Record:
    return replace(known, body={**known.body, **fields})


def refused_by(store: Store) -> dict[str, tuple[type[DatacatalogError], Callable[[], Record]]]:
    there = put(store, file("/there", file_id="taken"))
    stale = put(store, file("/stale", file_id="mine"))
    put(store, with_body(stale, level="2"))
    return {
        "unfit": (InvalidRecord, lambda: file("/x", refuse=True)),
        "not to be kept": (InvalidRecord, lambda: file("/x", size=2**63)),
        "of another kind": (InvalidRecord, lambda: record(Kind.FILE, uuid_of(Kind.SAMPLE))),
        "of no UUID": (InvalidRecord, lambda: record(Kind.FILE, TypedUuid("105"))),
        "in upper case": (InvalidRecord, lambda: record(Kind.FILE, TypedUuid("105FFFFF" + there.uuid[8:]))),
        "there already": (StaleWrite, lambda: file("/x", int(there.uuid[-12:], 16))),
        "stale": (StaleWrite, lambda: with_body(stale, level="3")),
        "never stored": (StaleWrite, lambda: replace(file("/x"), revision=0)),
        "identified as another": (Duplicate, lambda: file("/x", file_id="taken")),
        "changed to another": (Duplicate, lambda: with_body(there, file_id="mine")),
        "unfit when changed": (InvalidRecord, lambda: with_body(there, refuse=True)),
    }


REFUSED = (
    "unfit",
    "not to be kept",
    "of another kind",
    "of no UUID",
    "in upper case",
    "there already",
    "stale",
    "never stored",
    "identified as another",
    "changed to another",
    "unfit when changed",
)


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("place", [0, 57, 249])
def test_one_refused_record_keeps_all_the_others_out(store: Store, what: str, place: int) -> None:
    error, make = refused_by(store)[what]
    changed, refused = put(store, file("/changed")), make()
    kept = link(changed.uuid, uuid_of(Kind.FILE))
    many = [file(f"/{number}") for number in range(248)]
    many.insert(100, with_body(changed, level="9"))
    many.insert(place, refused)
    mixed = [record(Kind.FIXITY, checksum="0"), *many, record(sample_id="s")]
    before = store.read(everything)

    def body(work: Work) -> None:
        work.links.add([kept])
        with pytest.raises(error):
            work.records.put_many(mixed, at=LATER)
        assert everything(work) == before
        assert work.records.find_many([each.uuid for each in many[1:50] if each is not refused]) == {}
        work.records.put(record(sample_id="s"), at=LATER)

    store.transact(body)
    assert store.read(everything) == before
    assert store.read(lambda work: work.records.count(Kind.SAMPLE)) == 1
    assert store.read(lambda work: work.links.of(kept.source)) == [kept]


def everything(work: Work) -> list[Record]:
    """Return all files and fixities."""
    kinds = (Kind.FILE, Kind.FIXITY)
    return [each for kind in kinds for each in work.records.page(kind, hidden=True, limit=10_000).records]


@pytest.mark.parametrize("twice", [{"file_id": "same"}, {}])
def test_many_that_collide_with_each_other_are_refused(store: Store, twice: dict[str, Any]) -> None:
    many = [
        file("/a", 1, **twice),
        *(file(f"/{n}") for n in range(150)),
        file("/b", 2 if twice else 1, **twice),
    ]
    with pytest.raises(Duplicate if twice else StaleWrite):
        put_many(store, *many)
    assert store.read(everything) == []


def test_many_new_ones_come_before_those_that_change(store: Store) -> None:
    there = put(store, file("/a", file_id="f.1"))
    with pytest.raises(Duplicate):
        put_many(store, with_body(there, file_id="f.2"), file("/b", file_id="f.1"))
    put_many(store, with_body(there, file_id="f.2"), file("/b", file_id="f.3"))


def test_many_may_belong_to_several(store: Store) -> None:
    owners = [{"owner": "a"}, {"owner": "b", "project": "p"}, {}]
    new = [replace(file(f"/{number}"), admin=owners[number % 3]) for number in range(12)]
    put_many(store, *new)
    found = found_many(store, [each.uuid for each in new])
    assert [each.admin for each in found.values()] == [each.admin for each in new]


def test_reading_work_puts_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError):
        store.read(lambda work: work.records.put_many([file("/a")], at=START))


# ---------------------------------------------------------------------------- the log of what was made


def test_log_tells_of_a_creation_whatever_came_after(store: Store) -> None:
    stored = put(store, file("/a", level="1"))
    [made] = store.read(lambda work: work.records.changes(stored.uuid))
    assert store.read(lambda work: work.records.changes(stored.uuid, after=1)) == []
    assert store.read(lambda work: work.records.changes(stored.uuid, limit=0)) == []
    changed = put(store, replace(stored, body={"name": "/a"}, admin={"owner": "vaughn"}))
    [first, second] = store.read(lambda work: work.records.changes(stored.uuid))
    assert first == made
    assert second[1].diff == {"level": ["1", None]}
    assert second[1].admin == {"owner": "vaughn"}
    put(store, with_body(changed, level="3"))
    log = store.read(lambda work: work.records.changes(stored.uuid))
    assert log[:2] == [first, second]
    assert store.read(lambda work: work.records.changes(stored.uuid, after=1, limit=1)) == [second]
    assert store.read(lambda work: work.records.changes(stored.uuid, limit=1)) == [first]


def test_log_tells_who_made_a_record_and_what_was_beside_it(store: Store) -> None:
    new = file("/a")
    said = {"child_of": [[], ["b"]]}
    store.transact(lambda work: work.records.put(new, at=START, by="vaughn", beside=said))
    [(seq, line)] = store.read(lambda work: work.records.changes(new.uuid))
    assert (seq, line.admin) == (1, {**new.admin, "by": "vaughn"})
    assert line.diff == {"name": [None, "/a"], **said}
    put(store, replace(new, revision=0, visible=False))
    assert [seq for seq, _ in store.read(lambda work: work.records.changes(new.uuid))] == [1, 2]


def test_log_keeps_that_purged_records_were_there_and_nothing_of_what_they_said(store: Store) -> None:
    untouched, changed = put(store, file("/a", 1)), put(store, file("/b", 2))
    put(store, with_body(changed, level="secret"))
    for each in (untouched, changed):
        store.transact(lambda work, each=each: work.records.purge(each.uuid, at=LATER))
    log = lambda uuid: store.read(lambda work: work.records.changes(uuid))  # noqa: E731
    told = [[(seq, line.action, line.diff) for seq, line in log(e.uuid)] for e in (untouched, changed)]
    assert told[0] == [(1, "create", {}), (2, "purge", {})]
    assert told[1] == [(1, "create", {}), (2, "update", {}), (3, "purge", {})]
    again = put(store, file("/a", 1, level="1"))
    assert [(seq, line.action) for seq, line in log(again.uuid)] == [
        (1, "create"),
        (2, "purge"),
        (3, "create"),
    ]
    put(store, with_body(again, level="2"))
    assert [seq for seq, _ in log(again.uuid)] == [1, 2, 3, 4]
    store.transact(lambda work: work.records.purge(again.uuid, at=LATER))
    assert [line.action for _, line in log(again.uuid)] == ["create", "purge", "create", "update", "purge"]
    assert all(line.diff == {} for _, line in log(again.uuid))


def test_log_tells_what_a_body_was_though_it_was_changed_in_place(store: Store) -> None:
    stored = put(store, file("/a", size={"bytes": 1}))

    def body(work: Work) -> None:
        seen = work.records.get(stored.uuid)
        seen.body["size"]["bytes"] = 2
        work.records.put(seen, at=LATER)

    store.transact(body)
    [(_, made), (_, change)] = store.read(lambda work: work.records.changes(stored.uuid))
    assert made.diff == {"name": [None, "/a"], "size": [None, {"bytes": 1}]}
    assert change.diff == {"size": [{"bytes": 1}, {"bytes": 2}]}


# ------------------------------------------------------------------------------------------ the links


def link(source: TypedUuid, target: TypedUuid, relation: Relation = Relation.DERIVED_FROM) -> Link:
    return Link(source=source, relation=relation, target=target)


def test_step_leads_one_link_on_from_many_records(store: Store) -> None:
    job = uuid_of(Kind.PIPELINEJOB, 1)
    files = [uuid_of(Kind.FILE, number) for number in range(1, 1200)]
    made = [link(each, job, Relation.GENERATED_BY) for each in files]
    chain = [link(late, early) for early, late in pairwise(files)]
    added = store.transact(lambda work: work.links.add([*made, *chain, made[0]]))
    assert added == len(made) + len(chain)
    assert store.transact(lambda work: work.links.add([*made, *chain])) == 0
    step = lambda uuids, **options: store.read(lambda work: work.links.step(uuids, **options))  # noqa: E731
    ordered = sorted([*made, *chain], key=lambda each: (each.source, each.relation, each.target))
    shuffled = [*files[600:], *files[:601], TypedUuid("nonsense"), uuid_of(Kind.FILE)]
    assert step(shuffled, up=True) == ordered
    assert step([job], up=False) == made
    assert step([job], up=True) == []
    assert step(files, up=False) == chain
    assert step(files[:3], up=True, relations=[Relation.GENERATED_BY]) == made[:3]
    assert step(files[:3], up=True, relations=list(Relation)) == [
        each for each in ordered if each.source <= files[2]
    ]
    assert step(files, up=True, relations=[]) == []
    assert step([], up=True) == []


@pytest.mark.parametrize("text", ["", "nonsense", "105", "10500000-0000-5000-8000-00000000000G", "105" * 12])
def test_what_is_no_uuid_has_no_links_and_gets_none(store: Store, text: str) -> None:
    odd, good = TypedUuid(text), uuid_of(Kind.FILE)
    read = lambda ask: store.read(ask)  # noqa: E731
    assert read(lambda work: work.links.of(odd)) == []
    assert read(lambda work: work.links.to(odd)) == []
    assert read(lambda work: work.links.step([odd], up=False)) == []
    assert read(lambda work: work.records.changes(odd)) == []
    assert read(lambda work: work.history.page(odd)) == []
    assert read(lambda work: work.history.length(odd)) == 0
    assert store.transact(lambda work: work.links.remove([link(odd, good), link(good, odd)])) == 0
    for each in (link(odd, good), link(good, odd)):
        with pytest.raises(InvalidLink):
            store.transact(lambda work, each=each: work.links.add([link(good, uuid_of(Kind.FILE)), each]))
    assert read(lambda work: work.links.of(good)) == []
    with pytest.raises(InvalidField):
        store.transact(lambda work: work.history.append(odd, entry()))
    with pytest.raises(InvalidField):
        store.transact(
            lambda work: work.history.append(uuid_of(Kind.PIPELINEJOB), replace(entry(), uuid=odd))
        )


@pytest.mark.parametrize("after", ["", "nonsense", "105", "10500000-0000-5000-8000-00000000000G"])
def test_page_begins_after_a_uuid_alone(store: Store, after: str) -> None:
    with pytest.raises(InvalidField):
        store.read(lambda work: work.records.page(Kind.FILE, after=after))
    with pytest.raises(InvalidField):
        store.read(lambda work: work.links.to(uuid_of(Kind.FILE), after=after))


# ------------------------------------------------------------------------------------------- progress


def test_progress_is_kept_until_it_is_dropped(store: Store) -> None:
    read = lambda: store.read(lambda work: work.progress.get("task"))  # noqa: E731
    assert read() is None
    for document in ({"after": "/a"}, {"after": "/b", "files": 2}):
        store.transact(lambda work, document=document: work.progress.put("task", document, at=START))
        assert read() == document
    assert store.read(lambda work: work.progress.get("other")) is None
    store.transact(lambda work: work.progress.drop("other"))
    store.transact(lambda work: work.progress.drop("task"))
    assert read() is None


def test_progress_is_kept_with_its_work_or_not_at_all(store: Store) -> None:
    def fails(work: Work) -> None:
        work.progress.put("task", {"after": "/b"}, at=START)
        raise LookupError

    store.transact(lambda work: work.progress.put("task", {"after": "/a"}, at=START))
    with pytest.raises(LookupError):
        store.transact(fails)
    assert store.read(lambda work: work.progress.get("task")) == {"after": "/a"}
    with pytest.raises(InvalidRecord):
        store.transact(lambda work: work.progress.put("task", {"after": "\ud800"}, at=START))


def test_old_progress_is_pruned(store: Store) -> None:
    store.transact(lambda work: work.progress.put("old", {}, at=START))
    store.transact(lambda work: work.progress.put("new", {}, at=LATER))
    assert store.prune(before=LATER)["progress"] == 1
    assert store.read(lambda work: work.progress.get("old")) is None
    assert store.read(lambda work: work.progress.get("new")) == {}


# ------------------------------------------------------------------------------------ beside the body


def test_what_changes_beside_a_body_is_a_change(store: Store) -> None:
    stored = put(store, file("/a"))
    said = {"derived_from": [[], ["b"]]}
    changed = store.transact(lambda work: work.records.put(stored, at=LATER, beside=said))
    assert (changed.revision, changed.body, changed.modified) == (1, stored.body, LATER)
    [_, (_, line)] = store.read(lambda work: work.records.changes(stored.uuid))
    assert (line.action, line.revision, line.diff) == ("update", 1, said)
    assert store.transact(lambda work: work.records.put(changed, at=LATER, beside={})) == changed


# ------------------------------------------------------------------------------- prepared beforehand


def test_what_was_prepared_is_inserted_as_it_was_then(store: Store) -> None:
    body = {"name": "/a", "list": [1]}
    owners = [{"owner": "a"}, {"owner": "b"}]
    new = [replace(file("/a"), body=body), *(file(f"/{number}", level="1") for number in range(250))]
    new = [replace(each, admin=owners[number % 2]) for number, each in enumerate(new)]
    fixity, job = record(Kind.FIXITY, checksum="c"), uuid_of(Kind.PIPELINEJOB)
    links = [link(each.uuid, job, Relation.GENERATED_BY) for each in new]
    prepared = store.prepare([*new, fixity], iter(links))
    assert prepared.count == 252
    body["list"].append(2)  # type: ignore[attr-defined]
    store.transact(lambda work: work.insert(prepared, at=LATER))
    found = found_many(store, [each.uuid for each in (*new, fixity)])
    assert found[new[0].uuid].body == {"name": "/a", "list": [1]}
    told = [(each.created, each.modified, each.revision, each.admin) for each in found.values()]
    assert told == [(LATER, LATER, 0, each.admin) for each in (*new, fixity)]
    assert found[fixity.uuid].body == fixity.body
    assert store.read(lambda work: work.links.step([job], up=False)) == sorted(
        links, key=lambda each: each.source
    )


def test_what_was_prepared_can_be_inserted_by_a_second_try(store: Store) -> None:
    new = file("/a")
    prepared = store.prepare([new], [link(new.uuid, uuid_of(Kind.FILE))])

    def fails(work: Work) -> None:
        work.insert(prepared, at=START)
        raise LookupError

    with pytest.raises(LookupError):
        store.transact(fails)
    assert store.read(everything) == []
    store.transact(lambda work: work.insert(prepared, at=LATER))
    assert found_many(store, [new.uuid])[new.uuid].created == LATER
    with pytest.raises(StaleWrite):
        store.transact(lambda work: work.insert(prepared, at=LATER))


def test_what_is_unfit_cannot_be_prepared(store: Store) -> None:
    good = file("/a")
    for unfit in (file("/x", refuse=True), file("/x", size=2**63), record(Kind.FILE, uuid_of(Kind.SAMPLE))):
        with pytest.raises(InvalidRecord):
            store.prepare([good, unfit])
    with pytest.raises(StaleWrite):
        store.prepare([good, replace(good, revision=0)])
    with pytest.raises(InvalidLink):
        store.prepare([good], [link(good.uuid, good.uuid)])
    assert store.prepare([]).count == 0


@pytest.mark.parametrize(
    ("error", "uuid", "fields"), [(StaleWrite, 1, {}), (Duplicate, 2, {"file_id": "taken"})]
)
def test_prepared_record_that_collides_keeps_all_the_others_out(
    store: Store, error: type[DatacatalogError], uuid: int, fields: dict[str, str]
) -> None:
    there = put(store, file("/there", 1, file_id="taken"))
    many = [file(f"/{number}") for number in range(150)]
    prepared = store.prepare(
        [record(sample_id="s"), *many, file("/x", uuid, **fields)], [link(many[0].uuid, there.uuid)]
    )

    def body(work: Work) -> None:
        with pytest.raises(error):
            work.insert(prepared, at=LATER)

    store.transact(body)
    assert store.read(everything) == [there]
    assert store.read(lambda work: work.records.count(Kind.SAMPLE)) == 0
    assert store.read(lambda work: work.links.to(there.uuid)) == []


def test_what_was_prepared_is_for_stores_of_its_kind(store: Store) -> None:
    class Other:
        count = 0

    with pytest.raises(TypeError):
        store.transact(lambda work: work.insert(Other(), at=START))
