"""Subscriptions over HTTP: who of one's own tenant is told of what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.privileges import level_of
from datacatalog.domain.strict_json import parse_object
from datacatalog.interfaces.http.answers import not_allowed, success
from datacatalog.interfaces.http.catalog.addresses import BASE
from datacatalog.interfaces.http.desk import Desk, answering
from datacatalog.interfaces.http.reading import limit, parameters
from datacatalog.ports.stores import Work
from datacatalog.services.env import Principal
from datacatalog.services.subscriptions import (
    OVERLAP,
    Subscribed,
    Wish,
    document_of,
    rotate_secret,
    set_paused,
    subscribe,
    subscription_for,
    subscription_page,
    unsubscribe,
)

COLLECTION = f"{BASE}/subscriptions"
ONE = f"{COLLECTION}/{{id}}"
METHODS = ("GET", "HEAD", "POST")
OVERLAP_MAX_S = 30 * 86400


class Subscribing:
    """The routes of subscriptions."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        every = [*METHODS, "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
        return [
            # All methods, since the address is also one of a kind that there is not.
            Route(COLLECTION, self.collection, methods=every),
            Route(ONE, self.one, methods=["GET", "PATCH", "DELETE"]),
            Route(f"{ONE}/rotate", self.rotate, methods=["POST"]),
        ]

    @answering
    async def collection(self, request: HttpRequest) -> Response:
        match request.method:
            case "GET" | "HEAD":
                return await self._list(request)
            case "POST":
                return await self._create(request)
        return not_allowed(METHODS, f"{request.method} is not possible at this address, but GET, POST")

    @answering
    async def one(self, request: HttpRequest) -> Response:
        match request.method:
            case "PATCH":
                return await self._change(request)
            case "DELETE":
                return await self._remove(request)
        return await self._show(request)

    @answering
    async def rotate(self, request: HttpRequest) -> Response:
        """Give a subscription another secret."""
        principal = await self._recognise(request, "change")
        parameters(request)
        asked = await self._body(request, "secret", "overlap_s")
        overlap = _overlap(asked.get("overlap_s"))
        secret, name, env = _text(asked, "secret"), _name(request), self._desk.env(principal)
        rotated = await self._desk.change(
            principal, lambda work: rotate_secret(name, secret, work, env, overlap=overlap)
        )
        return success(_with_secret(rotated), message="The secret was rotated")

    # --------------------------------------------------------------------------------------- collection

    async def _list(self, request: HttpRequest) -> Response:
        env = await self._desk.enter(request, "subscriptions", "list")
        given = parameters(request, "limit", "after")
        wanted = limit(given.get("limit", "100"))

        def look(work: Work) -> dict[str, Any]:
            return subscription_page(work, after=given.get("after"), limit=wanted)

        return success(await self._desk.run(lambda: env.store.read(look)))

    async def _create(self, request: HttpRequest) -> Response:
        principal = await self._recognise(request, "create")
        parameters(request)
        wish = _wish(await self._body(request, "subject", "url", "events", "secret"))
        env = self._desk.env(principal)
        made = await self._desk.change(principal, lambda work: subscribe(wish, principal, work, env))
        address = f"{env.rules.api_url}{COLLECTION}/{made.subscription.id}"
        return success(
            _with_secret(made),
            http=201,
            message="The subscription was made; its secret is shown this once",
            headers={"Location": address},
        )

    # ---------------------------------------------------------------------------------------------- one

    async def _show(self, request: HttpRequest) -> Response:
        env = await self._desk.enter(request, "subscriptions", "list")
        parameters(request)
        name = _name(request)

        def look(work: Work) -> dict[str, Any]:
            return document_of(subscription_for(name, work), work)

        return success(await self._desk.run(lambda: env.store.read(look)))

    async def _change(self, request: HttpRequest) -> Response:
        principal = await self._recognise(request, "change")
        parameters(request)
        paused = (await self._body(request, "paused")).get("paused")
        if not isinstance(paused, bool):
            raise InvalidField("paused", "must be true or false")
        name = _name(request)
        shown = await self._desk.change(
            principal, lambda work: document_of(set_paused(name, paused, work), work)
        )
        return success(shown, message="The subscription was changed")

    async def _remove(self, request: HttpRequest) -> Response:
        principal = await self._recognise(request, "remove")
        parameters(request)
        name = _name(request)
        await self._desk.change(principal, lambda work: unsubscribe(name, work))
        return success({"id": name, "action": "removed"}, message="The subscription was removed")

    # -------------------------------------------------------------------------------------------- parts

    async def _recognise(self, request: HttpRequest, action: str) -> Principal:
        return await self._desk.recognise(request, "*", level_of("subscriptions", action))

    async def _body(self, request: HttpRequest, *known: str) -> JsonObject:
        """Read a body with none but these fields; none is an empty one.  Raises TooLarge, BadMessage."""
        asked = parse_object(await self._desk.body(request) or b"{}")
        for name in sorted(asked.keys() - {*known}):
            raise InvalidField(name, f"is no field here; one of {', '.join(known)}")
        return asked


def _name(request: HttpRequest) -> str:
    return str(request.path_params["id"])


def _wish(asked: Mapping[str, Any]) -> Wish:
    """Raises InvalidField."""
    events = asked.get("events", [])
    if not isinstance(events, list) or not all(isinstance(name, str) for name in events):
        raise InvalidField("events", "must be a list of names")
    for name in ("subject", "url"):
        if not _text(asked, name):
            raise InvalidField(name, "is missing")
    return Wish(subject=asked["subject"], url=asked["url"], events=events, secret=_text(asked, "secret"))


def _text(asked: Mapping[str, Any], name: str) -> str | None:
    value = asked.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidField(name, "must be text")
    return value


def _overlap(seconds: Any) -> timedelta:
    if seconds is None:
        return OVERLAP
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds <= OVERLAP_MAX_S:
        raise InvalidField("overlap_s", f"must be a whole number of seconds from 0 to {OVERLAP_MAX_S}")
    return timedelta(seconds=seconds)


def _with_secret(made: Subscribed) -> dict[str, Any]:
    return {**document_of(made.subscription), "secret": made.secret}
