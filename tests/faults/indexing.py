"""An indexer is killed again and again, and its records are laid beside those of one that was left alone."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.messages import IndexJob
from datacatalog.ports.stores import Work
from datacatalog.services.indexing import INDEX_QUEUE, request_index
from datacatalog.services.jobs import Created, job_for, move
from tests.faults.fleet import Fleet
from tests.harness import SYSTEM, Catalog, install, until

PATH = "/products/v2-kills/casual-bass"
FILES_EACH = 100
WAIT_S = 60
FILTERS = [
    {"patterns": [], "level": "2", "note": "killed for"},
    {"patterns": [r"0\.csv$"], "derived_from": ["./step-0000/result-000.csv"], "note": "a product"},
]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to.

    Attributes:
        kills: how many hit a worker that was indexing.
        files: how many were recorded.
        differences: what is not as without them; empty where all is well.
    """

    kills: int
    files: int
    differences: list[str]


def kill_while_indexing(folder: Path, *, files: int, kills: int, seed: int) -> Result:
    """Index the same files in two installations, in one of them under fire."""
    systems = {"systems": {SYSTEM: {"root": str(folder / "data")}}}
    calm = install(folder / "calm", storage=systems)
    # As in service, but that the lease of a dead worker ends soon.
    fired_at = install(folder / "fired-at", storage=systems, worker={"lease_s": 1})
    try:
        jobs = [(catalog, _job(catalog)) for catalog in (calm, fired_at)]
        _make_files(folder / "data", files)
        for catalog, job in jobs:
            _ask(catalog, job)
        calm.work(INDEX_QUEUE)
        done = _under_fire(fired_at, kills, random.Random(seed))
        told = [_told(catalog, job.job.uuid) for catalog, job in jobs]
        recorded = fired_at.app.env.store.read(lambda work: work.records.count(Kind.FILE))
        return Result(kills=done, files=recorded, differences=_differences(*told))
    finally:
        calm.app.close()
        fired_at.app.close()


def _job(catalog: Catalog) -> Created:
    catalog.hierarchy()
    job = catalog.job(
        data={}, archive_path=PATH, parameters={"measurement_id": "measurement.tacc.0xDEADBEEF"}
    )
    env, uuid = catalog.app.env, job.job.uuid

    def go(work: Work) -> None:
        for event in (Event.RUN, Event.FINISH):
            move(job_for(uuid, work), event, None, work, env)

    env.store.transact(go)
    catalog.work()  # indexes nothing: there are no files yet
    return job


def _make_files(root: Path, files: int) -> None:
    for number in range(0, files, FILES_EACH):
        directory = root / PATH.lstrip("/") / f"step-{number // FILES_EACH:04}"
        directory.mkdir(parents=True)
        for index in range(min(FILES_EACH, files - number)):
            (directory / f"result-{index:03}.csv").write_bytes(b"%d,%d\n" % (number, index))


def _ask(catalog: Catalog, job: Created) -> None:
    env = catalog.app.env
    message = IndexJob(uuid=job.job.uuid, token=job.token, trusted=False, filters=FILTERS)
    env.store.transact(lambda work: request_index(message, work, env))


# -------------------------------------------------------------------------------------------- the kills


def _under_fire(catalog: Catalog, kills: int, rng: random.Random) -> int:
    """Kill workers while they index: one soon after it began, the next soon after it came further; then let one end it."""
    watch, done = _Watch(catalog), 0
    with Fleet(catalog, {"worker": ("worker", "--queue", INDEX_QUEUE)}) as fleet:
        while done < kills and not watch.over():
            seen = watch.sight()
            watch.wait_for(lambda now, seen=seen: now.lease not in {seen.lease, ""})  # type: ignore[misc]
            if done % 2:
                watch.wait_for(lambda now, seen=seen: now.last != seen.last)  # type: ignore[misc]
            else:
                time.sleep(rng.uniform(0, 0.01))
            if not watch.over():
                fleet.kill_one(rng)
                done += 1
        until(watch.over, WAIT_S)
    assert fleet.faults == [], fleet.faults
    return done


@dataclass(frozen=True, slots=True)
class _Sight:
    """Whose hands the task is in, and how far it came."""

    lease: str
    last: str


class _Watch:
    """Looks at the one task of an installation."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        [self._key] = self._read("SELECT id FROM messages WHERE queue = ? AND due IS NOT NULL", INDEX_QUEUE)

    def wait_for(self, true: Callable[[_Sight], bool]) -> None:
        """Wait, looking very often, until something is true of the task, or it is over."""
        ends = time.monotonic() + WAIT_S
        while not self.over() and not true(self.sight()):
            assert time.monotonic() < ends, "the indexing stands still"
            time.sleep(0.001)

    def over(self) -> bool:
        return not self._read("SELECT 1 FROM messages WHERE queue = ? AND due IS NOT NULL", INDEX_QUEUE)

    def sight(self) -> _Sight:
        held = self._read("SELECT lease FROM messages WHERE queue = ? AND id = ?", INDEX_QUEUE, self._key)
        found = self._catalog.app.env.store.read(lambda work: work.progress.get(self._key)) or {}
        return _Sight(lease=(held or [""])[0] or "", last=found.get("last") or "")

    def _read(self, sql: str, *values: str) -> list[Any]:
        database = self._catalog.app.env.store.database  # type: ignore[attr-defined]
        rows = database.read(lambda seat: seat.cursor.execute(sql, values).fetchall())
        return [row[0] for row in rows]


# ------------------------------------------------------------------------------------------ the records


def _told(catalog: Catalog, job: TypedUuid) -> dict[str, Any]:
    """Return everything that a ledger says of its files, but for what differs from one time to the next."""
    told: dict[str, Any] = {"entries": [_entry(entry) for entry in catalog.history(job)]}
    for record in _records(catalog):
        body = {name: value for name, value in record.body.items() if name != "_seen"}
        told[record.uuid] = (body, record.revision, record.visible)
    store, uuids = catalog.app.env.store, [uuid for uuid in told if uuid != "entries"]
    told["links"] = store.read(lambda work: list(work.links.step(uuids, up=True)))
    told["log"] = store.read(
        lambda work: [
            (uuid, number, change.action, change.revision, change.diff)
            for uuid in uuids
            for number, change in work.records.changes(uuid)
        ]
    )
    return told


def _records(catalog: Catalog) -> Iterator[Any]:
    for kind in (Kind.FILE, Kind.FIXITY):
        after = None
        while True:
            page = catalog.app.env.store.read(
                lambda work, kind=kind, after=after: work.records.page(
                    kind, after=after, limit=5000, hidden=True
                )
            )
            yield from page.records
            after = page.next
            if after is None:
                break


def _entry(entry: dict[str, Any]) -> tuple[Any, ...]:
    return entry["name"], entry["state"], entry.get("data")


def _differences(calm: dict[str, Any], fired_at: dict[str, Any]) -> list[str]:
    found = [
        f"{key}: {str(calm.get(key))[:300]} became {str(fired_at.get(key))[:300]}"
        for key in sorted(calm.keys() | fired_at.keys())
        if calm.get(key) != fired_at.get(key)
    ]
    return found[:5]
