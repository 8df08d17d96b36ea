"""What one job is asked to index is done in turn; what has no name in the ledger, or cannot be looked into, is told."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datacatalog.adapters.storage.memory import MemoryStorage
from datacatalog.domain.errors import StorageDown
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import Kind
from datacatalog.interfaces.worker.loop import TURN, Worker
from datacatalog.ports.storage import FileInfo, Told
from datacatalog.services.finding import files_of
from datacatalog.services.indexing import INDEX_QUEUE
from datacatalog.services.jobs import Created
from tests.unit.memory import SYSTEM, Memory, memory


@pytest.fixture
def here() -> Memory:
    return memory(max_tries=2)


def finished(here: Memory, *names: str) -> Created:
    """Return a job whose own indexing is over, and which has archived these files since."""
    job = here.job(Event.RUN, Event.FINISH)
    work(here)
    for name in names:
        here.env.storage.put(SYSTEM, f"{job.job.archive_path}/{name}", io.BytesIO(b"1"))
    return job


def ask(here: Memory, job: Created, **asked: Any) -> None:
    here.handle("jobs-indexer", {"uuid": job.job.uuid, "token": job.token, **asked})


def work(here: Memory) -> None:
    worker = Worker(here.app)
    while worker.work_once(["jobs-indexer", INDEX_QUEUE]):
        pass


def levels(here: Memory, job: Created) -> dict[str, str]:
    page = here.env.store.read(lambda w: files_of(job.job.uuid, w, limit=1000))
    return {r.body["name"].removeprefix(f"{job.job.archive_path}/"): r.body["level"] for r in page.records}


def test_later_request_waits_for_an_earlier_one_and_counts(here: Memory):
    job = finished(here, "a.csv", "b.csv")
    ask(here, job)
    ask(here, job, filters=["b"], level="2")
    earlier = here.env.transport.claim([INDEX_QUEUE], lease=timedelta(hours=1))
    assert earlier is not None
    worker = Worker(here.app)
    for _ in range(5):  # more often than it may be tried
        assert worker.work_once([INDEX_QUEUE])
        assert levels(here, job) == {}
        here.clock.move(seconds=TURN.total_seconds())
    here.env.transport.retry(earlier, delay=timedelta(0), reason="its worker was stopped")
    here.clock.move(seconds=TURN.total_seconds())
    work(here)
    here.clock.move(seconds=TURN.total_seconds())
    work(here)
    assert levels(here, job) == {"a.csv": "1", "b.csv": "2"}
    assert [e["data"].get("error") for e in here.history(job) if e["name"] == "indexed"] == [None] * 3


def test_request_that_was_given_up_holds_up_no_later_one(here: Memory):
    job = finished(here, "a.csv")
    ask(here, job)
    earlier = here.env.transport.claim([INDEX_QUEUE], lease=timedelta(hours=1))
    assert earlier is not None
    here.env.transport.bury(earlier, reason="broken")
    ask(here, job, level="2")
    work(here)
    assert levels(here, job) == {"a.csv": "2"}


def test_other_jobs_do_not_wait(here: Memory):
    first, second = finished(here, "a.csv"), finished(here, "b.csv")
    ask(here, first)
    assert here.env.transport.claim([INDEX_QUEUE], lease=timedelta(hours=1)) is not None
    ask(here, second)
    work(here)
    assert levels(here, second) == {"b.csv": "1"}


@pytest.mark.parametrize("others", [(), ("a", "b")])
def test_name_that_ends_in_white_space_is_told_and_never_taken_for_another(
    here: Memory, others: tuple[str, ...]
):
    job = finished(here, "a ", "b\n", "deep/c\u00a0", *others)
    ask(here, job)
    work(here)
    assert set(levels(here, job)) == set(others)
    data = here.history(job)[-1]["data"]
    assert (data["files"], data["unreadable"]) == (len(others), 3)
    assert [path.removeprefix(job.job.archive_path) for path in data["unreadable_paths"]] == [
        "/a ",
        "/b\n",
        "/deep/c\u00a0",
    ]
    assert here.env.store.read(lambda w: w.records.count(Kind.FILE)) == len(others)


class ClosedDirectory(MemoryStorage):
    """A storage with a directory `closed` in each directory, which may not be looked into."""

    def walk(
        self, system: str, path: str, *, after: str | None = None, unreadable: Told | None = None
    ) -> Iterator[FileInfo]:
        closed, told = f"{path}/closed", False
        for info in super().walk(system, path, after=after):
            if info.path > closed and not told:
                told = self._tell(closed, unreadable)
            yield info
        if not told and (after is None or after < closed):
            self._tell(closed, unreadable)

    def _tell(self, closed: str, unreadable: Told | None) -> bool:
        if unreadable is None:
            raise StorageDown(f"{closed}: Permission denied")
        unreadable(closed, "Permission denied")
        return True


@pytest.mark.parametrize("names", [("a", "b"), ("a", "x"), ("x", "y"), ()])
def test_directory_that_cannot_be_looked_into_is_passed_over_at_last(names: tuple[str, ...]):
    here = memory(max_tries=3).rewired(storage=ClosedDirectory(SYSTEM))
    job = finished(here, *names)
    here.clock.move(minutes=1)
    work(here)
    here.clock.move(minutes=1)
    work(here)
    ask(here, job)
    for _ in range(3):
        assert here.history(job)[-1]["name"] == "index"
        work(here)
        here.clock.move(minutes=1)
    last = here.history(job)[-1]
    assert (last["name"], last["data"].get("error")) == ("indexed", None)
    assert (last["data"]["files"], last["data"]["unreadable"]) == (len(names), 1)
    assert last["data"]["unreadable_paths"] == [f"{job.job.archive_path}/closed"]
    assert set(levels(here, job)) == set(names)


def test_requests_that_say_nothing_new_any_more_write_nothing(here: Memory):
    job = finished(here, "a.csv", "b.csv")
    here.clock.at = datetime.now(UTC) + timedelta(days=1)
    asked: list[dict[str, Any]] = [
        {},
        {"filters": [{"patterns": ["a"], "derived_from": ["./b.csv"], "note": "made of b"}]},
        {"filters": [{"patterns": ["a"], "level": "1", "fixity": False}]},
    ]

    def revisions() -> list[int | None]:
        for each in asked:
            ask(here, job, **each)
            work(here)
            here.clock.move(seconds=5)
        page = here.env.store.read(lambda w: files_of(job.job.uuid, w, limit=1000))
        return [record.revision for record in page.records]

    revisions()
    before = revisions()
    assert [revisions(), revisions()] == [before, before]
