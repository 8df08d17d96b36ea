"""`datacatalog subscriptions`: who is told of what happens to jobs, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any, BinaryIO

import click

from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Group
from datacatalog.interfaces.cli.params import limit_option, read_lifetime

if TYPE_CHECKING:
    from datacatalog.ports.stores import Work
    from datacatalog.services.subscriptions import Subscribed


secret_option = click.option(
    "--secret-file",
    type=click.File("rb"),
    metavar="F",
    help="The secret is in this file ('-': standard input): base64 of 24 to 64 bytes. Without it, one is made.",
)


@click.group(cls=Group)
def subscriptions() -> None:
    """Tell others what happens to jobs, by signed requests."""


@subscriptions.command()
@click.argument("subject")
@click.argument("url")
@click.option(
    "--event", "events", multiple=True, metavar="E", help="Only this event; may be given several times."
)
@secret_option
@pass_cli
def add(cli: Cli, subject: str, url: str, events: Sequence[str], secret_file: BinaryIO | None) -> None:
    """Subscribe URL to SUBJECT: a pipeline, for all its jobs, or one job; by UUID or identifier.

    A URL that carries a secret is better kept in a file: @FILE (@-: standard input) stands for what it holds. The secret that
    deliveries are signed with is shown this once.
    """
    from datacatalog.services.env import Principal
    from datacatalog.services.finding import find_record
    from datacatalog.services.subscriptions import Wish, subscribe

    who = Principal(name=cli.user, via="process", level="UPDATE")
    target, secret = _held(url), _text_of(secret_file)

    def body(work: Work) -> Subscribed:
        uuid = find_record(subject, work, cli.env).uuid
        return subscribe(Wish(subject=uuid, url=target, events=events, secret=secret), who, work, cli.env)

    _print_once(cli, cli.env.store.transact(body))


def _held(text: str) -> str:
    """Return a text, or what the file holds that it names."""
    if not text.startswith("@"):
        return text
    with click.open_file(text[1:], "rb") as file:
        return _text_of(file) or ""


def _text_of(file: IO[bytes] | None) -> str | None:
    return None if file is None else file.read().decode("utf-8", "replace").strip()


def _print_once(cli: Cli, made: Subscribed) -> None:
    from datacatalog.services.subscriptions import document_of

    cli.out.document({**document_of(made.subscription), "secret": made.secret})


@subscriptions.command("list")
@pass_cli
def list_(cli: Cli) -> None:
    """List subscriptions; without their secrets."""
    from datacatalog.services.subscriptions import document_of, subscriptions

    found = [*subscriptions(cli.env)]
    rows = cli.env.store.read(lambda work: [document_of(each, work) for each in found])
    cli.out.table(rows, ("id", "subject", "events", "url", "tenant", "paused", "trouble"))


@subscriptions.command()
@click.argument("id")
@pass_cli
def show(cli: Cli, id: str) -> None:
    """Show a subscription, and whether its receiver answers."""
    from datacatalog.services.subscriptions import document_of, subscription_for

    cli.out.document(cli.env.store.read(lambda work: document_of(subscription_for(id, work), work)))


@subscriptions.command()
@click.argument("id")
@pass_cli
def pause(cli: Cli, id: str) -> None:
    """Stop deliveries; those that wait are dropped."""
    _set_paused(cli, id, paused=True)


@subscriptions.command()
@click.argument("id")
@pass_cli
def resume(cli: Cli, id: str) -> None:
    """Take a subscription up again, with what happens from now on."""
    _set_paused(cli, id, paused=False)


def _set_paused(cli: Cli, id: str, *, paused: bool) -> None:
    from datacatalog.services.subscriptions import set_paused

    cli.env.store.transact(lambda work: set_paused(id, paused, work))
    cli.out.document({"id": id, "paused": paused})


@subscriptions.command()
@click.argument("id")
@secret_option
@click.option(
    "--overlap",
    callback=read_lifetime,
    metavar="SPAN",
    default="1d",
    show_default=True,
    help="How long the secret before signs, too: 30s, 15m, 1h, 7d; 0s where it was told to somebody.",
)
@pass_cli
def rotate(cli: Cli, id: str, secret_file: BinaryIO | None, overlap: timedelta) -> None:
    """Sign with another secret from now on, and print it. It is shown this once."""
    from datacatalog.services.subscriptions import rotate_secret

    secret = _text_of(secret_file)
    _print_once(
        cli, cli.env.store.transact(lambda work: rotate_secret(id, secret, work, cli.env, overlap=overlap))
    )


@subscriptions.command()
@click.argument("id")
@pass_cli
def remove(cli: Cli, id: str) -> None:
    """Remove a subscription; deliveries that wait are dropped."""
    from datacatalog.services.subscriptions import unsubscribe

    cli.env.store.transact(lambda work: unsubscribe(id, work))
    cli.out.document({"id": id, "removed": True})


@subscriptions.command()
@click.argument("id")
@pass_cli
def test(cli: Cli, id: str) -> int:
    """Send a ping now, and tell what was answered."""
    from datacatalog.services.redelivering import ping

    reply = ping(id, cli.env)
    cli.out.document({"id": id, "answered": reply.status, "taken": reply.ok})
    return 0 if reply.ok else 1


@subscriptions.command()
@click.argument("id", required=False)
@limit_option
@pass_cli
def dead(cli: Cli, id: str | None, limit: int) -> None:
    """List deliveries that were given up, newest first."""
    from datacatalog.domain.documents import published
    from datacatalog.services.redelivering import dead_deliveries

    rows: list[dict[str, Any]] = [
        {
            "delivery": letter.id,
            "job": letter.body["event"]["uuid"],
            "event": letter.body["event"]["name"],
            "died": published(letter.died),
            "tries": letter.tries,
            "reason": letter.reason,
        }
        for letter in dead_deliveries(id, cli.env, limit=limit)
    ]
    cli.out.table(rows, ("delivery", "job", "event", "died", "tries", "reason"))


@subscriptions.command()
@click.argument("id")
@click.option("--delivery", metavar="D", help="Only this one of those that were given up.")
@pass_cli
def retry(cli: Cli, id: str, delivery: str | None) -> None:
    """Deliver once more what was given up; each delivery keeps its id."""
    from datacatalog.services.redelivering import retry_dead

    cli.out.document({"id": id, "retried": retry_dead(id, cli.env, delivery=delivery)})
