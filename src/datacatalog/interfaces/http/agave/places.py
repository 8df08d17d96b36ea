"""Where on which storage system a request means: `/system/<id>/<path>`, or a path of the default system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import UnknownRecord, UnsafePath
from datacatalog.domain.paths import normalised
from datacatalog.domain.paths import shown as shown_text
from datacatalog.interfaces.http.agave.entries import address, shown
from datacatalog.ports.storage import Entry, FileInfo
from datacatalog.services.env import Env, Principal
from datacatalog.services.filing import Place

BASE = "/files/v2"


class WholePath(PathConvertor):
    """The rest of an address, line breaks included: at the framework's own ones a name would end, and be another file's."""

    regex = "(?s:.*)"


register_url_convertor("whole", WholePath())


def place_of(request: HttpRequest, env: Env) -> Place:
    """Return where a request means.

    Raises:
        UnknownRecord: there is no such system.
        UnsafePath: the path leads upwards, or has a name that no file may have.
    """
    system = request.path_params.get("system", env.rules.default_system)
    if system not in env.storage.systems():
        raise UnknownRecord(system[:80], "storage system")
    return Place(env, system, path_in(request))


def path_in(request: HttpRequest) -> str:
    """Return the path that a request's address ends with, absolute and normalised; "/" where there is none.

    Raises:
        UnsafePath: it leads upwards, has a name that no file may have, or is not UTF-8.
    """
    given = request.path_params.get("path", "")
    if "\ufffd" in given:
        # The framework puts it in place of what is not UTF-8; then it would name another file.
        try:
            unquote_to_bytes(request.scope.get("raw_path", b"")).decode("utf-8")
        except UnicodeDecodeError:
            raise UnsafePath("path", f"{shown_text(given)} is not UTF-8") from None
    return normalised(f"/{'' if given == '.' else given}")


def shown_at(place: Place, entry: Entry, principal: Principal, *, itself: str = "") -> JsonObject:
    """Return an entry of the place's system as Agave shows one."""
    url = address(f"{place.env.rules.api_url}{BASE}", f"/system/{place.system}")
    return shown(entry, place.system, url, itself=itself, writes=principal.level == "UPDATE")


def entry_of(info: FileInfo) -> Entry:
    return Entry(info.path, False, info.size_bytes, info.modified_ns)


def routes_of(what: str, endpoint: Callable[..., Any], *methods: str) -> list[Route]:
    """Return the routes of one thing that is done with paths: on a system that is named, and on the default one."""
    named = f"{BASE}/{what}/system/{{system}}"
    patterns = (named, f"{named}/{{path:whole}}", f"{BASE}/{what}", f"{BASE}/{what}/{{path:whole}}")
    return [Route(pattern, endpoint, methods=methods) for pattern in patterns]
