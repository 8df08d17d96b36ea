"""The ledger file as plain rows, and plain rows as a ledger file; see ports.stores.copying."""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.sqlite import keys
from datacatalog.adapters.stores.sqlite.commits import Commits
from datacatalog.adapters.stores.sqlite.connections import Seat
from datacatalog.adapters.stores.sqlite.rows import STATEMENTS
from datacatalog.adapters.stores.sqlite.schema import quoted
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.kinds import Kind, Relation
from datacatalog.ports.stores.copying import KEYS, Snapshot

T = TypeVar("T")

ROWS_PER_COMMIT = 2000


@dataclass(frozen=True, slots=True)
class _Form:
    """How one field of a row lies in its column."""

    shown: Callable[[Any], Any]
    kept: Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _decoded(text: str | None) -> Any:
    return None if text is None else codec.decode(text)


def _encoded(value: Any) -> str | None:
    return None if value is None else codec.text_of(value, "row")


_PLAIN = _Form(_same, _same)
_UUID = _Form(keys.text, keys.packed)
_JSON = _Form(_decoded, _encoded)
_FLAG = _Form(bool, int)
_RELATION = _Form(
    lambda number: keys.RELATIONS[number].value, lambda relation: keys.NUMBERS[Relation(relation)]
)

# Table: {field: form}, the fields of its key first; a column is called like its field, but for those in _COLUMNS.
_TABLES: Mapping[str, Mapping[str, _Form]] = {
    "links": {"source": _UUID, "relation": _RELATION, "target": _UUID},
    "history": {
        "job": _UUID,
        "seq": _PLAIN,
        "uuid": _UUID,
        "name": _PLAIN,
        "date": _PLAIN,
        "state": _PLAIN,
        "implied": _FLAG,
        "noted": _FLAG,
        "data": _JSON,
    },
    "changes": {
        "uuid": _UUID,
        "seq": _PLAIN,
        "date": _PLAIN,
        "action": _PLAIN,
        "revision": _PLAIN,
        "diff": _JSON,
        "admin": _JSON,
    },
    "executions": {
        **dict.fromkeys(("actor", "id", "status", "received", "finished", "http"), _PLAIN),
        **dict.fromkeys(("outcome", "log"), _JSON),
        "tenant": _PLAIN,
    },
    "answers": {"scope": _PLAIN, "key": _PLAIN, "at": _PLAIN, "answer": _JSON},
    "progress": {"task": _PLAIN, "at": _PLAIN, "document": _JSON},
    "credentials": dict.fromkeys(
        (
            *("digest", "kind", "created", "expires", "actor", "level"),
            *("uses_left", "max_uses", "last_use", "label", "owner", "tenant"),
        ),
        _PLAIN,
    ),
    "grants": dict.fromkeys(
        ("id", "tenant", "to_tenant", "to_name", "level", "created", "expires", "by"), _PLAIN
    ),
    "subscriptions": {
        "id": _PLAIN,
        "subject": _UUID,
        "events": _JSON,
        **dict.fromkeys(("url", "secret", "owner", "tenant", "created"), _PLAIN),
        "paused": _FLAG,
    },
}
_COLUMNS = {"by": "by_whom"}


class SqliteSnapshot:
    """Implements ports.stores.copying.Snapshot, within a reading transaction."""

    def __init__(self, seat: Seat) -> None:
        self._connection = seat.connection

    def rows(self, table: str) -> Iterator[JsonObject]:
        match table:
            case "records":
                yield from heapq.merge(*map(self._records, STATEMENTS), key=_uuid_of)
            case "messages":
                yield from self._messages()
            case "tenants":
                yield from ({"tenant": tenant} for tenant in sorted(self._tenants()))
            case _:
                yield from self._plain(table)

    def _plain(self, table: str) -> Iterator[JsonObject]:
        forms = _TABLES[table]
        names, shown = tuple(forms), tuple(form.shown for form in forms.values())
        columns, order = ", ".join(map(_column, names)), ", ".join(map(_column, KEYS[table]))
        for row in self._read(f"SELECT {columns} FROM {table} ORDER BY {order}"):  # noqa: S608
            yield {name: show(value) for name, show, value in zip(names, shown, row, strict=True)}

    def _records(self, kind: Kind) -> Iterator[JsonObject]:
        sql = (
            "SELECT uuid, revision, visible, salt, (SELECT text FROM admins WHERE id = admin), created, modified, body"  # noqa: S608
            f" FROM {STATEMENTS[kind].table} ORDER BY uuid"
        )
        for key, revision, visible, salt, admin, created, modified, body in self._read(sql):
            yield {
                "uuid": keys.text(key),
                "kind": kind.value,
                "body": codec.decode(body),
                "revision": revision,
                "visible": visible == 1,
                "salt": salt,
                "admin": codec.decode(admin),
                "created": created,
                "modified": modified,
            }

    def _messages(self) -> Iterator[JsonObject]:
        numbers = array("q", (seq for [seq] in self._read("SELECT seq FROM messages ORDER BY seq")))
        sql = (
            "SELECT seq, queue, id, due, tries, sent, handled, died, reason, body FROM messages"
            " ORDER BY queue, id"
        )
        for seq, queue, key, due, tries, sent, handled, died, reason, body in self._read(sql):
            yield {
                "queue": queue,
                "id": key,
                "order": bisect_left(numbers, seq) + 1,
                "due": due,
                "tries": tries,
                "sent": sent,
                "handled": handled,
                "died": died,
                "reason": reason,
                "body": _decoded(body),
            }

    def _tenants(self) -> set[str]:
        admins = (codec.decode(text) for [text] in self._read("SELECT text FROM admins"))
        return {str(admin.get("tenant", "")) for admin in admins}

    def _read(self, sql: str) -> Iterator[tuple[Any, ...]]:
        # A cursor of its own: tables are read side by side, and none is held as a whole.
        cursor = self._connection.cursor()
        try:
            yield from cursor.execute(sql)
        finally:
            cursor.close()


