"""The tables of the ledger file, and the way from an older file to them.

Every kind of record has a table named after its collection. A searchable field has a column of its own beside the
JSON body ("body.state"), so that a change of state touches one index; indexes over expressions of the body would all
be computed anew, with two parses of the body each. The body stays the whole truth; these columns are derived from it.

UUIDs are 16 bytes and relations are numbers (see keys.py); the few owners that very many records share are rows of `admins`.

A message that waits has a `due` time; one that was handled or given up has none, and stays as the memory of its id. Where a broker
carries word of messages, `carry` is from when on word of one is to be given; it is empty where word was given, and wherever there is no broker.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from datacatalog.domain.errors import Misconfigured
from datacatalog.domain.kinds import SPECS, Kind, KindSpec

APPLICATION_ID = 0x64634C67  # "dcLg"

_LEDGER = """
CREATE TABLE admins (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);

CREATE TABLE links (
  source BLOB NOT NULL, relation INTEGER NOT NULL, target BLOB NOT NULL,
  PRIMARY KEY (source, relation, target)
) WITHOUT ROWID;
CREATE INDEX "links.target" ON links (target, relation, source);

CREATE TABLE history (
  job BLOB NOT NULL, seq INTEGER NOT NULL, uuid BLOB NOT NULL, name TEXT NOT NULL, date INTEGER NOT NULL,
  state TEXT NOT NULL, implied INTEGER NOT NULL, noted INTEGER NOT NULL, data TEXT,
  PRIMARY KEY (job, seq)
) WITHOUT ROWID;

CREATE TABLE changes (
  uuid BLOB NOT NULL, seq INTEGER NOT NULL, date INTEGER NOT NULL, action TEXT NOT NULL,
  revision INTEGER NOT NULL, diff TEXT NOT NULL, admin TEXT NOT NULL,
  PRIMARY KEY (uuid, seq)
) WITHOUT ROWID;

CREATE TABLE messages (
  seq INTEGER PRIMARY KEY, queue TEXT NOT NULL, id TEXT NOT NULL, due INTEGER, tries INTEGER NOT NULL DEFAULT 0,
  lease TEXT, sent INTEGER NOT NULL, handled INTEGER, died INTEGER, reason TEXT, body TEXT,
  UNIQUE (queue, id)
);
CREATE INDEX "messages.due" ON messages (queue, due) WHERE due IS NOT NULL;
CREATE INDEX "messages.died" ON messages (died) WHERE died IS NOT NULL;

CREATE TABLE executions (
  actor TEXT NOT NULL, id TEXT NOT NULL, status TEXT NOT NULL, received INTEGER NOT NULL, finished INTEGER,
  http INTEGER NOT NULL, outcome TEXT NOT NULL, log TEXT NOT NULL,
  PRIMARY KEY (actor, id)
) WITHOUT ROWID;

CREATE TABLE answers (
  scope TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, answer TEXT NOT NULL,
  PRIMARY KEY (scope, key)
) WITHOUT ROWID;

