"""A graph as a flowchart of Mermaid."""

from __future__ import annotations

from datacatalog.domain.drawing.captions import caption, relation, shortened
from datacatalog.domain.linkage.graph import Graph, Node

_HARMLESS = frozenset(" _./-")


def mermaid(graph: Graph) -> str:
    """Return the graph for Mermaid: edges lead from a record to what was there before it, to the left.

    Source: https://mermaid.js.org/syntax/flowchart.html, "Entity codes to escape characters".
    """
    names = {node.uuid: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart RL"]
    lines += [f"  {names[node.uuid]}{_box(node)}" for node in graph.nodes]
    for edge in graph.edges:
        arrow = f'-->|"{relation(edge)}"|' if edge.relation else "-.->"
        lines.append(f"  {names[edge.source]} {arrow} {names[edge.target]}")
    lines.append(f"  style {names[graph.start.uuid]} stroke-width:3px")
    faint = [names[node.uuid] for node in graph.nodes if node.hidden or node.label is None]
    lines += [f"  style {name} stroke-dasharray:4" for name in faint if name != "n0"]
    return "\n".join(lines) + "\n"


def _box(node: Node) -> str:
    return f'["{node.kind}<br/>{_escaped(shortened(caption(node)))}"]'


def _escaped(text: str) -> str:
    """Return a text in entity codes, but for letters, digits and what means nothing anywhere in Mermaid."""
    return "".join(c if c.isalnum() or c in _HARMLESS else f"#{ord(c)};" for c in text)
