"""The ledger in memory as plain rows, and plain rows as a ledger in memory; see ports.stores.copying."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.memory.tables import Message, Stored, Tables
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Change, Record
from datacatalog.ports.sharing import Grant, Subscription
from datacatalog.ports.stores import Credential, Execution
from datacatalog.ports.stores.copying import KEYS, TABLES

_micros, _instant = codec.micros_or_none, codec.instant_or_none


def frozen(tables: Tables) -> MemorySnapshot:
    """Return the present state, which stays as it is: what the dictionaries hold is never changed, only replaced."""
    kept: dict[str, Any] = {}
    for each in fields(tables):
        if isinstance(table := getattr(tables, each.name), dict):
            kept[each.name] = {k: dict(v) if isinstance(v, dict) else v for k, v in table.items()}
    return MemorySnapshot(Tables(**kept))


class MemorySnapshot:
    """Implements ports.stores.copying.Snapshot."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def rows(self, table: str) -> Iterator[JsonObject]:
        key = KEYS[table]
        found = _READ[table](self._tables)
        yield from sorted(found, key=lambda row: tuple(row[name] for name in key))


def is_empty(tables: Tables) -> bool:
    snapshot = MemorySnapshot(tables)
    return not any(next(snapshot.rows(table), None) for table in TABLES)


def load(tables: Tables, table: str, rows: Iterable[JsonObject]) -> int:
    count = 0
    for row in rows:
        _WRITE[table](tables, copy.deepcopy(dict(row)))
        count += 1
    return count


# ------------------------------------------------------------------------------------------- reading


def _records(tables: Tables) -> Iterator[JsonObject]:
    for uuid, stored in tables.records.items():
        record = stored.record
        yield {
            "uuid": uuid,
            "kind": record.kind.value,
            "body": codec.decode(stored.text),
            "revision": record.revision,
            "visible": record.visible,
            "salt": record.salt,
            "admin": dict(record.admin),
            "created": _micros(record.created),
            "modified": _micros(record.modified),
        }


def _links(tables: Tables) -> Iterator[JsonObject]:
    for source, said in tables.said_by.items():
        for relation, target in said:
            yield {"source": source, "relation": relation.value, "target": target}


def _history(tables: Tables) -> Iterator[JsonObject]:
    for job, entries in tables.history.items():
        for seq, (entry, data) in entries.items():
            yield {
                "job": job,
                "seq": seq,
                "uuid": entry.uuid,
                "name": entry.name.value,
                "date": codec.micros(entry.date),
                "state": entry.state.value,
                "implied": entry.implied,
                "noted": entry.noted,
                "data": None if data is None else codec.decode(data),
            }


def _changes(tables: Tables) -> Iterator[JsonObject]:
    for uuid, lines in tables.changes.items():
        told = _told_by_record(tables, uuid)
        for seq, (line, text) in lines.items():
            change = replace(line, diff=codec.decode(text))
            if seq == len(lines) and told == change:
                continue
            yield {
                "uuid": uuid,
                "seq": seq,
                "date": codec.micros(change.date),
                "action": change.action,
                "revision": change.revision,
                "diff": change.diff,
                "admin": dict(change.admin),
            }


def _told_by_record(tables: Tables, uuid: str) -> Change | None:
    """Return what a record itself tells of its creation; None where it is not there, or of a kind that has no log."""
    stored = tables.records.get(uuid)
    if stored is None or not rules.is_logged(stored.record.kind):
        return None
    return rules.created_line(replace(stored.record, body=codec.decode(stored.text)))


def _messages(tables: Tables) -> Iterator[JsonObject]:
    ordered = sorted(tables.messages.values(), key=lambda message: message.seq)
    for order, message in enumerate(ordered, start=1):
        yield {
            "queue": message.queue,
            "id": message.id,
            "order": order,
            "due": _micros(message.due),
            "tries": message.tries,
            "sent": codec.micros(message.sent),
            "handled": _micros(message.handled),
            "died": _micros(message.died),
            "reason": message.reason,
            "body": codec.decode(message.text) if message.text else None,
        }


def _executions(tables: Tables) -> Iterator[JsonObject]:
    for execution, outcome in tables.executions.values():
        yield {
            "actor": execution.actor,
            "id": execution.id,
            "status": execution.status,
            "received": codec.micros(execution.received),
            "finished": _micros(execution.finished),
            "http": execution.http,
            "outcome": codec.decode(outcome),
            "log": list(execution.log),
            "tenant": execution.tenant,
        }


def _answers(tables: Tables) -> Iterator[JsonObject]:
    for (scope, key), (at, text) in tables.answers.items():
        yield {"scope": scope, "key": key, "at": codec.micros(at), "answer": codec.decode(text)}


def _progress(tables: Tables) -> Iterator[JsonObject]:
    for task, (at, text) in tables.progress.items():
        yield {"task": task, "at": codec.micros(at), "document": codec.decode(text)}


_MOMENTS = ("created", "expires", "last_use")


def _of(values: Iterable[Any]) -> Iterator[JsonObject]:
    """Return dataclasses as rows: instants as microseconds, tuples as lists."""
    for value in values:
        row = {each.name: getattr(value, each.name) for each in fields(value)}
        row |= {name: _micros(row[name]) for name in _MOMENTS if name in row}
        yield {name: list(found) if isinstance(found, tuple) else found for name, found in row.items()}


