"""A small computing platform on this machine, which behaves toward the catalog like Agave."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from datacatalog.adapters.platforms.local.documents import Site, job_document
from datacatalog.adapters.platforms.local.execution import Execution, Surroundings
from datacatalog.adapters.platforms.local.executors import Executor, LocalExecutor
from datacatalog.adapters.platforms.local.jobs import Accepted, Job, Jobs, job_id
from datacatalog.adapters.platforms.local.limits import NO_LIMITS, Limits
from datacatalog.adapters.platforms.local.notifications import QUEUE as NOTIFICATIONS_QUEUE
from datacatalog.adapters.platforms.local.notifications import Notifier, announce
from datacatalog.adapters.platforms.local.orders import Order, read_order
from datacatalog.adapters.platforms.local.outputs import Outputs
from datacatalog.adapters.platforms.local.registering import checked
from datacatalog.adapters.platforms.local.registry import Apps
from datacatalog.domain.archive import DEFAULT_SYSTEM
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField, NotSupported, NotYet, PlatformDown
from datacatalog.ports.clock import Clock
from datacatalog.ports.outgoing import Outgoing
from datacatalog.ports.platforms import PlatformJob, PlatformStep
from datacatalog.ports.storage import Entry, Storage
from datacatalog.ports.stores import Store, Work
from datacatalog.ports.tasks import Task

JOBS_QUEUE, STOPS_QUEUE = "platform-jobs", "platform-stops"
_DISK_WAIT = timedelta(seconds=15)


class LocalPlatform:
    """Runs registered commands as jobs.

    What it is asked for lies in `work_root`; what is to be done, in queues of the store, whose tasks workers do:
    "platform-jobs" (a job takes as long as its command), "platform-stops" (a job that is to be stopped) and
    "platform-notifications" (one callback). A worker that does all needs more than one thread, or the others wait for the command.
    """

    def __init__(
        self,
        store: Store,
        storage: Storage,
        clock: Clock,
        *,
        apps: Path | Mapping[str, JsonObject],
        work_root: Path,
        api_url: str,
        default_system: str = DEFAULT_SYSTEM,
        owner: str = "",
        tenant: str = "",
        execution_system: str = "local",
        registration: bool = False,
        callbacks: Outgoing,
        executor: Executor | None = None,
        limits: Limits = NO_LIMITS,
    ) -> None:
        """Wire the platform.

        Args:
            apps: a folder with one file per app (format: apps.py), or definitions by app id.
            work_root: where jobs are kept while they run; made when the first one comes.
            api_url: base URL of the gateway.
            default_system: storage system of inputs and archives that name none.
            owner, tenant: whose the jobs are of whom nobody else is said to be the owner.
            registration: whether apps may be registered while it runs.
            callbacks: sends callbacks, and tells where they may go.
            executor: what runs commands; None: this machine, as many as workers take on, not isolated.
            limits: of each process of a command.
        Raises:
            Misconfigured: an app file is not as it should be.
        """
        site = Site(api_url=api_url.rstrip("/"), system=execution_system, owner=owner)
        self._store, self._storage, self._clock = store, storage, clock
        self._site, self._default_system, self._tenant = site, default_system, tenant
        self._apps, self._registration = Apps(apps, work_root.absolute() / "apps"), registration
        self._jobs = Jobs(work_root.absolute(), default_system)
        self._closing = threading.Event()
        self._around = Surroundings(
            storage=storage,
            clock=clock,
            site=site,
            closing=self._closing.is_set,
            executor=executor or LocalExecutor(),
            limits=limits,
        )
        self._notifier = Notifier(self._jobs, site, callbacks)
        self._callbacks = callbacks

    # ----------------------------------------------------------------------------------- the port

    name = "local"  # Whatever runs its commands: its statuses are Agave's.

    def app(self, app_id: str) -> JsonObject:
        return self._apps.get(app_id).described()

    def apps(self) -> Sequence[str]:
        return self._apps.ids()

    def submit(self, definition: JsonObject, *, key: str, owner: str = "", tenant: str = "") -> PlatformJob:
        with _disk_told():
            job = self._jobs.find(job_id(key)) or self._jobs.add(
                self._accepted(definition, key, owner, tenant)
            )
        self._set_going([job])
        return self._shown(job)

    def job(self, id: str) -> PlatformJob:
        with _disk_told():
            job = self._jobs.get(id)
        # Whoever submitted it may have died before that was done, and finds it here without submitting it again.
        self._set_going([job])
        with _disk_told():
            return self._shown(job)

    def cancel(self, id: str) -> None:
        with _disk_told():
            job = self._jobs.get(id)
            job.cancel()
        if not job.state().final:
            # Whoever has the job in hand sees to it at once; one that waits is stopped by this.
            now = self._clock.now()
            self._store.transact(
                lambda work: work.outbox.send(STOPS_QUEUE, {"id": job.id}, id=job.accepted.key, at=now)
            )

    def register(self, definition: JsonObject, *, owner: str) -> JsonObject:
        if not self._registration:
            raise NotSupported("apps are not registered over HTTP, unless platform.registration is true")
        known = checked(definition, self._storage, self._default_system, self._site.system)
        with _disk_told():
            return self._apps.register(known, owner=owner, at=self._clock.now()).described()

    def jobs(self, *, tenant: str | None = None, limit: int = 100, offset: int = 0) -> Sequence[PlatformJob]:
        with _disk_told():
            wanted = (job for job in self._jobs.newest() if tenant in (None, self._tenant_of(job)))
            found = list(islice(wanted, offset, offset + limit))
        self._set_going(found)
        with _disk_told():
            return [self._shown(job) for job in found]

    def history(self, id: str) -> Sequence[PlatformStep]:
        with _disk_told():
            steps = self._jobs.get(id).state().steps
        return [PlatformStep(status=step.status, at=step.at, note=step.note) for step in steps]

    def outputs(self, id: str, path: str = "/") -> Sequence[Entry]:
        with _disk_told():
            return list(Outputs.of(self._jobs.get(id), self._storage).list(path))

    def output(self, id: str, path: str) -> BinaryIO:
        with _disk_told():
            return Outputs.of(self._jobs.get(id), self._storage).open(path)

    # ---------------------------------------------------------------------------------- for workers

    def tasks(self) -> Mapping[str, Callable[[Task], None]]:
        """Return what workers have to do: queue -> function."""
        return {JOBS_QUEUE: self.run, STOPS_QUEUE: self.stop, NOTIFICATIONS_QUEUE: self.notify}

    def run(self, task: Task) -> None:
        """Bring one job to its end.  Raises as `Execution.carry_out` does, and UnknownRecord."""
        with _disk_told(), _end_awaited(task):
            job = self._jobs.get(task.delivery.body["id"])
            with job.in_hand():
                Execution(job, task, self._around).carry_out()

    def stop(self, task: Task) -> None:
        """Stop a job that nobody has in hand.  Raises as `run` does; NotYet: somebody has, and will see to it."""
        with _disk_told():
            job = self._jobs.get(task.delivery.body["id"])
            state = job.state()
            if state.final or state.ran:
                task.finish(lambda work: None)
                return
            with job.in_hand() as alone:
                if not alone:
                    raise NotYet(f"the worker that has {job.id} in hand stops it")
                Execution(job, task, self._around).carry_out()

    def notify(self, task: Task) -> None:
        """Deliver one callback.  Raises as `Notifier.notify` does."""
        with _disk_told():
            self._notifier.notify(task)

    def close(self) -> None:
        """End the commands that run in this process; other workers begin them anew."""
        self._closing.set()

    def forget(self, *, before: datetime) -> int:
        """Remove what is kept of jobs that were over before an instant, callback URLs included; return how many.

        It belongs after `Store.prune` with the same instant: what is forgotten here cannot be announced any more.
        """
        with _disk_told():
            return self._jobs.forget(before)

    # ------------------------------------------------------------------------------------- the parts

    def _set_going(self, jobs: Sequence[Job]) -> None:
        """Send what sets jobs going that no worker has seen; what was sent before is not sent again."""
        with _disk_told():
            states = [(job, job.state()) for job in jobs]
        unseen = [(job, state) for job, state in states if not state.turn]

        def send(work: Work) -> None:
            now = self._clock.now()
            for job, state in unseen:
                announce(job.accepted, state, work, at=now)
                work.outbox.send(JOBS_QUEUE, {"id": job.id}, id=job.accepted.key, at=now)

        if unseen:
            self._store.transact(send)

    def _accepted(self, definition: JsonObject, key: str, owner: str, tenant: str) -> Accepted:
        order = read_order(definition, self._apps.get(definition.get("appId", "")), self._default_system)
        self._check_places(order)
        return Accepted(
            id=job_id(key),
            key=key,
            created=self._clock.now(),
            definition=dict(definition),
            order=order,
            owner=owner,
            tenant=tenant,
        )

    def _check_places(self, order: Order) -> None:
        known = self._storage.systems()
        for name, uris in order.inputs.items():
            for uri in uris:
                if uri.system not in known:
                    raise InvalidField(f"inputs/{name}", f"{uri.system} is no storage system here")
        if order.archive and order.archive.system not in known:
            raise InvalidField("archiveSystem", f"{order.archive.system} is no storage system here")
        for i, notification in enumerate(order.notifications):
            self._callbacks.check(notification.url, f"notifications/{i}/url")

    def _tenant_of(self, job: Job) -> str:
        return job.accepted.tenant or self._tenant

    def _shown(self, job: Job) -> PlatformJob:
        steps = job.state().steps
        detail = job_document(job.accepted, steps, self._site)
        return PlatformJob(
            id=job.id,
            status=steps[-1].status,
            link=detail["_links"]["self"]["href"],
            detail=detail,
            owner=detail["owner"],
            tenant=self._tenant_of(job),
            notifications=[
                {"event": one.event, "url": one.url, "persistent": one.persistent}
                for one in job.accepted.order.notifications
            ],
        )


@contextmanager
def _end_awaited(task: Task) -> Iterator[None]:
    """Let a job that was given up wait for the disk, until how it ended can be written there."""
    try:
        yield
    except OSError as e:
        if not task.exhausted:
            raise
        raise NotYet(f"how the job ended cannot be written: {e}", after=_DISK_WAIT) from e


@contextmanager
def _disk_told() -> Iterator[None]:
    """Turn errors of the disk, where jobs are kept, into ours."""
    try:
        yield
    except OSError as e:
        raise PlatformDown(f"the local platform's disk: {e}") from e
