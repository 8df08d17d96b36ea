"""Forgetting what is older than its retention, a thousand rows at a time.

What may go is looked up in reading transactions, so that no writer waits for a scan; each removal asks again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from datacatalog.adapters.stores import codec
from datacatalog.adapters.stores.sqlite.commits import Commits
from datacatalog.adapters.stores.sqlite.connections import Seat

ROWS_PER_COMMIT = 1000

# Table: its key, and which rows are older than :before.
_OLD: Mapping[str, tuple[tuple[str, ...], str]] = {
    "answers": (("scope", "key"), "at < :before"),
    "messages": (("seq",), "handled < :before"),
    "executions": (("actor", "id"), "coalesce(finished, received) < :before"),
    "progress": (("task",), "at < :before"),
    "credentials": (("digest",), "expires < :before OR (uses_left = 0 AND created < :before)"),
}


def prune(commits: Commits, *, before: datetime) -> Mapping[str, int]:
    """Return how many rows of each table went."""
    return {table: _prune_table(commits, table, codec.micros(before)) for table in _OLD}


def _prune_table(commits: Commits, table: str, before: int) -> int:
    key, old = _OLD[table]
    # Older than the fixed instant, so a row that is found once stays old unless it is written anew.
    select = f"SELECT {', '.join(key)} FROM {table} WHERE {old}"  # noqa: S608
    keys = commits.read(lambda seat: seat.cursor.execute(select, {"before": before}).fetchall())
    gone = 0
    for start in range(0, len(keys), ROWS_PER_COMMIT):
        some = keys[start : start + ROWS_PER_COMMIT]
        gone += commits.write(lambda seat, some=some: _delete(seat, table, some, before))  # type: ignore[misc]
    return gone


def _delete(seat: Seat, table: str, keys: list[tuple[object, ...]], before: int) -> int:
    columns, old = _OLD[table]
    same = " AND ".join(f"{column} = :{column}" for column in columns)
    values = [{**dict(zip(columns, key, strict=True)), "before": before} for key in keys]
    return seat.cursor.executemany(f"DELETE FROM {table} WHERE {same} AND ({old})", values).rowcount  # noqa: S608
