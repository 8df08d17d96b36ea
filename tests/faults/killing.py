"""Kills processes of an installation under load, lets it come to rest, and finds out what is wrong with its ledger."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datacatalog.services.reconciling import WATCH_QUEUE
from tests.faults.clients import APP, APP_FILE, Client, Driver, Launcher, Sending
from tests.faults.fleet import Fleet, steady_port
from tests.faults.ledger import damage_of_file, look_at
from tests.faults.model import check
from tests.harness import Catalog, install, until

ROLES = {"gateway": ("serve",), "worker-1": ("worker",), "worker-2": ("worker",)}
WORKER = {"lease_s": 3, "retry_base_s": 0.2, "max_tries": 40}
"""A lease that ends soon, so that the test does; tries for a message that is hit again and again."""
POLL_S = 1
"""So that the platform is asked for jobs whose callbacks are on their way."""

DRIVERS = 4
LAUNCH_PAUSE_S = 1.5
KILL_EVERY_S = 0.9
KILL_WITHIN_S = 3.0
DRAIN_S = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run came to.

    Attributes:
        faults: everything that should not be; empty where all promises were kept.
        figures: for people.
    """

    faults: Sequence[str]
    figures: str
    kills: int
    acknowledged: int
    launched: int


def kill_under_load(home: Path, *, kills: int, seed: int) -> Result:
    """Run gateway, workers and clients on a new installation, kill `kills` times, and judge what is left."""
    (home / "apps").mkdir(parents=True)
    (home / "apps" / f"{APP}.yml").write_text(APP_FILE)
    catalog = install(
        home, worker=WORKER, gateway={"port": steady_port()}, platform={"poll_interval_s": POLL_S}
    )
    try:
        return _run(catalog, kills, seed)
    finally:
        catalog.app.close()


def _run(catalog: Catalog, kills: int, seed: int) -> Result:
    started, rng = time.monotonic(), random.Random(seed)
    stop = threading.Event()
    drivers, launcher = _clients(catalog, seed, stop)
    clients: list[Client] = [*drivers, launcher]
    with Fleet(catalog, ROLES) as fleet:
        catalog.wait_ready()
        for client in clients:
            client.start()
        for _ in range(kills):
            time.sleep(min(rng.expovariate(1 / KILL_EVERY_S), KILL_WITHIN_S))
            fleet.kill_one(rng)
        killed = time.monotonic()
        stop.set()
        for client in clients:
            client.join(DRAIN_S)
        faults = [f"{client.name} never came to its end" for client in clients if client.is_alive()]
        faults += _drain(catalog, clients)
        rested = time.monotonic()
        fleet.mend()
        faults += [*fleet.faults, *(fault for client in clients for fault in client.faults)]
        if faults:
            faults.append(fleet.log_end())
    faults += _judge(catalog, drivers, launcher)
    return Result(
        faults=faults,
        figures=_figures(clients, fleet.kills, seed, killed - started, rested - killed),
        kills=fleet.kills.total(),
        acknowledged=sum(sending.told().acknowledged for sending in _sendings(clients)),
        launched=len(launcher.jobs),
    )


def _clients(catalog: Catalog, seed: int, stop: threading.Event) -> tuple[list[Driver], Launcher]:
    pipeline = catalog.pipeline()
    catalog.pipeline(id=APP, name="Marker", components=[{"id": APP, "inputs": {}, "parameters": {}}])
    drivers = [Driver(catalog, f"{seed}-{n}", stop, pipeline=pipeline) for n in range(DRIVERS)]
    return drivers, Launcher(catalog, f"{seed}-launcher", stop, pause_s=LAUNCH_PAUSE_S)


def _sendings(clients: Sequence[Client]) -> list[Sending]:
    return [sending for client in clients for sending in client.sent]


# --------------------------------------------------------------------------------------- coming to rest


def _drain(catalog: Catalog, clients: Sequence[Client]) -> list[str]:
    """Wait until nothing is left to do; nobody helps."""
    jobs = [uuid for client in clients for uuid in client.made]
    try:
        until(lambda: _at_rest(catalog, jobs), DRAIN_S)
    except TimeoutError:
        depth = dict(catalog.app.env.transport.depth())
        states = Counter(catalog.state(uuid) for uuid in jobs)
        return [f"after {DRAIN_S} s there is still work: queues {depth}, jobs {dict(states)}"]
    return []


def _at_rest(catalog: Catalog, jobs: Sequence[str]) -> bool:
    depth = catalog.app.env.transport.depth()
    # Watchers of jobs that are over wait for their time, and find nothing to do.
    waiting = sum(count for queue, count in depth.items() if queue != WATCH_QUEUE)
    return not waiting and all(catalog.state(uuid) == "FINISHED" for uuid in jobs)


# ---------------------------------------------------------------------------------------------- judging


def _judge(catalog: Catalog, drivers: Sequence[Driver], launcher: Launcher) -> list[str]:
    clients: list[Client] = [*drivers, launcher]
    made = {uuid: files for client in clients for uuid, files in client.made.items()}
    sent = [sending.told() for sending in _sendings(clients)]
    begun = dict.fromkeys(message.job for message in sent if message.job and message.job not in made)
    seen = look_at(catalog, made, made=made, launched=frozenset(launcher.jobs)) + look_at(catalog, begun)
    faults = check(sent, seen)
    faults += [
        f"dead letter: {d.queue} {d.id} after {d.tries} tries: {d.reason}"
        for d in catalog.app.env.transport.dead()
    ]
    faults += _launch_faults(launcher)
    damage = damage_of_file(catalog.home / "catalog.db")
    if damage != "ok":
        faults.append(f"the file is damaged: {damage}")
    if not any(made.values()):
        faults.append("no job archived anything, so indexing was not tried")
    return faults


def _launch_faults(launcher: Launcher) -> list[str]:
    twice = [uuid for uuid, times in Counter(launcher.jobs).items() if times > 1]
    return [f"{uuid} was made by more than one launch" for uuid in twice]


def _figures(
    clients: Sequence[Client], kills: Counter[str], seed: int, killing_s: float, draining_s: float
) -> str:
    sendings = _sendings(clients)
    told = [sending.told() for sending in sendings]
    deliveries = sum(len(sending.answers) for sending in sendings)
    unanswered = sum(sending.answers.count(None) for sending in sendings)
    return (
        f"seed {seed}: {kills.total()} kills ({', '.join(f'{k} {n}' for k, n in sorted(kills.items()))}) in {killing_s:.0f} s; "
        f"{sum(len(c.made) for c in clients)} jobs; {len(sendings)} messages, {sum(t.acknowledged for t in told)} acknowledged, "
        f"{deliveries - len(sendings)} sent again, {unanswered} deliveries without an answer; at rest after {draining_s:.1f} s"
    )
