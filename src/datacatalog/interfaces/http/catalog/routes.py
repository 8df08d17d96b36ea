"""The routes of the catalog."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from datacatalog.interfaces.http.answers import not_allowed
from datacatalog.interfaces.http.catalog.about import About
from datacatalog.interfaces.http.catalog.addresses import BASE, RECORD, kind_in
from datacatalog.interfaces.http.catalog.browsing import Browsing
from datacatalog.interfaces.http.catalog.lineage import Lineage
from datacatalog.interfaces.http.catalog.managed import MANAGED, elsewhere
from datacatalog.interfaces.http.catalog.subscriptions import Subscribing
from datacatalog.interfaces.http.catalog.writing import Writing
from datacatalog.interfaces.http.desk import Desk, answering

READING = ("GET", "HEAD")
EVERY = (*READING, "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
"""For addresses whose methods depend on more than the pattern of their path."""


class CatalogRoutes:
    """Records of all kinds, under `/catalog/v1`."""

    def __init__(self, desk: Desk) -> None:
        self._browsing = Browsing(desk)
        self._about = About(desk)
        self._writing = Writing(desk)
        self._lineage = Lineage(desk)
        self._subscribing = Subscribing(desk)

    def routes(self) -> list[Route]:
        return [
            Route(BASE, self._browsing.kinds),
            Route(f"{BASE}/lookup", self.lookup, methods=EVERY),
            *self._subscribing.routes(),
            Route(f"{BASE}/{{kind}}", self.collection, methods=EVERY),
            Route(RECORD, self.record, methods=["GET", "PUT", "PATCH", "DELETE"]),
            Route(f"{RECORD}/undelete", self._writing.undelete, methods=["POST"]),
            Route(f"{RECORD}/log", self._about.log),
            Route(f"{RECORD}/history", self._about.history),
            Route(f"{RECORD}/files", self._about.files),
            Route(f"{RECORD}/lineage", self._lineage.lineage),
            Route(f"{RECORD}/export", self._lineage.export),
            # Last, since an identifier may hold slashes.
            Route(f"{BASE}/{{kind}}/{{ref:path}}", self._browsing.referred),
        ]

    @answering
    async def lookup(self, request: HttpRequest) -> Response:
        if request.method not in READING:
            return not_allowed(READING, f"{request.method} is not possible at this address, but GET")
        return await self._browsing.lookup(request)

    @answering
    async def collection(self, request: HttpRequest) -> Response:
        kind = kind_in(request)
        if request.method in READING:
            return await self._browsing.records(request)
        if request.method == "POST":
            return await self._writing.create(request)
        if kind in MANAGED:
            return elsewhere(kind)
        return not_allowed(
            (*READING, "POST"), f"{request.method} is not possible at this address, but GET, POST"
        )

    @answering
    async def record(self, request: HttpRequest) -> Response:
        match request.method:
            case "PUT":
                return await self._writing.put(request)
            case "PATCH":
                return await self._writing.patch(request)
            case "DELETE":
                return await self._writing.delete(request)
        return await self._browsing.record(request)
