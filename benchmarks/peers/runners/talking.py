"""How a peer is driven: one JSON line in, "run so many jobs", and one out, "it took so long".

Each peer runs in a process and an environment of its own, so that rounds of several peers can alternate. Nothing here or beside it
imports the catalog.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version


def parameters(number: int) -> dict[str, object]:
    """Return what a job is to be done with: as every peer, and the catalog, is given it."""
    return {
        "number": number,
        "appId": "kallisto-0.43.1u3",
        "reads": "agave://data-sd2e-community/sample/reads_1.fq.gz",
        "bootstraps": 100,
        "fragment_length": 180.5,
        "label": "GFP",
    }


def output(number: int) -> dict[str, object]:
    """Return the output record of a finished job."""
    return {"path": f"/products/v2/{number}/abundance.tsv", "sha256": "9f" * 32, "size_bytes": 20_480}


def quiet_stdout() -> int:
    """Send what libraries print to stderr; return the descriptor of the real standard output."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return kept


def serve(life: Callable[[int], None], *, setup: str, packages: list[str], out: int) -> None:
    """Take jobs through their life, as many as each line asks for, until the input ends.

    Args:
        life: takes one job, given its number, through its whole life.
        setup: how the peer is set up, in words.
        packages: whose versions are told.
    """
    number = 0
    with os.fdopen(out, "w", buffering=1) as answers:
        versions = {name: version(name) for name in packages}
        answers.write(json.dumps({"setup": setup, "versions": versions}) + "\n")
        for line in sys.stdin:
            jobs = json.loads(line)["jobs"]
            started = time.perf_counter()
            for _ in range(jobs):
                number += 1
                life(number)
            answers.write(json.dumps({"seconds": time.perf_counter() - started}) + "\n")
