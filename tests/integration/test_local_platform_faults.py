"""What becomes of jobs whose worker is killed, stopped or cut off from the store."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from datacatalog.adapters.platforms.local import disk
from datacatalog.adapters.platforms.local.jobs import job_id
from datacatalog.domain.errors import NotYet, PlatformDown, StorageDown, StoreDown, UnknownRecord
from datacatalog.ports.stores import Store, Work
from tests.integration import platform_bench
from tests.integration.platform_bench import (
    JOBS,
    NOTIFICATIONS,
    STATUSES,
    Bench,
    Receiver,
    bench,
    receiving,
    until,
)
from tests.integration.small_disk import small_disk

T = TypeVar("T")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def here(tmp_path: Path, receiver: Receiver) -> Iterator[Bench]:
    with bench(tmp_path, receiver.url) as made:
        yield made


@contextmanager
def worker(here: Bench) -> Iterator[subprocess.Popen[str]]:
    """A worker in a process of its own, which is gone in the end."""
    arguments = [sys.executable, platform_bench.__file__, str(here.folder), here.url]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def first_time_only(here: Bench, then: str, otherwise: str = "") -> str:
    """Return a program that notes its process id, and goes on in one way the first time and in another later."""
    runs = str(here.folder / "runs")
    return (
        f"import os, time; runs = open({runs!r}, 'a'); runs.write(f'{{os.getpid()}}\\n'); runs.close();\n"
        f"first = len(open({runs!r}).readlines()) == 1\n"
        f"open(f'result-{{os.getpid()}}.txt', 'w').write('42')\n"
        f"if first:\n    {then}\nelse:\n    {otherwise or 'pass'}\n"
    )


def runs(here: Bench) -> list[int]:
    try:
        return [int(line) for line in (here.folder / "runs").read_text().splitlines()]
    except FileNotFoundError:
        return []


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended, its parent's notice of that not waited for."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def assert_all_told(receiver: Receiver) -> None:
    """Every delivery is unique but for identical repeats, and every status that a good end needs was told in order."""
    by_delivery = {one.delivery: one for one in receiver.received}
    assert all(by_delivery[one.delivery] == one for one in receiver.received)
    told = iter(receiver.statuses())
    assert all(status in told for status in STATUSES)
    assert receiver.statuses()[-1] == "FINISHED"


# ------------------------------------------------------------------------------------------- kill -9


def test_job_whose_worker_is_killed_while_it_runs_is_run_afresh_by_the_next(
    here: Bench, receiver: Receiver
) -> None:
    job = here.submit(first_time_only(here, "time.sleep(60)"))
    with worker(here) as process:
        until(lambda: runs(here))
        process.kill()
    here.work(JOBS, wait=True)
    here.work(NOTIFICATIONS)
    first, second = runs(here)
    assert is_gone(first)
    assert here.status(job) == "FINISHED"
    assert set(here.archived()) == {"a-job.err", "a-job.out", f"result-{second}.txt"}
    assert_all_told(receiver)


def test_job_whose_worker_is_killed_while_it_archives_is_not_run_again(
    here: Bench, receiver: Receiver
) -> None:
    many = "[open(f'many-{i:04}', 'w').write('x') for i in range(400)]"
    here.submit(first_time_only(here, many))
    archive = here.folder / "storage/products/v2/archive"
    with worker(here) as process:
        until(lambda: archive.exists() and any(archive.glob("many-*")))
        process.kill()
    assert len(here.archived()) < 400
    here.work(JOBS, wait=True)
    here.work(NOTIFICATIONS)
    [only] = runs(here)
    archived = here.archived()
    assert len(archived) == 403
    assert archived[f"result-{only}.txt"] == "42"
    assert set(list(archived.values())[2:]) == {"x", "42"}
    assert receiver.statuses() == STATUSES


def test_descendants_of_a_job_whose_worker_is_killed_are_gone_before_it_runs_again(here: Bench) -> None:
    child = here.folder / "child"
    leave_one = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        f"start_new_session=True); open({str(child)!r}, 'w').write(str(child.pid)); time.sleep(60)"
    )
    look = f"import psutil; print(psutil.Process(int(open({str(child)!r}).read())).status())"
    here.submit(
        first_time_only(here, leave_one, f"try: {look}\n    except psutil.NoSuchProcess: print('none')")
    )
    with worker(here) as process:
        until(lambda: child.exists() and child.read_text())
        process.kill()
    here.work(JOBS, wait=True)
    assert here.archived()["a-job.out"] in {"zombie\n", "none\n"}


def test_worker_that_slept_through_its_lease_writes_nothing(here: Bench, receiver: Receiver) -> None:
    job = here.submit(first_time_only(here, "time.sleep(1.5)"))
    with worker(here) as process:
        until(lambda: runs(here))
        process.send_signal(signal.SIGSTOP)
        here.work(JOBS, wait=True)
        here.work(NOTIFICATIONS)
        state = (here.folder / "platform" / job / "status.json").read_bytes()
        archived = here.archived()
        process.send_signal(signal.SIGCONT)
        said, _ = process.communicate(timeout=20)
    assert said == "lease lost\n"
    assert (here.folder / "platform" / job / "status.json").read_bytes() == state
    assert here.archived() == archived
    assert not here.work_once(NOTIFICATIONS)
    assert_all_told(receiver)


def test_job_that_a_suspended_worker_holds_is_waited_for_but_not_forever(tmp_path: Path) -> None:
    held = tmp_path / "lock"
    with (
        disk.locked(held),
        pytest.raises(TimeoutError, match="held by another"),
        disk.locked(held, timedelta(seconds=0.1)),
    ):
        pytest.fail("it was held twice")
    with disk.locked(held, timedelta(0)):
        assert held.exists()


# -------------------------------------------------------------------------------- a store that fails


class Interrupted:
    """A store that fails at one of its transactions, before or after the commit."""

    def __init__(self, store: Store, at: int, *, committed: bool) -> None:
        self._store, self._left, self._committed = store, at, committed

    def transact(self, body: Callable[[Work], T]) -> T:
        self._left -= 1
        if self._left == 0:
            if self._committed:
                self._store.transact(body)
            raise StoreDown("cut off")
        return self._store.transact(body)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


@pytest.mark.parametrize("committed", [False, True])
def test_job_comes_to_its_end_wherever_the_store_fails(
    committed: bool, tmp_path: Path, receiver: Receiver
) -> None:
    at, met = 0, True
    while met:
        at, met = at + 1, False
        receiver.received.clear()
        folder = tmp_path / str(at)
        folder.mkdir()
        with bench(folder, receiver.url) as here:
            job = here.submit(first_time_only(here, "pass"))
            try:
                here.work_once(JOBS, store=Interrupted(here.store, at, committed=committed))  # type: ignore[arg-type]
            except StoreDown:
                met = True
            here.work()
            assert here.status(job) == "FINISHED"
            assert set(here.archived()) == {"a-job.err", "a-job.out", f"result-{runs(here)[-1]}.txt"}
            assert_all_told(receiver)
            assert sum(here.transport.depth().values()) == 0
    assert at > len(STATUSES)


def test_submission_that_was_cut_off_before_it_was_sent_is_made_good_by_the_next(
    here: Bench, receiver: Receiver
) -> None:
    code = "open('result.txt', 'w').write('42')"
    interrupted = Interrupted(here.store, 1, committed=False)
    here.platform = here.platform_on(interrupted)  # type: ignore[arg-type]
    with pytest.raises(StoreDown):
        here.submit(code)
    here.work()
    assert receiver.received == []
    here.submit(code)
    here.work()
    assert receiver.statuses() == STATUSES


@pytest.mark.parametrize("found", ["by its id", "in the list"])
def test_submission_that_was_cut_off_is_made_good_by_whoever_finds_the_job(
    here: Bench, receiver: Receiver, found: str
) -> None:
    """A submitter elsewhere looks for a job of its own before it submits one again."""
    interrupted = Interrupted(here.store, 1, committed=False)
    here.platform = here.platform_on(interrupted)  # type: ignore[arg-type]
    with pytest.raises(StoreDown):
        here.submit("open('result.txt', 'w').write('42')", key="k")
    shown = here.platform.job(job_id("k")) if found == "by its id" else here.platform.jobs()[0]
    assert shown.status == "PENDING"
    here.work()
    assert receiver.statuses() == STATUSES


def test_job_that_an_earlier_version_took_and_this_one_cannot_read_hides_no_other(here: Bench) -> None:
    odd, other = here.submit("pass", key="odd"), here.submit("pass", key="other")
    file = here.folder / "platform" / odd / "job.json"
    document = json.loads(file.read_bytes())
    document["definition"]["memoryPerNode"] = "lots"
    file.write_text(json.dumps(document))
    assert [job.id for job in here.platform.jobs()] == [other]
    with pytest.raises(UnknownRecord):
        here.platform.job(odd)
    with pytest.raises(UnknownRecord):
        here.work(JOBS)
    here.work(JOBS)
    assert here.status(other) == "FINISHED"
    assert here.platform.forget(before=datetime.now(UTC)) == 1


def test_one_key_submitted_at_the_same_time_is_one_job(here: Bench, receiver: Receiver) -> None:
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: here.submit(first_time_only(here, "pass")), range(8)))
    here.work()
    assert len(set(jobs)) == len(runs(here)) == 1
    assert receiver.statuses() == STATUSES


# ------------------------------------------------------------------------------ a storage that fails


def test_storage_that_is_down_is_tried_again_and_the_command_is_not(here: Bench, receiver: Receiver) -> None:
    job = here.submit(first_time_only(here, "pass"))
    storage = here.folder / "storage"
    storage.rename(here.folder / "away")
    with pytest.raises(StorageDown):
        here.work_once(JOBS)
    assert here.status(job) == "ARCHIVING"
    (here.folder / "away").rename(storage)
    here.work()
    assert len(runs(here)) == 1
    assert receiver.statuses() == STATUSES


def test_storage_that_stays_down_fails_the_job_on_the_last_try(here: Bench, receiver: Receiver) -> None:
    here.submit(first_time_only(here, "pass"))
    os.rename(here.folder / "storage", here.folder / "away")
    here.work_once(JOBS, last=True)
    here.work(NOTIFICATIONS)
    assert receiver.statuses()[-3:] == ["ARCHIVING", "ARCHIVING_FAILED", "FAILED"]


def test_job_that_fills_the_disk_fails_and_frees_it(here: Bench):
    with small_disk(here.folder / "platform"):
        job = here.submit("f = open('much', 'wb')\nwhile True: f.write(b'x' * 65536); f.flush()")
        for _ in range(2):
            with pytest.raises(PlatformDown, match="No space left"):
                here.work_once(JOBS)
        here.work_once(JOBS, last=True)
        assert here.platform.history(job)[-1].status == "FAILED"
        assert "No space left" in here.platform.history(job)[-1].note
        assert disk_free(here) > 2_000_000
        other = here.submit("pass", key="another")
        here.work(JOBS)
        assert here.status(other) == "FINISHED"


def test_job_that_was_given_up_waits_for_the_disk_to_say_so(here: Bench):
    with small_disk(here.folder / "platform"):
        job = here.submit("pass")
        filling = here.folder / "platform" / "filling"
        filling.write_bytes(b"x" * disk_free(here))
        with pytest.raises(NotYet, match="No space left"):
            here.work_once(JOBS, exhausted=True)
        filling.unlink()
        here.transport.hasten(JOBS, "")
        here.work_once(JOBS, exhausted=True)
        assert here.status(job) == "FAILED"


def disk_free(here: Bench) -> int:
    return shutil.disk_usage(here.folder / "platform").free
