"""A graph in the language of Graphviz."""

from __future__ import annotations

from datacatalog.domain.drawing.captions import caption, relation, shortened
from datacatalog.domain.linkage.graph import Edge, Graph, Node

_HEAD = """\
digraph lineage {
  rankdir=RL;
  node [shape=box, style=rounded, fontname="sans-serif", fontsize=11];
  edge [fontname="sans-serif", fontsize=9];
"""


def dot(graph: Graph) -> str:
    """Return the graph for `dot`: edges lead from a record to what was there before it, to the left.

    Source: https://graphviz.org/doc/info/lang.html; in labels "&" begins an entity, too.
    """
    nodes = "".join(_node(node, start=node is graph.start) for node in graph.nodes)
    edges = "".join(_edge(edge) for edge in graph.edges)
    return f"{_HEAD}{nodes}{edges}}}\n"


def _node(node: Node, *, start: bool) -> str:
    label = f"{node.kind}\\n{_escaped(shortened(caption(node)))}"
    look = ", penwidth=2" if start else ""
    if node.hidden or node.label is None:
        look += ', style="rounded,dashed"'
    return f'  "{node.uuid}" [label="{label}", tooltip="{_escaped(caption(node))}"{look}];\n'


def _edge(edge: Edge) -> str:
    look = f'label="{_escaped(relation(edge))}"' if edge.relation else "style=dashed"
    return f'  "{edge.source}" -> "{edge.target}" [{look}];\n'


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
