"""The routes of the catalog."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from datacatalog.interfaces.http.catalog.about import About
from datacatalog.interfaces.http.catalog.addresses import BASE, RECORD
from datacatalog.interfaces.http.catalog.browsing import Browsing
from datacatalog.interfaces.http.catalog.lineage import Lineage
from datacatalog.interfaces.http.catalog.writing import Writing
from datacatalog.interfaces.http.desk import Desk, answering


class CatalogRoutes:
    """Records of all kinds, under `/catalog/v1`."""

    def __init__(self, desk: Desk) -> None:
        self._browsing = Browsing(desk)
        self._about = About(desk)
        self._writing = Writing(desk)
        self._lineage = Lineage(desk)

    def routes(self) -> list[Route]:
        return [
            Route(BASE, self._browsing.kinds),
            Route(f"{BASE}/lookup", self._browsing.lookup),
            Route(f"{BASE}/{{kind}}", self.collection, methods=["GET", "POST"]),
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
    async def collection(self, request: HttpRequest) -> Response:
        if request.method == "POST":
            return await self._writing.create(request)
        return await self._browsing.records(request)

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
