"""`datacatalog nonce`: what lets requests through to an actor."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from datacatalog.domain.privileges import LEVELS
from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Group
from datacatalog.interfaces.cli.params import read_lifetime, typed_secret

if TYPE_CHECKING:
    from datacatalog.ports.stores import Credential


@click.group(cls=Group)
def nonce() -> None:
    """Make, list and revoke nonces."""


@nonce.command()
@click.option("--actor", required=True, metavar="A", help="The only actor it opens; '*' for all.")
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default="EXECUTE",
    show_default=True,
    help="What it opens; each includes those before it.",
)
@click.option(
    "--max-uses", type=click.IntRange(1), metavar="N", help="It is used up after so many; without it, never."
)
@click.option(
    "--lifetime",
    callback=read_lifetime,
    metavar="SPAN",
    help="30s, 15m, 1h, 7d; without it, until it is revoked.",
)
@click.option("--user", default="local", show_default=True, metavar="U", help="Whom requests with it run as.")
@click.option(
    "--tenant", default="", metavar="T", help="Whose records it opens; without it, the catalog's own."
)
@pass_cli
def create(
    cli: Cli,
    actor: str,
    level: str,
    max_uses: int | None,
    lifetime: timedelta | None,
    user: str,
    tenant: str,
) -> None:
    """Make a nonce, and print it. It is shown this once."""
    from datacatalog.domain.errors import UnknownActor
    from datacatalog.services.nonces import create_nonce

    name = "*" if actor == "*" else cli.app.actor_names.get(actor)
    if name is None:
        raise UnknownActor(actor)
    made = create_nonce(
        cli.env,
        actor=name,
        owner=user,
        level=level,
        max_uses=max_uses,
        lifetime=lifetime,
        tenant=tenant,
    )
    shown = {
        "nonce": made,
        "actor": name,
        "level": level,
        "max_uses": max_uses,
        "tenant": tenant or cli.env.home,
    }
    cli.out.line(shown, made)


@nonce.command("list")
@pass_cli
def list_(cli: Cli) -> None:
    """List nonces; what they open, not what they are."""
    from datacatalog.services.nonces import list_nonces

    columns = ("ref", "label", "actor", "level", "owner", "tenant", "uses_left", "expires")
    cli.out.table((_row(each, cli.env.home) for each in list_nonces(cli.env)), columns)


def _row(found: Credential, home: str) -> dict[str, Any]:
    from datacatalog.domain.documents import published

    return {
        "ref": found.digest[:12],
        "label": found.label,
        "actor": found.actor,
        "level": found.level,
        "owner": found.owner,
        "tenant": found.tenant or home,
        "uses_left": found.uses_left,
        "created": published(found.created),
        "expires": published(found.expires) if found.expires else None,
    }


@nonce.command()
@click.argument("ref")
@pass_cli
def revoke(cli: Cli, ref: str) -> None:
    """Revoke a nonce.

    It is named by its REF, the first column of the list, or by itself; with '-', that is read from standard input.
    """
    from datacatalog.domain.errors import UnknownRecord
    from datacatalog.services.nonces import revoke_nonce

    named = typed_secret() if ref == "-" else ref
    if not revoke_nonce(named, cli.env):
        # REF may be the nonce itself, so it is not said again.
        raise UnknownRecord("neither a REF of 'datacatalog nonce list' nor a nonce", "nonce")
    cli.out.document({"revoked": True})
