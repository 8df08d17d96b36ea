"""A job on disk: what was asked for, which never changes, and what became of it so far.

<work root>/<job id>/job.json       what was accepted; it holds callback URLs, so only its owner may read it
                     status.json    replaced as a whole with each step
                     cancelled      made by whoever wants the job stopped
                     lock           held while status.json changes
                     worker         held by the worker that has the job in hand
                     attempt-<n>/   inputs, working folder and the like of the attempt that is under way
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from datacatalog.adapters.platforms.local import disk
from datacatalog.adapters.platforms.local.definitions import read_app
from datacatalog.adapters.platforms.local.orders import Order, read_order
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import DatacatalogError, LeaseLost, UnknownRecord

PENDING = "PENDING"
FINAL = frozenset({"FINISHED", "FAILED", "STOPPED"})
ARCHIVED = frozenset({"ARCHIVING_FINISHED", "FINISHED"})
"""What a job made is in its archive then."""

_LOG = logging.getLogger(__name__)
_ID = re.compile(r"[0-9]{19}-242ac11b-0001-007")
_SMALLEST, _ABOVE_LARGEST = 10**18, 2**63


def job_id(key: str) -> str:
    """Return the id of the job that was submitted with this key, in Agave's form."""
    number = int.from_bytes(hashlib.sha256(f"local-platform-job\0{key}".encode()).digest())
    return f"{_SMALLEST + number % (_ABOVE_LARGEST - _SMALLEST)}-242ac11b-0001-007"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What was asked for.

    Attributes:
        key: the submitter's; it is also the id of the message that runs the job.
        owner, tenant: whose job it is; "": the platform's own.
    """

    id: str
    key: str
    created: datetime
    definition: JsonObject
    order: Order
    owner: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A job came to a status; `note` says why, where that needs saying."""

    status: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What became of a job so far.

    Attributes:
        steps: at least one, oldest first.
        turn: counts the workers that took the job over; only the last one may write.
        attempt: the number of the attempt under way; 0: none yet.
        process: what runs the attempt's command, as its executor tells; None: nothing has begun.
        ran: whether the attempt's command ended well, so that only its outputs are still to be archived.
    """

    steps: tuple[Step, ...]
    turn: int = 0
    attempt: int = 0
    process: JsonObject | None = None
    ran: bool = False

    @property
    def status(self) -> str:
        return self.steps[-1].status

    @property
    def final(self) -> bool:
        return self.status in FINAL

    def reaching(self, step: Step) -> State:
        """Return the state with one more step; coming to where it is already is none."""
        return self if step.status == self.status else replace(self, steps=(*self.steps, step))


class Job:
    """One job's folder. Raises OSError from all methods where the disk fails."""

    def __init__(self, folder: Path, accepted: Accepted) -> None:
        self.folder, self.accepted = folder, accepted

    @property
    def id(self) -> str:
        return self.accepted.id

    def state(self) -> State:
        """Return what is written; a job of which nothing is waits for its first worker."""
        try:
            document = json.loads((self.folder / "status.json").read_bytes())
        except FileNotFoundError:
            return State(steps=(Step(status=PENDING, at=self.accepted.created),))
        return _read_state(document)

    def change(self, change: Callable[[State], State], *, turn: int) -> State:
        """Write what `change` makes of the state, and return it.

        Raises:
            LeaseLost: another worker took over; nothing was written.
        """
        with self.locked():
            old = self.state()
            if old.turn != turn:
                raise LeaseLost(self.accepted.key)
            new = change(old)
            if new != old:
                self._write(new)
        return new

    def take_over(self, check: Callable[[], object]) -> State:
        """Count a new turn, after which no earlier worker can write.

        Args:
            check: raises where this worker should not take the job.
        """
        with self.locked():
            check()
            old = self.state()
            new = replace(old, turn=old.turn + 1)
            self._write(new)
        return new

    def was_over(self, before: datetime) -> bool:
        state = self.state()
        return state.final and state.steps[-1].at < before

    def cancel(self) -> None:
        disk.write_once(self.folder / "cancelled", b"")

    def is_cancelled(self) -> bool:
        return (self.folder / "cancelled").exists()

    @contextmanager
    def in_hand(self) -> Iterator[bool]:
        """Show that a worker has the job in hand while the context lasts; False: another one has, or is suspended."""
        with ExitStack() as held:
            try:
                held.enter_context(disk.locked(self.folder / "worker", timedelta(0)))
            except TimeoutError:
                yield False
            else:
                yield True

    def attempt_folder(self, attempt: int) -> Path:
        return self.folder / f"attempt-{attempt}"

    def clear_attempts(self) -> None:
        """Remove the folders of all attempts, as far as what commands made can be removed; new ones do not reuse them."""
        for folder in self.folder.glob("attempt-*"):
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        with disk.locked(self.folder / "lock"):
            yield

    def _write(self, state: State) -> None:
        disk.replace(self.folder / "status.json", _bytes(_state_document(state)))


