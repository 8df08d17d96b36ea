"""`datacatalog dump`: records as JSON Lines or CSV, in the form that `load` reads."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

import click

from datacatalog.domain.kinds import SPECS, Kind
from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Command

if TYPE_CHECKING:
    from datacatalog.ports.stores import Work

_TOLD_EACH = 1000
"""Records after which a person is told how far it is."""


@click.command(cls=Command)
@click.argument("kinds", metavar="[KIND]...", nargs=-1, type=click.Choice([kind.value for kind in SPECS]))
@click.option("--where", "wheres", metavar="FIELD=VALUE", multiple=True,
              help="Only records with this value; may be given several times.")  # fmt: skip
@click.option("--format", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True,
              help="A JSON document per line, or a table of one kind.")  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False), metavar="FILE",
              help="Where to write; the file appears, or changes, when it is complete.")  # fmt: skip
@click.option("--all", "hidden", is_flag=True, help="Those that were deleted softly as well.")
@pass_cli
def dump(
    cli: Cli, kinds: tuple[str, ...], wheres: tuple[str, ...], format: str, output: str | None, hidden: bool
) -> None:
    """Write records out, in the form that 'datacatalog load' reads.

    All records, or those of some KINDs, as they are at one moment, in an order that does not change.
    """
    from datacatalog.services.dumping import csv_lines, json_lines

    chosen = [Kind(kind) for kind in kinds] or list(SPECS)
    where = dict(map(_condition, wheres))
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
        cli.out.document({"file": output, "records": written - header})


def _condition(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.BadParameter(f"'{text}' is not FIELD=VALUE", param_hint="--where")
    return name, value


@contextmanager
def _written(output: str | None) -> Iterator[Callable[[str], object]]:
    """Give a function that writes text, as UTF-8, to standard output or to a file."""
    if output is None:
        with click.open_file("-", "wb") as out:
            yield lambda text: out.write(text.encode())
        return
    with _complete_or_not_at_all(os.path.realpath(output)) as file:
        yield lambda text: file.write(text.encode())


@contextmanager
def _complete_or_not_at_all(path: str) -> Iterator[BinaryIO]:
    """Give a file that takes the place of `path` when all of it is on disk; what ends early leaves nothing behind."""
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as device:
            yield device
        return
    folder, name = os.path.split(path)
    unfinished = os.path.join(folder, f".{name}.{secrets.token_hex(4)}")
    try:
        with open(unfinished, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(unfinished)
        raise
