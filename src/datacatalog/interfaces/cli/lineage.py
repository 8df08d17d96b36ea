"""`datacatalog lineage`: where something came from, and what came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from datacatalog.domain.kinds import SPECS, Kind, Relation
from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Command
from datacatalog.interfaces.cli.output import dumped, printable
from datacatalog.interfaces.cli.params import KindName
from datacatalog.interfaces.cli.writing import complete_file

if TYPE_CHECKING:
    from datacatalog.domain.linkage.graph import Graph
    from datacatalog.ports.stores import Work
    from datacatalog.services.lineage import Step

LIMIT = 1000
PRESETS = ("inputs", "outputs")

Say = Callable[[str], object]


@click.command(cls=Command)
@click.argument("record", metavar="UUID|PATH|ID")
@click.option(
    "--ancestors",
    "--up",
    "asks",
    flag_value="ancestors",
    multiple=True,
    help="What it came from: so if nothing is said.",
)
@click.option(
    "--descendants", "--down", "asks", flag_value="descendants", multiple=True, help="What came of it."
)
@click.option(
    "--both", "asks", flag_value="both", multiple=True, help="What it came from, and what came of it."
)
@click.option(
    "--inputs",
    "asks",
    flag_value="inputs",
    multiple=True,
    help="Every file and reference it came from, as a list.",
)
@click.option(
    "--outputs",
    "asks",
    flag_value="outputs",
    multiple=True,
    help="Every file and reference derived from it, as a list.",
)
@click.option(
    "--relation",
    "relations",
    type=click.Choice([relation.value for relation in Relation]),
    metavar="NAME",
    multiple=True,
    help="Only along such links; repeatable.",
)
@click.option(
    "--kind",
    "kinds",
    type=KindName(kind for kind in SPECS if kind is not Kind.FIXITY),
    metavar="KIND",
    multiple=True,
    help="Only records of this kind, whatever lies between; repeatable.",
)
@click.option(
    "--depth",
    type=click.IntRange(1),
    metavar="N",
    default=100,
    show_default=True,
    help="At most so many steps away.",
)
@click.option("--all", "--hidden", "hidden", is_flag=True, help="Show what was deleted softly as well.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help=f"At most so many records in each direction: {LIMIT} if nothing is said, but all for a list.",
)
@click.option("--after", metavar="UUID", help="Go on after this one, the last of the page before.")
@click.option(
    "--format",
    "shape",
    type=click.Choice(["tree", "list", "json", "dot", "mermaid", "svg"]),
    help="How it is shown: as a tree if nothing is said.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where it is written.",
)
@pass_cli
def lineage(
    cli: Cli, /, record: str, asks: tuple[str, ...], shape: str | None, output: Path | None, **wishes: Any
) -> None:
    """Tell what something came from, or what came of it.

    Its parents, what made it, its inputs, and what those came from, and so on: nearest first, each record once. A list has a
    line for each: UUID, kind, depth, name.
    """
    if len(set(asks)) > 1:
        raise click.UsageError("ask for one of --ancestors, --descendants, --both, --inputs and --outputs")
    ask = asks[0] if asks else "ancestors"
    shape = "json" if cli.json else shape or ("list" if ask in PRESETS else "tree")
    if shape == "list" and ask == "both":
        raise click.UsageError("a list goes in one direction: --ancestors or --descendants")
    show = _show_list if shape == "list" else _show_graph
    wishes |= _understood(ask, wishes)
    if output is None:
        more = show(cli, record, shape, print, **wishes)
    else:
        with complete_file(output) as file:
            more = show(cli, record, shape, lambda text: file.write(f"{text}\n".encode()), **wishes)
    if more and not cli.json:
        print(f"there is more: {more}", file=sys.stderr)


def _understood(ask: str, wishes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is asked for, in the words of the service."""
    from datacatalog.services.lineage import DATA, DIRECTIONS

    direction = {"inputs": "ancestors", "outputs": "descendants"}.get(ask, ask)
    kinds = frozenset(map(Kind, wishes["kinds"])) or (frozenset(DATA) if ask in PRESETS else None)
    return {
        "directions": DIRECTIONS[direction],
        "relations": frozenset(map(Relation, wishes["relations"])) or None,
        "kinds": kinds,
    }


# -------------------------------------------------------------------------------------------- graphs


def _show_graph(
    cli: Cli, record: str, shape: str, say: Say, *, limit: int | None, **wishes: Any
) -> str | None:
    """Show a graph; return where it goes on, if it does."""
    from datacatalog.services.finding import find_record
    from datacatalog.services.lineage import graph_of

    env, directions = cli.env, wishes.pop("directions")

    def read(work: Work) -> Graph:
        start = find_record(record, work, env)
        return graph_of(start.uuid, directions, work, limit=limit or LIMIT, **wishes)

    graph = env.store.read(read)
    for text in _drawn(graph, shape):
        say(text)
    if not graph.more:
        return None
    return _on(graph.next) if graph.next else "raise --limit"


def _drawn(graph: Graph, shape: str) -> Iterator[str]:
    from datacatalog.domain import drawing

    match shape:
        case "tree":
            yield from drawing.tree(graph)
        case "json":
            yield dumped(graph.document())
        case "dot":
            yield drawing.dot(graph).rstrip("\n")
        case "mermaid":
            yield drawing.mermaid(graph).rstrip("\n")
        case "svg":
            yield drawing.svg(graph).rstrip("\n")


# --------------------------------------------------------------------------------------------- lists


def _show_list(cli: Cli, record: str, _: str, say: Say, *, limit: int | None, **wishes: Any) -> str | None:
    """Show a line for each record as it is found, so that any number can be listed; return where it goes on, if it does."""
    from datacatalog.services.finding import find_record
    from datacatalog.services.lineage import walk_on

    env, [direction] = cli.env, wishes.pop("directions")
    start = env.store.read(lambda work: find_record(record, work, env))
    steps, last = walk_on(start.uuid, direction, env.store, **wishes), None
    for step in islice(steps, limit):
        say(_line(step))
        last = step.uuid
    return _on(last) if last and next(steps, None) else None


def _line(step: Step) -> str:
    from datacatalog.domain.identifiers.typed import kind_of
    from datacatalog.domain.labels import label

    name = None if step.record is None else label(step.record)
    return "\t".join(printable(cell) for cell in (step.uuid, kind_of(step.uuid), step.depth, name))


def _on(after: str) -> str:
    return f"go on with --after {after}, or raise --limit"
