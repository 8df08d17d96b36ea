"""`datacatalog dump`: records as JSON Lines or CSV, in the form that `load` reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

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
        with _written(output) as write, cli.out.counting("records") as told:
            count = 0
            for line in lines:
                write(line)
                count += 1
                if count % _TOLD_EACH == 0:
                    told(_TOLD_EACH)
            return count

    written = cli.env.store.read(body)
    if output is not None:
        header = format == "csv"
        cli.out.document({"file": str(output), "records": written - header})


@contextmanager
def _written(output: Path | None) -> Iterator[Callable[[str], object]]:
    """Give a function that writes text, as UTF-8, to standard output or to a file."""
    if output is None:
        with click.open_file("-", "wb") as out:
            yield lambda text: out.write(text.encode())
        return
    with complete_file(output) as file:
        yield lambda text: file.write(text.encode())
