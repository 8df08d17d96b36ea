"""`datacatalog lineage`: where something came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Command

if TYPE_CHECKING:
    from datacatalog.domain.records import Record
    from datacatalog.ports.stores import Work


@click.command(cls=Command)
@click.argument("record", metavar="UUID|PATH|ID")
@click.option(
    "--depth",
    type=click.IntRange(1, 100),
    metavar="N",
    default=20,
    show_default=True,
    help="At most so many steps back.",
)
@pass_cli
def lineage(cli: Cli, record: str, depth: int) -> None:
    """Tell what something came from.

    Its parents, what made it, its inputs, and what those came from, and so on. Each record is shown once.
    """
    from datacatalog.services.lineage import ancestors
    from datacatalog.services.records import find_record

    env = cli.env

    def walk(work: Work) -> list[dict[str, Any]]:
        start = find_record(record, work, env)
        steps = [
            {
                "depth": step.depth,
                "relation": step.link.relation.value,
                "of": step.link.source,
                **_named(step.uuid, step.record),
            }
            for step in ancestors(start.uuid, work, depth=depth)
        ]
        return [{"depth": 0, "relation": None, "of": None, **_named(start.uuid, start)}, *steps]

    steps = _as_tree(env.store.read(walk))
    cli.out.lines(steps, [f"{'  ' * step['depth']}{_line(step)}" for step in steps])


def _named(uuid: str, record: Record | None) -> dict[str, Any]:
    """Return what a record is called; of one that is not in the catalog, the UUID alone tells the kind."""
    from datacatalog.domain.identifiers.typed import kind_of
    from datacatalog.interfaces.cli.showing import label

    return {"uuid": uuid, "kind": kind_of(uuid).value, "label": None if record is None else label(record)}


def _as_tree(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put steps that are ordered by distance into the order of a tree: children under their parent."""
    below: dict[str | None, list[dict[str, Any]]] = {}
    for step in steps:
        below.setdefault(step["of"], []).append(step)
    ordered, waiting = list[dict[str, Any]](), below[None]
    while waiting:
        step = waiting.pop()
        ordered.append(step)
        waiting += below.get(step["uuid"], [])[::-1]
    return ordered


def _line(step: dict[str, Any]) -> str:
    words = [step["relation"], step["kind"], step["label"] or "(not in the catalog)", f" {step['uuid']}"]
    return " ".join(word for word in words if word)
