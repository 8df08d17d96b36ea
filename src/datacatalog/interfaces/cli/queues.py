"""`datacatalog queue`: what waits for workers, and what they gave up."""

from __future__ import annotations

import click

from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Group
from datacatalog.interfaces.cli.params import limit_option


@click.group(cls=Group)
def queue() -> None:
    """Look into the queues; revive or discard dead letters."""


@queue.command("list")
@pass_cli
def list_(cli: Cli) -> None:
    """Tell how much waits or is being worked on, by queue."""
    from datacatalog.services.dispatch import ACTORS

    depth = dict.fromkeys([*ACTORS, *cli.app.tasks], 0) | dict(cli.env.transport.depth())
    rows = [{"queue": name, "depth": count} for name, count in depth.items()]
    cli.out.table(rows, ("queue", "depth"))


@queue.command()
@click.argument("name", required=False, metavar="[QUEUE]")
@limit_option
@pass_cli
def dead(cli: Cli, name: str | None, limit: int) -> None:
    """List dead letters: messages that were given up, newest first."""
    from datacatalog.domain.documents import published

    rows = [
        {
            "queue": letter.queue,
            "id": letter.id,
            "died": published(letter.died),
            "tries": letter.tries,
            "reason": letter.reason,
        }
        for letter in cli.env.transport.dead(name, limit=limit)
    ]
    cli.out.table(rows, ("queue", "id", "died", "tries", "reason"))


@queue.command()
@click.argument("name", metavar="QUEUE")
@click.argument("id")
@pass_cli
def revive(cli: Cli, name: str, id: str) -> None:
    """Give a dead letter to the workers once more."""
    from datacatalog.domain.errors import UnknownRecord

    if not cli.env.transport.revive(name, id):
        raise UnknownRecord(f"{name} {id}", "dead letter")
    cli.out.document({"queue": name, "id": id, "revived": True})


@queue.command()
@click.argument("name", metavar="QUEUE")
@click.argument("id")
@pass_cli
def discard(cli: Cli, name: str, id: str) -> None:
    """Throw a dead letter away for good."""
    from datacatalog.domain.errors import UnknownRecord

    if not cli.env.transport.discard(name, id):
        raise UnknownRecord(f"{name} {id}", "dead letter")
    cli.out.document({"queue": name, "id": id, "discarded": True})
