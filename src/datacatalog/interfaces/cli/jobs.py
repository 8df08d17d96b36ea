"""`datacatalog jobs`: runs of pipelines are created, moved on, taken back, looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from datacatalog.domain.actors import JOBS_MANAGER
from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Group, Later
from datacatalog.interfaces.cli.params import after_option, json_object, limit_option, token_option, typed
from datacatalog.interfaces.cli.pipelines import pipeline_uuid

if TYPE_CHECKING:
    from datacatalog.domain.jobs.job import Job
    from datacatalog.domain.kinds import TypedUuid

F = TypeVar("F", bound=Callable[..., Any])


@click.group(
    cls=Group,
    later={
        "watch": Later("watching:watch", "Follow a job until it is done."),
        "history": Later("watching:history", "Tell what happened to a job."),
    },
)
def jobs() -> None:
    """Create jobs, move them on, look at them."""


def _linked(name: str, parameter: str) -> Callable[[F], F]:
    return click.option(
        f"--{name}",
        parameter,
        multiple=True,
        metavar="ID",
        help="What it is about: an identifier or a UUID; may be given again.",
    )


@jobs.command()
@click.option("--pipeline", required=True, metavar="UUID|ID", help="The pipeline that it runs.")
@click.option("--data", metavar="JSON|@FILE", help="Its parameters, a JSON object.")
@_linked("design", "experiment_design_id")
@_linked("experiment", "experiment_id")
@_linked("sample", "sample_id")
@_linked("measurement", "measurement_id")
@click.option(
    "--no-instance", is_flag=True, help="Archive where equal inputs always archive; no directory of its own."
)
@click.option("--session", metavar="WORDS", help="A word pair such as casual-bass; without it, one is drawn.")
@click.option(
    "--archive-path", metavar="URI", help="Archive at this agave://system/path, not at the computed one."
)
@click.option(
    "--pattern",
    "patterns",
    multiple=True,
    metavar="RE",
    help="Index only outputs whose names match; may be given again.",
)
@click.option("--level", metavar="L", help="Processing level of its outputs.")
@pass_cli
def create(
    cli: Cli,
    /,
    pipeline: str,
    data: str | None,
    no_instance: bool,
    session: str | None,
    archive_path: str | None,
    patterns: Sequence[str],
    level: str | None,
    **linked: Sequence[str],
) -> None:
    """Create a job; the very same run again is the same job."""
    from datacatalog.services.jobs import JobPlan, archive_override, create_job

    parsed = json_object(data)
    system, path = archive_override(archive_path) if archive_path else (None, None)
    plan = JobPlan(
        pipeline_uuid=pipeline_uuid(pipeline, cli),
        data=parsed or {},
        parameters={name: list(values) for name, values in linked.items() if values},
        instanced=not no_instance,
        session=session,
        archive_system=system,
        archive_path=path,
        extra=_patterns(patterns, level),
    )
    made = create_job(plan, cli.env)
    cli.out.document({**_summary(made.job), "created": made.fresh})


def _patterns(patterns: Sequence[str], level: str | None) -> dict[str, Any]:
    if not patterns and level is None:
        return {}
    from datacatalog.domain.indexing import read_index_request

    request = read_index_request({"patterns": list(patterns), "level": level or "1"})
    return {"archive_patterns": [request.to_document()]}


def _summary(job: Job) -> dict[str, Any]:
    return {
        "uuid": job.uuid,
        "state": job.state.value,
        "last_event": job.last_event,
        "archive_uri": job.archive_uri,
        "session": job.record.body.get("session"),
    }


@jobs.command()
@click.argument("uuid")
@pass_cli
def show(cli: Cli, uuid: str) -> None:
    """Show a job with its links and its history."""
    from datacatalog.services.jobs import job_document

    job = job_uuid(uuid)
    cli.out.document(cli.env.store.read(lambda work: job_document(job, work)))


@jobs.command("list")
@click.option("--state", metavar="S", help="Only those in this state.")
@click.option("--pipeline", metavar="UUID|ID", help="Only those of this pipeline.")
@click.option("--all", "hidden", is_flag=True, help="Those that were deleted as well.")
@limit_option
@after_option
@pass_cli
def list_(
    cli: Cli, state: str | None, pipeline: str | None, hidden: bool, limit: int, after: str | None
) -> None:
    """List jobs."""
    from datacatalog.domain.jobs.lifecycle import read_state
    from datacatalog.domain.kinds import Kind
    from datacatalog.interfaces.cli.showing import row

    where = {"state": read_state(state).value} if state else {}
    if pipeline:
        where["pipeline_uuid"] = pipeline_uuid(pipeline, cli)
    page = cli.env.store.read(
        lambda work: work.records.page(Kind.PIPELINEJOB, where, after=after, limit=limit, hidden=hidden)
    )
    columns = ("uuid", "state", "last_event", "updated", "session", *(["hidden"] if hidden else []))
    cli.out.table(map(row, page.records), columns)


@jobs.command()
@click.argument("uuid")
@click.argument("name")
@click.option("--data", metavar="JSON|@FILE", help="What goes with the event, a JSON object.")
@token_option(
    "The job's update token; without it, this command makes it. reset and ready need an administrative one."
)
@pass_cli
def event(cli: Cli, uuid: str, name: str, data: str | None, token: str | None) -> None:
    """Say that something happened to a job: run, update, finish, fail, ..."""
    from datacatalog.domain.jobs.lifecycle import read_event
    from datacatalog.interfaces.cli.acting import deliver, owners_token, told

    job, sent, known = job_uuid(uuid), json_object(data), read_event(name)
    message: dict[str, Any] = {"uuid": job, "name": known.value, "token": token or owners_token(job, cli.env)}
    if sent is not None:
        message["data"] = sent
    cli.out.document(told(deliver(JOBS_MANAGER, message, cli.env)))


@jobs.command()
@click.argument("uuid")
@token_option("An administrative token; 'datacatalog token admin' makes one.", required=True)
@click.option("--no-clear", is_flag=True, help="Leave its archive as it is.")
@pass_cli
def reset(cli: Cli, uuid: str, token: str, no_clear: bool) -> None:
    """Take a job back to CREATED, and clear its archive."""
    from datacatalog.services.jobs import reset_job

    cli.out.document(_summary(reset_job(job_uuid(uuid), token, cli.env, clear=not no_clear)))


@jobs.command()
@click.argument("uuid")
@token_option("The job's update token; without it, this command makes it.")
@pass_cli
def cancel(cli: Cli, uuid: str, token: str | None) -> None:
    """Have the platform stop a job; it then fails."""
    from datacatalog.interfaces.cli.acting import owners_token
    from datacatalog.services.cancelling import cancel_at_platform

    job = job_uuid(uuid)
    stopped = cancel_at_platform(job, token or owners_token(job, cli.env), cli.env)
    cli.out.document({"uuid": job, "job_id": stopped.id, "status": stopped.status})


@jobs.command("token")
@click.argument("uuid")
@pass_cli
def token_(cli: Cli, uuid: str) -> None:
    """Print a job's update token."""
    from datacatalog.interfaces.cli.acting import owners_token

    job = job_uuid(uuid)
    token = owners_token(job, cli.env)
    cli.out.line({"uuid": job, "token": token}, token)


@jobs.command()
@click.argument("uuid")
@token_option("An administrative token; 'datacatalog token admin' makes one.", required=True)
@click.option("--force", is_flag=True, help="Remove it for good, with its history.")
@pass_cli
def delete(cli: Cli, uuid: str, token: str, force: bool) -> None:
    """Hide a job; its archive stays."""
    from datacatalog.interfaces.cli.acting import deliver, told

    message = {"uuid": job_uuid(uuid), "action": "delete", "token": token, "force": force}
    cli.out.document(told(deliver(JOBS_MANAGER, message, cli.env)))


def job_uuid(text: str) -> TypedUuid:
    """Read a job's UUID.  Raises InvalidField."""
    from datacatalog.domain.kinds import Kind

    return typed(text, Kind.PIPELINEJOB)
