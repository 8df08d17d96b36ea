"""The life of a job in the catalog and in other programs that keep track of jobs: created, running, finished with an output record.

    python -m benchmarks.peers.install      # once
    python -m benchmarks.peers.lifecycle [peer ...]

One client each. In every round half of the catalog's jobs come before the peer's and half after, and the peer runs in a process and an environment
of its own. The catalog has a ledger of its own beside each peer, so that both hold as many jobs: 2,000 at the end. It does it
the way of `benchmarks/lifecycle.py`, embedded, each step one durable commit; three bare commits are the floor. Peers are set up in the
way that is usual for them and, where they have one, durable; `setup` of the facts tells how.
"""

from __future__ import annotations

import itertools
import json
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import Figure, bare_commit, figure, folder, installation, result, seconds, shown
from benchmarks.lifecycle import send
from benchmarks.peers.install import HERE, python_of
from benchmarks.peers.runners.talking import output, parameters
from benchmarks.servers import MONGODB, mongodb
from datacatalog.domain.kinds import TypedUuid
from datacatalog.services.jobs import JobPlan, create_job
from tests.harness import Catalog

ROUNDS = 10
JOBS = 2_000
WARM_UP = 20
COMMITS = 3
POSTGRESQL_PORT = 5432
NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A program beside the catalog.

    Attributes:
        name: whose environment it runs in, and whose runner it is.
        title: in the table.
        given: the argument of its runner, or "".
        goal: how many times as many jobs the catalog is to do.
        jobs: how many it is asked to do in all; fewer where the figure is only for information.
        missing: what it needs and is not there, or "".
        same_server: the catalog keeps its ledger in the same MongoDB server, too.
    """

    name: str
    title: str
    given: str = ""
    goal: str = ""
    jobs: int = JOBS
    missing: str = ""
    same_server: bool = False


def peers() -> list[Peer]:
    return [
        Peer(
            name="fireworks",
            title="FireWorks on a MongoDB server",
            given=MONGODB,
            goal=">= 20",
            missing="" if MONGODB else "$DATACATALOG_TEST_MONGODB is not set",
        ),
        Peer(
            name="fireworks",
            title="FireWorks, both on one MongoDB server",
            given=MONGODB,
            jobs=500,
            same_server=True,
            missing="" if MONGODB else "$DATACATALOG_TEST_MONGODB is not set",
        ),
        Peer(name="fireworks", title="FireWorks on mongomock, not durable", given="mongomock", jobs=500),
        Peer(name="aiida", title="AiiDA on SQLite", given="sqlite", goal=">= 20"),
        Peer(
            name="aiida",
            title="AiiDA on PostgreSQL",
            given=str(POSTGRESQL_PORT),
            jobs=500,
            missing="" if _listens(POSTGRESQL_PORT) else f"nothing listens on port {POSTGRESQL_PORT}",
        ),
        Peer(name="mlmd", title="ML Metadata on SQLite", goal=">= 2"),
        Peer(name="lamindb", title="LaminDB on SQLite", jobs=500),
        Peer(name="signac", title="signac, no fsync"),
        Peer(
            name="jobflow",
            title="jobflow on a MongoDB server, outputs only",
            given=MONGODB,
            missing="" if MONGODB else "$DATACATALOG_TEST_MONGODB is not set",
        ),
    ]


def main(names: Sequence[str] = ()) -> dict[str, Any]:
    figures: list[Figure] = []
    facts: dict[str, Any] = {}
    for peer in peers():
        if names and peer.name not in names:
            continue
        missing = peer.missing or ("" if python_of(peer.name) else "not installed")
        if missing:
            facts[f"left out: {peer.title}"] = missing
            continue
        try:
            some, hello = _beside(peer)
        except RuntimeError as e:
            facts[f"failed: {peer.title}"] = str(e)
            continue
        figures += some
        versions = ", ".join(f"{name} {version}" for name, version in hello["versions"].items())
        facts[peer.title] = f"{versions}; {hello['setup']}"
    return result("create, run, finish: one client, beside peers", figures, **facts)


def _beside(peer: Peer) -> tuple[list[Figure], dict[str, Any]]:
    share = peer.jobs // ROUNDS
    with ExitStack() as stack:
        home = stack.enter_context(folder())
        sections = stack.enter_context(mongodb()).sections if peer.same_server else {}
        catalog = stack.enter_context(installation(home / "ours", **sections))
        theirs = stack.enter_context(_running(peer, home))
        ours = partial(life, catalog, catalog.pipeline(), directory=False)
        bare = bare_commit(home / "bare.db")
        theirs.asked(WARM_UP)
        seconds(ours, WARM_UP)
        rows = []
        for _ in range(ROUNDS):
            before = seconds(ours, share // 2)
            floor = seconds(bare, COMMITS * share)
            its = theirs.asked(share)
            rows.append((before + seconds(ours, share - share // 2), its, floor))
    return _figures(peer, share, rows), theirs.hello


def _figures(peer: Peer, share: int, rows: Sequence[tuple[float, float, float]]) -> list[Figure]:
    def per_second(column: int) -> str:
        return f"{share / statistics.median(row[column] for row in rows):.0f} jobs/s"

    found = [
        figure(
            f"catalog / {peer.title}",
            [its / ours for ours, its, _ in rows],
            goal=peer.goal,
            ours=per_second(0),
            floor=per_second(1),
        )
    ]
    if peer.goal:
        found.append(
            figure(
                f"  catalog / {COMMITS} bare commits, in the same rounds",
                [floor / ours for ours, _, floor in rows],
                ours=per_second(0),
                floor=per_second(2),
            )
        )
    return found


class Running:
    """A peer's process.

    Attributes:
        hello: its versions and set-up.
    """

    def __init__(self, peer: Peer, home: Path) -> None:
        self._log = (home / f"{peer.name}.log").open("w+")
        (home / peer.name).mkdir()
        self._process = subprocess.Popen(
            [
                str(python_of(peer.name)),
                str(HERE / "runners" / f"run_{peer.name}.py"),
                str(home / peer.name),
                *([peer.given] if peer.given else []),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.hello = self._read()

    def asked(self, jobs: int) -> float:
        """Let it do that many jobs; return the seconds it took.  Raises RuntimeError: it ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jobs": jobs}) + "\n")
        self._process.stdin.flush()
        return float(self._read()["seconds"])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        finally:
            self._process.kill()
            self._log.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise RuntimeError(f"a peer ended: {self._log.read()[-2000:]}")
        told: dict[str, Any] = json.loads(line)
        return told


@contextmanager
def _running(peer: Peer, home: Path) -> Iterator[Running]:
    running = Running(peer, home)
    try:
        yield running
    finally:
        running.close()


def life(catalog: Catalog, pipeline: str, *, directory: bool) -> None:
    """Take one job of the catalog through what every peer does."""
    number = next(NUMBERS)
    plan = JobPlan(pipeline_uuid=TypedUuid(pipeline), data=parameters(number))
    job = create_job(plan, catalog.app.env, make_directory=directory)
    for name, data in (("run", None), ("finish", {"output": output(number)})):
        event = {"uuid": job.job.uuid, "name": name, "token": job.token, **({"data": data} if data else {})}
        send(catalog, "jobs-manager", json.dumps(event).encode())


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    told = main(sys.argv[1:])
    print(shown([told]))
    for key, value in told["facts"].items():
        print(f"{key}: {value}")
