"""Reading the catalog: its kinds, lists of records, single records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from datacatalog.domain.errors import InvalidField, UnknownRecord
from datacatalog.domain.kinds import PREFIXES, SPECS, Kind
from datacatalog.domain.records import Record
from datacatalog.interfaces.http.answers import not_modified, success
from datacatalog.interfaces.http.catalog.addresses import BASE, kind_in, path_of, uuid_in
from datacatalog.interfaces.http.catalog.listing import filters_of, read_query
from datacatalog.interfaces.http.catalog.managed import MANAGED
from datacatalog.interfaces.http.catalog.preconditions import preconditions
from datacatalog.interfaces.http.catalog.showing import Shown, documents, record_of, shown
from datacatalog.interfaces.http.desk import Desk, answering
from datacatalog.interfaces.http.reading import context, flag, parameters
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env
from datacatalog.services.finding import find_record
from datacatalog.services.listing import page_of

PARTS = ("log", "history", "files", "lineage", "export")
"""What is asked for below the address of a record."""


class Browsing:
    """What is there, and what it looks like."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._env = desk.app.env

    @answering
    async def kinds(self, request: HttpRequest) -> Response:
        await self._desk.enter(request, "catalog", "read")
        parameters(request)
        return success({"kinds": [_kind(kind) for kind in SPECS]})

    @answering
    async def lookup(self, request: HttpRequest) -> Response:
        """Find one record of any kind by whatever it is called."""
        env = await self._desk.enter(request, "catalog", "read")
        reference = parameters(request, "ref").get("ref")
        if not reference:
            raise InvalidField("ref", "is missing: a UUID, an identifier, an agave:// URI or a path")
        found = await self._desk.run(
            lambda: env.store.read(lambda work: shown(find_record(reference, work, env), work))
        )
        record = found.record
        answer = {
            "kind": record.kind.value,
            "href": f"{self._env.rules.api_url}{path_of(record.kind, record.uuid)}",
            "record": found.document,
        }
        return _answered(request, found, answer, found.headers())

    async def records(self, request: HttpRequest) -> Response:
        """Answer one page of a kind."""
        kind = kind_in(request)
        env = await self._desk.enter(request, "catalog", "read")
        given = context(request)
        given.pop("x-nonce", None)
        query = read_query(kind, given)

        def look(work: Work) -> dict[str, Any]:
            page = page_of(query, work)
            return {"records": documents(page.records, work), "next": page.next}

        return success(await self._desk.run(lambda: env.store.read(look)))

    async def record(self, request: HttpRequest) -> Response:
        """Answer one record, named by its UUID."""
        kind, uuid = kind_in(request), uuid_in(request)
        return await self._one(request, lambda work, hidden: record_of(kind, uuid, work, hidden=hidden))

    @answering
    async def referred(self, request: HttpRequest) -> Response:
        """Answer one record, named by an identifier or what else its kind is called by."""
        kind, reference = kind_in(request), request.path_params["ref"]
        try:
            return await self._one(
                request, lambda work, hidden: _named(kind, reference, work, self._env, hidden=hidden)
            )
        except (UnknownRecord, InvalidField) as e:
            name, _, part = reference.rpartition("/")
            if not name or part not in PARTS:
                raise
            raise UnknownRecord(f"{reference} ('{part}' is asked for at the UUID)", kind) from e

    async def _one(self, request: HttpRequest, find: Callable[[Work, bool], Record]) -> Response:
        env = await self._desk.enter(request, "catalog", "read")
        hidden = flag("hidden", parameters(request, "hidden").get("hidden"))
        found: Shown = await self._desk.run(
            lambda: env.store.read(lambda work: shown(find(work, hidden), work))
        )
        return _answered(request, found, found.document, found.located())


def _answered(
    request: HttpRequest, found: Shown, result: Mapping[str, Any], headers: Mapping[str, str]
) -> Response:
    """Answer with a record, unless the sender knows it or wants another state of it.  Raises PreconditionFailed."""
    conditions = preconditions(request)
    conditions.check_match(found.record.uuid, found.etag)
    if conditions.is_known(found.etag):
        return not_modified(headers)
    return success(result, headers=headers)


def _named(kind: Kind, reference: str, work: Work, env: Env, *, hidden: bool) -> Record:
    try:
        return find_record(reference, work, env, (kind,))
    except UnknownRecord:
        for field in SPECS[kind].identifiers if hidden else ():
            if (found := work.records.identified(kind, field, reference)) is not None:
                return found
        raise UnknownRecord(reference, kind) from None


def _kind(kind: Kind) -> dict[str, Any]:
    spec = SPECS[kind]
    return {
        "name": spec.collection,
        "kind": kind.value,
        "prefix": PREFIXES[kind],
        "identifiers": list(spec.identifiers),
        "filters": filters_of(kind),
        "links": sorted(spec.relations),
        "writable": kind not in MANAGED,
        "href": f"{BASE}/{spec.collection}",
    }