_READ: Mapping[str, Callable[[Tables], Iterator[JsonObject]]] = {
    "records": _records,
    "links": _links,
    "history": _history,
    "changes": _changes,
    "messages": _messages,
    "executions": _executions,
    "answers": _answers,
    "progress": _progress,
    "credentials": lambda tables: _of(tables.credentials.values()),
    "grants": lambda tables: _of(tables.grants.values()),
    "subscriptions": lambda tables: _of(tables.subscriptions.values()),
    "tenants": lambda tables: ({"tenant": tenant} for tenant in tables.tenants),
}


# ------------------------------------------------------------------------------------------- writing


def _put_record(tables: Tables, row: dict[str, Any]) -> None:
    body = row.pop("body")
    row |= {
        "kind": Kind(row["kind"]),
        "created": _instant(row["created"]),
        "modified": _instant(row["modified"]),
    }
    record = Record(**row, body={})
    tables.set(tables.records, record.uuid, Stored(record, codec.text_of(body, record.kind)))
    for field, value in rules.identifiers_of(replace(record, body=body)):
        tables.set(tables.identifiers, (record.kind, field, value), record.uuid)
    _tell_creation(tables, record.uuid, 1)


def _tell_creation(tables: Tables, uuid: str, seq: int) -> None:
    """Write down the line that a record itself tells; lines that are loaded later go over it."""
    told = _told_by_record(tables, uuid)
    if told is not None and seq not in (lines := tables.changes.setdefault(uuid, {})):
        tables.set(lines, seq, (replace(told, diff={}), codec.text_of(told.diff, "change")))


def _put_link(tables: Tables, row: dict[str, Any]) -> None:
    source, relation, target = row["source"], Relation(row["relation"]), row["target"]
    tables.set(tables.said_by.setdefault(source, {}), (relation, target), None)
    tables.set(tables.said_of.setdefault(target, {}), (relation, source), None)


def _put_entry(tables: Tables, row: dict[str, Any]) -> None:
    data, job, seq = row.pop("data"), row.pop("job"), row.pop("seq")
    row |= {"name": Event(row["name"]), "state": State(row["state"]), "date": codec.instant(row["date"])}
    text = None if data is None else codec.text_of(data, "history entry")
    tables.set(tables.history.setdefault(job, {}), seq, (HistoryEntry(**row, data=None), text))


def _put_change(tables: Tables, row: dict[str, Any]) -> None:
    seq, diff = row.pop("seq"), row.pop("diff")
    change = Change(**{**row, "date": codec.instant(row["date"])}, diff={})
    lines = tables.changes.setdefault(change.uuid, {})
    tables.set(lines, seq, (change, codec.text_of(diff, "change")))
    if change.action == "purge":
        _tell_creation(tables, change.uuid, seq + 1)


def _put_message(tables: Tables, row: dict[str, Any]) -> None:
    body, order = row.pop("body"), row.pop("order")
    row |= {name: _instant(row[name]) for name in ("due", "sent", "handled", "died")}
    message = Message(**row, seq=order, text="" if body is None else codec.text_of(body, "message"))
    tables.set(tables.messages, (message.queue, message.id), message)
    tables.counter = max(tables.counter, order)


def _put_execution(tables: Tables, row: dict[str, Any]) -> None:
    outcome = codec.text_of(row.pop("outcome"), "execution")
    row |= {"received": codec.instant(row["received"]), "finished": _instant(row["finished"])}
    execution = Execution(**{**row, "log": tuple(row["log"])})
    tables.set(tables.executions, (execution.actor, execution.id), (execution, outcome))


def _put_answer(tables: Tables, row: dict[str, Any]) -> None:
    kept = codec.instant(row["at"]), codec.text_of(row["answer"], "answer")
    tables.set(tables.answers, (row["scope"], row["key"]), kept)


def _put_progress(tables: Tables, row: dict[str, Any]) -> None:
    kept = codec.instant(row["at"]), codec.text_of(row["document"], "progress")
    tables.set(tables.progress, row["task"], kept)


def _with_moments(row: dict[str, Any]) -> dict[str, Any]:
    return row | {name: _instant(row[name]) for name in _MOMENTS if name in row}


def _put_credential(tables: Tables, row: dict[str, Any]) -> None:
    tables.set(tables.credentials, row["digest"], Credential(**_with_moments(row)))


def _put_grant(tables: Tables, row: dict[str, Any]) -> None:
    tables.set(tables.grants, row["id"], Grant(**_with_moments(row)))


def _put_subscription(tables: Tables, row: dict[str, Any]) -> None:
    kept = _with_moments(row) | {"events": tuple(row["events"]), "subject": TypedUuid(row["subject"])}
    tables.set(tables.subscriptions, row["id"], Subscription(**kept))


def _put_tenant(tables: Tables, row: dict[str, Any]) -> None:
    tables.set(tables.tenants, row["tenant"], None)


_WRITE: Mapping[str, Callable[[Tables, dict[str, Any]], None]] = {
    "records": _put_record,
    "links": _put_link,
    "history": _put_entry,
    "changes": _put_change,
    "messages": _put_message,
    "executions": _put_execution,
    "answers": _put_answer,
    "progress": _put_progress,
    "credentials": _put_credential,
    "grants": _put_grant,
    "subscriptions": _put_subscription,
    "tenants": _put_tenant,
}
