"""Executions, answers, progress and credentials in MongoDB.

Instants are microseconds since 1970; what was answered, and what is known of unfinished work, is JSON text.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from datacatalog.adapters.stores import codec
from datacatalog.adapters.stores.mongo import documents, marking
from datacatalog.adapters.stores.mongo.layout import ANSWERS, CREDENTIALS, EXECUTIONS, PROGRESS
from datacatalog.adapters.stores.mongo.view import Document, View
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import Duplicate
from datacatalog.ports.stores import Credential, Execution


class MongoExecutions:
    """Implements ports.stores.Executions."""

    __slots__ = ("_view",)

    def __init__(self, view: View) -> None:
        self._view = view

    def put(self, execution: Execution) -> None:
        self._view.writing()
        key = documents.key(execution.actor, execution.id)
        documents.check_texts(execution.status, execution.tenant, *execution.log)
        finished = codec.micros_or_none(execution.finished)
        received = codec.micros(execution.received)
        document = {
            "actor": execution.actor,
            "id": execution.id,
            "status": execution.status,
            "received": received,
            "finished": finished,
            "ended": received if finished is None else finished,
            "http": execution.http,
            "outcome": codec.encode(execution.outcome, "execution"),
            "log": list(execution.log),
            "tenant": execution.tenant,
        }
        touched = [
            marking.execution(key),
            marking.executions(execution.actor),
            marking.executions(execution.actor, execution.tenant),
        ]
        self._view.put(EXECUTIONS, key, document, touched=touched)

    def get(self, actor: str, id: str) -> Execution | None:
        key = documents.key(actor, id)
        found = self._view.get(EXECUTIONS, key, seen=marking.execution(key))
        return None if found is None else _execution(found)

    def page(
        self,
        actor: str,
        *,
        after: str | None = None,
        limit: int = 100,
        tenants: Collection[str] | None = None,
    ) -> Sequence[Execution]:
        documents.check_texts(actor, after or "", *(tenants or ()))
        where: dict[str, Any] = {"actor": actor}
        seen = [marking.executions(actor)]
        if after is not None:
            where["id"] = {"$lt": after}
        if tenants is not None:
            where["tenant"] = {"$in": sorted(tenants)}
            seen = [marking.executions(actor, tenant) for tenant in tenants]
        found = self._view.find(EXECUTIONS, where, sort=[("id", -1)], limit=limit, seen=seen)
        self._view.note(marking.execution(documents.key(actor, each["id"])) for each in found)
        return [_execution(each) for each in found]


def _execution(document: Document) -> Execution:
    return Execution(
        id=document["id"],
        actor=document["actor"],
        status=document["status"],
        received=codec.instant(document["received"]),
        finished=codec.instant_or_none(document["finished"]),
        http=int(document["http"]),
        outcome=codec.decode(document["outcome"]),
        log=tuple(document["log"]),
        tenant=document["tenant"],
    )


class MongoAnswers:
    """Implements ports.stores.Answers."""

    __slots__ = ("_view",)

    def __init__(self, view: View) -> None:
        self._view = view

    def recall(self, scope: str, key: str) -> JsonObject | None:
        name = documents.key(scope, key)
        found = self._view.get(ANSWERS, name, seen=marking.answer(name))
        answer: JsonObject | None = None if found is None else codec.decode(found["answer"])
        return answer

    def remember(self, scope: str, key: str, answer: JsonObject, *, at: datetime) -> None:
        self._view.writing()
        text, name = codec.encode(answer, "answer"), documents.key(scope, key)
        mark = marking.answer(name)
        if self._view.get(ANSWERS, name, seen=mark) is not None:
            raise Duplicate(scope, key)
        document = {"scope": scope, "key": key, "at": codec.micros(at), "answer": text}
        self._view.put(ANSWERS, name, document, touched=[mark])


class MongoProgress:
    """Implements ports.stores.Progress."""

    __slots__ = ("_view",)

    def __init__(self, view: View) -> None:
        self._view = view

    def get(self, task: str) -> JsonObject | None:
        key = documents.key(task)
        found = self._view.get(PROGRESS, key, seen=marking.progress(key))
        document: JsonObject | None = None if found is None else codec.decode(found["document"])
        return document

    def put(self, task: str, document: JsonObject, *, at: datetime) -> None:
        self._view.writing()
        text, key = codec.encode(document, "progress"), documents.key(task)
        fields = {"task": task, "at": codec.micros(at), "document": text}
        self._view.put(PROGRESS, key, fields, touched=[marking.progress(key)])

    def drop(self, task: str) -> None:
        key = documents.key(task)
        self._view.drop(PROGRESS, key, touched=[marking.progress(key)])


class MongoCredentials:
    """Implements ports.stores.Credentials."""

    __slots__ = ("_view",)

    def __init__(self, view: View) -> None:
        self._view = view

    def put(self, credential: Credential) -> None:
        self._view.writing()
        key = documents.key(credential.digest)
        document = _credential_document(credential)
        documents.check_texts(*(value for value in document.values() if isinstance(value, str)))
        touched = [marking.credential(key), marking.credentials(credential.kind)]
        self._view.put(CREDENTIALS, key, document, touched=touched)

    def find(self, digest: str) -> Credential | None:
        key = documents.key(digest)
        found = self._view.get(CREDENTIALS, key, seen=marking.credential(key))
        return None if found is None else _credential(found)

    def use(self, digest: str, *, at: datetime) -> Credential | None:
        found = self.find(digest)
        if found is None or (found.expires is not None and found.expires <= at):
            return None
        if found.uses_left is None:
            return found
        if found.uses_left < 1:
            return None
        used = replace(found, uses_left=found.uses_left - 1, last_use=at)
        self.put(used)
        return used

    def remove(self, digest: str) -> bool:
        self._view.writing()
        found = self.find(digest)
        if found is None:
            return False
        key = documents.key(digest)
        touched = [marking.credential(key), marking.credentials(found.kind)]
        self._view.drop(CREDENTIALS, key, touched=touched)
        return True

    def page(self, kind: str) -> Sequence[Credential]:
        documents.check_texts(kind)
        seen = [marking.credentials(kind)]
        order = [("created", 1), ("digest", 1)]
        found = self._view.find(CREDENTIALS, {"kind": kind}, sort=order, seen=seen)
        # One that becomes one of another kind tells only that kind.
        self._view.note(marking.credential(documents.key(each["digest"])) for each in found)
        return [_credential(each) for each in found]


def _credential_document(credential: Credential) -> Document:
    return {
        "digest": credential.digest,
        "kind": credential.kind,
        "created": codec.micros(credential.created),
        "expires": codec.micros_or_none(credential.expires),
        "actor": credential.actor,
        "level": credential.level,
        "uses_left": credential.uses_left,
        "max_uses": credential.max_uses,
        "last_use": codec.micros_or_none(credential.last_use),
        "label": credential.label,
        "owner": credential.owner,
        "tenant": credential.tenant,
    }


def _credential(document: Document) -> Credential:
    return Credential(
        digest=document["digest"],
        kind=document["kind"],
        created=codec.instant(document["created"]),
        expires=codec.instant_or_none(document["expires"]),
        actor=document["actor"],
        level=document["level"],
        uses_left=document["uses_left"],
        max_uses=document["max_uses"],
        last_use=codec.instant_or_none(document["last_use"]),
        label=document["label"],
        owner=document["owner"],
        tenant=document["tenant"],
    )
