"""Events over HTTP where a flush takes 2 ms more than on this disk.

    python -m benchmarks.slow_disk

What sharing commits brings depends on what a commit costs. A virtual disk may flush into a cache in 0.1 ms; then the rate is decided by computing. Others take
one to ten. Gateway and bare commits both run with benchmarks/slow_flush.c before the C library, in processes of their own. Needs a C compiler, `cc`; without
one it is left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.common import Figure, alternated, bare_commit, figure, folder, rate, result, seconds, shown
from benchmarks.gateway import CLIENTS, JOBS, accepted_s, generator, requests, served

SOURCE = Path(__file__).with_name("slow_flush.c")
DELAY_US = 2_000
ROUNDS = 5
EVENTS_PER_ROUND = 1_000


def main() -> dict[str, Any]:
    if shutil.which("cc") is None:
        return result("a slower disk", [], left_out="there is no C compiler, cc")
    with folder() as home:
        library = home / "slow_flush.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True)
        environ = {**os.environ, "LD_PRELOAD": str(library), "SLOW_FLUSH_US": str(DELAY_US)}
        figures = [_events(home / delivery, delivery, environ) for delivery in ("inline", "queued")]
    return result(f"a disk whose flush takes {DELAY_US / 1000:.0f} ms more, {CLIENTS} clients", figures)


def _events(home: Path, delivery: str, environ: dict[str, str]) -> Figure:
    with (
        served(home, delivery, environ) as (catalog, _),
        generator(catalog, requests(catalog, JOBS), CLIENTS) as load,
        _bare(home / "bare.db", environ) as bare,
    ):
        ours, floor = alternated(
            lambda: accepted_s(load.asked(count=EVENTS_PER_ROUND)), lambda: _asked(bare), ROUNDS
        )
    done = {"inline": "handled", "queued": "taken into the queue"}[delivery]
    return figure(
        f"events, {done}, by 1 process / bare commits",
        [low / high for low, high in zip(floor, ours, strict=True)],
        ours=rate(EVENTS_PER_ROUND, ours, "events"),
        floor=rate(EVENTS_PER_ROUND, floor, "commits"),
    )


@contextmanager
def _bare(path: Path, environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a process that makes bare commits, when it is asked."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.slow_disk", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environ,
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)


def _asked(bare: subprocess.Popen[str]) -> float:
    assert bare.stdin is not None
    assert bare.stdout is not None
    bare.stdin.write("\n")
    bare.stdin.flush()
    return float(bare.stdout.readline())


def _commit(path: Path) -> None:
    step = bare_commit(path)
    for _ in sys.stdin:
        print(seconds(step, EVENTS_PER_ROUND), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _commit(Path(sys.argv[1]))
    else:
        print(shown([main()]))
