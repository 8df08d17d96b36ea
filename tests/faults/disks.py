"""Disks that are full, slow or broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.faults.engines import NotHere
from tests.faults.reporting import Report
from tests.faults.stage import Setting, Stage
from tests.harness import until

FULL_S = 4.0
HEALS_WITHIN_S = 5.0
ROUNDS = 3
ENDS_WITHIN_S = 20.0
SLOW_US = 100_000
SLOW_S = 12.0


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """Make a folder a small file system of its own.  Raises NotHere."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        raise NotHere("a small file system cannot be mounted (root needed)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def full_disk(folder: Path, seed: int) -> Report:
    """The disk of the ledger is full for seconds, several times; meanwhile a gateway and a worker are killed."""
    return _on_small_disk(folder, seed, "full disk", "size=64m", _fill)


def no_inodes(folder: Path, seed: int) -> Report:
    """No further file can be made where the ledger lies."""
    return _on_small_disk(folder, seed, "no inodes", "size=64m,nr_inodes=64", _use_up_inodes)


def _on_small_disk(
    folder: Path, seed: int, scenario: str, options: str, fill: Callable[[Path], None]
) -> Report:
    with small_disk(folder / "small", options) as disk:
        # What ends because its disk is full is started again by whoever supervises it.
        setting = Setting(scenario=scenario, seed=seed, store_file=disk / "catalog.db", mortal=True)

        def disturb(stage: Stage) -> None:
            healed, refused = [], 0
            for number in range(ROUNDS):
                time.sleep(2)
                fill(disk)
                refused += _while_full(stage, kill=number > 0)
                _make_space(disk)
                healed.append(stage.until_acknowledged(60))
                if healed[-1] > HEALS_WITHIN_S:
                    stage.faults.append(f"writes went on only {healed[-1]:.1f} s after there was space")
                stage.recover()
            stage.figures |= {"refused": refused, "writes again within": f"{max(healed):.2f} s"}

        with Stage(folder / "home", setting) as stage:
            return stage.play(disturb)


def _while_full(stage: Stage, *, kill: bool) -> int:
    """Let the disk be full for a while; return how often somebody was refused. Reads go on, but while the gateway starts."""
    ends = time.monotonic() + FULL_S
    if kill:
        role = stage.rng.choice(["worker-1", "worker-2"])
        stage.fleet.kill(role)
        stage.fleet.start(role)
    before = sum(client.refused for client in stage.clients)
    while time.monotonic() < ends:
        if not stage.readable():
            stage.faults.append("the ledger cannot be read while the disk is full")
        time.sleep(0.2)
    return sum(client.refused for client in stage.clients) - before


def _fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def _use_up_inodes(disk: Path) -> None:
    with suppress(OSError):
        for number in range(10_000):
            (disk / f"filler-{number}").touch()


def _make_space(disk: Path) -> None:
    for path in disk.glob("filler*"):
        path.unlink()


# ------------------------------------------------------------------------------------- slow and broken


@contextmanager
def injected(pid: int, what: str) -> Iterator[None]:
    """Have strace tamper with the flushes of a process.

    Args:
        what: as strace says it, e.g. "delay_enter=100000" [µs], or "error=EIO".
    Raises:
        NotHere.
    """
    if shutil.which("strace") is None:
        raise NotHere("strace is not installed")
    command = ["strace", "-f", "-q", "-p", str(pid), "-o", os.devnull, "-e", "trace=fsync,fdatasync"]
    tracer = subprocess.Popen(
        [*command, "-e", f"inject=fsync,fdatasync:{what}"], stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        time.sleep(0.5)
        # It ends by itself where the process does.
        if tracer.poll() is not None and Path(f"/proc/{pid}").exists():
            raise NotHere("strace may not attach to processes here")
        yield
    finally:
        tracer.terminate()
        tracer.communicate(timeout=20)


def slow_disk(folder: Path, seed: int) -> Report:
    """Every flush of the gateway takes 100 ms more, and then those of a worker."""
    setting = Setting(scenario="slow disk", seed=seed)

    def disturb(stage: Stage) -> None:
        for role in ("gateway", "worker-1"):
            time.sleep(2)
            for client in stage.clients:
                client.times_s.clear()
            with injected(stage.fleet.pids[role], f"delay_enter={SLOW_US}"):
                time.sleep(SLOW_S)
                times = sorted(t for client in stage.clients for t in client.times_s)
            stage.figures[f"slow {role}"] = _spread(times)
            if not times or times[int(len(times) * 0.99)] > 2.0 + stage.calm_s:
                stage.faults.append(f"with a slow {role}, answers took {_spread(times)}")
            # What piled up is done in its time, which `play` waits for; no lease was lost to slowness alone.
            stage.until_acknowledged(10)

    with Stage(folder / "home", setting) as stage:
        return stage.play(disturb)


def _spread(times_s: Sequence[float]) -> str:
    if not times_s:
        return "no answers"
    p50, p99 = times_s[len(times_s) // 2], times_s[int(len(times_s) * 0.99)]
    return f"{len(times_s)} answers, p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms"


def failing_flush(folder: Path, seed: int) -> Report:
    """A flush of a process fails: it acknowledges nothing any more until it was started anew."""
    setting = Setting(scenario="failing flush", seed=seed, mortal=True)

    def disturb(stage: Stage) -> None:
        for number, role in enumerate(("gateway", "worker-1", "gateway", "worker-2"), start=1):
            time.sleep(2)
            stage.say(f"a flush of {role} fails")
            what = f"error=EIO:when={stage.rng.randint(1, 8)}"
            # It ends, since nobody knows what is on disk, and another one opens the ledger anew.
            with injected(stage.fleet.pids[role], what), suppress(TimeoutError):
                until(lambda number=number: stage.fleet.deaths.total() >= number, ENDS_WITHIN_S)  # type: ignore[misc]
            if stage.fleet.deaths.total() < number:
                stage.faults.append(f"{role} went on after a failed flush")
            stage.recover(restarted=True)

    with Stage(folder / "home", setting) as stage:
        return stage.play(disturb)
