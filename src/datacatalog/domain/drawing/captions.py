"""What stands on a node. Labels are foreign text: on one line, with nothing in them that cannot be seen."""

from __future__ import annotations

from datacatalog.domain.linkage.graph import Edge, Node

UNKNOWN = "(not in the catalog)"
_LONGEST = 200


def visible(text: str) -> str:
    """Return a text on one line, with escapes for what is not to be seen: controls, line ends, changes of direction."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Return a text of at most so many characters; the middle gives way, since paths differ at their ends."""
    if len(text) <= longest:
        return text
    kept = longest - 1
    return f"{text[: kept // 3]}…{text[-(kept - kept // 3) :]}"


def caption(node: Node) -> str:
    """Return what a node is called."""
    called = UNKNOWN if node.label is None else visible(node.label)
    return f"{called} (hidden)" if node.hidden else called


def relation(edge: Edge) -> str:
    """Return what stands on an edge; "": it leads over records that are not shown."""
    return "" if edge.relation is None else edge.relation.value
