"""What belongs to one record: its update log; of a job its history and its files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from datacatalog.domain.errors import InvalidField, UnknownRecord
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.records import Record
from datacatalog.interfaces.http.answers import success
from datacatalog.interfaces.http.catalog.addresses import kind_in, uuid_in
from datacatalog.interfaces.http.catalog.showing import documents, record_of, told_without_secrets
from datacatalog.interfaces.http.desk import Desk, answering
from datacatalog.interfaces.http.reading import flag, limit, number, parameters
from datacatalog.ports.stores import Work
from datacatalog.services.documents import fixities_of
from datacatalog.services.finding import files_of


class About:
    """Lists that belong to one record."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @answering
    async def log(self, request: HttpRequest) -> Response:
        """Answer who changed a record, when, and what; what was removed for good counts as hidden."""
        kind, uuid = kind_in(request), uuid_in(request)
        env = await self._desk.enter(request, "catalog", "read")
        asked = parameters(request, "limit", "after", "hidden")
        after, room = _sequence(asked.get("after")), limit(asked.get("limit", "100"))
        hidden = flag("hidden", asked.get("hidden"))

        def look(work: Work) -> dict[str, Any]:
            record = work.records.find(uuid)
            if record is not None or not hidden:
                record_of(kind, uuid, work, hidden=hidden)
            changes = work.records.changes(uuid, after=after, limit=room + 1)
            if record is None and not (changes or after):
                raise UnknownRecord(uuid, kind)
            told = told_without_secrets if kind is Kind.PIPELINEJOB else dict
            return _page("changes", [(n, told(change.document())) for n, change in changes], room)

        return success(await self._desk.run(lambda: env.store.read(look)))

    @answering
    async def history(self, request: HttpRequest) -> Response:
        """Answer what happened to a job, oldest first."""
        uuid = _job_in(request)
        env = await self._desk.enter(request, "catalog", "read")
        asked = parameters(request, "limit", "after", "hidden")
        after, room = _sequence(asked.get("after")), limit(asked.get("limit", "100"))
        hidden = flag("hidden", asked.get("hidden"))

        def look(work: Work) -> dict[str, Any]:
            record_of(Kind.PIPELINEJOB, uuid, work, hidden=hidden)
            entries = work.history.page(uuid, after=after, limit=room + 1)
            return _page(
                "history", [(n, told_without_secrets(entry.document())) for n, entry in entries], room
            )

        return success(await self._desk.run(lambda: env.store.read(look)))

    @answering
    async def files(self, request: HttpRequest) -> Response:
        """Answer the files that a job generated, each with its fixity."""
        uuid = _job_in(request)
        env = await self._desk.enter(request, "catalog", "read")
        asked = parameters(request, "limit", "after", "hidden")
        after, room = _uuid(asked.get("after")), limit(asked.get("limit", "100"))
        hidden = flag("hidden", asked.get("hidden"))

        def look(work: Work) -> dict[str, Any]:
            record_of(Kind.PIPELINEJOB, uuid, work, hidden=hidden)
            page = files_of(uuid, work, after=after, limit=room)
            return {"files": _with_fixity(page.records, work), "next": page.next}

        return success(await self._desk.run(lambda: env.store.read(look)))


def _job_in(request: HttpRequest) -> TypedUuid:
    kind = kind_in(request)
    if kind is not Kind.PIPELINEJOB:
        raise UnknownRecord(request.url.path.rpartition("/")[2], f"part of a {kind}")
    return uuid_in(request)


def _with_fixity(files: Sequence[Record], work: Work) -> list[dict[str, Any]]:
    fixities = fixities_of((file.uuid for file in files), work)
    shown = dict(zip(fixities, documents(list(fixities.values()), work), strict=True))
    return [{**document, "fixity": shown.get(document["uuid"])} for document in documents(files, work)]


def _page(name: str, numbered: list[tuple[int, dict[str, Any]]], room: int) -> dict[str, Any]:
    """Return items with their sequence numbers; one more than there is room for says that there are more."""
    kept = numbered[:room]
    more = len(numbered) > room
    return {
        name: [{"sequence": number, **item} for number, item in kept],
        "next": kept[-1][0] if more else None,
    }


def _sequence(text: str | None) -> int:
    if text is None:
        return 0
    if (read := number(text)) < 0:
        raise InvalidField("after", "must be a sequence number")
    return read


def _uuid(text: str | None) -> TypedUuid | None:
    return None if text is None else read_typed(text, field="after")
