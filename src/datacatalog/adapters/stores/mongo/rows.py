"""Documents as plain rows, and plain rows as documents; see ports.stores.copying."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.mongo import documents, history, layout, updates
from datacatalog.adapters.stores.mongo.view import Document
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.records import Change, Record

Keyed = tuple[str, Document]
"""A document and its key."""

_PLAIN: Mapping[str, tuple[str, ...]] = {
    "messages": ("queue", "id", "due", "tries", "sent", "handled", "died", "reason", "body"),
    "executions": ("actor", "id", "status", "received", "finished", "http", "outcome", "log", "tenant"),
    "answers": ("scope", "key", "at", "answer"),
    "progress": ("task", "at", "document"),
    "credentials": (
        *("digest", "kind", "created", "expires", "actor", "level"),
        *("uses_left", "max_uses", "last_use", "label", "owner", "tenant"),
    ),
    "grants": ("id", "tenant", "to_tenant", "to_name", "level", "created", "expires", "by"),
    "subscriptions": ("id", "subject", "events", "url", "secret", "owner", "tenant", "created", "paused"),
    "tenants": ("tenant",),
}
"""The tables whose fields are those of their documents."""

_TEXTS = {"messages": "body", "executions": "outcome", "answers": "answer", "progress": "document"}
"""Which field of a table's documents is JSON text."""

COLLECTION_OF_TABLE: Mapping[str, str] = {
    "history": layout.HISTORY,
    "changes": layout.UPDATES,
    "messages": layout.MESSAGES,
    "executions": layout.EXECUTIONS,
    "answers": layout.ANSWERS,
    "progress": layout.PROGRESS,
    "credentials": layout.CREDENTIALS,
    "grants": layout.GRANTS,
    "subscriptions": layout.SUBSCRIPTIONS,
    "tenants": layout.TENANTS,
}
"""Where the rows of a table are; those of `records` and `links` are in the collections of records."""


# ----------------------------------------------------------------------------------- documents to rows


def record_row(record: Record) -> JsonObject:
    return {
        "uuid": str(record.uuid),
        "kind": record.kind.value,
        "body": record.body,
        "revision": record.revision,
        "visible": record.visible,
        "salt": record.salt,
        "admin": dict(record.admin),
        "created": codec.micros_or_none(record.created),
        "modified": codec.micros_or_none(record.modified),
    }


def link_rows(document: Document) -> Iterator[JsonObject]:
    """Yield what a record says, ordered by relation and target."""
    for relation, targets in sorted(documents.targets_of(document).items()):
        for target in sorted(targets):
            yield {"source": document["uuid"], "relation": relation.value, "target": target}


def history_row(document: Document) -> JsonObject:
    entry = history.entry_of(document)
    return {
        "job": document["job"],
        "seq": int(document["seq"]),
        "uuid": str(entry.uuid),
        "name": entry.name.value,
        "date": codec.micros(entry.date),
        "state": entry.state.value,
        "implied": entry.implied,
        "noted": entry.noted,
        "data": entry.data,
    }


def change_row(seq: int, change: Change) -> JsonObject:
    return {
        "uuid": str(change.uuid),
        "seq": seq,
        "date": codec.micros(change.date),
        "action": change.action,
        "revision": change.revision,
        "diff": change.diff,
        "admin": dict(change.admin),
    }


def plain_row(table: str, document: Document) -> dict[str, Any]:
    """Return the row of a document whose fields are those of its table."""
    row = {name: documents.plain(document[name]) for name in _PLAIN[table]}
    text = _TEXTS.get(table)
    if text is not None and row[text] is not None:
        row[text] = codec.decode(row[text])
    return row


# ----------------------------------------------------------------------------------- rows to documents


def record_of_row(row: JsonObject) -> Record:
    created, modified = codec.instant_or_none(row["created"]), codec.instant_or_none(row["modified"])
    return Record(**{**row, "kind": Kind(row["kind"]), "created": created, "modified": modified})


def document_of_record(row: JsonObject) -> tuple[str, Keyed]:
    """Return the collection of a record, and its document; what it says of others is loaded afterwards."""
    record = record_of_row(row)
    return layout.COLLECTION_OF[record.kind], (str(record.uuid), documents.of_record(record, {}))


def document_of(table: str, row: JsonObject, *, carried: bool) -> Keyed:
    """Return the document of a row, of any table but `records` and `links`.

    Args:
        carried: whether a carrier is to bring word of messages.
    """
    return _DOCUMENTS.get(table, _plain_document)(table, row, carried)


def _history_document(table: str, row: JsonObject, carried: bool) -> Keyed:
    entry = HistoryEntry(
        uuid=TypedUuid(row["uuid"]),
        name=Event(row["name"]),
        date=codec.instant(row["date"]),
        data=row["data"],
        state=State(row["state"]),
        implied=row["implied"],
        noted=row["noted"],
    )
    job, seq = row["job"], row["seq"]
    return documents.numbered(job, seq), history.document_of(job, seq, entry)


def _change_document(table: str, row: JsonObject, carried: bool) -> Keyed:
    change = Change(
        uuid=TypedUuid(row["uuid"]),
        date=codec.instant(row["date"]),
        action=row["action"],
        revision=row["revision"],
        diff=row["diff"],
        admin=row["admin"],
    )
    return documents.numbered(row["uuid"], row["seq"]), updates.document_of(change, row["seq"])


def _message_document(table: str, row: JsonObject, carried: bool) -> Keyed:
    key, document = _plain_document(table, row, carried)
    return key, {**document, "carry": row["due"] if carried else None, "lease": None, "order": row["order"]}


def _execution_document(table: str, row: JsonObject, carried: bool) -> Keyed:
    key, document = _plain_document(table, row, carried)
    finished = row["finished"]
    return key, {**document, "ended": row["received"] if finished is None else finished}


_IDENTIFYING = {
    "messages": ("queue", "id"),
    "executions": ("actor", "id"),
    "answers": ("scope", "key"),
    "progress": ("task",),
    "credentials": ("digest",),
    "grants": ("id",),
    "subscriptions": ("id",),
    "tenants": ("tenant",),
}


def _plain_document(table: str, row: JsonObject, carried: bool) -> Keyed:
    document = {name: row[name] for name in _PLAIN[table]}
    text = _TEXTS.get(table)
    if text is not None and document[text] is not None:
        document[text] = codec.text_of(document[text], "row")
    return documents.key(*(row[name] for name in _IDENTIFYING[table])), document


_DOCUMENTS: Mapping[str, Callable[[str, JsonObject, bool], Keyed]] = {
    "history": _history_document,
    "changes": _change_document,
    "messages": _message_document,
    "executions": _execution_document,
}


def told_by_its_record(record: Record | None, line: Change) -> bool:
    """Tell whether a record, which is there, says by itself what the last line of its log says: that it was created so."""
    return record is not None and rules.is_logged(record.kind) and line == rules.created_line(record)
