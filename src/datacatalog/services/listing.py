"""Lists of records of a kind, page by page: by fields, by what they say of others, by how their names begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers.typed import kind_of, read_typed
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Record
from datacatalog.ports.stores import Page, Work

_UUID_LENGTH = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which records of a kind are asked for.

    Attributes:
        where: values that searchable fields must have.
        linked: what the records must say of whom.
        prefix: what their `name` must begin with.
        after: `next` of the page before.
    """

    kind: Kind
    where: Mapping[str, str] = field(default_factory=dict)
    linked: tuple[Relation, TypedUuid] | None = None
    prefix: str | None = None
    after: str | None = None
    limit: int = 100
    hidden: bool = False


def read_cursor(text: str, prefix: str | None) -> str:
    """Read where a page is to begin: a UUID, or in a list by name what `Page.next` was.  Raises InvalidField."""
    if prefix is None:
        return read_typed(text, field="after")
    kind_of(text[:_UUID_LENGTH], "after")
    if not text[_UUID_LENGTH:].startswith(f":{prefix}"):
        raise InvalidField("after", "is of another list")
    return text


def page_of(query: Query, work: Work) -> Page:
    """Return one page; with a link or a prefix and other filters besides, it may hold fewer than there is room for."""
    if query.linked is not None:
        page = _linked(query, *query.linked, work)
    elif query.prefix is not None:
        page = _below(query, query.prefix, work)
    else:
        return work.records.page(
            query.kind, query.where, after=query.after, limit=query.limit, hidden=query.hidden
        )
    return Page(records=[record for record in page.records if _fits(record, query)], next=page.next)


def _fits(record: Record, query: Query) -> bool:
    body = record.body
    return (
        (record.visible or query.hidden)
        and all(body.get(name) == value for name, value in query.where.items())
        and (query.prefix is None or str(body.get("name", "")).startswith(query.prefix))
    )


def _linked(query: Query, relation: Relation, target: TypedUuid, work: Work) -> Page:
    links = work.links.to(target, relation, kind=query.kind, after=query.after, limit=query.limit)
    found = work.records.find_many(link.source for link in links)
    records = [found[link.source] for link in links if link.source in found]
    return Page(records=records, next=links[-1].source if len(links) >= query.limit else None)


def _below(query: Query, prefix: str, work: Work) -> Page:
    """Return records by name; several may have one name, on storage systems of their own."""
    seen, low = "", prefix
    if query.after is not None:
        seen, low = query.after[:_UUID_LENGTH], query.after[_UUID_LENGTH + 1 :]
    window = query.limit + 1
    while True:
        found = work.records.between(
            query.kind, "name", low, first_after(prefix), limit=window, hidden=query.hidden
        )
        fresh = [r for r in found if (r.body["name"], r.uuid) > (low, seen)]
        if len(fresh) > query.limit or len(found) < window:
            return _cut(fresh, query.limit)
        window *= 2


def _cut(records: Sequence[Record], room: int) -> Page:
    kept = records[:room]
    last = kept[-1] if len(records) > room else None
    return Page(records=kept, next=f"{last.uuid}:{last.body['name']}" if last else None)


def first_after(prefix: str) -> str:
    """Return the first text after all that begin with `prefix`, code point by code point."""
    last = ord(prefix[-1])
    if last == 0x10FFFF:
        return f"{prefix}{chr(last)}" if len(prefix) == 1 else first_after(prefix[:-1])
    # Surrogates are no characters.
    return prefix[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)
