"""`datacatalog load`: records out of JSON, JSON Lines and CSV files."""

from __future__ import annotations

import gzip
import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

from datacatalog.domain.kinds import SPECS, Kind
from datacatalog.domain.records import STRATEGIES
from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Command
from datacatalog.interfaces.cli.params import KindName

if TYPE_CHECKING:
    from datacatalog.services.loading import Loaded, Source

LOADED = (*SPECS, Kind.PRODUCT)

_FORMATS = {".csv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json"}
_GZIP = b"\x1f\x8b"


@click.command(cls=Command)
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
)
@click.option(
    "--kind", type=KindName(LOADED), help="What the records are; without it, each one's fields tell."
)
@click.option("--format", type=click.Choice(["json", "csv"]),
              help="JSON is JSON Lines too. Without it, the name or the first character tells.")  # fmt: skip
@click.option("--strategy", type=click.Choice(STRATEGIES), default="merge", show_default=True,
              help="What becomes of a record that is there already: changed field by field, written anew, or left.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Do all of it, tell what came of it, and leave no change.")
@click.option("--keep-going", type=click.IntRange(1, 10_000), metavar="N", default=1, show_default=True,
              help="End at the Nth error; a batch with an error stays out.")  # fmt: skip
@click.option("--batch", type=click.IntRange(1, 10_000), metavar="N", default=1000, show_default=True,
              help="Records that go in together, or not at all.")  # fmt: skip
@pass_cli
def load(
    cli: Cli,
    files: tuple[str, ...],
    kind: str | None,
    format: str | None,
    strategy: str,
    dry_run: bool,
    keep_going: int,
    batch: int,
) -> None:
    """Put records into the catalog, from JSON and CSV files.

    A FILE ('-': standard input; compressed with gzip or not) holds an array of records, one record, one per line, or a table.
    Loading it again changes nothing.
    """
    from datacatalog.services.loading import ACTIONS, Loading

    with cli.out.counting("records") as told:
        loading = Loading(
            env=cli.env,
            kind=None if kind is None else Kind(kind),
            strategy=strategy,
            by=cli.user,
            errors_max=keep_going,
            batch=batch,
            told=told,
        )
        with _sources(files, format, again=dry_run) as sources:
            done = loading.rehearse(sources) if dry_run else loading.load(sources)
    _check(done, dry_run)
    rows: list[dict[str, Any]] = [
        {"file": name, **{a: counts[a] for a in ACTIONS}} for name, counts in done.counts.items()
    ]
    if cli.json:
        total = {action: sum(row[action] for row in rows) for action in ACTIONS}
        cli.out.document({**total, "files": rows, **({"dry_run": True} if dry_run else {})})
    else:
        cli.out.table(rows, ("file", *ACTIONS))


# ---------------------------------------------------------------------------------------------- errors


def _check(done: Loaded, dry_run: bool) -> None:
    """Raise what kept records out, with the place of each and how much of its file is in."""
    from datacatalog.domain.errors import NotLoaded

    if not done.refusals:
        return
    told = []
    for refusal in done.refusals:
        places = [_shown(refusal.name), refusal.place, *getattr(refusal.error, "__notes__", [])]
        told.append((": ".join(filter(None, places)), refusal.error))
    last = done.refusals[-1]
    count = 0 if dry_run else done.counts[last.name].total()
    if len(told) > 1:
        raise NotLoaded([(place, str(error)) for place, error in told], count)
    [(place, error)] = told
    error.__notes__ = [place + (f" ({count} records of it are in)" if count else "")]
    raise error


def _shown(name: str) -> str:
    return "standard input" if name == "-" else name


# ----------------------------------------------------------------------------------------------- files


@contextmanager
def _sources(files: tuple[str, ...], format: str | None, *, again: bool) -> Iterator[list[Source]]:
    """Give the files as sources; where they may be read `again`, standard input is kept in a file for as long as that takes."""
    from datacatalog.services.loading import Source

    with tempfile.NamedTemporaryFile() as kept:
        if again and "-" in files:
            with click.open_file("-", "rb") as stdin:
                shutil.copyfileobj(stdin, kept)
            kept.flush()
        places = {name: kept.name if again and name == "-" else name for name in files}
        yield [
            Source(name=name, open=partial(_opened, places[name]), format=format or _format_of(name))
            for name in files
        ]


def _format_of(name: str) -> str | None:
    plain = name.lower().removesuffix(".gz")
    return next((found for ending, found in _FORMATS.items() if plain.endswith(ending)), None)


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """Open a file, compressed or not, or standard input."""
    with click.open_file(name, "rb") as file:
        stream: Any = file if hasattr(file, "peek") else io.BufferedReader(cast(io.RawIOBase, file))
        yield cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if stream.peek(2)[:2] == _GZIP else stream
