"""The ledger as dictionaries, with a journal that takes a failed piece of work back."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.kinds import Kind, Relation
from datacatalog.domain.records import Change, Record
from datacatalog.ports.sharing import Grant, Subscription
from datacatalog.ports.stores import Credential, Execution

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Stored:
    """A record, with its body as JSON text so that nobody can change it from outside."""

    record: Record
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message in a queue, or the memory of one.

    Attributes:
        due: when it may be claimed; None once it was handled or given up.
        carry: from when on word of it is to be given to a broker; None where it was given, or there is none.
        text: its body as JSON.
    """

    seq: int
    queue: str
    id: str
    text: str
    sent: datetime
    due: datetime | None
    carry: datetime | None = None
    tries: int = 0
    lease: str | None = None
    handled: datetime | None = None
    died: datetime | None = None
    reason: str | None = None


@dataclass(slots=True)
class Tables:
    """Everything the ledger holds.

    Attributes:
        identifiers: (kind, field, value) -> uuid.
        said_by, said_of: source -> {(relation, target)}, target -> {(relation, source)}.
        history: job -> {sequence number: (entry without data, data as JSON text)}.
        changes: uuid -> {sequence number: (change without difference, difference as JSON text)}.
        executions: (actor, id) -> (execution without outcome, outcome as JSON text).
        answers: (scope, key) -> (instant, answer as JSON text).
        progress: task -> (instant, document as JSON text).
        tenants: those that records are, or once were, of.
        counter: the last sequence number of a message.
    """

    records: dict[str, Stored] = field(default_factory=dict)
    identifiers: dict[tuple[Kind, str, str], str] = field(default_factory=dict)
    said_by: dict[str, dict[tuple[Relation, str], None]] = field(default_factory=dict)
    said_of: dict[str, dict[tuple[Relation, str], None]] = field(default_factory=dict)
    history: dict[str, dict[int, tuple[HistoryEntry, str | None]]] = field(default_factory=dict)
    changes: dict[str, dict[int, tuple[Change, str]]] = field(default_factory=dict)
    messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    executions: dict[tuple[str, str], tuple[Execution, str]] = field(default_factory=dict)
    answers: dict[tuple[str, str], tuple[datetime, str]] = field(default_factory=dict)
    progress: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    credentials: dict[str, Credential] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    tenants: dict[str, None] = field(default_factory=dict)
    counter: int = 0
    _journal: list[tuple[dict[Any, Any], Any, Any]] = field(default_factory=list)

    def set(self, table: dict[K, V], key: K, value: V) -> None:
        self._journal.append((table, key, table.get(key, _MISSING)))
        table[key] = value

    def drop(self, table: dict[K, V], key: K) -> None:
        self._journal.append((table, key, table.pop(key, _MISSING)))

    def next_seq(self) -> int:
        """Return a number above all before; numbers of work that failed are not used again."""
        self.counter += 1
        return self.counter

    def keep(self) -> None:
        """Let what was done stay."""
        self._journal.clear()

    def mark(self) -> int:
        """Return a point to which `undo` may go back."""
        return len(self._journal)

    def undo(self, mark: int = 0) -> None:
        """Take back what was done since the last `keep`, or since a mark."""
        while len(self._journal) > mark:
            table, key, old = self._journal.pop()
            if old is _MISSING:
                table.pop(key, None)
            else:
                table[key] = old
