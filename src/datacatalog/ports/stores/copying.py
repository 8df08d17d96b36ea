"""The whole ledger as plain rows, so that it can be copied from any engine to any other and compared.

A row is a JSON object with these fields; instants are microseconds since 1970. Rows of a table come in the order of its key.

| table | key | further fields |
| --- | --- | --- |
| records | uuid | kind, body, revision, visible, salt, admin, created, modified |
| links | source, relation, target | (those that UUIDs imply are left out, as in `implied_links`) |
| history | job, seq | uuid, name, date, state, implied, noted, data |
| changes | uuid, seq | date, action, revision, diff, admin |
| messages | queue, id | order (rank among the messages), due, tries, sent, handled, died, reason, body |
| executions | actor, id | status, received, finished, http, outcome, log, tenant |
| answers | scope, key | at, answer |
| progress | task | at, document |
| credentials | digest | kind, created, expires, actor, level, uses_left, max_uses, last_use, label, owner, tenant |
| grants | id | as ports.sharing.Grant |
| subscriptions | id | as ports.sharing.Subscription |
| tenants | tenant | |

Leases are not copied: what somebody holds is due, in the copy, when its lease ends. Of a message that was handled, `body` is null.
`kind`, `relation`, `name` and `state` are the values of their enums; `visible`, `implied`, `noted` and `paused` are booleans.

Of `changes`, the line that a record itself tells is left out: the last line of a record that is there, where it says that the record
was created and nothing that the record does not say (no other `admin`, no links in `diff`). A store that writes it down makes it anew when
it is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol, TypeVar

from datacatalog.domain.documents import JsonObject

T = TypeVar("T")

KEYS: Mapping[str, tuple[str, ...]] = {
    "records": ("uuid",),
    "links": ("source", "relation", "target"),
    "history": ("job", "seq"),
    "changes": ("uuid", "seq"),
    "messages": ("queue", "id"),
    "executions": ("actor", "id"),
    "answers": ("scope", "key"),
    "progress": ("task",),
    "credentials": ("digest",),
    "grants": ("id",),
    "subscriptions": ("id",),
    "tenants": ("tenant",),
}
"""Which fields make a row's key. Texts are compared code point by code point."""

TABLES = tuple(KEYS)
"""The tables in the order in which they are loaded."""


class Snapshot(Protocol):
    """One state of the whole ledger."""

    def rows(self, table: str) -> Iterator[JsonObject]:
        """Yield all rows of a table, in the order of its key, without ever holding them all; may be asked several times."""
        ...


class Copyable(Protocol):
    """A store whose whole content can be read and put in."""

    def snapshot(self, body: Callable[[Snapshot], T]) -> T:
        """Run `body` on one state of the ledger, while others go on writing: it has all that was acknowledged before.

        Raises StoreDown.
        """
        ...

    def load(self, table: str, rows: Iterable[JsonObject]) -> int:
        """Put rows into a ledger that nobody else uses, in pieces that are each durable; return how many.

        What was put in before may be put in again. A table is loaded after those that stand before it in `TABLES`.
        """
        ...

    def is_empty(self) -> bool:
        """Tell whether the ledger holds nothing at all, credentials and messages included."""
        ...
