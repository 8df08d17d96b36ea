"""`datacatalog doctor`: what is well here, what is not, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Command

if TYPE_CHECKING:
    from datacatalog.interfaces.cli.checks import Finding


@click.command(cls=Command)
@click.option("--offline", is_flag=True, help="Do not ask the gateway.")
@pass_cli
def doctor(cli: Cli, offline: bool) -> int:
    """Check this catalog, and tell what to do.

    Settings, secrets, store and what carries messages, storage, apps, commands, callbacks, clock, disks, queues, dead letters,
    stuck jobs, traces, gateway.

    Exit status: 0 all is well, 1 something is not.
    """
    from datacatalog.interfaces.cli.checks import examine, gateway_url

    found = list(examine(cli, offline=offline))
    well, url = all(finding.well for finding in found), gateway_url()
    document = {"well": well, "url": url, "checks": [finding.document() for finding in found]}
    cli.out.lines(document, [line for finding in found for line in _lines(finding)])
    return 0 if well else 1


def _lines(finding: Finding) -> list[str]:
    lines = [f"{'ok ' if finding.well else 'BAD'}  {finding.check}: {finding.found}"]
    return lines if not finding.do else [*lines, f"     do: {finding.do}"]
