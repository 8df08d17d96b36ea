"""Where a record came from and what came of it: as data, as drawings, and in the standard formats of other tools."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

from starlette.background import BackgroundTask
from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, Response

from datacatalog import exports
from datacatalog.domain import drawing
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.kinds import NAMED, Relation, TypedUuid
from datacatalog.domain.linkage.graph import Graph
from datacatalog.interfaces.http.answers import success
from datacatalog.interfaces.http.catalog.addresses import kind_in, uuid_in
from datacatalog.interfaces.http.catalog.showing import record_of
from datacatalog.interfaces.http.desk import Desk, answering
from datacatalog.interfaces.http.reading import flag, limit, number, parameters
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env
from datacatalog.services.lineage import DEPTH, DIRECTIONS, graph_of

T = TypeVar("T")

PARAMETERS = ("direction", "relation", "kind", "depth", "limit", "after", "hidden", "format")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How a graph is drawn, and what the drawing is called."""

    draw: Callable[[Graph], str]
    media_type: str
    suffix: str


DRAWINGS: Mapping[str, Drawing] = {
    "dot": Drawing(draw=drawing.dot, media_type="text/vnd.graphviz; charset=utf-8", suffix="dot"),
    "mermaid": Drawing(draw=drawing.mermaid, media_type="text/plain; charset=utf-8", suffix="mmd"),
    "svg": Drawing(draw=drawing.svg, media_type="image/svg+xml", suffix="svg"),
}
JSON = "json"


EXPORTED_MAX = 10_000
"""Records of one export: it is made in memory, 15 kB of it for each. The command line writes any number."""


class Lineage:
    """Lineage and exports of single records."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @answering
    async def lineage(self, request: HttpRequest) -> Response:
        """Answer a record, what lies around it, and all links between these."""
        kind, uuid = kind_in(request), uuid_in(request)
        env = await self._desk.enter(request, "catalog", "read")
        asked = parameters(request, *PARAMETERS)
        directions = _chosen("direction", asked.get("direction", "ancestors"), DIRECTIONS)
        relations = _several("relation", asked.get("relation"), {r.value: r for r in Relation})
        kinds = _several("kind", asked.get("kind"), NAMED)
        depth, room = _depth(asked.get("depth", str(DEPTH))), limit(asked.get("limit", "100"))
        hidden, shape = flag("hidden", asked.get("hidden")), asked.get("format", JSON)
        chosen = None if shape == JSON else _chosen("format", shape, {JSON: None, **DRAWINGS})

        def look() -> Graph:
            def walk(work: Work) -> Graph:
                record_of(kind, uuid, work, hidden=hidden)
                return graph_of(
                    uuid,
                    directions,
                    work,
                    relations=relations,
                    depth=depth,
                    kinds=kinds,
                    hidden=hidden,
                    after=asked.get("after"),
                    limit=room,
                )

            return env.store.read(walk)

        if chosen is None:
            return success((await self._desk.run(look)).document())
        graph, text = await self._desk.run(lambda: _drawn(look(), chosen))
        headers = {"Content-Disposition": f'inline; filename="{uuid}.{chosen.suffix}"', **_SANDBOX}
        if graph.next is not None:
            headers["Link"] = f'<{request.url.path}?{urlencode({**asked, "after": graph.next})}>; rel="next"'
        return Response(text, media_type=chosen.media_type, headers=headers)

    @answering
    async def export(self, request: HttpRequest) -> Response:
        """Answer how a record came about in a standard format."""
        kind, uuid = kind_in(request), uuid_in(request)
        env = await self._desk.enter(request, "catalog", "read")
        asked = parameters(request, "format", "depth", "payload")
        wanted = asked.get("format", "prov-json")
        depth = _depth(asked["depth"]) if "depth" in asked else None
        payload = flag("payload", asked.get("payload"))
        exports.exporter(wanted)
        if payload and wanted != exports.CRATE:
            raise InvalidField("payload", f"is for format={exports.CRATE} alone")
        await self._desk.run(lambda: env.store.read(lambda work: record_of(kind, uuid, work)))
        if payload:
            return await self._desk.run(lambda: _crate(uuid, depth, env))
        made = await self._desk.run(lambda: exports.export(wanted, uuid, env, depth=depth, most=EXPORTED_MAX))
        return Response(
            made.content,
            media_type=made.media_type,
            headers={"Content-Disposition": f'attachment; filename="{made.filename}"', **_SANDBOX},
        )


_SANDBOX = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
"""A browser that opens an answer runs nothing of it."""


def _crate(uuid: TypedUuid, depth: int | None, env: Env) -> Response:
    """Pack a crate with its files; it is sent once it is whole, and what was packed goes with the answer."""
    place = Path(tempfile.mkdtemp(prefix="datacatalog-crate-"))
    packed = place / "crate.zip"
    try:
        exports.export_crate(uuid, env, packed, payload=True, depth=depth, most=EXPORTED_MAX)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return FileResponse(
        packed,
        media_type="application/zip",
        filename=f"{uuid}-ro-crate.zip",
        headers=_SANDBOX,
        background=BackgroundTask(shutil.rmtree, place, ignore_errors=True),
    )


def _drawn(graph: Graph, chosen: Drawing) -> tuple[Graph, str]:
    return graph, chosen.draw(graph)


def _chosen(field: str, text: str, known: Mapping[str, T]) -> T:
    try:
        return known[text]
    except KeyError:
        raise InvalidField(field, f"{text!a:.80} is none of {', '.join(known)}") from None


def _several(field: str, text: str | None, known: Mapping[str, T]) -> frozenset[T] | None:
    """Read names that are separated by commas; None where nothing is said."""
    return None if text is None else frozenset(_chosen(field, name, known) for name in text.split(","))


def _depth(text: str) -> int:
    if not 1 <= (read := number(text)) <= DEPTH:
        raise InvalidField("depth", f"must be a number from 1 to {DEPTH}")
    return read
