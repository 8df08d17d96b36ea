"""Lineage graphs as text and pictures: whatever records are called, what is drawn is well-formed and says just that."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.drawing import MOST_DRAWN, dot, mermaid, svg, tree
from datacatalog.domain.drawing.layout import arranged
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.kinds import PREFIXES, Kind, Relation, TypedUuid
from datacatalog.domain.linkage.graph import Edge, Graph, Node

HOSTILE = (
    '"quoted" and \\"escaped\\" and ends in a backslash\\',
    "first line\nsecond line\r\n\ttabbed\0",
    "<script>alert(1)</script><!-- ]]> &amp; &lt; &#60; & ' -->",
    'x"]; click n0 "javascript:alert(1)"; end; %%{init: {}}%% subgraph a -->|b| c; style n0 fill:#fff;',
    "`**markdown**` #quot; #35; {a} (b) [c] |d|",
    "größe Ω 試料 🧪 \u202egpj.exe\u2066 \ufffe \x1b[31m",
    "\\n \\N \\l \\G ${a} {{b}} -->",
    "",
)

texts = st.sampled_from(HOSTILE) | st.text(max_size=18)


def uuid_of(kind: Kind, number: int) -> TypedUuid:
    return TypedUuid(f"{PREFIXES[kind]}00000-0000-5000-8000-{number:012x}")


def node(number: int, label: str | None = "x", **fields: object) -> Node:
    return Node(uuid=uuid_of(Kind.FILE, number), kind=Kind.FILE, label=label, **fields)  # type: ignore[arg-type]


def edge(source: int, target: int, relation: Relation | None = Relation.DERIVED_FROM) -> Edge:
    return Edge(source=uuid_of(Kind.FILE, source), relation=relation, target=uuid_of(Kind.FILE, target))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Graphs with loops and cycles, records that are hidden or unknown, and names of all sorts."""
    size = draw(st.integers(1, 12))
    nodes = [node(0, draw(texts))]
    for number in range(1, size):
        near = draw(st.integers(0, number - 1))
        nodes.append(
            node(
                number,
                draw(st.none() | texts),
                level=draw(st.sampled_from([-1, 1])),
                near=uuid_of(Kind.FILE, near),
                relation=draw(st.none() | st.sampled_from(Relation)),
                hidden=draw(st.booleans()),
            )
        )
    numbers = st.integers(0, size - 1)
    relations = st.none() | st.sampled_from(Relation)
    edges = draw(st.lists(st.builds(edge, numbers, numbers, relations), unique=True, max_size=30))
    return Graph(nodes=nodes, edges=edges)


# ------------------------------------------------------------------------------------- reading it back


