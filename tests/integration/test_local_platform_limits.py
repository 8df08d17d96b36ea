"""Places for commands, limits of commands, and jobs that are stopped before they run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from datacatalog.adapters.platforms.local.commands import Command
from datacatalog.adapters.platforms.local.executors import LocalExecutor
from datacatalog.adapters.platforms.local.limits import Limits
from datacatalog.adapters.platforms.local.processes import MARK, is_running
from datacatalog.adapters.platforms.local.runner import Ending, run
from datacatalog.adapters.platforms.local.slots import Slots
from datacatalog.domain.errors import NotYet
from tests.integration.platform_bench import JOBS, STOPS, Bench, Receiver, receiving, until

WRITE = "open('result.txt', 'w').write('42')"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@contextmanager
def platform(folder: Path, url: str, **more: Any) -> Iterator[Bench]:
    here = Bench(folder, url)
    here.platform = here.make_platform(here.store, **more)
    try:
        yield here
    finally:
        here.close()


@contextmanager
def working(here: Bench) -> Iterator[None]:
    """Do one job in a thread of its own."""
    thread = threading.Thread(target=here.work_once, args=(JOBS,))
    thread.start()
    try:
        yield
    finally:
        thread.join()


# --------------------------------------------------------------------------------------------- places


def test_job_without_a_place_is_queued_and_holds_no_thread_until_there_is_one(
    tmp_path: Path, receiver: Receiver
) -> None:
    executor = LocalExecutor(Slots(tmp_path / "slots", 1))
    with platform(tmp_path, receiver.url, executor=executor) as here:
        go = tmp_path / "go"
        first = here.submit(
            f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.02)", key="1"
        )
        second = here.submit(WRITE, key="2")
        with working(here):
            until(lambda: here.status(first) == "RUNNING")
            for _ in range(2):
                with pytest.raises(NotYet) as refused:
                    here.work_once(JOBS, wait=True)
            assert here.status(second) == "QUEUED"
            assert refused.value.after
            go.touch()
        here.work_once(JOBS, wait=True)
        assert here.status(first) == here.status(second) == "FINISHED"


def test_queued_job_that_is_cancelled_stops_at_once_though_it_never_got_a_place(
    tmp_path: Path, receiver: Receiver
) -> None:
    slots = Slots(tmp_path / "slots", 1)
    with (
        platform(tmp_path, receiver.url, executor=LocalExecutor(slots)) as here,
        slots.taken("another") as taken,
    ):
        assert taken
        job = here.submit(WRITE)
        with pytest.raises(NotYet):
            here.work_once(JOBS)
        here.platform.cancel(job)
        assert here.work_once(STOPS)
        assert here.status(job) == "STOPPED"


def test_place_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from datacatalog.adapters.platforms.local.slots import Slots\n"
        "with Slots(Path(sys.argv[1]), 1).taken('a'): print(flush=True); time.sleep(60)"
    )
    slots = Slots(tmp_path, 1)
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with slots.taken("b") as taken:
            assert not taken
        with slots.taken("a") as own:
            assert own, "what an earlier worker holds for the same job is the job's"
        holder.kill()
    with slots.taken("b") as taken:
        assert taken


def test_place_of_a_killed_worker_is_taken_while_its_command_still_runs(tmp_path: Path) -> None:
    jobs = tmp_path.absolute()
    slots = Slots(tmp_path / "slots", 1, runs=lambda job: is_running(jobs / job))
    killed = (
        "import os, signal, sys; from pathlib import Path; from datacatalog.adapters.platforms.local.slots import Slots\n"
        "with Slots(Path(sys.argv[1]), 1).taken('a'): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", killed, str(tmp_path / "slots")], check=False)
    left = {"PATH": os.defpath, MARK: str(jobs / "a")}
    with subprocess.Popen(["sleep", "60"], env=left) as command:
        until(lambda: is_running(jobs / "a"))
        with slots.taken("b") as taken:
            assert not taken
        command.kill()
    with slots.taken("b") as taken:
        assert taken


# -------------------------------------------------------------------------------------------- stopping


def settled(here: Bench) -> bool:
    """Do what is due about jobs that are to stop; tell whether nothing is left of that."""
    with suppress(NotYet):  # A worker that has the job in hand sees to it.
        here.work_once(STOPS)
    return here.transport.depth().get(STOPS, 0) == 0


class Endless:
    """A storage whose files never end, on top of another one."""

    def __init__(self, storage: Any) -> None:
        self._storage, self.opened = storage, threading.Event()

    def open(self, system: str, path: str) -> BinaryIO:
        self.opened.set()
        return _EndlessFile()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)


class _EndlessFile(BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        time.sleep(0.01)
        return b"x"


def test_job_that_is_cancelled_while_it_stages_stops_soon(tmp_path: Path, receiver: Receiver) -> None:
    with platform(tmp_path, receiver.url) as here:
        here.storage = storage = Endless(here.storage)  # type: ignore[assignment]
        here.platform = here.platform_on(here.store)
        job = here.submit(WRITE, inputs={"files": "/uploads/a.txt"})
        with working(here):
            assert storage.opened.wait(10)
            began = time.monotonic()
            here.platform.cancel(job)
            settled(here)
        assert time.monotonic() - began < 4
        assert here.status(job) == "STOPPED"
        until(lambda: settled(here))


def test_job_that_is_cancelled_before_any_worker_saw_it_stops_at_once(
    tmp_path: Path, receiver: Receiver
) -> None:
    with platform(tmp_path, receiver.url) as here:
        job = here.submit(WRITE)
        here.platform.cancel(job)
        here.work_once(STOPS)
        assert here.status(job) == "STOPPED"
        here.work_once(JOBS)
        assert here.status(job) == "STOPPED"


# ---------------------------------------------------------------------------------------------- limits


def limited(folder: Path, code: str, **limits: int) -> tuple[Command, tuple[Ending, int]]:
    work = folder / "work"
    work.mkdir()
    command = Command(
        arguments=["/bin/sh", "-c", code],
        environment={"PATH": "/usr/bin:/bin"},
        folder=work,
        output=work / "out",
        errors=work / "err",
        limit=timedelta(seconds=20),
        job=folder,
        attempt=folder,
        limits=Limits(**limits),
    )
    return command, run(command, began=lambda process: None, stop=lambda: False)


def test_limits_are_those_of_every_process_of_a_command(tmp_path: Path) -> None:
    ask = "ulimit -v; ulimit -n; ulimit -t; ulimit -c; ulimit -f"
    command, _ = limited(
        tmp_path, f"sh -c '{ask}'", memory_bytes=1 << 30, open_files=50, cpu_s=7, file_bytes=1 << 20
    )
    assert command.output.read_text().split() == ["1048576", "50", "7", "0", "2048"]


def test_limit_that_the_kernel_ends_a_command_for_is_named(tmp_path: Path) -> None:
    command, (_, code) = limited(tmp_path, "exec yes > large", file_bytes=1 << 20)
    assert (command.folder / "large").stat().st_size == 1 << 20
    assert command.limits.met(code, "") == "it met its limit, file_bytes: 1048576"


@pytest.mark.parametrize(
    ("limits", "code", "words"),
    [
        (Limits(memory_bytes=400 << 20), "bytearray(1 << 30)", "memory_bytes: 419430400: MemoryError"),
        (
            Limits(open_files=20),
            "x = [open('/dev/null') for _ in range(30)]",
            "open_files: 20: OSError: [Errno 24]",
        ),
        (Limits(cpu_s=1), "while True: pass", "cpu_s: 1"),
    ],
)
def test_job_that_met_a_limit_says_which(
    limits: Limits, code: str, words: str, tmp_path: Path, receiver: Receiver
) -> None:
    with platform(tmp_path, receiver.url, limits=limits) as here:
        job = here.submit(code)
        here.work(JOBS)
        assert here.status(job) == "FAILED"
        assert words in here.platform.job(job).detail["lastStatusMessage"]


def test_what_a_job_asks_for_is_shown(tmp_path: Path, receiver: Receiver) -> None:
    with platform(tmp_path, receiver.url) as here:
        job = here.submit(WRITE, nodeCount=2, processorsPerNode="4", memoryPerNode="512MB")
        detail = here.platform.job(job).detail
        assert (detail["nodeCount"], detail["processorsPerNode"], detail["memoryPerNode"]) == (2, 4, 0.5)
