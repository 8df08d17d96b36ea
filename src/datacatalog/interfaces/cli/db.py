"""`datacatalog db`: the ledger as a whole: backed up, restored, copied, migrated, checked, and rid of what is old."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Group, Later
from datacatalog.interfaces.cli.params import read_lifetime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datacatalog.services.copying import Sum

_CHECK = Later("db_check:check", "Look for what cannot be right in the ledger, and mend it.")


@click.group(cls=Group, later={"check": _CHECK})
def db() -> None:
    """Back up the ledger, restore it, copy it, migrate it, check it."""


@db.command()
@click.argument("origin", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--resume", is_flag=True, help="Go on with a copy that was cut off.")
@pass_cli
def copy(cli: Cli, origin: str, target: str, resume: bool) -> None:
    """Copy the whole ledger from FROM to TO, which is empty, and compare the two.

    FROM and TO are URLs as in store.url, such as sqlite:////srv/catalog.db or mongodb://host/database; 'store' is the one that is
    configured. Gateway and workers may go on working on FROM, but what they write after the beginning is not in the copy: to
    move a catalog, stop them first. Nobody may use TO meanwhile.
    """
    from datacatalog.bootstrap import ledgers
    from datacatalog.settings import load

    settings = load()
    source, into = ledgers.at_url(settings, origin), ledgers.at_url(settings, target)
    with cli.out.counting("rows") as told:
        sums = ledgers.copy(source, into, resume=resume, told=told)
    where = {"from": ledgers.shown_url(source), "to": ledgers.shown_url(into)}
    lines = [f"{table}: {found.rows} rows, sha256 {found.sha256}" for table, found in sums.items()]
    said = f"{where['to']} holds what {where['from']} held when the copying began; what was written there since is not in it"
    cli.out.lines({**where, "tables": _shown(sums)}, [*lines, said])


def _shown(sums: Mapping[str, Sum]) -> dict[str, Any]:
    return {table: {"rows": found.rows, "sha256": found.sha256} for table, found in sums.items()}


_file = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@db.command()
@_file
@pass_cli
def backup(cli: Cli, file: Path) -> None:
    """Write the whole ledger into FILE, a ledger file of its own, while the catalog runs.

    All that was acknowledged before the beginning is in it. Settings, secrets and archived files are not: they are to be kept
    besides, secrets.json above all.
    """
    from datacatalog.bootstrap import ledgers
    from datacatalog.settings import load

    settings = load()
    with cli.out.counting("pages" if ledgers.is_file(settings) else "rows") as told:
        sha256 = ledgers.back_up(settings, file, told=told)
    size = file.stat().st_size
    cli.out.lines(
        {
            "file": str(file.absolute()),
            "bytes": size,
            "sha256": sha256,
            "of": ledgers.shown_url(settings),
        },
        [
            f"{file}: {size} bytes, written and checked; settings, secrets and archived files are not in it",
            f"sha256: {sha256}",
        ],
    )


@db.command()
@_file
@click.option("--replace", is_flag=True, help="Keep the ledger file that is there aside, under another name.")
@click.option(
    "--keep-credentials",
    is_flag=True,
    help="Leave nonces and admin tokens as they were, those that were used up or revoked since included.",
)
@click.option("--sha256", default="", metavar="HEX", help="What 'db backup' said; another file is refused.")
@pass_cli
def restore(cli: Cli, file: Path, replace: bool, keep_credentials: bool, sha256: str) -> None:
    """Put the backup FILE into the configured store, while the catalog stands still.

    An older backup is migrated. Nonces and admin tokens are revoked, but for those that callbacks carry: the ledger no longer knows
    which were used up since. FILE itself stays as it is.
    """
    from datacatalog.adapters.clock import SystemClock
    from datacatalog.bootstrap import ledgers
    from datacatalog.settings import load

    settings = load()
    with cli.out.counting("rows") as told:
        done = ledgers.restore(
            settings,
            file,
            replace_old=replace,
            keep_credentials=keep_credentials,
            at=SystemClock().now(),
            told=told,
            sha256=sha256,
        )
    where = ledgers.shown_url(settings)
    lines = [f"{where} holds {file}"]
    if done.aside is not None:
        lines.append(f"what was there before is {done.aside}")
    if not keep_credentials:
        lines.append(f"revoked: {done.nonces} nonces, {done.admin_tokens} admin tokens")
    if done.lost_callbacks:
        lines.append(f"callbacks of {', '.join(done.lost_callbacks)} need a nonce; run: datacatalog init")
    document = {
        "store": where,
        "file": str(file.absolute()),
        "schema": done.schema,
        "aside": None if done.aside is None else str(done.aside),
        "revoked": {"nonces": done.nonces, "admin_tokens": done.admin_tokens},
        "lost_callbacks": list(done.lost_callbacks),
    }
    cli.out.lines(document, [*lines, "next: datacatalog db check"])


@db.command()
@click.option("--dry-run", is_flag=True, help="Tell what would be done; change nothing.")
@pass_cli
def migrate(cli: Cli, dry_run: bool) -> None:
    """Bring the configured store to this version of the program.

    A newer one is refused. A MongoDB database with a catalog of the published system becomes a ledger where it lies: back it up
    before, and let nobody use it meanwhile.
    """
    from datacatalog.bootstrap import ledgers
    from datacatalog.settings import load

    settings = load()
    where = ledgers.shown_url(settings)
    steps = ledgers.pending(settings)
    facts = {} if dry_run else dict(ledgers.migrate(settings))
    said = [f"to do: {step}" if dry_run else f"done: {step}" for step in steps]
    document = {"store": where, "steps": steps, "migrated": bool(steps) and not dry_run, "facts": facts}
    cli.out.lines(document, said or [f"{where} is as this version wants it"])


@db.command()
@click.option(
    "--older-than",
    "age",
    required=True,
    callback=read_lifetime,
    metavar="SPAN",
    help="How old, such as 30d: counted from when something was done, or from when a message died.",
)
@click.option("--dead-letters", is_flag=True, help="Throw dead letters away, too.")
@pass_cli
def prune(cli: Cli, age: timedelta, dead_letters: bool) -> None:
    """Forget what workers forget by themselves after worker.retention_days, now and by an age of its own.

    Answers to repeated requests, ids of handled messages, executions, progress, spent credentials. Records, links, histories and the
    update log are the ledger: they are never pruned.
    """
    before = cli.env.clock.now() - age
    gone = dict(cli.env.store.prune(before=before))
    cli.app.forget(before)
    if dead_letters:
        from datacatalog.services.pruning import discard_dead

        gone["dead letters"] = discard_dead(before, cli.env)
    cli.out.document(gone)
