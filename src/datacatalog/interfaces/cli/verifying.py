"""`datacatalog verify`: whether files are still what the catalog says."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Command

if TYPE_CHECKING:
    from datacatalog.domain.verification import Finding

CLEAN, FAULTS = 0, 1
SHOWN_EVERY_S = 0.1
_SEED_BYTES = 4


def read_share(context: click.Context, _: click.Parameter, value: str | None) -> float:
    """Read a share such as 0.05 or 5%."""
    if value is None:
        return 1.0
    number, percent = value.removesuffix("%"), value.endswith("%")
    try:
        share = float(number) / 100 if percent else float(number)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise click.BadParameter(f"'{value}' is no share of files; 0.05 and 5% are")
    return share


@click.command(cls=Command)
@click.argument("target", metavar="JOB|PATH")
@click.option(
    "--sample",
    "share",
    callback=read_share,
    metavar="P",
    help="Hash only a random share of the known files, such as 0.05 or 5%.",
)
@click.option("--seed", metavar="TEXT", help="Take the same sample again.")
@pass_cli
def verify(cli: Cli, target: str, share: float, seed: str | None) -> int:
    """Tell whether files are still what the catalog says.

    JOB is the UUID of a job: the files that it made, and what lies in its archive. PATH is a file or a directory with
    all below it, absolute on the default storage system, or agave://system/path. Every file is hashed anew. --verbose
    shows those that are as they should be, too. Exit status: 0 nothing is wrong, 1 something is.
    """
    import secrets

    from datacatalog.services.verification import Sample, verify

    seed = secrets.token_hex(_SEED_BYTES) if seed is None else seed
    findings = verify(target, cli.env, Sample(share=share, seed=seed))
    counts = Counter[str]()
    told = {"target": target, **({"sample": share, "seed": seed} if share < 1 else {})}
    if cli.json:
        _print_document(told, _counted(findings, counts), counts, everything=cli.verbose)
    else:
        with cli.out.status() as waiting:
            for finding in _counted(findings, counts, _sparing(waiting)):
                if finding.fault or cli.verbose:
                    cli.out.line({}, _line(finding))
        cli.out.line({}, _summary(told, counts))
    return FAULTS if _faults(counts) else CLEAN


def _counted(
    findings: Iterable[Finding], counts: Counter[str], waiting: Callable[[str], None] = lambda text: None
) -> Iterator[Finding]:
    for finding in findings:
        counts[finding.what.value] += 1
        waiting(f"{counts.total():,} files, at {finding.path}")
        yield finding


def _sparing(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that tells what it is told, but no more often than is of use to people."""
    last = 0.0

    def sparing(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= SHOWN_EVERY_S:
            last = time.monotonic()
            tell(text)

    return sparing


def _print_document(
    told: dict[str, Any], findings: Iterable[Finding], counts: Counter[str], *, everything: bool
) -> None:
    """Print one JSON document as it comes to be: a million findings are never held together."""
    from datacatalog.interfaces.cli.output import dumped

    begun = dumped({**told, "findings": []}).removesuffix("]}")
    for finding in findings:
        if finding.fault or everything:
            print(begun, dumped(finding.document()), sep="", end="")
            begun = ", "
    begun = "" if begun == ", " else begun
    ended = dumped({"counts": _all_counts(counts), "clean": not _faults(counts)}).removeprefix("{")
    print(f"{begun}], {ended}")


def _line(finding: Finding) -> str:
    from datacatalog.domain.verification import What

    words = [f"{finding.what.value:10}", f"agave://{finding.system}{finding.path}"]
    if finding.what is What.CHANGED and finding.recorded and finding.found:
        for name, recorded in finding.recorded.document().items():
            found = finding.found.document()[name]
            if recorded != found and recorded is not None:
                words.append(f" {name} {recorded} -> {'not looked at' if found is None else found}")
    if finding.reason:
        words.append(f" ({finding.reason})")
    return " ".join(words)


def _summary(told: dict[str, Any], counts: Counter[str]) -> str:
    found = ", ".join(f"{number} {what}" for what, number in _all_counts(counts).items() if number)
    sample = f"; a sample of {told['sample']:g}, --seed {told['seed']}" if "seed" in told else ""
    return f"{found or 'no files'}{sample}"


def _all_counts(counts: Counter[str]) -> dict[str, int]:
    from datacatalog.domain.verification import What

    return {what.value: counts[what.value] for what in What}


def _faults(counts: Counter[str]) -> bool:
    from datacatalog.domain.verification import FAULTS as WRONG

    return any(counts[what] for what in WRONG)
