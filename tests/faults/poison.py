"""Messages that kill whoever handles them, messages that make no sense, and messages that come again in any order."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from pathlib import Path

import amqp

from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.services.dispatch import ACTORS
from datacatalog.services.jobs import job_for, move
from tests.faults.broker import Broker
from tests.faults.clients import archive_of
from tests.faults.engines import run_engine
from tests.faults.fleet import hook
from tests.faults.reporting import Report
from tests.faults.stage import ROLES, Setting, Stage
from tests.harness import until

STRANGE_S = 25.0
COPIES = 3
SPEAKS_EVERY_S = 0.4
REMEMBERED = 300
NONSENSE = (
    b"",
    b"\xff\xfe\x00 no text",
    b"null",
    b"[]",
    b"{}",
    b'{"queue": 7, "id": null}',
    b'{"queue": "jobs-manager"}',
    b'{"queue": "jobs-manager", "id": "nobody-knows-me"}',
    b'{"queue": "no-such-queue", "id": "x"}',
    b'{"queue": {"$ne": null}, "id": {"$gt": ""}}',
    b'{"id": "' + b"x" * 100_000 + b'"}',
    b"[" * 50_000,
)

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


# -------------------------------------------------------------------------------------- a stranger's words


def strange_words(folder: Path, seed: int) -> Report:
    """Somebody puts words into the broker that were given already, three times each and shuffled, and words that are none."""
    with run_engine("sqlite+amqp", folder) as engine:
        broker = engine.servers["broker"]
        assert isinstance(broker, Broker)
        setting = Setting(scenario="strange words", seed=seed, engine=engine, queued=True)

        def disturb(stage: Stage) -> None:
            stranger = _Stranger(stage, broker)
            ends = time.monotonic() + STRANGE_S
            while time.monotonic() < ends:
                stranger.speak()
                time.sleep(SPEAKS_EVERY_S)
            stage.recover()
            stage.figures["strange words"] = dict(stranger.said)

        with Stage(folder / "home", setting) as stage:
            return stage.play(disturb)


class _Stranger:
    """Says again what it overhears, in any order, and nonsense."""

    def __init__(self, stage: Stage, broker: Broker) -> None:
        self.said: Counter[str] = Counter()
        self._stage, self._rng = stage, stage.rng
        self._queues = [*ACTORS, *stage.catalog.app.tasks]
        self._heard: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)
        connection = amqp.Connection(host=f"{broker.host}:{broker.port}", heartbeat=0)
        connection.connect()
        self._channel = connection.channel()

    def speak(self) -> None:
        self._heard.extend(self._stage.waiting())
        words = [*self._rng.sample(list(self._heard), min(10, len(self._heard)))] * COPIES
        self._rng.shuffle(words)
        for queue, key in words:
            # Some of them to a queue that is not theirs.
            to = queue if self._rng.random() < 0.9 else self._rng.choice(self._queues)
            self._say(to, json.dumps({"queue": queue, "id": key}).encode(), "again")
        self._say(self._rng.choice(self._queues), self._rng.choice(NONSENSE), "nonsense")

    def _say(self, queue: str, body: bytes, kind: str) -> None:
        self._channel.basic_publish(amqp.Message(body, delivery_mode=2), "", f"faults.v1.{queue}")
        self.said[kind] += 1
