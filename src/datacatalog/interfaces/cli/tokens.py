"""`datacatalog token`: tokens are made, and those of a document revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import BinaryIO

import click

from datacatalog.domain.privileges import LEVELS
from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Group
from datacatalog.interfaces.cli.params import read_lifetime, token_option


@click.group(cls=Group)
def token() -> None:
    """Make tokens, and revoke those of a document."""


@token.command()
@click.option(
    "--key-file",
    type=click.File("rb"),
    metavar="F",
    help="The administrator key is in this file ('-': standard input), not in secrets.json.",
)
@pass_cli
def admin(cli: Cli, key_file: BinaryIO | None) -> None:
    """Make a token that may do everything for 30 seconds."""
    from datacatalog.services.access import make_admin_token

    key = _read_key(key_file) if key_file else cli.app.settings.secrets.administrator_key
    made = make_admin_token(key, cli.env)
    cli.out.line({"token": made, "lifetime_s": 30}, made)


def _read_key(file: BinaryIO) -> str:
    if file.isatty():
        return str(click.prompt("administrator key", hide_input=True, err=True))
    return file.read().decode("utf-8", "replace").strip()


@token.command()
@click.option("--user", required=True, metavar="U", help="Whom requests with it run as.")
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default="EXECUTE",
    show_default=True,
    help="What it opens; each includes those before it.",
)
@click.option(
    "--lifetime",
    callback=read_lifetime,
    metavar="SPAN",
    default="1h",
    show_default=True,
    help="30s, 15m, 1h, 7d.",
)
@click.option(
    "--tenant", default="", metavar="T", help="Whose records it opens; without it, the catalog's own."
)
@click.option("--project", default="", metavar="P", help="Of the records that are made with it.")
@pass_cli
def bearer(cli: Cli, user: str, level: str, lifetime: timedelta, tenant: str, project: str) -> None:
    """Make a bearer token for the gateway."""
    from datacatalog.domain.errors import Misconfigured

    try:
        made = cli.app.bearer.make(
            user,
            level=level,
            at=cli.env.clock.now(),
            lifetime=lifetime,
            tenant=tenant,
            project=project,
        )
    except ValueError as e:
        raise Misconfigured(f"{e}: there is no bearer_key, or bearer.algorithm is not HS256") from e
    cli.out.line(
        {"token": made, "user": user, "level": level, "lifetime_s": int(lifetime.total_seconds())}, made
    )


@token.command()
@click.argument("uuid")
@token_option("An administrative token; 'datacatalog token admin' makes one.", required=True)
@pass_cli
def rotate(cli: Cli, uuid: str, token: str) -> None:
    """Revoke a document's update token; from now on it has another one."""
    from datacatalog.domain.identifiers.typed import read_typed
    from datacatalog.services.records import revoke_token

    record = revoke_token(read_typed(uuid), token, cli.env)
    cli.out.document({"uuid": record.uuid, "revoked": True})
