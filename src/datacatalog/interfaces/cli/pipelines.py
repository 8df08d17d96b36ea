"""`datacatalog pipelines`: recipes are registered, described anew, taken out of service, brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import click

from datacatalog.domain.actors import PIPELINES_MANAGER
from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Group
from datacatalog.interfaces.cli.params import after_option, limit_option, message_file, token_option, typed

if TYPE_CHECKING:
    from datacatalog.domain.kinds import TypedUuid


@click.group(cls=Group)
def pipelines() -> None:
    """Register pipelines, change them, list them."""


@pipelines.command()
@message_file
@pass_cli
def create(cli: Cli, file: BinaryIO) -> None:
    """Register the pipeline that FILE describes; again changes nothing."""
    from datacatalog.interfaces.cli.acting import deliver, told

    cli.out.document(told(deliver(PIPELINES_MANAGER, file.read(), cli.env)))


@pipelines.command()
@click.argument("pipeline", metavar="UUID|ID")
@click.option("--token", "want_token", is_flag=True, help="Print its update token, and nothing else.")
@pass_cli
def show(cli: Cli, pipeline: str, want_token: bool) -> None:
    """Show a pipeline."""
    from datacatalog.domain.records import public_document
    from datacatalog.interfaces.cli.acting import owners_token

    uuid = pipeline_uuid(pipeline, cli)
    if want_token:
        token = owners_token(uuid, cli.env)
        cli.out.line({"uuid": uuid, "token": token}, token)
        return
    document = cli.env.store.read(lambda work: public_document(work.records.get(uuid), work.links.of(uuid)))
    cli.out.document(document)


@pipelines.command("list")
@click.option("--all", "hidden", is_flag=True, help="Those that were taken out of service as well.")
@limit_option
@after_option
@pass_cli
def list_(cli: Cli, hidden: bool, limit: int, after: str | None) -> None:
    """List pipelines."""
    from datacatalog.domain.kinds import Kind
    from datacatalog.interfaces.cli.showing import row

    page = cli.env.store.read(
        lambda work: work.records.page(Kind.PIPELINE, after=after, limit=limit, hidden=hidden)
    )
    columns = ("uuid", "id", "name", "pipeline_type", *(["hidden"] if hidden else []))
    cli.out.table(map(row, page.records), columns)


@pipelines.command()
@click.argument("pipeline", metavar="UUID|ID")
@message_file
@token_option("Its update token; without it, this command makes it.")
@click.option("--replace", is_flag=True, help="FILE is the whole document, not just what changes.")
@pass_cli
def update(cli: Cli, pipeline: str, file: BinaryIO, token: str | None, replace: bool) -> None:
    """Change what is said about a pipeline; its id and components stay."""
    from datacatalog.domain.strict_json import parse_object
    from datacatalog.interfaces.cli.acting import deliver, owners_token, told

    document = parse_object(file.read())
    uuid = pipeline_uuid(pipeline, cli)
    token = token or owners_token(uuid, cli.env)
    if replace:
        context = {"uuid": uuid, "action": "replace", "token": token}
        answer = deliver(PIPELINES_MANAGER, document, cli.env, context)
    else:
        message = {"uuid": uuid, "action": "update", "body": document, "token": token}
        answer = deliver(PIPELINES_MANAGER, message, cli.env)
    cli.out.document(told(answer))


@pipelines.command()
@click.argument("pipeline", metavar="UUID|ID")
@token_option("Its update token; without it, this command makes it.")
@pass_cli
def retire(cli: Cli, pipeline: str, token: str | None) -> None:
    """Take a pipeline out of service."""
    _act("retire", pipeline, token, cli)


@pipelines.command()
@click.argument("pipeline", metavar="UUID|ID")
@token_option("Its update token; without it, this command makes it.")
@pass_cli
def restore(cli: Cli, pipeline: str, token: str | None) -> None:
    """Bring a pipeline back into service."""
    _act("undelete", pipeline, token, cli)


def _act(action: str, pipeline: str, token: str | None, cli: Cli) -> None:
    from datacatalog.interfaces.cli.acting import deliver, owners_token, told

    uuid = pipeline_uuid(pipeline, cli)
    message = {"uuid": uuid, "action": action, "token": token or owners_token(uuid, cli.env)}
    cli.out.document(told(deliver(PIPELINES_MANAGER, message, cli.env)))


def pipeline_uuid(reference: str, cli: Cli) -> TypedUuid:
    """Return the UUID of a pipeline, in service or not, by its UUID or its id.

    Raises:
        UnknownRecord.
    """
    from datacatalog.domain.errors import InvalidField, UnknownRecord
    from datacatalog.domain.kinds import Kind

    try:
        uuid = typed(reference, Kind.PIPELINE)
        found = cli.env.store.read(lambda work: work.records.find(uuid))
    except InvalidField:
        found = cli.env.store.read(lambda work: work.records.identified(Kind.PIPELINE, "id", reference))
    if found is None:
        raise UnknownRecord(reference, "pipeline")
    return found.uuid