def shown(text: str) -> str:
    """Return what a label is to look like."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


DOT_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([A-Za-z_][A-Za-z_0-9]*|[0-9.]+)|(->|[{}\[\]=;,]))', re.S)


def dot_tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text.rstrip()):
        match = DOT_TOKEN.match(text, at)
        assert match, f"no token: {text[at : at + 40]!r}"
        at = match.end()
        yield match[0].strip()


def read_dot(text: str) -> tuple[dict[str, dict[str, str]], list[tuple[str, str, dict[str, str]]]]:
    """Return the nodes and edges of a digraph, by the grammar of the language."""
    tokens = iter([*dot_tokens(text)])
    assert [next(tokens) for _ in range(3)] == ["digraph", "lineage", "{"]
    nodes: dict[str, dict[str, str]] = {}
    edges = []
    for token in tokens:
        if token == "}":
            assert next(tokens, None) is None
            return nodes, edges
        following = next(tokens)
        if following == "=":
            next(tokens)
            following = next(tokens)
        elif following == "->":
            other = next(tokens)
            assert next(tokens) == "["
            edges.append((token, other, attributes(tokens)))
            following = next(tokens)
        else:
            assert following == "["
            found = attributes(tokens)
            if token not in ("node", "edge"):
                nodes[token] = found
            following = next(tokens)
        assert following == ";"
    raise AssertionError("the graph does not end")


def attributes(tokens: Iterator[str]) -> dict[str, str]:
    found = {}
    for name in tokens:
        assert re.fullmatch(r"[a-z]+", name)
        assert next(tokens) == "="
        found[name] = next(tokens)
        end = next(tokens)
        if end == "]":
            return found
        assert end == ","
    raise AssertionError("the attributes do not end")


def dot_text(token: str) -> str:
    """Return what Graphviz shows for a quoted string."""
    lines = re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), token[1:-1])
    return html.unescape(lines)


def mermaid_text(label: str) -> str:
    return re.sub(r"#(\d+);", lambda m: chr(int(m[1])), label)


def name_of(each: Node) -> str:
    called = "(not in the catalog)" if each.label is None else shown(each.label)
    return f"{called} (hidden)" if each.hidden else called


# ---------------------------------------------------------------------------------------------- tests


@given(graph=graphs())
def test_dot_says_what_the_graph_says(graph: Graph) -> None:
    nodes, edges = read_dot(dot(graph))
    assert [*nodes] == [f'"{each.uuid}"' for each in graph.nodes]
    for each, found in zip(graph.nodes, nodes.values(), strict=True):
        kind, _, called = dot_text(found["label"]).partition("\n")
        assert (kind, called) == ("file", name_of(each))
        assert dot_text(found["tooltip"]) == name_of(each)
    assert [(source, target, "label" in found) for source, target, found in edges] == [
        (f'"{each.source}"', f'"{each.target}"', each.relation is not None) for each in graph.edges
    ]


@given(graph=graphs())
def test_mermaid_says_what_the_graph_says(graph: Graph) -> None:
    head, *lines = mermaid(graph).splitlines()
    assert head == "flowchart RL"
    boxes = [match for line in lines if (match := re.fullmatch(r'  n(\d+)\["file<br/>(.*)"\]', line))]
    assert [int(match[1]) for match in boxes] == [*range(len(graph.nodes))]
    for each, match in zip(graph.nodes, boxes, strict=True):
        # Letters, digits and entity codes are all there is: nothing to break out with.
        assert re.fullmatch(r"(?:[\w ./-]|[^\W_]|#\d+;)*", match[2]), match[2]
        assert mermaid_text(match[2]) == name_of(each)
    arrows = [match for line in lines if (match := re.fullmatch(r'  n\d+ (?:-->\|"\w+"\||-\.->) n\d+', line))]
    styles = [line for line in lines if re.fullmatch(r"  style n\d+ stroke-(width:3px|dasharray:4)", line)]
    assert len(arrows) == len(graph.edges)
    assert len(boxes) + len(arrows) + len(styles) == len(lines)


@given(graph=graphs())
def test_svg_is_well_formed_and_names_every_record(graph: Graph) -> None:
    picture = svg(graph)
    root = ElementTree.fromstring(picture)
    tags = {element.tag.partition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "style", "defs", "marker", "path", "g", "rect", "text"}
    assert not any(
        name.startswith("on") or "href" in name for element in root.iter() for name in element.attrib
    )
    groups = {group.get("id"): group for group in root.findall(".//{*}g") if group.get("id")}
    assert groups.keys() == {each.uuid for each in graph.nodes}
    for each in graph.nodes:
        title = groups[each.uuid].find("{*}title")
        assert title is not None
        assert title.text == f"file {name_of(each)} {each.uuid}"
    drawn = [path for path in root.findall(".//{*}path") if path.get("marker-end")]
    assert len(drawn) == sum(each.source != each.target for each in graph.edges)


@given(graph=graphs())
def test_records_stand_apart_in_a_picture(graph: Graph) -> None:
    layout = arranged(graph)
    spots = sorted([*layout.places.values(), *(spot for bends in layout.bends.values() for spot in bends)])
    for (column, row), (next_column, next_row) in pairwise(spots):
        assert column != next_column or next_row - row > 0.999
    assert min(row for _, row in spots) >= 0


def test_a_record_stands_right_of_all_that_it_comes_from() -> None:
    graph = Graph(
        nodes=[node(n) for n in range(5)], edges=[edge(0, 1), edge(1, 2), edge(0, 2), edge(3, 0), edge(3, 4)]
    )
    places = arranged(graph).places
    columns = [places[uuid_of(Kind.FILE, n)][0] for n in range(5)]
    assert columns == [2, 1, 0, 3, 2]
    assert len(arranged(graph).bends[edge(0, 2)]) == 1


@given(graph=graphs())
def test_the_tree_has_a_line_for_each_record_below_the_one_it_was_reached_from(graph: Graph) -> None:
    lines = [*tree(graph)]
    known = {each.uuid: each for each in graph.nodes}
    path: list[str] = []
    for line in lines:
        assert line.isprintable()
        indent, uuid = (len(line) - len(line.lstrip(" "))) // 2, TypedUuid(line[-36:])
        each = known.pop(uuid)
        del path[indent:]
        assert each.near == (path[-1] if path else None)
        assert line.lstrip().startswith("<- ") == (each.level > 0)
        path.append(uuid)
    assert not known


def test_long_names_give_way_in_the_middle() -> None:
    name = "/products/" + "a" * 300 + "/plot.png"
    graph = Graph(nodes=[node(0, name)], edges=[])
    text = ElementTree.fromstring(svg(graph)).findall("{*}g/{*}text")[1].text
    assert text is not None
    assert len(text) < 40
    assert text.startswith("/products/")
    assert text.endswith("aaa/plot.png")
    assert name in svg(graph)


def test_more_records_than_anybody_can_look_at_are_not_drawn() -> None:
    nodes = [node(0), *(node(n, near=uuid_of(Kind.FILE, 0)) for n in range(1, MOST_DRAWN + 1))]
    with pytest.raises(InvalidField, match="at most 2000"):
        svg(Graph(nodes=nodes, edges=[]))
    ElementTree.fromstring(svg(Graph(nodes=nodes[:-1], edges=[edge(n, 0) for n in range(1, MOST_DRAWN)])))


def test_a_long_chain_is_drawn() -> None:
    nodes = [node(0), *(node(n, near=uuid_of(Kind.FILE, n - 1), level=-n) for n in range(1, 1500))]
    graph = Graph(nodes=nodes, edges=[edge(n, n + 1) for n in range(1499)])
    assert len([*tree(graph)]) == 1500
    assert arranged(graph).places[nodes[0].uuid][0] == 1499
