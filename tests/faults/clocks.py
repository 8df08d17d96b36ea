"""Clocks that jump while everything runs, by libfaketime: what it tells the processes is read from a file, again and again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from glob import glob
from pathlib import Path

import requests

from datacatalog.adapters.clock import SystemClock
from tests.faults.engines import NotHere
from tests.faults.fleet import hook
from tests.faults.reporting import Report
from tests.faults.stage import Setting, Stage
from tests.harness import until

HOUR, DAY = 3600, 86400
AT_A_TIME_S = 2.0
SEEN_AFTER_S = 1
SEEN_WITHIN_S = 60
TOO_LATE_S = 31.0


# libfaketime takes what Python sleeps by, an instant of the monotonic clock, for one of the clock that it fakes: sleeps would end at once,
# or never. What waits by locks and sockets is right.
HOOK = """
import os, select, time

time.sleep = lambda seconds: select.select([], [], [], seconds) if seconds > 0 else os.sched_yield()
"""


class FakedClock:
    """What a set of processes takes for the time.

    Raises:
        NotHere: libfaketime is not installed.
    """

    def __init__(self, file: Path) -> None:
        self._file, self.offset_s = file, 0
        self.set(0)
        hooked = hook(file.parent / "hook", HOOK)
        self.environ: Mapping[str, str] = {
            **hooked,
            "LD_PRELOAD": _library(),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": str(SEEN_AFTER_S),
            # A real jump of the wall clock leaves the monotonic clock, and all waiting by it, alone.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    @contextmanager
    def here(self) -> Iterator[None]:
        """Let the catalog in this process, which makes jobs, have the same time."""
        real = SystemClock.now
        SystemClock.now = lambda _: datetime.now(UTC) + timedelta(seconds=self.offset_s)  # type: ignore[method-assign]
        try:
            yield
        finally:
            SystemClock.now = real  # type: ignore[method-assign]

    def set(self, offset_s: int) -> None:
        """Let the clock show so many seconds more than it is; return once all of them have seen it."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{offset_s:+d}\n")
        os.replace(fresh, self._file)
        if offset_s != self.offset_s:
            time.sleep(2 * SEEN_AFTER_S + 0.5)  # It counts whole seconds.
        self.offset_s = offset_s


def _library() -> str:
    """Return the path of libfaketime, for programs with threads.  Raises NotHere."""
    if found := os.environ.get("DATACATALOG_TEST_LIBFAKETIME"):
        return found
    for pattern in (
        "/usr/lib/*/faketime",
        "/usr/lib/faketime",
        "/usr/local/lib/faketime",
        "/usr/lib64/faketime",
    ):
        for place in sorted(glob(f"{pattern}/libfaketimeMT.so.1")):
            return place
    raise NotHere("libfaketime is not installed (or name it: DATACATALOG_TEST_LIBFAKETIME)")


JUMPS: Sequence[int] = (HOUR, 0, -HOUR, 0, DAY, 0)
"""What the clock shows beyond the time, one after the other."""


def clock_jumps(folder: Path, seed: int) -> Report:
    """The clock of gateway and workers is put forward and back by an hour and a day; the gateway is started anew under each."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = FakedClock(folder / "clock")
    # A subscriber that is told something while the clock is put forward passes for a slow one, and is left in peace for longer than
    # recovery may take.
    setting = Setting(scenario="clock jumps", seed=seed, environ=clock.environ, subscribed=False)

    def disturb(stage: Stage) -> None:
        for offset_s in JUMPS:
            time.sleep(AT_A_TIME_S)
            jump_s = offset_s - clock.offset_s
            token = _admin_token(stage, clock)
            stage.say(f"the clock jumps by {jump_s:+d} s")
            # What waits while a clock is put back is held back by as much, as documented; who could wait for an hour here?
            with stage.quiet() if jump_s < 0 else nullcontext():
                clock.set(offset_s)
                _await_jump(stage, offset_s)
            if _opens(stage, token):
                stage.faults.append(f"an administrative token outlived a jump by {jump_s:+d} s")
            if not _opens(stage, _admin_token(stage, clock)):
                stage.faults.append(
                    f"an administrative token is dead on arrival after a jump by {jump_s:+d} s"
                )
            stage.fleet.kill("gateway")
            stage.fleet.start("gateway")
            took_s = stage.recover(restarted=True)
            stage.figures[f"{jump_s:+d} s"] = f"{took_s:.1f} s"
        token = _admin_token(stage, clock)
        time.sleep(TOO_LATE_S)
        if _opens(stage, token):
            stage.faults.append(f"an administrative token opens something {TOO_LATE_S} s after it was made")

    with clock.here(), Stage(folder / "home", setting) as stage:
        return stage.play(disturb)


def _await_jump(stage: Stage, offset_s: int) -> None:
    """Return once the gateway shows the new time: libfaketime reads it now and then, on a busy machine later than it should."""

    def is_seen() -> bool:
        shown = parsedate_to_datetime(
            requests.get(f"{stage.catalog.url}/healthz", timeout=10).headers["Date"]
        )
        return abs((shown - datetime.now(UTC)).total_seconds() - offset_s) < HOUR / 2

    until(is_seen, SEEN_WITHIN_S)


def _admin_token(stage: Stage, clock: FakedClock) -> str:
    """Have an administrative token made by a process whose clock is the faked one."""
    done = subprocess.run(
        [sys.executable, "-m", "datacatalog", "token", "admin"],
        env={**os.environ, **clock.environ, "DATACATALOG_CONFIG": str(stage.home / "config.yml")},
        cwd=stage.home,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return done.stdout.decode().split()[-1]


def _opens(stage: Stage, token: str) -> bool:
    """Tell whether a token passes for an administrative one: reset of a job that is there, in a state that is no matter."""
    document = {"uuid": stage.spare, "name": "reset", "token": token, "data": {}}
    for _ in range(40):
        try:
            answer = stage.catalog.post("jobs-manager", document)
        except requests.RequestException:
            time.sleep(0.25)
            continue
        if answer.status_code not in (503, 429):
            return answer.status_code != 403
        time.sleep(0.25)
    raise TimeoutError("the gateway does not come back")
