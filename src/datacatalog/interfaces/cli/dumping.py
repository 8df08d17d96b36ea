"""`datacatalog dump`: records as JSON Lines or CSV, in the form that `load` reads."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from datacatalog.domain.kinds import SPECS, Kind
from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Command
from datacatalog.interfaces.cli.params import KindName, where_option
from datacatalog.interfaces.cli.writing import complete_file

if TYPE_CHECKING:
    from datacatalog.ports.stores import Work

_TOLD_EACH = 1000
"""Records after which a person is told how far it is."""


@click.command(cls=Command)
@click.argument("kinds", metavar="[KIND]...", nargs=-1, type=KindName(SPECS))
@where_option
@click.option("--format", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True,
              help="A JSON document per line, or a table of one kind.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Where to write; the file appears, or changes, when it is complete.")  # fmt: skip
@click.option("--all", "hidden", is_flag=True, help="Those that were deleted softly as well.")
@pass_cli
def dump(
    cli: Cli, kinds: tuple[str, ...], where: Mapping[str, str], format: str, output: Path | None, hidden: bool
) -> None:
    """Write records out, in the form that 'datacatalog load' reads.

    All records, or those of some KINDs, as they are at one moment, in an order that does not change.
    """
    from datacatalog.services.dumping import csv_lines, json_lines

    chosen = [Kind(kind) for kind in kinds] or list(SPECS)
    if format == "csv" and len(set(chosen)) != 1:
        raise click.UsageError("a CSV file holds one KIND")

    def body(work: Work) -> int:
        lines = (
            csv_lines(chosen[0], work, cli.env, where=where, hidden=hidden)
            if format == "csv"
            else json_lines(chosen, work, where=where, hidden=hidden)
        )
        # It may be run again, where others wrote meanwhile: then nothing of before counts.
        file.seek(0)
        file.truncate()
        with cli.out.counting("records") as told:
            count = 0
            for line in lines:
                file.write(line.encode())
                count += 1
                if count % _TOLD_EACH == 0:
                    told(_TOLD_EACH)
            return count

    with tempfile.TemporaryFile(prefix="datacatalog-") as file:
        written = cli.env.store.read(body)
        file.seek(0)
        with _target(output) as target:
            shutil.copyfileobj(file, target)
    if output is not None:
        header = format == "csv"
        cli.out.document({"file": str(output), "records": written - header})


def _target(output: Path | None) -> AbstractContextManager[IO[bytes]]:
    """Return what is written to: standard output, or a file that is there once it is complete."""
    return click.open_file("-", "wb") if output is None else complete_file(output)
