"""History, outbox, executions, answers, progress and credentials in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.memory.session import MemorySession
from datacatalog.adapters.stores.memory.tables import Message, Tables
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import Duplicate, LeaseLost
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.kinds import TypedUuid
from datacatalog.ports.stores import Credential, Delivery, Execution


class MemoryHistory:
    """Implements ports.stores.History."""

    def __init__(self, session: MemorySession) -> None:
        self._session = session

    def append(self, job: TypedUuid, entry: HistoryEntry) -> int:
        tables = self._session.to_write()
        rules.check_uuid(job)
        rules.check_uuid(entry.uuid)
        text = None if entry.data is None else codec.encode(entry.data, "history entry")
        entries = tables.history.get(job)
        if entries is None:
            entries = {}
            tables.set(tables.history, job, entries)
        seq = len(entries) + 1
        tables.set(entries, seq, (replace(entry, data=None), text))
        return seq

    def page(self, job: TypedUuid, *, after: int = 0, limit: int = 100) -> Sequence[tuple[int, HistoryEntry]]:
        entries = self._session.to_read().history.get(job, {})
        found = []
        for seq in range(after + 1, min(len(entries), after + limit) + 1):
            entry, text = entries[seq]
            found.append((seq, replace(entry, data=None if text is None else codec.decode(text))))
        return found

    def length(self, job: TypedUuid) -> int:
        return len(self._session.to_read().history.get(job, {}))


class MemoryOutbox:
    """Implements ports.stores.Outbox."""

    def __init__(self, session: MemorySession) -> None:
        self._session = session

    def send(
        self,
        queue: str,
        body: JsonObject,
        *,
        id: str,
        at: datetime,
        delay: timedelta = timedelta(0),
    ) -> bool:
        tables = self._session.to_write()
        text = codec.encode(body, f"message to {queue}")
        if (queue, id) in tables.messages:
            return False
        due = at + delay
        carry = due if self._session.carried else None
        message = Message(seq=tables.next_seq(), queue=queue, id=id, text=text, sent=at, due=due, carry=carry)
        tables.set(tables.messages, (queue, id), message)
        self._session.signal.mark()
        return True

    def settle(self, delivery: Delivery) -> None:
        tables = self._session.to_write()
        message = held(tables, delivery)
        if message is None:
            raise LeaseLost(delivery.id)
        handled = replace(
            message,
            due=None,
            carry=None,
            lease=None,
            reason=None,
            text="",
            handled=self._session.clock.now(),
        )
        tables.set(tables.messages, (delivery.queue, delivery.id), handled)

    def hold(self, delivery: Delivery, *, progressed: bool = False) -> None:
        message = held(self._session.to_read(), delivery)
        if message is None:
            raise LeaseLost(delivery.id)
        if progressed and message.tries > 1:
            tables = self._session.to_write()
            tables.set(tables.messages, (message.queue, message.id), replace(message, tries=1))


def held(tables: Tables, delivery: Delivery) -> Message | None:
    """Return a message if it is still held under this delivery's lease."""
    message = tables.messages.get((delivery.queue, delivery.id))
    return message if message is not None and message.lease == delivery.lease else None


class MemoryExecutions:
    """Implements ports.stores.Executions."""

    def __init__(self, session: MemorySession) -> None:
        self._session = session

    def put(self, execution: Execution) -> None:
        tables = self._session.to_write()
        outcome = codec.encode(execution.outcome, "execution")
        kept = replace(execution, outcome={}, log=tuple(execution.log))
        tables.set(tables.executions, (execution.actor, execution.id), (kept, outcome))

    def get(self, actor: str, id: str) -> Execution | None:
        found = self._session.to_read().executions.get((actor, id))
        return None if found is None else _execution(*found)

    def page(
        self,
        actor: str,
        *,
        after: str | None = None,
        limit: int = 100,
        tenants: Collection[str] | None = None,
    ) -> Sequence[Execution]:
        mine = [
            found
            for found in self._session.to_read().executions.values()
            if found[0].actor == actor
            and (after is None or found[0].id < after)
            and (tenants is None or found[0].tenant in tenants)
        ]
        newest = sorted(mine, key=lambda found: found[0].id, reverse=True)
        return [_execution(*found) for found in newest[:limit]]


def _execution(kept: Execution, outcome: str) -> Execution:
    return replace(kept, outcome=codec.decode(outcome))


class MemoryAnswers:
    """Implements ports.stores.Answers."""

    def __init__(self, session: MemorySession) -> None:
        self._session = session

    def recall(self, scope: str, key: str) -> JsonObject | None:
        found = self._session.to_read().answers.get((scope, key))
        answer: JsonObject | None = None if found is None else codec.decode(found[1])
        return answer

    def remember(self, scope: str, key: str, answer: JsonObject, *, at: datetime) -> None:
        tables = self._session.to_write()
        if (scope, key) in tables.answers:
            raise Duplicate(scope, key)
        tables.set(tables.answers, (scope, key), (at, codec.encode(answer, "answer")))


class MemoryProgress:
    """Implements ports.stores.Progress."""

    def __init__(self, session: MemorySession) -> None:
        self._session = session

    def get(self, task: str) -> JsonObject | None:
        found = self._session.to_read().progress.get(task)
        document: JsonObject | None = None if found is None else codec.decode(found[1])
        return document

    def put(self, task: str, document: JsonObject, *, at: datetime) -> None:
        tables = self._session.to_write()
        tables.set(tables.progress, task, (at, codec.encode(document, "progress")))

    def drop(self, task: str) -> None:
        tables = self._session.to_write()
        tables.drop(tables.progress, task)


class MemoryCredentials:
    """Implements ports.stores.Credentials."""

    def __init__(self, session: MemorySession) -> None:
        self._session = session

    def put(self, credential: Credential) -> None:
        tables = self._session.to_write()
        tables.set(tables.credentials, credential.digest, credential)

    def find(self, digest: str) -> Credential | None:
        return self._session.to_read().credentials.get(digest)

    def use(self, digest: str, *, at: datetime) -> Credential | None:
        found = self.find(digest)
        if found is None or (found.expires is not None and found.expires <= at):
            return None
        if found.uses_left is None:
            return found
        if found.uses_left < 1:
            return None
        used = replace(found, uses_left=found.uses_left - 1, last_use=at)
        self.put(used)
        return used

    def remove(self, digest: str) -> bool:
        tables = self._session.to_write()
        there = digest in tables.credentials
        tables.drop(tables.credentials, digest)
        return there

    def page(self, kind: str) -> Sequence[Credential]:
        found = self._session.to_read().credentials.values()
        return sorted((each for each in found if each.kind == kind), key=lambda c: (c.created, c.digest))
