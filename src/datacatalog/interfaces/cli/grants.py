"""`datacatalog grants`: which tenants may see, or change, the records of others."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Group

if TYPE_CHECKING:
    from datacatalog.ports.sharing import Grant

COLUMNS = ("id", "tenant", "to", "level", "expires", "by")


@click.group(cls=Group)
def grants() -> None:
    """Let tenants see, or change, the records of others."""


@grants.command()
@click.argument("tenant")
@click.option(
    "--to", required=True, metavar="TENANT[/NAME]", help="Whose people; or the one of them of that name."
)
@click.option(
    "--level",
    type=click.Choice(("READ", "UPDATE")),
    default="READ",
    show_default=True,
    help="See the records, or change them too.",
)
@click.option("--days", type=click.IntRange(1), metavar="N", help="Without it, until it is revoked.")
@pass_cli
def add(cli: Cli, tenant: str, to: str, level: str, days: int | None) -> None:
    """Let people of another tenant at the records of TENANT."""
    from datacatalog.services.granting import give_grant

    lifetime = None if days is None else timedelta(days=days)
    cli.out.document(_row(give_grant(tenant, to, cli.env, level=level, lifetime=lifetime, by=cli.user)))


@grants.command("list")
@pass_cli
def list_(cli: Cli) -> None:
    """List grants, oldest first; those that have expired too."""
    from datacatalog.services.granting import list_grants

    cli.out.table(map(_row, list_grants(cli.env)), COLUMNS)


@grants.command()
@click.argument("id")
@pass_cli
def remove(cli: Cli, id: str) -> None:
    """Revoke the grant that the list calls ID."""
    from datacatalog.services.granting import revoke_grant

    revoke_grant(id, cli.env)
    cli.out.document({"id": id, "revoked": True})


def _row(grant: Grant) -> dict[str, Any]:
    from datacatalog.domain.documents import published

    return {
        "id": grant.id,
        "tenant": grant.tenant,
        "to": grant.to_tenant if grant.to_name == "*" else f"{grant.to_tenant}/{grant.to_name}",
        "level": grant.level,
        "created": published(grant.created),
        "expires": published(grant.expires) if grant.expires else None,
        "by": grant.by,
    }
