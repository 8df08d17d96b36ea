"""How records lie in their tables: the SQL of each collection, and the way from a row to a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.sqlite import keys
from datacatalog.adapters.stores.sqlite.chunks import repeated
from datacatalog.adapters.stores.sqlite.schema import RECORD_COLUMNS, field_column, quoted
from datacatalog.domain.kinds import SPECS, Kind, KindSpec
from datacatalog.domain.records import Record


class Statements:
    """The SQL of one collection.

    Attributes:
        columns: those that `insert` fills, in that order.
        bulk: {rows: statement}; a row whose UUID or identifier is taken is passed over.
    """

    def __init__(self, spec: KindSpec) -> None:
        self.spec = spec
        self.table = quoted(spec.collection)
        self.kept = spec.kept
        self.fields = tuple(field_column(field) for field in self.kept)
        self.columns = ("uuid", *RECORD_COLUMNS, *self.fields)
        # An owner's text is looked up where it is read, so no memory of them can be older than the ledger.
        read = ["(SELECT text FROM admins WHERE id = admin)" if c == "admin" else c for c in self.columns]
        self.select = f"SELECT {', '.join(read)} FROM {self.table}"  # noqa: S608
        self.get = f"{self.select} WHERE uuid = ?"
        row = f"({', '.join('?' * len(self.columns))})"
        into = f"INTO {self.table} ({', '.join(self.columns)}) VALUES"
        self.insert = f"INSERT {into} {row}"
        self.bulk = repeated(f"INSERT OR IGNORE {into}", row)
        self.update = cache(self._update)

    def _update(self, columns: tuple[str, ...]) -> str:
        sets = ", ".join(f"{column} = ?" for column in columns)
        return f"UPDATE {self.table} SET {sets} WHERE uuid = ?"  # noqa: S608

    def fields_of(self, record: Record) -> tuple[str | None, ...]:
        """Return the values of `fields`."""
        return rules.texts_of(record.body, self.kept)

    def filter(self, where: Mapping[str, str]) -> str:
        return "".join(f" AND {field_column(name)} = ?" for name in where)


STATEMENTS = {kind: Statements(spec) for kind, spec in SPECS.items()}


@dataclass(slots=True)
class Row:
    """A record as it lies in its table; never changed (freezing it would double what it costs).

    Attributes:
        text: the body as JSON.
        fields: the values of `KindSpec.kept`.
    """

    record: Record
    text: str
    fields: tuple[str | None, ...]


def values_of(
    record: Record, owner: int, moment: int, text: str, fields: tuple[str | None, ...]
) -> tuple[Any, ...]:
    """Return a new record as `Statements.columns` hold it; its UUID was checked.

    Args:
        owner: the number of its `admin`.
        moment: when it is created [microseconds].
        text: its body as JSON.
    """
    key = keys.packed_checked(record.uuid)
    return key, 0, record.visible, record.salt, owner, moment, moment, text, *fields


def row_of(kind: Kind, found: tuple[Any, ...]) -> Row:
    """Return what `Statements.select` read."""
    key, revision, visible, salt, admin, created, modified, text, *fields = found
    record = Record(
        kind=kind,
        uuid=keys.text(key),
        body=codec.decode(text),
        salt=salt,
        admin=dict(_admin(admin)),
        revision=revision,
        visible=visible == 1,
        created=codec.instant(created),
        modified=codec.instant(modified),
    )
    return Row(record, text, tuple(fields))


@lru_cache(maxsize=1024)
def _admin(text: str) -> Mapping[str, str]:
    """Few owners stand in very many records."""
    admin: Mapping[str, str] = codec.decode(text)
    return admin
