"""Executions, answers and credentials in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from datacatalog.adapters.stores import codec
from datacatalog.adapters.stores.sqlite.session import Session
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import Duplicate
from datacatalog.ports.stores import Credential, Execution


class SqliteExecutions:
    """Implements ports.stores.Executions."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, execution: Execution) -> None:
        self._session.write(
            "INSERT OR REPLACE INTO executions (actor, id, status, received, finished, http, outcome, log, tenant)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                execution.actor,
                execution.id,
                execution.status,
                codec.micros(execution.received),
                codec.micros_or_none(execution.finished),
                execution.http,
                codec.encode(execution.outcome, "execution"),
                codec.text_of(list(execution.log), "execution"),
                execution.tenant,
            ),
        )

    def get(self, actor: str, id: str) -> Execution | None:
        row = self._session.read(f"{_EXECUTION} WHERE actor = ? AND id = ?", (actor, id)).fetchone()
        return None if row is None else _execution(row)

    def page(
        self,
        actor: str,
        *,
        after: str | None = None,
        limit: int = 100,
        tenants: Collection[str] | None = None,
    ) -> Sequence[Execution]:
        before = "" if after is None else " AND id < ?"
        whose = "" if tenants is None else f" AND tenant IN ({', '.join('?' * len(tenants))})"
        values = (actor, *([] if after is None else [after]), *(tenants or ()), limit)
        sql = f"{_EXECUTION} WHERE actor = ?{before}{whose} ORDER BY id DESC LIMIT ?"
        return [_execution(row) for row in self._session.read(sql, values).fetchall()]


_EXECUTION = "SELECT id, actor, status, received, finished, http, outcome, log, tenant FROM executions"


def _execution(row: tuple[Any, ...]) -> Execution:
    key, actor, status, received, finished, http, outcome, log, tenant = row
    return Execution(
        id=key,
        actor=actor,
        status=status,
        received=codec.instant(received),
        finished=codec.instant_or_none(finished),
        http=http,
        outcome=codec.decode(outcome),
        log=tuple(codec.decode(log)),
        tenant=tenant,
    )


class SqliteAnswers:
    """Implements ports.stores.Answers."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def recall(self, scope: str, key: str) -> JsonObject | None:
        row = self._session.read(
            "SELECT answer FROM answers WHERE scope = ? AND key = ?", (scope, key)
        ).fetchone()
        answer: JsonObject | None = None if row is None else codec.decode(row[0])
        return answer

    def remember(self, scope: str, key: str, answer: JsonObject, *, at: datetime) -> None:
        try:
            self._session.write(
                "INSERT INTO answers (scope, key, at, answer) VALUES (?, ?, ?, ?)",
                (scope, key, codec.micros(at), codec.encode(answer, "answer")),
            )
        except sqlite3.IntegrityError as error:
            raise Duplicate(scope, key) from error


class SqliteProgress:
    """Implements ports.stores.Progress."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, task: str) -> JsonObject | None:
        row = self._session.read("SELECT document FROM progress WHERE task = ?", (task,)).fetchone()
        document: JsonObject | None = None if row is None else codec.decode(row[0])
        return document

    def put(self, task: str, document: JsonObject, *, at: datetime) -> None:
        self._session.write(
            "INSERT OR REPLACE INTO progress (task, at, document) VALUES (?, ?, ?)",
            (task, codec.micros(at), codec.encode(document, "progress")),
        )

    def drop(self, task: str) -> None:
        self._session.write("DELETE FROM progress WHERE task = ?", (task,))


class SqliteCredentials:
    """Implements ports.stores.Credentials."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, credential: Credential) -> None:
        self._session.write(
            "INSERT OR REPLACE INTO credentials"
            " (digest, kind, created, expires, actor, level, uses_left, max_uses, last_use, label, owner, tenant)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                credential.digest,
                credential.kind,
                codec.micros(credential.created),
                codec.micros_or_none(credential.expires),
                credential.actor,
                credential.level,
                credential.uses_left,
                credential.max_uses,
                codec.micros_or_none(credential.last_use),
                credential.label,
                credential.owner,
                credential.tenant,
            ),
        )

    def find(self, digest: str) -> Credential | None:
        row = self._session.read(f"{_CREDENTIAL} WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else _credential(row)

    def use(self, digest: str, *, at: datetime) -> Credential | None:
        found = self.find(digest)
        if found is None or (found.expires is not None and found.expires <= at):
            return None
        if found.uses_left is None:
            return found
        if found.uses_left < 1:
            return None
        self._session.write(
            "UPDATE credentials SET uses_left = uses_left - 1, last_use = ? WHERE digest = ?",
            (codec.micros(at), digest),
        )
        return self.find(digest)

    def remove(self, digest: str) -> bool:
        return self._session.write("DELETE FROM credentials WHERE digest = ?", (digest,)).rowcount == 1

    def page(self, kind: str) -> Sequence[Credential]:
        rows = self._session.read(
            f"{_CREDENTIAL} WHERE kind = ? ORDER BY created, digest", (kind,)
        ).fetchall()
        return [_credential(row) for row in rows]


_CREDENTIAL = (
    "SELECT digest, kind, created, expires, actor, level, uses_left, max_uses, last_use, label, owner, tenant"
    " FROM credentials"
)


def _credential(row: tuple[Any, ...]) -> Credential:
    digest, kind, created, expires, actor, level, uses_left, max_uses, last_use, label, owner, tenant = row
    return Credential(
        digest=digest,
        kind=kind,
        created=codec.instant(created),
        expires=codec.instant_or_none(expires),
        actor=actor,
        level=level,
        uses_left=uses_left,
        max_uses=max_uses,
        last_use=codec.instant_or_none(last_use),
        label=label,
        owner=owner,
        tenant=tenant,
    )
