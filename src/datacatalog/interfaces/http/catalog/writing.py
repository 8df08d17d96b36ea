"""Writing records: each request is one commit, and is answered once it is on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import ConflictingFields, InvalidField, InvalidRecord, UnsupportedMedia
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.privileges import level_of
from datacatalog.domain.strict_json import parse_object
from datacatalog.interfaces.http.answers import success
from datacatalog.interfaces.http.catalog.addresses import kind_in, path_of, uuid_in
from datacatalog.interfaces.http.catalog.managed import MANAGED, elsewhere
from datacatalog.interfaces.http.catalog.preconditions import ANY, Preconditions, preconditions
from datacatalog.interfaces.http.catalog.showing import Shown, record_of, shown
from datacatalog.interfaces.http.desk import Desk, answering
from datacatalog.interfaces.http.reading import flag, parameters
from datacatalog.ports.stores import Work
from datacatalog.services.describing import read_document
from datacatalog.services.env import Principal
from datacatalog.services.records import (
    Written,
    delete_record,
    patch_record,
    put_record,
    undelete_record,
)

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


class Writing:
    """What changes records; those of jobs and pipelines are changed elsewhere."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._env = desk.app.env

    async def create(self, request: HttpRequest) -> Response:
        """Write a record whose UUID follows from its document."""
        kind, principal = kind_in(request), await self._recognise(request)
        env = self._desk.env(principal)
        if kind in MANAGED:
            return elsewhere(kind)
        strategy = parameters(request, "strategy").get("strategy", "merge")
        conditions = preconditions(request)
        if conditions.match is not None or conditions.none_match not in (None, ANY):
            raise InvalidField(
                "If-Match", "is for one record: PUT to its own address; here, If-None-Match: * is known"
            )
        document = await self._document(request, JSON)
        self._check_private(kind, document)

        def write(work: Work) -> Written:
            if conditions.none_match is not None:
                _check(read_document(kind, document, env).uuid, conditions, work)
            return put_record(kind, document, work, env, strategy=strategy, by=principal.name)

        return await self._written(principal, kind, write)

    async def put(self, request: HttpRequest) -> Response:
        """Write a record at its own address."""
        kind, uuid, principal = kind_in(request), uuid_in(request), await self._recognise(request)
        env = self._desk.env(principal)
        if kind in MANAGED:
            return elsewhere(kind)
        strategy = parameters(request, "strategy").get("strategy", "replace")
        conditions = preconditions(request)
        given = await self._document(request, JSON)
        self._check_private(kind, given)
        if read_typed(given.get("uuid", uuid), kind) != uuid:
            raise ConflictingFields("uuid")
        document = {**given, "uuid": uuid}

        def write(work: Work) -> Written:
            _check(uuid, conditions, work)
            return put_record(kind, document, work, env, strategy=strategy, by=principal.name)

        return await self._written(principal, kind, write)

    async def patch(self, request: HttpRequest) -> Response:
        """Change fields of a record by a JSON merge patch."""
        kind, uuid, principal = kind_in(request), uuid_in(request), await self._recognise(request)
        env = self._desk.env(principal)
        if kind in MANAGED:
            return elsewhere(kind)
        parameters(request)
        conditions = preconditions(request)
        document = await self._document(request, MERGE_PATCH, JSON)

        def write(work: Work) -> Written:
            record_of(kind, uuid, work)
            _check(uuid, conditions, work)
            return patch_record(uuid, document, work, env, by=principal.name)

        return await self._written(principal, kind, write)

    async def delete(self, request: HttpRequest) -> Response:
        """Hide a record, or remove it for good."""
        kind, uuid, principal = kind_in(request), uuid_in(request), await self._recognise(request)
        env = self._desk.env(principal)
        if kind in MANAGED:
            return elsewhere(kind)
        force = flag("force", parameters(request, "force").get("force"))
        conditions = preconditions(request)

        def write(work: Work) -> Written:
            record_of(kind, uuid, work, hidden=force)
            _check(uuid, conditions, work, hidden=force)
            return delete_record(uuid, work, env, force=force, by=principal.name)

        written = await self._desk.change(principal, write)
        return success({"uuid": uuid, "action": written.action}, message=f"The {kind} was {written.action}")

    @answering
    async def undelete(self, request: HttpRequest) -> Response:
        """Bring a hidden record back."""
        kind, uuid, principal = kind_in(request), uuid_in(request), await self._recognise(request)
        env = self._desk.env(principal)
        if kind in MANAGED:
            return elsewhere(kind, ())
        parameters(request)
        conditions = preconditions(request)

        def write(work: Work) -> Written:
            record_of(kind, uuid, work, hidden=True)
            _check(uuid, conditions, work, hidden=True)
            return undelete_record(uuid, work, env, by=principal.name)

        return await self._written(principal, kind, write)

    # ------------------------------------------------------------------------------------------- parts

    async def _recognise(self, request: HttpRequest) -> Principal:
        return await self._desk.recognise(request, "*", level_of("catalog", "write"))

    async def _document(self, request: HttpRequest, *accepted: str) -> JsonObject:
        """Read the body.  Raises UnsupportedMedia, TooLarge, BadMessage."""
        called, _, more = request.headers.get("content-type", "").partition(";")
        charset = more.strip().lower().removeprefix("charset=").strip('"')
        if called.strip().lower() not in accepted or charset not in ("", "utf-8"):
            raise UnsupportedMedia(called.strip(), accepted)
        return parse_object(await self._desk.body(request))

    def _check_private(self, kind: Kind, document: JsonObject) -> None:
        """Make sure that what the catalog will pass over is at least what it would have said itself.

        Raises:
            InvalidRecord.
        """
        if not any(name.startswith("_") for name in document):
            return
        complaints = self._env.schemas.complaints(f"{kind}_document", document)
        if private := [(path, message) for path, message in complaints if path.startswith("/_")]:
            raise InvalidRecord(kind, private)

    async def _written(self, principal: Principal, kind: Kind, write: Callable[[Work], Written]) -> Response:
        def body(work: Work) -> tuple[str, Shown]:
            written = write(work)
            return written.action, shown(written.record, work)

        action, found = await self._desk.change(principal, body)
        headers: dict[str, Any] = found.located()
        if action == "created":
            headers["Location"] = f"{self._env.rules.api_url}{path_of(found.record.kind, found.record.uuid)}"
        return success(
            found.document,
            http=201 if action == "created" else 200,
            message=f"The {kind} is {action}" if action == "unchanged" else f"The {kind} was {action}",
            headers=headers,
        )


def _check(uuid: TypedUuid, conditions: Preconditions, work: Work, *, hidden: bool = False) -> None:
    """Raises PreconditionFailed. To who does not ask for hidden records, one that is hidden is not there."""
    record = work.records.find(uuid)
    there = record is not None and (record.visible or hidden)
    conditions.check(uuid, shown(record, work).etag if record is not None and there else None)
