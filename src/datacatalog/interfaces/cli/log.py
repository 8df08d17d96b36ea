"""`datacatalog log`: who changed a record, when, and what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Command
from datacatalog.interfaces.cli.params import limit_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datacatalog.domain.records import Change
    from datacatalog.ports.stores import Work

COLUMNS = ("seq", "date", "action", "revision", "by", "changed")


@click.command(cls=Command)
@click.argument("record", metavar="UUID|PATH|ID")
@click.option(
    "--after", type=click.IntRange(min=0), metavar="SEQ", default=0, help="Go on after this line of it."
)
@limit_option
@pass_cli
def log(cli: Cli, record: str, after: int, limit: int) -> None:
    """Tell who changed a record, when, and what; the oldest first.

    Hidden records and those that were removed are named by their UUID. What happens to a job is in its history: 'datacatalog
    jobs history'.
    """

    def body(work: Work) -> list[dict[str, Any]]:
        from datacatalog.services.finding import uuid_named
        from datacatalog.services.records import changes_of

        uuid = uuid_named(record, work, cli.env)
        return [_row(seq, change) for seq, change in changes_of(uuid, work, after=after, limit=limit)]

    rows = cli.env.store.read(body)
    if not cli.json:
        rows = [{**row, "changed": _told(row["changed"])} for row in rows]
    cli.out.table(rows, COLUMNS)


def _row(seq: int, change: Change) -> dict[str, Any]:
    document = change.document()
    changed, admin = document.pop("diff"), document.pop("admin")
    return {"seq": seq, **document, "by": admin.get("by"), "owner": admin.get("owner"), "changed": changed}


def _told(changed: Mapping[str, Any]) -> str:
    """Return what changed, for people: `strain: "x" -> "y"; child_of: [] -> ["102..."]`."""
    import json

    def said(value: Any) -> str:
        return "-" if value is None else json.dumps(value, ensure_ascii=False)

    return "; ".join(f"{name}: {said(old)} -> {said(new)}" for name, (old, new) in changed.items()) or "-"
