"""Kills processes of an installation under load, lets it come to rest, and finds out what is wrong with its ledger."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datacatalog.services.indexing import INDEX_QUEUE
from tests.faults.engines import SQLITE, Engine, run_engine
from tests.faults.reporting import Report
from tests.faults.stage import ROLES, Setting, Stage

ALL_ROLES: Mapping[str, Sequence[str]] = {**ROLES, "indexer": ("worker", "--queue", INDEX_QUEUE)}
KILL_EVERY_S = 0.9
KILL_WITHIN_S = 3.0
MEASURED_EVERY, MEASURED_TIMES = 10, 20
"""After so many kills, or more where there are very many, there is a pause, and it is measured how long recovery takes."""


def kills(folder: Path, seed: int, *, engine_name: str, times: int) -> Report:
    """Kill processes and servers of an installation on an engine; see `kill_under_load`."""
    with run_engine(engine_name, folder) as running:
        return kill_under_load(folder / "home", kills=times, seed=seed, engine=running)


def kill_under_load(
    home: Path,
    *,
    kills: int,
    seed: int,
    engine: Engine = SQLITE,
    roles: Mapping[str, Sequence[str]] = ALL_ROLES,
    worker: Mapping[str, Any] | None = None,
    measured: bool = True,
) -> Report:
    """Run gateway, workers and clients on a new installation, kill `kills` times, and judge what is left.

    Args:
        worker: goes over the section of this name.
        measured: whether there are pauses to measure recovery.
    """
    setting = Setting(
        scenario="kills",
        seed=seed,
        engine=engine,
        roles=roles,
        sections={"worker": worker or {}},
        # Where there is a broker, all that is said to jobs goes by it.
        queued="broker" in engine.servers,
        # Who is started while the store is away ends, and is started again by whoever supervises it.
        mortal="store" in engine.servers,
    )

    every = max(MEASURED_EVERY, kills // MEASURED_TIMES)

    def disturb(stage: Stage) -> None:
        for number in range(1, kills + 1):
            time.sleep(min(stage.rng.expovariate(1 / KILL_EVERY_S), KILL_WITHIN_S))
            stage.say(f"killed {stage.fleet.kill_one(stage.rng)}")
            if measured and number % every == 0:
                stage.recover(restarted=True)

    with Stage(home, setting) as stage:
        return stage.play(disturb)
