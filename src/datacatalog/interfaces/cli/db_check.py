"""`datacatalog db check`: what cannot be right in the ledger, and mending it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Command

if TYPE_CHECKING:
    from datacatalog.services.checking import Result


@click.command(cls=Command)
@click.option("--fix", is_flag=True, help="Mend what can be mended without losing anything.")
@pass_cli
def check(cli: Cli, fix: bool) -> int:
    """Look for what cannot be right in the ledger, and mend it.

    Unfinished copies, documents that do not fit their schemas, identifiers that two records have, fixities and links that lead
    nowhere, histories that do not lead to their jobs' states, jobs and messages that nobody takes care of. The catalog may be at work
    meanwhile. What --fix changes in records stands in the update log, as done by 'db check'.

    Exit status: 0 all is well, or was mended; 1 something is not.
    """
    from datacatalog.bootstrap.ledgers import damage
    from datacatalog.interfaces.worker.loop import queues_of
    from datacatalog.services.checking import Result, examine

    results = [Result(check="file", do="restore a backup: datacatalog db restore FILE --replace")]
    if broken := damage(cli.app.settings):
        results[0].found = 1
        results[0].examples.append({"subject": "file", "text": broken})
    with cli.out.counting("checks") as told:
        for result in examine(cli.env, queues_of(cli.app), fix=fix):
            results.append(result)
            told(1)
    well = all(result.well for result in results)
    document = {"well": well, "checks": [result.document() for result in results]}
    cli.out.lines(document, [line for result in results for line in _lines(result)])
    return 0 if well else 1


def _lines(result: Result) -> list[str]:
    counts = {"found": result.found, "mended": result.mended, "noticed": result.noticed}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"
    lines = [f"{'ok ' if result.well else 'BAD'}  {result.check}: {told}"]
    for example in result.examples:
        done = f" -> {example['done']}" if "done" in example else ""
        lines.append(f"       {example['subject']} {example['text']}{done}")
    return lines if result.well else [*lines, f"     do: {result.do}"]
