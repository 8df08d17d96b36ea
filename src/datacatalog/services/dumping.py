"""Writing records out: public documents in an order that never changes, as JSON Lines or CSV.

What is written here, `services.loading` reads back into the same records. No secret is among it: no salt, no token.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from datacatalog.domain.documents import JsonObject, minified
from datacatalog.domain.kinds import LINKAGE_FIELDS, SPECS, Kind
from datacatalog.domain.tabular import cell, column_of, types_at
from datacatalog.ports.stores import Work
from datacatalog.services.documents import documents_of, history_of
from datacatalog.services.env import Env

_FIRST = (
    Kind.CHALLENGE_PROBLEM,
    Kind.EXPERIMENT_DESIGN,
    Kind.EXPERIMENT,
    Kind.SAMPLE,
    Kind.MEASUREMENT,
    Kind.PROCESS,
    Kind.REFERENCE,
    Kind.PIPELINE,
    Kind.PIPELINEJOB,
    Kind.FILE,
    Kind.FIXITY,
)
DUMP_ORDER = (*_FIRST, *(kind for kind in SPECS if kind not in _FIRST))
"""Kinds so that what a record needs to be loaded comes before it."""

_PAGE = 1000


def dump(
    kinds: Sequence[Kind], work: Work, *, where: Mapping[str, str] | None = None, hidden: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield the documents of records, kind by kind in DUMP_ORDER, then by UUID.

    A job's document holds its whole history. One of a hidden record says `_visible` false.

    Args:
        where: declared fields and their values; every kind must have them.
        hidden: records that were deleted softly as well.
    Raises:
        InvalidField: a kind cannot be searched by a field of `where`.
    """
    for kind in sorted(set(kinds), key=DUMP_ORDER.index):
        after: str | None = None
        while True:
            page = work.records.page(kind, where, after=after, limit=_PAGE, hidden=hidden)
            for record, document in zip(page.records, documents_of(page.records, work), strict=True):
                if kind is Kind.PIPELINEJOB:
                    document["history"] = [entry.document() for entry in history_of(record.uuid, work)]
                if not record.visible:
                    document["_visible"] = False
                yield document
            if page.next is None:
                break
            after = page.next


def json_lines(
    kinds: Sequence[Kind], work: Work, *, where: Mapping[str, str] | None = None, hidden: bool = False
) -> Iterator[str]:
    """Yield a line for each record: its document as JSON in ASCII, with sorted keys.  Arguments and errors as `dump`."""
    for document in dump(kinds, work, where=where, hidden=hidden):
        yield minified(document) + "\n"


def csv_lines(
    kind: Kind, work: Work, env: Env, *, where: Mapping[str, str] | None = None, hidden: bool = False
) -> Iterator[str]:
    """Yield a header and a line for each record of a kind, as RFC 4180 and `domain.tabular` have it.

    The records are read twice: first for the columns, which are all the fields that any of them has.

    Raises:
        InvalidField: as `dump`; or a field has no name, so that it cannot be a column.
    """
    schema = env.schemas.get(f"{kind}_document")
    columns = _columns(schema, dump([kind], work, where=where, hidden=hidden))
    types = {name: types_at(schema, [name], env.schemas.get) for name in columns}
    writer = csv.writer(_Echo())
    yield writer.writerow([column_of(name) for name in columns])
    for document in dump([kind], work, where=where, hidden=hidden):
        yield writer.writerow([_cell(name, document, types[name]) for name in columns])


def _columns(schema: JsonObject, documents: Iterator[JsonObject]) -> list[str]:
    """Return the fields that there are: first `uuid`, then as in the schema, then by name."""
    found = {"uuid"}
    for document in documents:
        found.update(name for name, value in document.items() if name not in LINKAGE_FIELDS or value)
    known = [name for name in schema.get("properties", ()) if name in found and name != "uuid"]
    return ["uuid", *known, *sorted(found.difference(known, ("uuid",)))]


def _cell(name: str, document: JsonObject, types: frozenset[str]) -> str:
    if name in LINKAGE_FIELDS:
        return ";".join(document.get(name, ()))
    return cell(document[name], types) if name in document else ""


class _Echo:
    """Gives back what is written to it, which is what `csv.writer` then returns."""

    def write(self, text: str) -> str:
        return text
