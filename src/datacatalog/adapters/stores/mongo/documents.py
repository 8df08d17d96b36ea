"""How a record is a document: the published fields at the top, what the catalog writes behind them.

    {uuid, <body>, <links>, _salt, _admin, _properties: {created_date, modified_date, revision, source}, _visible}

What BSON, or a query, would not give back as it was is kept besides as JSON text, in `_exact`: then the fields that fit stand at the top,
for other programs, and `_exact` has the whole. Dates are whole milliseconds in BSON; the microseconds that they lack stand in a field of
their own, where there are any.

A document without `_visible` is no record yet: something is said by a UUID of which nothing else is known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from bson.int64 import Int64

from datacatalog.adapters.stores import codec
from datacatalog.adapters.stores.mongo.view import Document
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.kinds import LINKAGE_FIELDS, SPECS, Kind, Relation, TypedUuid
from datacatalog.domain.records import Record

SALT, ADMIN, PROPERTIES, VISIBLE, EXACT = "_salt", "_admin", "_properties", "_visible", "_exact"

OTHERS = "_others"
"""Private fields that another system put into a document, and nobody here reads."""

SOURCE = "datacatalog"
"""What `_properties.source` says of records that were made here."""

_OURS = frozenset({SALT, ADMIN, PROPERTIES, VISIBLE, EXACT, OTHERS, "_id", "_n", "_gone"})
_NOT_BODY = _OURS | LINKAGE_FIELDS | {"uuid"}

_DEPTH = 50
"""What is nested deeper is kept as text; a server takes 100 levels, the log's own included."""

_PLAIN = frozenset({str, int, float, bool, type(None)})

Targets = Mapping[Relation, Collection[str]]
"""What one record says: relation -> targets."""


# -------------------------------------------------------------------------------------------- records


def of_record(record: Record, targets: Targets, *, known: Document | None = None) -> Document:
    """Return the document of a record that is stored.

    Args:
        record: with revision, `created` and `modified`; its body was checked (see `codec`).
        targets: what it says.
        known: the document that was there; of it stays what nobody here reads.
    """
    kept = SPECS[record.kind].kept
    fields, exact = _held(record.body, kept)
    admin, exact_admin = _held(record.admin, ())
    document: Document = {"uuid": str(record.uuid), **fields, **of_links(record.kind, targets)}
    properties = {} if known is None else known.get(PROPERTIES, {})
    document[SALT], document[ADMIN] = record.salt, admin
    document[PROPERTIES] = {
        **of_instant("created_date", record.created),
        **of_instant("modified_date", record.modified),
        "revision": record.revision,
        "source": properties.get("source", SOURCE),
    }
    document[VISIBLE] = record.visible
    texts = {name: text for name, text in (("body", exact), ("admin", exact_admin)) if text is not None}
    if texts:
        document[EXACT] = texts
    if known is not None and OTHERS in known:
        document[OTHERS] = known[OTHERS]
    return document


def of_links(kind: Kind, targets: Targets) -> Document:
    """Return the linkage fields of a document: those of its kind, and what else it says."""
    relations = sorted(SPECS[kind].relations | targets.keys())
    return {relation.value: sorted(targets.get(relation, ())) for relation in relations}


def record_of(kind: Kind, document: Document) -> Record | None:
    """Return the record that a document is, its body of its own; None where it is none yet."""
    visible = document.get(VISIBLE)
    if visible is None:
        return None
    exact = document.get(EXACT) or {}
    properties = document[PROPERTIES]
    return Record(
        kind=kind,
        uuid=TypedUuid(document["uuid"]),
        body=codec.decode(exact["body"]) if "body" in exact else _body(document),
        salt=document[SALT],
        admin=codec.decode(exact["admin"]) if "admin" in exact else plain(document[ADMIN]),
        revision=int(properties["revision"]),
        visible=bool(visible),
        created=instant_of("created_date", properties),
        modified=instant_of("modified_date", properties),
    )


def targets_of(document: Document | None) -> dict[Relation, set[str]]:
    """Return what a document says of others."""
    if document is None:
        return {}
    return {relation: set(document[relation.value]) for relation in Relation if document.get(relation.value)}


def _body(document: Document) -> dict[str, Any]:
    return {
        name: value if type(value) is str else plain(value)
        for name, value in document.items()
        if name not in _NOT_BODY
    }


def _held(values: JsonObject, kept: Collection[str]) -> tuple[Document, str | None]:
    """Return the fields that a document holds as they are, and the text of all where those are not all.

    Args:
        kept: the fields by which records are found. A list in one of them would be found by its elements, so it is not held.
    """
    fields = {}
    for name, value in values.items():
        if name in kept:
            if isinstance(value, str):
                fields[name] = str.__str__(value)
            elif type(value) in _PLAIN:
                fields[name] = value
        elif _is_name(name) and _is_free(name) and _fits(value, _DEPTH):
            fields[name] = value
    return fields, None if len(fields) == len(values) else codec.text_of(values, "document")


def _is_free(name: str) -> bool:
    """Tell whether nothing else has this place at the top of a document."""
    return "." not in name and name not in _NOT_BODY


def held(value: JsonObject | None) -> tuple[Any, str | None]:
    """Return an object as a field of a document holds it, and its text where that is not the whole."""
    if _fits(value, _DEPTH):
        return value, None
    return None, codec.text_of(value, "document")


def _fits(value: Any, depth: int) -> bool:
    """Tell whether BSON gives a JSON value back as it was."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if depth == 0:
        return False
    if kind is dict:
        return all(_is_name(name) for name in value) and all(
            _fits(each, depth - 1) for each in value.values()
        )
    return kind is list and all(_fits(each, depth - 1) for each in value)


def _is_name(name: Any) -> bool:
    """Tell whether a server keeps a field of this name: commands begin with "$", and names end with a NUL."""
    return type(name) is str and name != "" and name[0] != "$" and "\0" not in name


def plain(value: Any) -> Any:
    """Return what BSON gave back as JSON has it: whole numbers of all sizes are alike."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        return {name: plain(each) for name, each in value.items()}
    if kind is list:
        return [plain(each) for each in value]
    return int(value) if kind is Int64 else value


# ------------------------------------------------------------------------------------ instants and keys


def of_instant(field: str, at: datetime | None) -> Document:
    """Return the fields that tell an instant: the date, and `<field>_us` where it has microseconds."""
    if at is None:
        return {field: None}
    at = at.astimezone(UTC)
    rest = at.microsecond % 1000
    date = at.replace(microsecond=at.microsecond - rest)
    return {field: date, f"{field}_us": rest} if rest else {field: date}


def instant_of(field: str, document: Document) -> datetime:
    """Return what `of_instant` wrote of an instant."""
    date: datetime = document[field]
    known = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    return known + timedelta(microseconds=int(document.get(f"{field}_us", 0)))


def key(*parts: str) -> str:
    """Return one key of several texts: no two lists of texts have the same.  Raises InvalidField: one is no text."""
    check_texts(*parts)
    *names, last = parts
    return "/".join((*map(_escaped, names), last))


@lru_cache(maxsize=1000)
def _escaped(name: str) -> str:
    return name.replace("%", "%25").replace("/", "%2f")


def numbered(owner: str, seq: int) -> str:
    """Return the key of the `seq`-th document of a row that belongs to one owner."""
    return f"{owner}/{seq}"


def check_texts(*texts: str) -> None:
    """Raises InvalidField: one of these cannot be kept."""
    for text in texts:
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise InvalidField("text", "half a surrogate pair is no text") from error
