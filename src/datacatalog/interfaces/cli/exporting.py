"""`datacatalog export`: how something came about, in a standard format."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Command
from datacatalog.interfaces.cli.writing import complete_file, undone_when_ended

FORMATS = ("prov-json", "prov-n", "ro-crate", "openlineage")
_CRATE = "ro-crate"


@click.command(cls=Command)
@click.argument("record", metavar="UUID|PATH|ID")
@click.option(
    "--format", type=click.Choice(FORMATS), default="prov-json", show_default=True, help="What to write."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Where to write it, instead of standard output. An RO-Crate becomes a directory, or a zip file where the name "
    "ends in .zip.",
)
@click.option("--payload", is_flag=True, help="Copy the files themselves into the RO-Crate, and check them.")
@click.option(
    "--depth",
    type=click.IntRange(1, 100),
    metavar="N",
    help="At most so many steps back: of a job 1, else 100, where it is not given.",
)
@pass_cli
def export(cli: Cli, record: str, format: str, output: Path | None, payload: bool, depth: int | None) -> None:
    """Tell other tools how something came about.

    W3C PROV (prov-json, prov-n), RO-Crate, or OpenLineage run events. Of a job: its inputs and outputs, its pipeline and who
    ran it; of anything else: what it came from. This needs the extra: pip install 'datacatalog[prov]'.
    """
    from datacatalog import exports

    if payload and (format != _CRATE or output is None):
        raise click.UsageError("--payload goes with --format ro-crate and --output")
    if format == _CRATE and output is not None:
        with undone_when_ended():
            copied = exports.export_crate(record, cli.env, output, payload=payload, depth=depth)
        cli.out.line({"output": str(output), "files": copied}, f"{output}: {copied} files copied")
        return
    found = exports.export(format, record, cli.env, depth=depth)
    if output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(found.content)
        sys.stdout.buffer.flush()
        return
    with complete_file(output) as file:
        file.write(found.content)
    size = len(found.content)
    cli.out.line({"output": str(output), "bytes": size}, f"{output}: {size} bytes")
