"""Every order in which the callbacks of a job can come, through the door, against a small model of its own.

Sequences share their beginnings: they are walked as a tree, each node of which is one callback on the ledger as its parent left it.
Those of five are in tests/faults.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from datacatalog.adapters.schemas import record_checker
from datacatalog.adapters.stores.memory import MemoryStore
from datacatalog.adapters.stores.memory.tables import Tables
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.services.access import token_of
from datacatalog.services.env import Principal
from datacatalog.services.jobs import Created, job_for, move
from datacatalog.services.reading import Request
from datacatalog.services.reception import Answer, Envelope, receive
from tests.unit.memory import APP, SCHEMAS, Memory, memory

T = TypeVar("T")

STATUSES = ("RUNNING", "FINISHED", "ARCHIVING", "ARCHIVING_FINISHED", "HEARTBEAT", "FAILED", "KILLED")
NAMES = {
    "RUNNING": "run", "FINISHED": "finish", "ARCHIVING": "resource", "ARCHIVING_FINISHED": "resource",
    "HEARTBEAT": "update", "FAILED": "fail", "KILLED": "fail", "index": "index", "indexed": "indexed",
}  # fmt: skip
PLATFORM = Principal(name="platform", via="nonce:0")


# -------------------------------------------------------------------------------------------- the model


@dataclass(frozen=True, slots=True)
class Modelled:
    """What a job should have come to: written down from the published lifecycle, by hand."""

    state: str = "CREATED"
    history: tuple[str, ...] = ("create",)

    def told(self, status: str) -> Modelled:
        state, marks = self.state, ""
        if status == "FINISHED" and state == "CREATED":
            return Modelled("FINISHED", (*self.history, "run(implied)", "finish"))
        match state, status:
            case "CREATED" | "RUNNING", "RUNNING":
                state = "RUNNING"
            case "RUNNING" | "FINISHED", "FINISHED":
                state = "FINISHED"
            case "CREATED" | "RUNNING", "FAILED" | "KILLED":
                state = "FAILED"
            case "CREATED" | "RUNNING", "ARCHIVING" | "ARCHIVING_FINISHED":
                pass
            case "CREATED" | "RUNNING" | "INDEXING", "HEARTBEAT":
                pass
            case "FINISHED" | "INDEXING", "index":
                state = "INDEXING"
            case "FINISHED" | "INDEXING", "indexed":
                state = "FINISHED"
            case _, "index" | "indexed":  # An event that is not allowed is refused, and leaves nothing.
                return self
            case _:
                marks = "(noted)"
        return Modelled(state, (*self.history, NAMES[status] + marks))


# ------------------------------------------------------------------------------------------- the ledger


class BranchingStore(MemoryStore):
    """A ledger in memory that can be taken back to what it was."""

    def run(self, body: Callable[[Tables], T]) -> T:
        with self.branch(kept=True):
            return body(self._tables)

    @contextmanager
    def branch(self, *, kept: bool = False) -> Iterator[None]:
        """Take back what is done within, or (`kept`) only where it fails."""
        mark = self._tables.mark()
        try:
            yield
        except BaseException:
            self._tables.undo(mark)
            raise
        if not kept:
            self._tables.undo(mark)


@dataclass(slots=True)
class Tree:
    """A job and what is told of it; every callback has a delivery id of its own."""

    here: Memory
    store: BranchingStore
    job: Created
    nodes: int = 0
    bodies: dict[str, bytes] = field(default_factory=dict)

    def walk(self, alphabet: Sequence[str], depth: int, model: Modelled = Modelled()) -> None:
        """Go through every sequence of at most `depth`, and hold each against the model."""
        if depth == 0:
            return
        for told in alphabet:
            with self.store.branch():
                self.nodes += 1
                follows = model.told(told)
                if told in ("index", "indexed"):
                    self._event(Event(told), refused=follows == model)
                else:
                    self._call_back(told, follows)
                assert self._found() == follows
                self.walk(alphabet, depth - 1, follows)

    def _event(self, event: Event, *, refused: bool) -> None:
        if not refused:
            job = self.job.job.uuid
            self.store.transact(lambda work: move(job_for(job, work), event, None, work, self.here.env))

    def _call_back(self, status: str, follows: Modelled) -> None:
        delivery = f"x-agave-delivery:{self.nodes}"
        first = self._send(status, delivery)
        assert (first.http, first.result["state"]) == (200, follows.state)
        assert first.result["recorded"] == ("noted" if follows.history[-1].endswith("(noted)") else "moved")
        again = self._send(status, delivery)
        assert again.repeated
        assert (again.http, again.result) == (first.http, first.result)

    def _send(self, status: str, delivery: str) -> Answer:
        context = {"uuid": self.job.job.uuid, "token": self.job.token, "status": status}
        request = Request(actor="jobs-manager", body=self.bodies.get(status, b""), context=context)
        return receive(Envelope(request=request, principal=PLATFORM, delivery_id=delivery), self.here.env)

    def _found(self) -> Modelled:
        marks = (("implied", "(implied)"), ("noted", "(noted)"))
        told = tuple(
            entry["name"] + "".join(mark for key, mark in marks if entry.get(key))
            for entry in self.here.history(self.job)
        )
        return Modelled(self.here.state(self.job).value, told)


def planted() -> Tree:
    """Return the tree of a new job."""
    here = memory()
    store = BranchingStore(check=record_checker(SCHEMAS), clock=here.clock)
    there = here.with_ports(store=store)
    component = {"id": APP, "inputs": {}, "parameters": {}}
    there.handle("pipelines-manager", {"id": APP, "name": "Taco", "components": [component]})
    job = there.job()
    assert job.token == token_of(job.job.record, there.env)
    return Tree(there, store, job)


@pytest.fixture
def tree() -> Tree:
    return planted()


def sequences(alphabet: int, depth: int) -> int:
    return sum(alphabet**length for length in range(1, depth + 1))


def test_every_order_of_up_to_four_callbacks_ends_where_the_lifecycle_says(tree: Tree):
    tree.walk(STATUSES, 4)
    assert tree.nodes == sequences(7, 4)


def test_every_order_of_callbacks_and_indexing_ends_where_the_lifecycle_says(tree: Tree):
    tree.walk((*STATUSES, "index", "indexed"), 3)
    assert tree.nodes == sequences(9, 3)


def test_every_order_of_callbacks_with_bodies_ends_where_the_lifecycle_says(tree: Tree):
    fields = ("appId", "executionSystem", "owner", "archivePath", "archiveSystem")
    rest = {"inputs": {}, "parameters": {}, "_links": {}}
    tree.bodies = {
        status: json.dumps({**dict.fromkeys(fields, "x"), **rest, "status": status}).encode()
        for status in STATUSES
    }
    tree.walk(STATUSES, 2)
    assert tree.nodes == sequences(7, 2)


def test_model_is_that_of_the_published_sentences():
    """A failure and an end are final, whatever comes later; what comes later is kept."""

    def after(*told: str) -> Modelled:
        model = Modelled()
        for each in told:
            model = model.told(each)
        return model

    assert after("FINISHED", "FAILED", "RUNNING").state == "FINISHED"
    assert after("KILLED", "FINISHED").history == ("create", "fail", "finish(noted)")
    assert after("HEARTBEAT", "ARCHIVING").state == "CREATED"
    assert after("RUNNING", "FINISHED", "index", "FAILED", "indexed").state == "FINISHED"


def test_branch_leaves_a_ledger_as_it_was(tree: Tree):
    before: Any = tree._found()
    with tree.store.branch():
        tree._send("FINISHED", "x-agave-delivery:a")
        assert tree._found() != before
    assert tree._found() == before
    assert not tree._send("FINISHED", "x-agave-delivery:a").repeated
