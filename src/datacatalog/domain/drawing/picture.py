"""A graph as a picture that needs nothing else: no script, no font, no style sheet, no program to draw it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from itertools import pairwise

from datacatalog.domain.drawing.captions import caption, relation, shortened
from datacatalog.domain.drawing.layout import Layout, Place, arranged
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.linkage.graph import Edge, Graph, Node

MOST_DRAWN = 2000
"""A picture of more records than this tells nobody anything."""

_WIDTH, _HEIGHT = 230, 38
_ACROSS, _DOWN = 330, 54
_MARGIN = 20
_LETTERS = 31
_STYLE = (
    "text{font:12px sans-serif;fill:#222}.kind{font-size:10px;fill:#666}.edge{fill:none;stroke:#999}"
    ".name{font-size:9px;fill:#888;text-anchor:middle}rect{fill:#fff;stroke:#557}.start{fill:#eef;stroke-width:2.5}"
    ".faint{stroke-dasharray:4 3}"
)
_ARROW = (
    '<marker id="before" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#999"/></marker>'
)


def svg(graph: Graph) -> str:
    """Return the graph as SVG: edges lead from a record to what was there before it, to the left.

    Raises:
        InvalidField: there are more than `MOST_DRAWN` records.
    """
    if len(graph.nodes) > MOST_DRAWN:
        raise InvalidField(
            "limit",
            f"{len(graph.nodes)} records cannot be drawn so that anybody sees anything; at most {MOST_DRAWN}",
        )
    layout = arranged(graph)
    columns = max(column for column, _ in layout.places.values())
    rows = max(row for spots in (layout.places.values(), *layout.bends.values()) for _, row in spots)
    width = _MARGIN * 2 + columns * _ACROSS + _WIDTH
    height = _MARGIN * 2 + rows * _DOWN + _HEIGHT
    called = {node.uuid: caption(node) for node in graph.nodes}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height:.0f}"'
        f' viewBox="0 0 {width} {height:.0f}" role="img">',
        f"<title>{escape(f'Lineage of {graph.start.kind} {called[graph.start.uuid]}')}</title>",
        f"<style>{_STYLE}</style><defs>{_ARROW}</defs>",
        *(_edge(edge, layout, called) for edge in graph.edges if edge.source != edge.target),
        *(_node(node, layout.places[node.uuid], start=node is graph.start) for node in graph.nodes),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _corner(place: Place) -> tuple[float, float]:
    column, row = place
    return _MARGIN + column * _ACROSS, _MARGIN + row * _DOWN


def _node(node: Node, place: Place, *, start: bool) -> str:
    x, y = _corner(place)
    looks = [
        name for name, is_so in (("start", start), ("faint", node.hidden or node.label is None)) if is_so
    ]
    look = f' class="{" ".join(looks)}"' if looks else ""
    return (
        f'<g id="{escape(node.uuid)}" transform="translate({x:.0f} {y:.1f})">'
        f"<title>{escape(f'{node.kind} {caption(node)} {node.uuid}')}</title>"
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="6"{look}/>'
        f'<text class="kind" x="8" y="14">{escape(node.kind)}</text>'
        f'<text x="8" y="30">{escape(shortened(caption(node), _LETTERS))}</text></g>'
    )


def _edge(edge: Edge, layout: Layout, called: Mapping[TypedUuid, str]) -> str:
    said = relation(edge)
    look = "edge" if said else "edge faint"
    title = f"{called[edge.source]} {said or '...'} {called[edge.target]}"
    points = _points(edge, layout)
    (x1, y1), (x2, y2) = points[0], points[1]
    name = (
        f'<text class="name" x="{(x1 + x2) / 2:.0f}" y="{(y1 + y2) / 2 - 3:.1f}">{escape(said)}</text>'
        if said
        else ""
    )
    return (
        f'<g><title>{escape(title)}</title><path class="{look}" marker-end="url(#before)" d="{_curve(points)}"/>'
        f"{name}</g>"
    )


def _points(edge: Edge, layout: Layout) -> list[tuple[float, float]]:
    """Return where an edge begins, passes other columns, and ends."""
    middle = _HEIGHT / 2
    source, target = layout.places[edge.source], layout.places[edge.target]
    (sx, sy), (tx, ty) = _corner(source), _corner(target)
    if source[0] < target[0]:
        # It closes a cycle, and goes to the right.
        begin, end = (sx + _WIDTH, sy + middle), (tx, ty + middle)
    else:
        begin, end = (sx, sy + middle), (tx + _WIDTH, ty + middle)
    bends = [(x + _WIDTH * side, y + middle) for x, y in map(_corner, layout.bends[edge]) for side in (0, 1)]
    return [begin, *(bends if begin[0] < end[0] else bends[::-1]), end]


def _curve(points: list[tuple[float, float]]) -> str:
    """Return a path that leaves and reaches every point levelly."""
    steps = [f"M{points[0][0]:.0f} {points[0][1]:.1f}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        half = (x1 + x2) / 2
        steps.append(f"C{half:.0f} {y1:.1f} {half:.0f} {y2:.1f} {x2:.0f} {y2:.1f}")
    return "".join(steps)
