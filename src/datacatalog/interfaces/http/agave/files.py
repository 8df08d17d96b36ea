"""/files/v2: listings of storage systems, and files that are read, written, moved and removed."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from datacatalog.domain.documents import JsonObject
from datacatalog.interfaces.http.agave.answers import asked, success
from datacatalog.interfaces.http.agave.definitions import MULTIPART, media_type, read_definition
from datacatalog.interfaces.http.agave.entries import listed
from datacatalog.interfaces.http.agave.paging import PAGING, page
from datacatalog.interfaces.http.agave.places import entry_of, place_of, routes_of, shown_at
from datacatalog.interfaces.http.agave.receiving import Uploads
from datacatalog.interfaces.http.agave.sending import sent
from datacatalog.interfaces.http.desk import Desk, answering
from datacatalog.services import filing
from datacatalog.services.env import Principal
from datacatalog.services.filing import Place


class FileRoutes:
    """Files and directories of storage systems."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._uploads = Uploads(desk)

    def routes(self) -> list[Route]:
        return [
            *routes_of("listings", self.listing, "GET"),
            *routes_of("media", self.media, "GET", "POST", "PUT", "DELETE"),
        ]

    @answering
    async def listing(self, request: HttpRequest) -> Response:
        principal, place = await self._admitted(request, "read")
        part = page(asked(request, *PAGING))

        def look() -> list[JsonObject]:
            found = listed(place.path, place.entries(part.offset + part.limit), part)
            return [shown_at(place, entry, principal, itself=place.path) for entry in found]

        return success(request, await self._desk.run(look))

    @answering
    async def media(self, request: HttpRequest) -> Response:
        match request.method:
            case "POST":
                return await self._upload(request)
            case "PUT":
                return await self._arrange(request)
            case "DELETE":
                return await self._delete(request)
        return await self._download(request)

    async def _download(self, request: HttpRequest) -> Response:
        _, place = await self._admitted(request, "read")
        asked(request)
        return await sent(request, self._desk, await self._desk.run(place.open), place.path)

    async def _upload(self, request: HttpRequest) -> Response:
        principal, place = await self._admitted(request, "write")
        asked(request)
        if media_type(request) == MULTIPART:
            with await self._uploads.received(request) as upload:
                info = await self._desk.run(lambda: filing.put(place, upload.file_name, upload.content))
        else:
            order = await read_definition(request, self._desk)
            info = await self._desk.run(lambda: filing.fetch(place, order))
        return success(request, shown_at(place, entry_of(info), principal), http=201)

    async def _arrange(self, request: HttpRequest) -> Response:
        principal, place = await self._admitted(request, "write")
        asked(request)
        order = await read_definition(request, self._desk)
        entry = await self._desk.run(lambda: filing.arrange(place, order))
        return success(request, shown_at(place, entry, principal))

    async def _delete(self, request: HttpRequest) -> Response:
        _, place = await self._admitted(request, "remove")
        asked(request)
        gone = await self._desk.run(lambda: filing.remove(place))
        return success(request, {"path": place.path, "files": gone}, message="It was removed")

    async def _admitted(self, request: HttpRequest, action: str) -> tuple[Principal, Place]:
        principal = await self._desk.admit(request, "files", action)
        return principal, place_of(request, self._desk.env(principal))
