"""What every store promises of many new records that are alike; see domain.series."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datacatalog.domain.errors import Duplicate, InvalidLink, InvalidRecord, StaleWrite
from datacatalog.domain.kinds import Kind, Relation
from datacatalog.domain.series import Series
from datacatalog.ports.stores import Store, Work
from tests.contracts.ledgers import ENGINES, START, Gatekeeper, MovableClock, record, uuid_of

LATER = START + timedelta(seconds=1)
JOB = uuid_of(Kind.PIPELINEJOB)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
shared_values = st.one_of(texts, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.lists(texts, max_size=2))


def series(**changes: Any) -> Series:
    """Return 250 files, the records of which differ in name, size and identifier."""
    count = len(changes.get("uuids", range(250)))
    said: dict[str, Any] = {
        "kind": Kind.FILE,
        "uuids": [uuid_of(Kind.FILE, number) for number in range(count)],
        "fields": {
            "name": [f"/a/{number}" for number in range(count)],
            "size": list(range(count)),
            "file_id": [f"file.lab.{number}" for number in range(count)],
        },
        "shared": {"level": "1", "notes": ["100 %s"], "type": "CSV"},
        "salt": "",
        "admin": {"owner": "a"},
        "targets": [(Relation.GENERATED_BY, JOB), (Relation.DERIVED_FROM, uuid_of(Kind.FILE, 3))],
    }
    return Series(**{**said, **changes})


def test_series_is_inserted_as_its_records_and_links_would_be(store: Store) -> None:
    alike, other = series(), record(sample_id="s")
    prepared = store.prepare([other], (), [alike])
    assert prepared.count == 251
    store.transact(lambda work: work.insert(prepared, at=LATER))
    found = store.read(lambda work: work.records.find_many([*alike.uuids, other.uuid]))
    wanted = [replace(r, revision=0, created=LATER, modified=LATER) for r in (*alike.records(), other)]
    assert found == {each.uuid: each for each in wanted}
    key = lambda link: (link.source, link.relation)  # noqa: E731
    links = store.read(lambda work: work.links.step(alike.uuids, up=True))
    assert sorted(links, key=key) == sorted(alike.links(), key=key)
    page = store.read(lambda work: work.records.page(Kind.FILE, {"level": "1"}, limit=1000))
    assert len(page.records) == 250
    one = store.read(lambda work: work.records.identified(Kind.FILE, "file_id", "file.lab.7"))
    assert one == found[alike.uuids[7]]
    line = store.read(lambda work: work.records.changes(alike.uuids[7]))
    assert [(change.action, change.diff["name"]) for _, change in line] == [("create", [None, "/a/7"])]


def test_series_that_collides_keeps_everything_out(store: Store) -> None:
    there = record(Kind.FILE, uuid_of(Kind.FILE, 1000), name="/there", file_id="file.lab.8")
    store.transact(lambda work: work.records.put(there, at=START))
    first = store.prepare(series=[series()])

    def refused(work: Work) -> None:
        with pytest.raises(Duplicate):
            work.insert(first, at=LATER)

    store.transact(refused)
    assert store.read(lambda work: work.records.count(Kind.FILE)) == 1
    assert store.read(lambda work: work.links.to(JOB)) == []
    store.transact(lambda work: work.records.purge(there.uuid, at=START))
    store.transact(lambda work: work.insert(first, at=LATER))
    with pytest.raises(StaleWrite):
        store.transact(lambda work: work.insert(first, at=LATER))


def test_unfit_series_cannot_be_prepared(store: Store) -> None:
    refusals: list[tuple[type[Exception], Series]] = [
        (InvalidRecord, series(shared={"refuse": True})),
        (InvalidRecord, series(uuids=[uuid_of(Kind.SAMPLE)])),
        (InvalidRecord, series(shared={"size": 2**63})),
        (InvalidRecord, series(fields={"size": [*range(249), 2**63]})),
        (InvalidRecord, series(fields={"name": [*map(str, range(249)), "\ud800"]})),
        (InvalidLink, series(targets=[(Relation.ACTED_ON, JOB)])),
    ]
    for error, unfit in refusals:
        with pytest.raises(error):
            store.prepare(series=[unfit])
    assert store.prepare(series=[series(uuids=[], fields={})]).count == 0


@settings(max_examples=30, deadline=None)
@given(
    names=st.lists(texts, min_size=1, max_size=4),
    types=st.lists(texts, min_size=4, max_size=4),
    sizes=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=4, max_size=4),
    shared=st.dictionaries(
        texts.filter(lambda name: name not in {"refuse", "name", "type", "size"}), shared_values
    ),
)
def test_bodies_of_a_series_come_back_whatever_they_hold(
    names: list[str], types: list[str], sizes: list[int], shared: dict[str, Any]
) -> None:
    count = len(names)
    alike = series(
        uuids=[uuid_of(Kind.FILE, number) for number in range(count)],
        fields={"name": names, "type": types[:count], "size": sizes[:count]},
        shared={name: value for name, value in shared.items() if name != "file_id"},
    )
    with TemporaryDirectory() as folder:
        for scheme, opened in ENGINES.items():
            store, _ = opened(Path(folder) / scheme, MovableClock(), Gatekeeper())
            store.transact(lambda work, s=store: work.insert(s.prepare(series=[alike]), at=LATER))
            found = store.read(lambda work: work.records.find_many(alike.uuids))
            assert [found[uuid].body for uuid in alike.uuids] == [each.body for each in alike.records()]
            store.close()
