"""`datacatalog jobs watch` and `history`: what happens to a job, as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.jobs.lifecycle import Event, State, read_state
from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.jobs import job_uuid
from datacatalog.interfaces.cli.lazy import Command

if TYPE_CHECKING:
    from datacatalog.domain.kinds import TypedUuid
    from datacatalog.services.env import Env

POLL_S = 0.2
PAGE = 500
TELLING = ("status", "reason", "lastStatusMessage", "note", "flag")
GIST_MAX = 120
DONE, FAILED, TIMED_OUT = 0, 1, 75

_GOOD_ENDS = frozenset({State.VALIDATING, State.VALIDATED, State.FINALIZED})
_BAD_ENDS = frozenset({State.FAILED, State.REJECTED, State.RETIRED})

Verdict = Callable[[Job, list[HistoryEntry]], int | None]
"""From a job and its history (since its last reset) to an exit status, or None where it is to be waited on."""


def finished(job: Job, history: list[HistoryEntry]) -> int | None:
    """A job is done once its outputs are indexed, or it is further than that; it is not where it or its indexing failed."""
    if job.state in _BAD_ENDS:
        return FAILED
    if job.state in _GOOD_ENDS:
        return DONE
    indexed = [entry for entry in history if entry.name is Event.INDEXED and not entry.noted]
    if not indexed or job.state is not State.FINISHED:
        return None
    return FAILED if "error" in (indexed[-1].data or {}) else DONE


def reached(wanted: State) -> Verdict:
    """Return the verdict that waits for a state, passed by or present; failing is the end, unless it is that state."""

    def verdict(job: Job, history: list[HistoryEntry]) -> int | None:
        if any(entry.state is wanted for entry in history):
            return DONE
        return FAILED if job.state in _BAD_ENDS else None

    return verdict


def follow(
    uuid: TypedUuid,
    env: Env,
    verdict: Verdict,
    *,
    timeout_s: float | None = None,
    after: int = 0,
    tell: Callable[[HistoryEntry], None] = lambda entry: None,
    waiting: Callable[[str], None] = lambda text: None,
) -> int:
    """Wait until there is a verdict on a job, and return it; 75 where there is none in time.

    Args:
        after: history up to this sequence number is passed over.
        tell: is given every entry, once, in order.
        waiting: is told what is being waited on.
    Raises:
        UnknownRecord.
    """
    began, seen = time.monotonic(), list[HistoryEntry]()
    while True:
        job, page = _look(uuid, after, env)
        for number, entry in page:
            after = number
            seen = [] if entry.name is Event.RESET else seen
            seen.append(entry)
            tell(entry)
        if len(page) == PAGE:
            continue
        if (found := verdict(job, seen)) is not None:
            return found
        if timeout_s is not None and time.monotonic() - began >= timeout_s:
            return TIMED_OUT
        waiting(f"{uuid} is {job.state}")
        time.sleep(POLL_S)


@click.command(cls=Command)
@click.argument("uuid")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0),
    metavar="S",
    help="Give up after so many seconds, with exit status 75.",
)
@click.option("--until", metavar="STATE", help="Wait for this state, not for the end.")
@pass_cli
def watch(cli: Cli, uuid: str, timeout_s: float | None, until: str | None) -> int:
    """Follow a job until it is done.

    It is done once it has finished and its outputs are indexed. Exit status: 0 it is done, or reached the
    state; 1 it or its indexing failed; 75 neither in time.
    """
    from datacatalog.services.jobs import job_document

    job = job_uuid(uuid)
    verdict = reached(read_state(until)) if until else finished
    with cli.out.status() as waiting:
        tell = (lambda entry: None) if cli.json else lambda entry: _print(entry, cli)
        status = follow(job, cli.env, verdict, timeout_s=timeout_s, tell=tell, waiting=waiting)
    if cli.json:
        cli.out.document(cli.env.store.read(lambda work: job_document(job, work)))
    return status


@click.command(cls=Command)
@click.argument("uuid")
@click.option(
    "--follow",
    "on",
    is_flag=True,
    help="Go on with what happens next, until Ctrl-C; with --json, a document per line.",
)
@pass_cli
def history(cli: Cli, uuid: str, on: bool) -> None:
    """Tell what happened to a job."""
    job = job_uuid(uuid)
    if on:
        follow(job, cli.env, lambda *_: None, tell=lambda entry: _print(entry, cli))
        return
    entries = list(entries_of(job, cli.env))
    if cli.json:
        cli.out.lines([e.document() for e in entries], ())
        return
    for entry in entries:
        _print(entry, cli)


def entries_of(uuid: TypedUuid, env: Env) -> Iterator[HistoryEntry]:
    """Yield the history of a job.  Raises UnknownRecord."""
    after = 0
    while page := _look(uuid, after, env)[1]:
        yield from (entry for _, entry in page)
        after = page[-1][0]


def _look(uuid: TypedUuid, after: int, env: Env) -> tuple[Job, Sequence[tuple[int, HistoryEntry]]]:
    """Return a job as it stands, and a page of its history.  Raises UnknownRecord."""
    from datacatalog.services.jobs import job_for

    return env.store.read(
        lambda work: (job_for(uuid, work), work.history.page(uuid, after=after, limit=PAGE))
    )


def _print(entry: HistoryEntry, cli: Cli) -> None:
    document = entry.document()
    marks = [mark for mark in ("implied", "noted") if document.get(mark)]
    line = [document["date"], f"{entry.name:9}", f"{entry.state:10}", *marks, _gist(entry.data or {})]
    cli.out.line(document, "  ".join(line).rstrip())


def _gist(data: JsonObject) -> str:
    """Return what people want to know of an event's data: what its sender said in words, or how it begins."""
    from datacatalog.interfaces.cli.output import printable

    # A callback says why in its body and in its URL.
    told = dict.fromkeys(str(data[field]) for field in TELLING if data.get(field))
    text = ": ".join(told) if told else printable(data) if data else ""
    return text if len(text) <= GIST_MAX else f"{text[: GIST_MAX - 1]}…"