CREATE TABLE progress (task TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL, document TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE credentials (
  digest TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER,
  actor TEXT NOT NULL, level TEXT NOT NULL, uses_left INTEGER, label TEXT NOT NULL, owner TEXT NOT NULL
) WITHOUT ROWID;
"""

_SHARING = """
ALTER TABLE credentials ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN max_uses INTEGER;
ALTER TABLE credentials ADD COLUMN last_use INTEGER;

ALTER TABLE executions ADD COLUMN tenant TEXT NOT NULL DEFAULT '';

CREATE TABLE grants (
  id TEXT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, to_tenant TEXT NOT NULL, to_name TEXT NOT NULL,
  level TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER, by_whom TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE subscriptions (
  id TEXT NOT NULL PRIMARY KEY, subject BLOB NOT NULL, events TEXT NOT NULL, url TEXT NOT NULL, secret TEXT NOT NULL,
  owner TEXT NOT NULL, tenant TEXT NOT NULL, created INTEGER NOT NULL, paused INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX "subscriptions.subject" ON subscriptions (subject);
"""

_CARRYING = """
ALTER TABLE messages ADD COLUMN carry INTEGER;
CREATE INDEX "messages.carry" ON messages (carry) WHERE carry IS NOT NULL;
"""

MIGRATIONS: Mapping[int, str] = {1: _LEDGER, 2: _SHARING, 3: _CARRYING}
"""What takes a file to each version from the one before; record tables are fitted to the declared kinds besides."""

VERSION = max(MIGRATIONS)

RECORD_COLUMNS = ("revision", "visible", "salt", "admin", "created", "modified", "body")
_COLUMNS = ("uuid", *RECORD_COLUMNS)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def field_column(field: str) -> str:
    """Return the quoted name of the column of a searchable field."""
    return quoted(f"body.{field}")


def version_of(connection: sqlite3.Connection) -> int:
    """Return the schema version of a file; 0: it is new.

    Raises:
        Misconfigured: it is another program's file, or a newer version of this one wrote it.
    """
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID and (version or _names(connection, "table")):
        raise Misconfigured("the file is a database, but no ledger of datacatalog")
    if version > VERSION:
        raise Misconfigured(
            f"the ledger has schema version {version}; this program knows {VERSION} and below"
        )
    return int(version)


def is_current(connection: sqlite3.Connection, specs: Mapping[Kind, KindSpec] = SPECS) -> bool:
    """Tell whether there is nothing to migrate.  Raises Misconfigured as `version_of`."""
    return version_of(connection) == VERSION and not any(
        _fitting(connection, spec) for spec in specs.values()
    )


def migrate(connection: sqlite3.Connection, specs: Mapping[Kind, KindSpec] = SPECS) -> None:
    """Bring a file to this version, each step in a transaction of its own.

    Raises:
        Misconfigured: as `version_of`; or a field became an identifier and has values twice.
    """
    for version in range(version_of(connection) + 1, VERSION + 1):
        _in_transaction(
            connection,
            [
                *_statements(MIGRATIONS[version]),
                f"PRAGMA application_id = {APPLICATION_ID}",
                f"PRAGMA user_version = {version}",
            ],
        )
    for spec in specs.values():
        if steps := _fitting(connection, spec):
            try:
                _in_transaction(connection, steps)
            except sqlite3.IntegrityError as error:
                raise Misconfigured(f"collection {spec.collection} cannot be indexed: {error}") from error


def _in_transaction(connection: sqlite3.Connection, statements: Iterable[str]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in statements:
            connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> list[str]:
    return [statement for statement in script.split(";") if statement.strip()]


def _names(connection: sqlite3.Connection, type: str) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = ?", (type,))
    return {name for [name] in rows}


def _fitting(connection: sqlite3.Connection, spec: KindSpec) -> list[str]:
    """Return the statements that make a collection's table and indexes what its kind declares."""
    columns = {row[1] for row in connection.execute(f"PRAGMA table_info({quoted(spec.collection)})")}
    there = {name for name in _names(connection, "index") if name.startswith(f"{spec.collection}.")}
    wanted = _indexes(spec)
    steps = [] if columns else [_create_table(spec)]
    for field in spec.searchable if columns else ():
        if not any(name in there for name in _index_names(spec, field)):
            steps += _fill_column(spec, field, add=f"body.{field}" not in columns)
    for field in spec.columns if columns else ():
        if f"body.{field}" not in columns:
            steps += _fill_column(spec, field, add=True)
    steps += [f"DROP INDEX {quoted(name)}" for name in sorted(there - wanted.keys())]
    # What is not declared is not kept up, so it must not be there when it is declared again.
    undeclared = columns - {*_COLUMNS, *(f"body.{field}" for field in spec.kept)}
    steps += [
        f"ALTER TABLE {quoted(spec.collection)} DROP COLUMN {quoted(name)}" for name in sorted(undeclared)
    ]
    steps += [statement for name, statement in wanted.items() if name not in there]
    return steps


def _create_table(spec: KindSpec) -> str:
    fields = "".join(f"{field_column(field)} TEXT, " for field in spec.kept)
    return (
        f"CREATE TABLE {quoted(spec.collection)} (uuid BLOB NOT NULL PRIMARY KEY, revision INTEGER NOT NULL, "
        "visible INTEGER NOT NULL, salt TEXT NOT NULL, admin INTEGER NOT NULL, created INTEGER NOT NULL, "
        f"modified INTEGER NOT NULL, {fields}body TEXT NOT NULL)"
    )


def _fill_column(spec: KindSpec, field: str, *, add: bool) -> list[str]:
    table, column = quoted(spec.collection), field_column(field)
    path = "'$." + quoted(field).replace("'", "''") + "'"
    text = f"CASE json_type(body, {path}) WHEN 'text' THEN json_extract(body, {path}) END"
    added = [f"ALTER TABLE {table} ADD COLUMN {column} TEXT"] if add else []
    return [*added, f"UPDATE {table} SET {column} = {text}"]  # noqa: S608


def _index_names(spec: KindSpec, field: str) -> tuple[str, str]:
    """Return what a field's index is called: as a search field, and as an identifier."""
    name = f"{spec.collection}.body.{field}"
    return name, f"{name}.unique"


def _indexes(spec: KindSpec) -> dict[str, str]:
    """Return {name: statement} of a collection's indexes."""
    table = quoted(spec.collection)
    hidden = f"{spec.collection}.hidden"
    indexes = {hidden: f"CREATE INDEX {quoted(hidden)} ON {table} (uuid) WHERE visible = 0"}
    for field in spec.identifiers:
        column, (_, name) = field_column(field), _index_names(spec, field)
        indexes[name] = f"CREATE UNIQUE INDEX {quoted(name)} ON {table} ({column}) WHERE {column} IS NOT NULL"
    for field in spec.search:
        # With uuid for pages in its order, with visible so that counting stays within the index.
        column, (name, _) = field_column(field), _index_names(spec, field)
        indexes[name] = f"CREATE INDEX {quoted(name)} ON {table} ({column}, uuid, visible)"
    return indexes