def snapshot(database: Commits, body: Callable[[Snapshot], T]) -> T:
    """Run `body` on one state of the file. The write-ahead log grows meanwhile by what others write."""

    def look(seat: Seat) -> T:
        # The first look at the file is what fixes the state.
        seat.cursor.execute("SELECT 1 FROM sqlite_master").fetchall()
        return body(SqliteSnapshot(seat))

    return database.read(look)


def is_empty(database: Commits) -> bool:
    tables = [*(statements.table for statements in STATEMENTS.values()), *_TABLES, "messages", "admins"]

    def look(seat: Seat) -> bool:
        found = (seat.cursor.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)  # noqa: S608
        return not any(found)

    return database.read(look)


def load(database: Commits, table: str, rows: Iterable[JsonObject]) -> int:
    """Put rows in, some thousand in each commit.

    Raises:
        sqlite3.IntegrityError: two records have the same identifier.
    """
    put, source, count = _loader(table), iter(rows), 0
    while some := list(islice(source, ROWS_PER_COMMIT)):
        database.write(lambda seat, some=some: put(seat, some))  # type: ignore[misc]
        count += len(some)
    return count


def _loader(table: str) -> Callable[[Seat, Sequence[JsonObject]], None]:
    match table:
        case "records":
            return _put_records
        case "messages":
            return _put_messages
        case "tenants":
            return _put_tenants
    forms = _TABLES[table]
    columns, marks = ", ".join(map(_column, forms)), ", ".join("?" * len(forms))
    sql = f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608

    def put(seat: Seat, rows: Sequence[JsonObject]) -> None:
        values = (tuple([form.kept(row[name]) for name, form in forms.items()]) for row in rows)
        seat.cursor.executemany(sql, values)

    return put


def _put_records(seat: Seat, rows: Sequence[JsonObject]) -> None:
    seat.make_room()
    numbers = _admin_numbers(seat, {codec.text_of(row["admin"], "row") for row in rows})
    kinds: dict[Kind, list[tuple[Any, ...]]] = {}
    for row in rows:
        kind = Kind(row["kind"])
        kinds.setdefault(kind, []).append(
            (
                keys.packed(row["uuid"]),
                row["revision"],
                int(row["visible"]),
                row["salt"],
                numbers[codec.text_of(row["admin"], "row")],
                row["created"],
                row["modified"],
                codec.text_of(row["body"], kind),
                *rules.texts_of(row["body"], STATEMENTS[kind].kept),
            )
        )
    for kind, values in kinds.items():
        statements = STATEMENTS[kind]
        sets = ", ".join(f"{column} = excluded.{column}" for column in statements.columns[1:])
        # Not OR REPLACE, which would remove another record that has the same identifier.
        seat.cursor.executemany(f"{statements.insert} ON CONFLICT (uuid) DO UPDATE SET {sets}", values)


def _put_messages(seat: Seat, rows: Sequence[JsonObject]) -> None:
    sql = (
        "INSERT INTO messages (seq, queue, id, due, tries, sent, handled, died, reason, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (queue, id) DO UPDATE SET seq = excluded.seq, due = excluded.due,"
        " tries = excluded.tries, lease = NULL, sent = excluded.sent, handled = excluded.handled, died = excluded.died,"
        " reason = excluded.reason, body = excluded.body"
    )
    fields = ("order", "queue", "id", "due", "tries", "sent", "handled", "died", "reason")
    values = ((*[row[name] for name in fields], _encoded(row["body"])) for row in rows)
    seat.cursor.executemany(sql, values)


def _put_tenants(seat: Seat, rows: Sequence[JsonObject]) -> None:
    """Keep tenants that no record names any more: as owners of nothing."""
    there = {str(codec.decode(text).get("tenant", "")) for [text] in seat.cursor.execute(_ADMINS).fetchall()}
    wanted = {str(row["tenant"]) for row in rows} - there
    _admin_numbers(seat, {codec.text_of({"tenant": name} if name else {}, "row") for name in wanted})


_ADMINS = "SELECT text FROM admins"


def _admin_numbers(seat: Seat, texts: set[str]) -> dict[str, int]:
    """Return the numbers of owners; new ones get one."""
    seat.cursor.executemany(
        "INSERT OR IGNORE INTO admins (text) VALUES (?)", [(text,) for text in sorted(texts)]
    )
    find = "SELECT id FROM admins WHERE text = ?"
    return {text: int(seat.cursor.execute(find, (text,)).fetchone()[0]) for text in texts}


def _column(field: str) -> str:
    return quoted(_COLUMNS.get(field, field))


def _uuid_of(row: JsonObject) -> str:
    return str(row["uuid"])
