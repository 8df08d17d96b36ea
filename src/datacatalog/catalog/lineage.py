"""Lineage as it is handed out: steps, and drawings of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable

from datacatalog.catalog.entries import Entries, Entry
from datacatalog.domain.drawing import dot, mermaid, svg, tree
from datacatalog.domain.identifiers.typed import kind_of
from datacatalog.domain.labels import label
from datacatalog.domain.linkage.graph import Graph
from datacatalog.services.lineage import Step

SHOWN = 1000
"""How many records a drawing shows in each direction where nobody says it."""


class Drawing(str):
    """A drawing as text; notebooks show an SVG as the picture that it is."""

    __slots__ = ()

    def _repr_svg_(self) -> str | None:
        return str(self) if self.startswith("<svg") else None


class Lineage(Entries):
    """The steps of a walk, nearest first, each record once.

    A step has `depth` (1 is next to the start), `uuid`, `kind` and `label` of the record that was reached, and the link
    that led there: `source` says `relation` of `target`. `label` is None where the record is not in the catalog.

    The list is whole. Drawings show the nearest `limit` records in each direction, and a warning tells where there are more.
    """

    def __init__(self, steps: Iterable[Step], draw: Callable[[int], Graph]) -> None:
        super().__init__(map(_entry, steps))
        self._draw = draw

    def graph(self, limit: int = SHOWN) -> Graph:
        """Return the records with all links between them, as they are now.  Raises InvalidField: the limit is less than 1."""
        graph = self._draw(limit)
        if graph.more:
            told = (
                f"only the nearest {limit} records in each direction are shown; a greater limit= shows more"
            )
            warnings.warn(told, stacklevel=3)
        return graph

    def tree(self, limit: int = SHOWN) -> Drawing:
        """Return an indented text."""
        return Drawing("\n".join(tree(self.graph(limit))))

    def dot(self, limit: int = SHOWN) -> Drawing:
        """Return a graph for Graphviz."""
        return Drawing(dot(self.graph(limit)))

    def mermaid(self, limit: int = SHOWN) -> Drawing:
        """Return a flowchart for Mermaid."""
        return Drawing(mermaid(self.graph(limit)))

    def svg(self, limit: int = SHOWN) -> Drawing:
        """Return a picture of up to 2000 records; a notebook shows it.  Raises InvalidField: there are more."""
        return Drawing(svg(self.graph(limit)))


def _entry(step: Step) -> Entry:
    return Entry(
        {
            "depth": step.depth,
            "uuid": step.uuid,
            "kind": kind_of(step.uuid).value,
            "label": None if step.record is None else label(step.record),
            "source": step.link.source,
            "relation": step.link.relation.value,
            "target": step.link.target,
            "hidden": step.hidden,
        },
        kind="step",
    )
