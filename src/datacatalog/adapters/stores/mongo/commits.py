"""Running pieces of work: on the collections as they are, and again where others committed what they had looked at.

The bodies of a batch count as if they had run one after the other, each over what those before it wrote; all of it is one commit. Nothing of
theirs counts, no result and no error, before the log has told that what they saw was one state.
"""

from __future__ import annotations

import os
import secrets
import threading
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from datacatalog.adapters.stores.mongo import marks, moments
from datacatalog.adapters.stores.mongo.client import Server, told
from datacatalog.adapters.stores.mongo.log import Draft, Entry, Log, conflict
from datacatalog.adapters.stores.mongo.overlay import Layer, Ranks
from datacatalog.adapters.stores.mongo.session import Session
from datacatalog.adapters.stores.signal import Signal
from datacatalog.adapters.stores.turns import Task, Turns
from datacatalog.domain.errors import StoreDown
from datacatalog.ports.stores import Done

T = TypeVar("T")

PATIENT = 6
"""How often work runs in vain, because others committed what it had looked at, before it holds the log."""

_NESTED = "a transaction cannot run inside another one; use the Work that you were given"


class Commits:
    """Runs bodies of work on the ledger.

    Attributes:
        count: how many commits were written since it was opened.
        log: where they are written.
        signal: tells those who wait for messages; bodies mark it, commits pass it on.
    """

    def __init__(self, server: Server) -> None:
        self.count = 0
        self.log = Log(server)
        self._server = server
        self._start()
        _instances.add(self)

    def _start(self) -> None:
        self.signal = Signal()
        self._turns: Turns[Session] = Turns(self._run)
        self._running = threading.Lock()
        self._inside = threading.local()

    def write(self, body: Callable[[Session], T]) -> T:
        """Run `body` and return once what it wrote is durable.

        Raises:
            StoreDown: nothing was written, unless its text says that this is unknown.
            RuntimeError: called inside a transaction.
        """
        [done] = self.write_each([body])
        if done.error is not None:
            raise done.error
        return done.result  # type: ignore[no-any-return]

    def write_each(self, bodies: Sequence[Callable[[Session], Any]]) -> list[Done]:
        """Run bodies as `write` does, each all-or-nothing by itself, in one commit; return what became of each.

        Raises:
            RuntimeError: called inside a transaction.
        """
        self._check_outside()
        if not bodies:
            return []
        head, *others = [Task(body) for body in bodies]
        head.others = others
        self._turns.take(head)
        return [Done(task.result, task.error) for task in (head, *others)]

    def read(self, body: Callable[[Session], T]) -> T:
        """Run `body` on one state of the ledger.  Raises StoreDown; RuntimeError as `write` does."""
        self._check_outside()
        self._check_open()
        self._inside.busy = True
        try:
            task = Task(body)
            _Attempts(self._server, self.log, self._inside, may_write=False).run([task])
        finally:
            self._inside.busy = False
        if task.error is not None:
            raise task.error
        return task.result  # type: ignore[no-any-return]

    def close(self) -> None:
        """Let the commit that is being made end, then give the connections up; later calls raise StoreDown."""
        self._check_outside()
        with self._running:
            self._server.close()

    def after_fork(self) -> None:
        """Forget, in a child, what belongs to the parent and its other threads."""
        self._start()
        self.log.start()

    def _run(self, batch: Sequence[Task[Session]]) -> None:
        self._inside.busy = True
        try:
            with self._running:
                self._check_open()
                self.count += _Attempts(self._server, self.log, self._inside, may_write=True).run(batch)
        except StoreDown as error:
            # What they saw was never told to be one state, so even the errors that some of them met may be wrong.
            for task in batch:
                task.error = StoreDown(str(error))
                task.error.__cause__ = error
        finally:
            self._inside.busy = False
        for task in batch:
            task.done = True
        self.signal.pass_on()

    def _check_open(self) -> None:
        if self._server.closed:
            raise StoreDown("the store is closed")

    def _check_outside(self) -> None:
        if getattr(self._inside, "busy", False):
            raise RuntimeError(_NESTED)


