"""What every store promises of reading and writing many records at once; see datacatalog.ports.stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.kinds import Kind
from datacatalog.domain.records import Record
from datacatalog.ports.stores import Glance, Store
from tests.contracts.ledgers import START, record, uuid_of

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
    with pytest.raises(InvalidField):
        store.read(lambda work: work.records.glance(Kind.FILE, [], "a", "b", field=field))


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


def test_glance_goes_along_any_searchable_field(store: Store) -> None:
    first, second = put(store, file("/b", level="1")), put(store, file("/a", level="2"))
    found = glance(store, [], "1", "3", field="level")
    assert found == [Glance(first.uuid, 0, True, ()), Glance(second.uuid, 0, True, ())]


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
