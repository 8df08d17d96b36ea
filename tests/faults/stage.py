"""A whole installation under load, on which something goes wrong; then it comes to rest, and is judged."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from datacatalog.domain.errors import Unavailable
from datacatalog.domain.kinds import Kind
from datacatalog.services.dispatch import ACTORS
from datacatalog.services.nonces import create_nonce
from datacatalog.services.reconciling import WATCH_QUEUE
from tests.faults import journal, reporting
from tests.faults.clients import APP, APP_FILE, Client, Driver, Launcher, journals
from tests.faults.engines import SQLITE, Engine
from tests.faults.fleet import Fleet, steady_port
from tests.faults.ledger import damage_of_file, look_at
from tests.faults.model import Seen, Sent, check
from tests.faults.reporting import DOUBLED, GHOSTS, LOST, RECOVERY_MAX_S, Report
from tests.faults.subscriber import Subscriber
from tests.harness import Catalog, install, until

WORKER: Mapping[str, Any] = {"max_tries": 1000}
"""As it is shipped, but that a message may be hit again and again."""
ROLES: Mapping[str, Sequence[str]] = {
    "gateway": ("serve",),
    "worker-1": ("worker",),
    "worker-2": ("worker",),
}
DRAIN_S = 120
RECOVERY_WATCHED_S = 60
LOOK_EVERY_S = 0.05
SELDOM_S = 0.2
PRESSED_AT = 25
"""So many messages that wait are enough: what is measured is how things recover, not how fast this machine is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a stage is set.

    Attributes:
        sections: go over the configuration.
        store_file: the ledger, where it is a file elsewhere than in the home.
        prefix, environ: of the processes, see Fleet.
        host: the address of the subscriber.
        gateway_host: where gateways listen.
        mortal: whether processes may end by themselves; they are then started again, as a supervisor would do.
        queued: whether events of jobs are taken into a queue, and handled by workers.
        subscribed: whether somebody is to be told of what happens to the jobs of the drivers.
        drivers: clients that drive jobs.
        pause_s: between two jobs of one of them; workers are to keep up, so that what is measured is recovery.
        launch_pause_s: between two launches of the one client that launches apps; None: there is none.
    """

    scenario: str
    seed: int
    engine: Engine = SQLITE
    roles: Mapping[str, Sequence[str]] = field(default_factory=lambda: ROLES)
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    store_file: Path | None = None
    prefix: Sequence[str] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    gateway_host: str = "127.0.0.1"
    mortal: bool = False
    queued: bool = False
    subscribed: bool = True
    drivers: int = 4
    pause_s: float = 1.0
    launch_pause_s: float | None = 1.5


class Stage:
    """Used as a context; `fleet` and `clients` run from `play` on."""

    def __init__(self, home: Path, setting: Setting) -> None:
        self.home, self.setting = home, setting
        self.rng = random.Random(setting.seed)
        self.faults: list[str] = []
        self.recoveries_s: list[float] = []
        self.backlogs_s: list[float] = []
        self.figures: dict[str, Any] = {}
        self.calm_s = self.start_s = self.accepted_s = 0.0
        self._quiet = False
        self._finished: set[str] = set()
        self.known: set[str] = set()  # jobs that a scenario made by itself
        self.partitions = 0
        self._exits = ExitStack()
        self._stop = threading.Event()

    def __enter__(self) -> Stage:
        try:
            self._set()
        except BaseException:
            self._exits.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._exits.close()

    def _set(self) -> None:
        setting = self.setting
        (self.home / "apps").mkdir(parents=True)
        (self.home / "apps" / f"{APP}.yml").write_text(APP_FILE)
        self.subscriber = self._exits.enter_context(Subscriber(setting.host))
        gateway = {"host": setting.gateway_host, "port": steady_port()}
        # So that the platform is asked soon for jobs whose callbacks are on their way.
        sections: dict[str, Any] = {"worker": WORKER, "platform": {"poll_interval_s": 1}, "gateway": gateway}
        if setting.queued:
            sections["actors"] = {"jobs-manager": {"delivery": "queued"}}
        if setting.store_file is not None:
            sections["store"] = {"url": f"sqlite:///{setting.store_file}"}
        for more in (self.subscriber.sections, setting.engine.sections, setting.sections):
            for name, section in more.items():
                sections[name] = {**sections.get(name, {}), **section}
        self.catalog: Catalog = install(self.home, **sections)
        self._exits.callback(self.catalog.app.close)
        # One that outlives any jump of a clock.
        self.catalog.nonce = create_nonce(self.catalog.app.env, actor="*", owner="tests", level="UPDATE")
        self.pipeline = pipeline = self.catalog.pipeline()
        self.catalog.pipeline(id=APP, name="Marker", components=[{"id": APP, "inputs": {}, "parameters": {}}])
        self.spare = (
            self.catalog.job().job.uuid
        )  # of another pipeline, for whoever needs one that nobody drives
        if setting.subscribed:
            self.subscriber.subscribe(self.catalog, pipeline)
        self.drivers = [self._driver(pipeline, str(n), setting.pause_s) for n in range(setting.drivers)]
        self._probe = self._driver(pipeline, "probe", pause_s=0)
        self.launchers = self._launchers()
        self.clients: list[Client] = [*self.drivers, *self.launchers]

    def _driver(self, pipeline: str, name: str, pause_s: float) -> Driver:
        return Driver(
            self.catalog,
            f"{self.setting.seed}-{name}",
            self._stop,
            pipeline=pipeline,
            pause_s=pause_s,
            queued=self.setting.queued,
        )

    def _launchers(self) -> list[Launcher]:
        pause, name = self.setting.launch_pause_s, f"{self.setting.seed}-launcher"
        return [] if pause is None else [Launcher(self.catalog, name, self._stop, pause_s=pause)]

    # ------------------------------------------------------------------------------------------- playing

    def play(self, disturb: Callable[[Stage], None]) -> Report:
        """Run processes and clients, let `disturb` do its worst, wait until there is rest, and judge."""
        began = time.monotonic()
        setting = self.setting
        with Fleet(
            self.catalog,
            setting.roles,
            servers=setting.engine.servers,
            prefix=setting.prefix,
            environ=setting.environ,
            mortal=setting.mortal,
        ) as self.fleet:
            started = time.monotonic()
            self.catalog.wait_ready(120)
            self.start_s = time.monotonic() - started
            threading.Thread(target=self._press, daemon=True).start()
            for client in self.clients:
                client.start()
            try:
                self._feel()
                disturb(self)
            finally:
                self._stop.set()
                for client in self.clients:
                    client.join(DRAIN_S)
                self._probe.close()
            self._come_to_rest()
        seen = self._judge() if not self._is_hopeless() else []
        return self._report(seen, time.monotonic() - began)

    def _is_hopeless(self) -> bool:
        return any(client.is_alive() for client in self.clients)

    def readable(self) -> bool:
        """Tell whether the gateway lets the ledger be read now."""
        with suppress(requests.RequestException):
            return requests.get(
                f"{self.catalog.url}/actors/v2/jobs-manager/executions?limit=1",
                params={"x-nonce": self.catalog.nonce},
                timeout=10,
            ).ok
        return False

    def until_acknowledged(self, timeout_s: float) -> float:
        """Wait until some client is acknowledged something anew; return how long it took [s]."""
        began = time.monotonic()
        until(lambda: any(client.last > began for client in self.clients), timeout_s)
        return time.monotonic() - began

    def _press(self) -> None:
        """Have clients wait while much waits to be done."""
        transport = self.catalog.app.env.transport
        while not self._stop.wait(1.0):
            with suppress(Unavailable):
                depth = transport.depth()
                waiting = sum(count for queue, count in depth.items() if queue != WATCH_QUEUE)
                self._press_once(waiting)

    def _press_once(self, waiting: int = 0) -> None:
        for client in self.clients:
            if waiting > PRESSED_AT or self._quiet:
                client.pressed.set()
            else:
                client.pressed.clear()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Have clients begin nothing new, and wait until all they began is done; they go on afterwards."""
        self._quiet = True
        try:
            time.sleep(1)
            seldom(lambda: not self.waiting(), RECOVERY_WATCHED_S)
            yield
        finally:
            self._quiet = False

    def say(self, what: str) -> None:
        """Write into the log of the processes what the scenario does now."""
        with (self.home / "processes.log").open("a") as file:
            file.write(f"--- {datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f} {what}\n")

    def _feel(self) -> None:
        """Measure, while nothing is wrong, what recovery is measured by: the worst of it so far counts."""
        self.calm_s = max(self.calm_s, self._probe_once(time.monotonic(), set()))
        self.figures["calm"] = f"{self.calm_s:.1f} s (start {self.start_s:.1f} s)"

    def _start_something(self) -> None:
        """Measure what starting a process takes now; a command opens the ledger, too."""
        began = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "datacatalog", "token", "admin"],
            env={**os.environ, "DATACATALOG_CONFIG": str(self.home / "config.yml")},
            cwd=self.home,
            capture_output=True,
            check=False,
        )
        self.start_s = max(self.start_s, time.monotonic() - began)

    def recover(self, *, restarted: bool = False) -> float:
        """Measure how long it takes, from now, until a job that begins now was accepted, finished and indexed [s].

        It is a fault where that takes too long; what it takes while nothing is wrong, before or right afterwards, is granted.
        What waited before is to be done, too, within a minute: some of it may have been put off for its failures. Clients end what they
        have begun meanwhile, and begin nothing more: it is no matter how fast this machine is.

        Args:
            restarted: processes were started at the end of the fault; what that takes while nothing is wrong is granted, too.
        """
        self.say("the fault has ended")
        began, waiting = time.monotonic(), self.waiting()
        self._quiet = True
        try:
            self._press_once()
            took = self._probe_once(began, waiting)
        finally:
            self._quiet = False
        self.say(f"recovered after {took:.1f} s")
        self.recoveries_s.append(round(took, 2))
        if took > RECOVERY_MAX_S + self._granted_s(restarted):
            # The machine may be busier by now than it was.
            self._start_something()
            self._feel()
            if took > RECOVERY_MAX_S + (granted_s := self._granted_s(restarted)):
                self.faults.append(f"recovery took {took:.1f} s, and {granted_s:.1f} s are due to no fault")
        return took

    def _granted_s(self, restarted: bool) -> float:
        return self.calm_s + (self.start_s if restarted else 0)

    def _probe_once(self, began: float, waiting: set[tuple[str, str]]) -> float:
        """Return when, after `began`, a job was through that begins now; wait for the rest."""
        uuid = self._probe.probe()
        self.accepted_s = max(self.accepted_s, time.monotonic() - began)
        took = 0.0
        try:
            seldom(lambda: self._indexed(uuid), RECOVERY_WATCHED_S)
            took = time.monotonic() - began
            seldom(lambda: not (waiting & self.waiting()), RECOVERY_WATCHED_S)
        except TimeoutError:
            left = sorted(waiting & self.waiting())[:5]
            self.faults.append(
                f"after {RECOVERY_WATCHED_S} s there is still work: {left}; {self.fleet.log_end()}"
            )
        if waiting:
            self.backlogs_s.append(round(time.monotonic() - began, 2))
        return took or time.monotonic() - began

    def _indexed(self, uuid: str) -> bool:
        return patiently(lambda: self.catalog.history(uuid)[-1]["name"] == "indexed")

    def waiting(self) -> set[tuple[str, str]]:
        """Return queue and id of every message that is not done yet."""
        transport = self.catalog.app.env.transport
        queues = [q for q in (*ACTORS, *self.catalog.app.tasks) if q != WATCH_QUEUE]
        return patiently(lambda: {(queue, key) for queue in queues for key in transport.waiting(queue, "")})

    # ------------------------------------------------------------------------------------ coming to rest

    def _come_to_rest(self) -> None:
        """Wait until nothing is left to do; nobody helps."""
        for client in self.clients:
            if client.is_alive():
                self.faults.append(f"{client.name} never came to its end")
        began, jobs = time.monotonic(), [uuid for client in self._all() for uuid in client.made]
        try:
            seldom(lambda: patiently(lambda: self._at_rest(jobs)), DRAIN_S)
        except TimeoutError:
            depth = dict(self.catalog.app.env.transport.depth())
            states = Counter(self.catalog.state(uuid) for uuid in jobs)
            self.faults.append(f"after {DRAIN_S} s there is still work: queues {depth}, jobs {dict(states)}")
        if self.recoveries_s:
            self.figures["all its messages were accepted after"] = f"{self.accepted_s:.1f} s at most"
        self.figures["at rest after"] = f"{time.monotonic() - began:.1f} s"
        self.fleet.mend()
        if deaths := self.fleet.deaths.total():
            self.figures["ended by themselves"] = deaths
        self.faults += self.fleet.faults
        self.faults += [fault for client in self._all() for fault in client.faults]
        if self.faults:
            self.faults.append(self.fleet.log_end())

    def _at_rest(self, jobs: Sequence[str]) -> bool:
        depth = self.catalog.app.env.transport.depth()
        # Watchers of jobs that are over wait for their time, and find nothing to do.
        waiting = sum(count for queue, count in depth.items() if queue != WATCH_QUEUE)
        if waiting:
            return False
        self._finished.update(uuid for uuid in jobs if self.catalog.state(uuid) == "FINISHED")
        return self._finished.issuperset(jobs)

    def _all(self) -> list[Client]:
        return [*self.clients, self._probe]

    # ------------------------------------------------------------------------------------------- judging

    def _judge(self) -> list[Seen]:
        made = {uuid: files for client in self._all() for uuid, files in client.made.items()}
        launched = [uuid for launcher in self.launchers for uuid in launcher.jobs]
        sent = journal.told(journals(self.catalog))
        begun = dict.fromkeys(message.job for message in sent if message.job and message.job not in made)
        seen = look_at(self.catalog, made, made=made, launched=frozenset(launched))
        seen += look_at(self.catalog, begun)
        self.faults += check(sent, seen)
        self.faults += self._dead_letters()
        self.faults += [
            f"{uuid} was made by more than one launch" for uuid, n in Counter(launched).items() if n > 1
        ]
        self.faults += self._strangers({self.spare, *self.known, *(job.uuid for job in seen)})
        self.faults += self._execution_faults(sent)
        driven = {uuid for driver in (*self.drivers, self._probe) for uuid in driver.made}
        histories = {job.uuid: [e for _, e in job.history] for job in seen if job.uuid in driven}
        if self.setting.subscribed:
            self.faults += self.subscriber.complaints(histories)
        self.faults += self._damage()
        if not any(made.values()):
            self.faults.append("no job archived anything, so indexing was not tried")
        return seen

    def _dead_letters(self) -> Iterable[str]:
        for letter in self.catalog.app.env.transport.dead():
            yield f"dead letter: {letter.queue} {letter.id} after {letter.tries} tries: {letter.reason}"

    def _strangers(self, known: set[str]) -> Iterable[str]:
        """Tell of jobs that are in the ledger, and that no client knows of."""
        store, after = self.catalog.app.env.store, None
        while True:
            page = store.read(
                lambda work, after=after: work.records.page(Kind.PIPELINEJOB, after=after, limit=1000)
            )
            yield from (f"{r.uuid} is a job, and nobody made it" for r in page.records if r.uuid not in known)
            if (after := page.next) is None:
                return

    def _execution_faults(self, sent: Sequence[Sent]) -> Iterable[str]:
        """Every acknowledged message has the execution that its sender was told, and it came to a good end."""
        store = self.catalog.app.env.store
        for message in sent:
            for key in set(message.executions):
                found = store.read(lambda work, m=message, key=key: work.executions.get(m.actor, key))
                if found is None:
                    yield f"{message.job}: {message.event} {message.mark} has no execution {key}"
                elif found.status != "COMPLETE":
                    yield f"{message.job}: {message.event} {message.mark}: its execution is {found.status}"

    def _damage(self) -> Iterable[str]:
        file = self.setting.store_file or self.catalog.home / "catalog.db"
        if self.setting.engine.name.startswith("sqlite") and (damage := damage_of_file(file)) != "ok":
            yield f"the file is damaged: {damage}"

    def _report(self, seen: Sequence[Seen], seconds: float) -> Report:
        tried, unanswered = journal.attempts(journals(self.catalog))
        sent = journal.told(journals(self.catalog))
        report = Report(
            scenario=self.setting.scenario,
            engine=self.setting.engine.name,
            seed=self.setting.seed,
            faults=list(self.faults),
            kills=dict(self.fleet.kills),
            partitions=self.partitions,
            jobs=len(seen),
            attempts=tried,
            unanswered=unanswered,
            acknowledged=sum(message.acknowledged for message in sent),
            lost=reporting.count(self.faults, *LOST),
            doubled=reporting.count(self.faults, *DOUBLED),
            ghosts=reporting.count(self.faults, *GHOSTS),
            recoveries_s=list(self.recoveries_s),
            backlogs_s=list(self.backlogs_s),
            told=len(self.subscriber.told),
            seconds=round(seconds, 1),
            figures=dict(self.figures),
            folder=str(self.home),
        )
        report.note(self.home)
        return report


def seldom(true: Callable[[], bool], timeout_s: float) -> None:
    """Wait until something becomes true, and look no more often than the machine bears.

    Raises:
        TimeoutError.
    """
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(SELDOM_S)


def patiently(look: Callable[[], Any], timeout_s: float = RECOVERY_WATCHED_S) -> Any:
    """Return what `look` finds; where the store is away for now, look again.

    Raises:
        Unavailable: it is away for very long.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return look()
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOOK_EVERY_S)