class _Attempts:
    """Runs a batch until it stands."""

    def __init__(self, server: Server, log: Log, inside: threading.local, *, may_write: bool) -> None:
        """Args: inside: `busy` in a thread that runs a body."""
        self._server = server
        self._inside = inside
        self._log = log
        self._may_write = may_write
        self._lost = 0
        self._me = secrets.token_hex(8)
        self._held = 0
        # When nobody had the number yet that comes after the state which is worked on.
        self._free = moments.now()

    def run(self, batch: Sequence[Task[Session]]) -> bool:
        """Run the batch; tell whether something was committed.

        Raises:
            StoreDown: nothing was written, unless its text says that this is unknown.
        """
        if self._may_write:
            base, self._free = self._log.free()
        else:
            base = self._log.ready()
        try:
            while True:
                seen, draft = self._try(batch)
                if draft.writes:
                    standing, base = self._commit(seen, draft, base)
                else:
                    later = self._look(base)
                    standing = not conflict(seen, base, later)
                    base = base if standing else self._after(later)
                if standing:
                    return bool(draft.writes)
        finally:
            if self._held:
                self._log.lift(self._held)

    def _try(self, batch: Sequence[Task[Session]]) -> tuple[set[str], Draft]:
        """Run all bodies; return what they have seen, and what those that did not fail have written."""
        layer, ranks = Layer(), Ranks()
        seen: set[str] = set()
        touched: set[str] = set()
        early = self._try_side_by_side(batch) if len(batch) > 1 else {}
        for task in batch:
            session = early.get(task)
            if session is None or not touched.isdisjoint(session.seen) or layer.in_the_way(session.layer):
                session = Session(self._server, layer, ranks, may_write=self._may_write)
                _run_body(task, session)
            if isinstance(task.error, StoreDown):
                raise task.error
            if task.error is None:
                layer.take(session.layer, later=0 if session.ranks is ranks else ranks.following)
                touched |= session.touched
            if session.ranks is not ranks:
                ranks.following += session.ranks.following
            seen |= session.seen
        return seen, Draft(writes=list(layer), touched=marks.packed(touched))

    def _try_side_by_side(self, batch: Sequence[Task[Session]]) -> dict[Task[Session], Session]:
        """Run each body as if it were alone, all at the same time, since most of their time is waiting for the server.

        What one did stands where nothing that it looked at is written by those before it.
        """
        sessions = {
            task: Session(self._server, Layer(), Ranks(), may_write=self._may_write) for task in batch
        }

        def run(task: Task[Session]) -> None:
            was, self._inside.busy = getattr(self._inside, "busy", False), True
            try:
                _run_body(task, sessions[task])
            finally:
                self._inside.busy = was

        # The leader's own body is run by the leader.
        self._server.side_by_side([partial(run, task) for task in reversed(batch)])
        return sessions

    def _commit(self, seen: set[str], draft: Draft, base: int) -> tuple[bool, int]:
        """Append a draft to the log where it stands; return whether it does, and the state that it is to be tried on else."""
        while not self._log.insert(base + 1, draft, self._free):
            later = self._look(base)
            if conflict(seen, base, later):
                return False, self._after(later)
            if later:
                base = self._log.settle(later)
                self._await(later[-1])
        self._log.apply(base + 1, draft)
        self._held = 0
        return True, base + 1

    def _after(self, later: Sequence[Entry]) -> int:
        """Return the state on which to run again; after too many attempts, one that nobody else changes."""
        self._lost += 1
        base = self._log.settle(later)
        while True:
            self._await(later[-1])
            if self._lost < PATIENT:
                return base
            # A hold of before, which was not long enough, is over by now: others have gone on.
            hold = Draft(writes=(), touched=b"", hold=self._me)
            if self._log.insert(base + 1, hold, self._free):
                self._held = base + 1
                return self._held
            later = self._look(base) or later
            base = self._log.settle(later)

    def _look(self, base: int) -> Sequence[Entry]:
        """Return the commits after a state; whoever goes on with the last of them has seen that its successor's number is free."""
        self._free = moments.now()
        return self._log.look(base)

    def _await(self, newest: Entry) -> None:
        self._log.await_lift(newest, self._me)


_instances: weakref.WeakSet[Commits] = weakref.WeakSet()


def _forget_inherited() -> None:
    for each in list(_instances):
        each.after_fork()


os.register_at_fork(after_in_child=_forget_inherited)


def _run_body(task: Task[Session], session: Session) -> None:
    """Run a body, which may have been run before."""
    task.result = task.error = None
    try:
        with told():
            task.call(session)
    except Exception as error:
        task.error = error
    finally:
        session.close()
