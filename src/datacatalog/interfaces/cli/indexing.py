"""`datacatalog index`: what a job archived is taken into the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from datacatalog.domain.actors import JOBS_INDEXER
from datacatalog.domain.indexing import LEVELS
from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.jobs import job_uuid
from datacatalog.interfaces.cli.lazy import Command
from datacatalog.interfaces.cli.params import token_option

if TYPE_CHECKING:
    from datacatalog.domain.jobs.history import HistoryEntry
    from datacatalog.domain.jobs.job import Job


@click.command(cls=Command)
@click.argument("uuid")
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="RE",
    help="Only files whose names match; may be given again.",
)
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    metavar="L",
    help=f"Processing level of what is found: {', '.join(LEVELS)}.",
)
@token_option("The job's update token; without it, this command makes it.")
@click.option("--wait", is_flag=True, help="Wait until a worker has done it.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0),
    metavar="S",
    help="With --wait: give up after so many seconds, with exit status 75.",
)
@pass_cli
def index(
    cli: Cli,
    uuid: str,
    filters: Sequence[str],
    level: str | None,
    token: str | None,
    wait: bool,
    timeout_s: float | None,
) -> int:
    """Index the outputs of a job.

    A worker does it; --wait waits for that. Exit status then: 0 done, 1 it could not be done, 75 neither in time.
    """
    from datacatalog.domain.jobs.lifecycle import State
    from datacatalog.interfaces.cli.acting import deliver, owners_token, told
    from datacatalog.interfaces.cli.watching import follow
    from datacatalog.services.indexing import files_so_far, is_asked_for
    from datacatalog.services.jobs import job_for

    job = job_uuid(uuid)
    message: dict[str, Any] = {"uuid": job, "name": "index", "token": token or owners_token(job, cli.env)}
    if filters:
        message["filters"] = list(filters)
    if level is not None:
        message["level"] = level
    before = cli.env.store.read(lambda work: work.history.length(job))
    answer = told(deliver(JOBS_INDEXER, message, cli.env))
    status = 0
    if wait:
        with cli.out.status() as waiting:

            def shown(text: str) -> None:
                files = files_so_far(job, before + 1, cli.env)
                waiting(f"{text}, {files} files so far" if files else text)

            def verdict(now: Job, history: list[HistoryEntry]) -> int | None:
                # Requests of one job are done in turn, and those before this one come to their end first.
                found = _indexed(now, history)
                held = now.state is not State.FAILED and is_asked_for(job, cli.env)
                return None if held else found

            status = follow(job, cli.env, verdict, timeout_s=timeout_s, after=before, waiting=shown)
        now = cli.env.store.read(lambda work: job_for(job, work))
        answer = {**answer, "state": now.state.value, "last_event": now.last_event, "done": status == 0}
    cli.out.document(answer)
    return status


def _indexed(job: Job, history: list[HistoryEntry]) -> int | None:
    from datacatalog.domain.jobs.lifecycle import Event, State

    if job.state is State.FAILED:
        return 1
    names = [entry.name for entry in history]
    asked = names.index(Event.INDEX) if Event.INDEX in names else len(names)
    found = [entry for entry in history[asked:] if entry.name is Event.INDEXED]
    return None if not found else int("error" in (found[-1].data or {}))
