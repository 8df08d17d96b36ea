"""Messages that kill whoever handles them, messages that make no sense, and messages that come again in any order."""

from __future__ import annotations

import time
from pathlib import Path

from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.services.jobs import job_for, move
from tests.faults.clients import archive_of
from tests.faults.fleet import hook
from tests.faults.reporting import Report
from tests.faults.stage import ROLES, Setting, Stage
from tests.harness import until

POISONED = 3
TRIES = 5
OVER_WITHIN_S = 90

# A process that opens a file of this name dies of it, as one does of a broken library or of too little memory.
HOOK = """
import os, signal, sys

def _die(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and "poison-" in arguments[0]:
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(_die)
"""


def deadly_messages(folder: Path, seed: int) -> Report:
    """Jobs whose files kill every worker that reads them: they are given up after five tries, and all others go on."""
    setting = Setting(
        scenario="deadly messages",
        seed=seed,
        environ=hook(folder / "hook", HOOK),
        sections={"worker": {"max_tries": TRIES, "lease_s": 2}},
        roles={**ROLES, "worker-3": ("worker",)},
        mortal=True,
        drivers=2,
        launch_pause_s=None,
    )

    def disturb(stage: Stage) -> None:
        time.sleep(2)
        poisoned = [_poisoned_job(stage, number) for number in range(POISONED)]
        stage.known.update(poisoned)
        began = time.monotonic()
        until(lambda: all(_over(stage, uuid) for uuid in poisoned), OVER_WITHIN_S)
        stage.figures["given up after"] = f"{time.monotonic() - began:.1f} s"
        stage.figures["workers that died"] = stage.fleet.deaths.total()
        if stage.fleet.deaths.total() > POISONED * (TRIES + 1):
            stage.faults.append(f"{stage.fleet.deaths.total()} workers died of {POISONED} messages")
        for uuid in poisoned:
            entry = stage.catalog.history(uuid)[-1]
            if (entry["name"], entry["state"]) != ("indexed", "FINISHED") or not entry["data"].get("error"):
                stage.faults.append(f"{uuid} was not given up, but ended with {entry}")
        stage.recover()

    with Stage(folder / "home", setting) as stage:
        return stage.play(disturb)


def _poisoned_job(stage: Stage, number: int) -> str:
    """Finish a job with a deadly file in its archive, so that its indexing is asked for."""
    created = stage.catalog.job()
    place = archive_of(stage.catalog, f"{created.job.archive_path}/poison-{number}.csv")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"deadly")
    env, uuid = stage.catalog.app.env, created.job.uuid
    for event in (Event.RUN, Event.FINISH):
        env.store.transact(lambda work, event=event: move(job_for(uuid, work), event, None, work, env))
    return str(uuid)


def _over(stage: Stage, uuid: str) -> bool:
    return bool(stage.catalog.history(uuid)[-1]["name"] == "indexed")
