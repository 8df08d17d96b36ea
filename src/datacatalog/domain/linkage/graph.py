"""A lineage graph as it is shown: which records, how far from the start, and every link between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One record of a graph.

    Attributes:
        label: what people call it; None: it is not in the catalog.
        level: steps from the start, 0: the start itself, < 0: ancestors, > 0: descendants.
        near: the node before it on the way from the start; None: it is the start.
        relation: what the link from or to `near` says; None: it is the start, or the way leads over records that are
            not shown.
        hidden: it was deleted softly.
    """

    uuid: TypedUuid
    kind: Kind
    label: str | None
    level: int = 0
    near: TypedUuid | None = None
    relation: Relation | None = None
    hidden: bool = False

    def document(self) -> dict[str, Any]:
        """Return what programs are told; `direction` is null for the start."""
        side = "ancestors" if self.level < 0 else "descendants" if self.level else None
        return {
            "uuid": self.uuid,
            "kind": self.kind.value,
            "label": self.label,
            "depth": abs(self.level),
            "direction": side,
            "hidden": self.hidden,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """`source` says `relation` of `target`; None: it leads there over records that are not shown."""

    source: TypedUuid
    relation: Relation | None
    target: TypedUuid

    def document(self) -> dict[str, Any]:
        relation = None if self.relation is None else self.relation.value
        return {"source": self.source, "relation": relation, "target": self.target}


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """What lies around a record.

    Attributes:
        nodes: the start, then the others, nearest first; each once.
        edges: all links between any two nodes, and one without relation where a node would hang on nothing else.
        more: there is more than was asked for.
        next: pass as `after` for the rest; None where there is none, and for both directions at once.
    """

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    more: bool = False
    next: str | None = None

    @property
    def start(self) -> Node:
        return self.nodes[0]

    def document(self) -> dict[str, Any]:
        return {
            "start": self.start.uuid,
            "nodes": [node.document() for node in self.nodes],
            "edges": [edge.document() for edge in self.edges],
            "more": self.more,
            "next": self.next,
        }


def edges_among(nodes: Iterable[Node], links: Iterable[Link]) -> list[Edge]:
    """Return the edges of a graph.

    Args:
        links: every link that any of the nodes says; those that lead elsewhere are passed over.
    """
    shown = {node.uuid: node for node in nodes}
    edges = [
        Edge(source=link.source, relation=link.relation, target=link.target)
        for link in links
        if link.source in shown and link.target in shown
    ]
    for node in shown.values():
        if node.near is not None and node.relation is None:
            source, target = (node.near, node.uuid) if node.level < 0 else (node.uuid, node.near)
            edges.append(Edge(source=source, relation=None, target=target))
    return edges