class Jobs:
    """All jobs, below one folder."""

    def __init__(self, root: Path, default_system: str) -> None:
        self._root, self._default_system = root, default_system

    def add(self, accepted: Accepted) -> Job:
        """Write a job down and return it, or return the one that has its id already."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = self._root / accepted.id
        disk.make_private(folder)
        document = {
            "id": accepted.id,
            "key": accepted.key,
            "created": accepted.created.isoformat(),
            "app": accepted.order.app.document,
            "folder": accepted.order.app.folder,
            "definition": accepted.definition,
            "owner": accepted.owner,
            "tenant": accepted.tenant,
        }
        written = disk.write_once(folder / "job.json", _bytes(document))
        disk.sync_folder(self._root)
        return Job(folder, accepted) if written else self.get(accepted.id)

    def find(self, id: str) -> Job | None:
        # An id makes a path: what does not look like one never gets that far.
        if not _ID.fullmatch(id):
            return None
        folder = self._root / id
        try:
            document = json.loads((folder / "job.json").read_bytes())
        except FileNotFoundError:
            return None
        try:
            app = read_app(document["app"], document["folder"])
            accepted = Accepted(
                id=document["id"],
                key=document["key"],
                created=datetime.fromisoformat(document["created"]),
                definition=document["definition"],
                order=read_order(document["definition"], app, self._default_system),
                owner=document.get("owner", ""),
                tenant=document.get("tenant", ""),
            )
        except DatacatalogError as e:
            # An earlier version took what this one does not; one such job must not keep all others from being told of.
            _LOG.error("platform job %s cannot be read: %s", id, e)
            return None
        return Job(folder, accepted)

    def get(self, id: str) -> Job:
        """Return a job.  Raises UnknownRecord."""
        found = self.find(id)
        if found is None:
            raise UnknownRecord(str(id)[:80], "platform job")
        return found

    def newest(self) -> Iterator[Job]:
        """Yield all jobs, newest first; each is read when its turn comes."""
        known = [(_written(folder), folder.name) for folder in self._folders()]
        for _, name in sorted(known, reverse=True):
            if (job := self.find(name)) is not None:
                yield job

    def _folders(self) -> list[Path]:
        found = self._root.iterdir() if self._root.is_dir() else ()
        return [folder for folder in found if _ID.fullmatch(folder.name)]

    def forget(self, before: datetime) -> int:
        """Remove the jobs that were over before an instant; return how many."""
        found = [self.find(folder.name) for folder in self._folders()]
        over = [job for job in found if job is not None and job.was_over(before)]
        for job in over:
            shutil.rmtree(job.folder, ignore_errors=True)
        return len(over)


def _written(folder: Path) -> int:
    """Return when a job was written down, in nanoseconds; 0: it is gone, or not whole."""
    try:
        return (folder / "job.json").stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _read_state(document: Mapping[str, Any]) -> State:
    return State(
        steps=tuple(
            Step(status=step["status"], at=datetime.fromisoformat(step["at"]), note=step["note"])
            for step in document["steps"]
        ),
        turn=document["turn"],
        attempt=document["attempt"],
        process=document["process"],
        ran=document["ran"],
    )


def _state_document(state: State) -> JsonObject:
    return {
        "steps": [
            {"status": step.status, "at": step.at.isoformat(), "note": step.note} for step in state.steps
        ],
        "turn": state.turn,
        "attempt": state.attempt,
        "process": state.process,
        "ran": state.ran,
    }


def _bytes(document: JsonObject) -> bytes:
    return json.dumps(document, indent=1).encode()
