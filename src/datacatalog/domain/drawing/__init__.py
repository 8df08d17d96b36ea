"""Lineage graphs as text and pictures."""

from datacatalog.domain.drawing.flowchart import mermaid
from datacatalog.domain.drawing.graphviz import dot
from datacatalog.domain.drawing.outline import tree
from datacatalog.domain.drawing.picture import MOST_DRAWN, svg

__all__ = ["MOST_DRAWN", "dot", "mermaid", "svg", "tree"]
