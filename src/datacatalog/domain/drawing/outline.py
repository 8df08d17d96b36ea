"""A graph as an indented list: each record once, below the one it was reached from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from datacatalog.domain.drawing.captions import caption
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.linkage.graph import Graph, Node


def tree(graph: Graph) -> Iterator[str]:
    """Yield the lines: relation, kind, label, UUID.

    `<-` stands before descendants, which say the relation of the record above them; `...` stands for a way over records
    that are not shown.
    """
    below: dict[TypedUuid, list[Node]] = defaultdict(list)
    for node in graph.nodes[1:]:
        if node.near is not None:
            below[node.near].append(node)
    waiting = [(graph.start, 0)]
    while waiting:
        node, indent = waiting.pop()
        yield "  " * indent + _line(node)
        waiting += [(child, indent + 1) for child in reversed(below[node.uuid])]


def _line(node: Node) -> str:
    words = [f"{node.kind} {caption(node)}  {node.uuid}"]
    if node.near is not None:
        words.insert(0, "..." if node.relation is None else node.relation.value)
    if node.level > 0:
        words.insert(0, "<-")
    return " ".join(words)
