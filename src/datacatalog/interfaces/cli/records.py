"""`datacatalog records` and `datacatalog linked`: records of every kind are looked at, changed, hidden and brought back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from datacatalog.domain.kinds import SPECS, Kind
from datacatalog.domain.linkage.levels import HIERARCHY
from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Command, Group
from datacatalog.interfaces.cli.params import KindName, after_option, limit_option, read_pairs, where_option

if TYPE_CHECKING:
    from datacatalog.domain.documents import JsonObject
    from datacatalog.domain.kinds import TypedUuid
    from datacatalog.domain.records import Record
    from datacatalog.ports.stores import Work
    from datacatalog.services.records import Written

LEVELS = (*HIERARCHY, Kind.PIPELINEJOB)
BATCH = 1000

reference = click.argument("record", metavar="UUID|PATH|ID")
revision_option = click.option(
    "--if-revision",
    type=click.IntRange(min=0),
    metavar="N",
    help="Only where it is of this revision still; 'records show' tells.",
)


@click.group(cls=Group)
def records() -> None:
    """Look at records of every kind, change them, hide them, bring them back.

    A record is named by its UUID, its identifier, its path, or agave://system/path. Jobs and pipelines are changed by
    'datacatalog jobs' and 'datacatalog pipelines'.
    """


@records.command("list")
@click.argument("kind", metavar="KIND", type=KindName(SPECS))
@where_option
@click.option("--all", "hidden", is_flag=True, help="Those that were deleted as well.")
@limit_option
@after_option
@pass_cli
def list_(cli: Cli, kind: str, where: Mapping[str, str], hidden: bool, limit: int, after: str | None) -> None:
    """List the records of a kind.

    'datacatalog load --help' has the names of the kinds after --kind; plurals such as samples and jobs do, too.
    """
    from datacatalog.services.documents import documents_of

    def body(work: Work) -> list[dict[str, Any]]:
        page = work.records.page(Kind(kind), where, after=after, limit=limit, hidden=hidden).records
        return [
            document if record.visible else {**document, "hidden": True}
            for record, document in zip(page, documents_of(page, work), strict=True)
        ]

    fields = SPECS[Kind(kind)].published_search
    cli.out.table(cli.env.store.read(body), ("uuid", *fields, *(["hidden"] if hidden else [])))


@records.command()
@reference
@click.option("--all", "hidden", is_flag=True, help="One that was deleted as well; by its UUID.")
@pass_cli
def show(cli: Cli, record: str, hidden: bool) -> None:
    """Show a record with its links, its dates and its revision."""

    def body(work: Work) -> dict[str, Any]:
        from datacatalog.services.documents import document_of

        found = work.records.get(_uuid(cli, record, work)) if hidden else _found(cli, record, work)
        return {**document_of(found, work), **_properties(found)}

    cli.out.document(cli.env.store.read(body))


def _properties(record: Record) -> dict[str, Any]:
    """Return what the catalog itself says of a record, under the published names."""
    from datacatalog.domain.documents import published

    dates = {"created_date": record.created, "modified_date": record.modified}
    told: dict[str, Any] = {name: published(date) for name, date in dates.items() if date is not None}
    return {
        "_properties": {**told, "revision": record.revision},
        **({} if record.visible else {"_visible": False}),
    }


@records.command("set")
@reference
@click.argument("fields", nargs=-1, required=True, metavar="FIELD=JSON...", callback=read_pairs)
@revision_option
@pass_cli
def set_(cli: Cli, record: str, fields: Mapping[str, str], if_revision: int | None) -> None:
    """Set fields of a record.

    What is no JSON is taken as text, and so is what stands in a field that the schema wants as text. A dot leads into an object
    (depth.value=3), null removes a field, and a list of UUIDs takes the place of the links that are there.
    """
    said = {name: _json_or_text(text) for name, text in fields.items()}

    def body(work: Work) -> Written:
        from datacatalog.services.records import patch_record

        found = _found(cli, record, work)
        patch = _patch(fields, said, found.kind, cli)
        return patch_record(found.uuid, patch, work, cli.env, if_revision=if_revision, by=cli.user)

    _tell(cli, cli.env.store.transact(body))


@records.command()
@reference
@click.option("--force", is_flag=True, help="Remove it for good, with the links from and to it; hidden ones by their UUID.")  # fmt: skip
@revision_option
@pass_cli
def delete(cli: Cli, record: str, force: bool, if_revision: int | None) -> None:
    """Hide a record; a file takes its checksum with it."""

    def body(work: Work) -> Written:
        from datacatalog.services.records import delete_record

        uuid = _uuid(cli, record, work)
        return delete_record(uuid, work, cli.env, force=force, if_revision=if_revision, by=cli.user)

    _tell(cli, cli.env.store.transact(body))


@records.command()
@click.argument("record", metavar="UUID")
@pass_cli
def undelete(cli: Cli, record: str) -> None:
    """Bring a hidden record back.

    Hidden records are named by their UUID; 'datacatalog records list KIND --all' shows it.
    """

    def body(work: Work) -> Written:
        from datacatalog.services.records import undelete_record

        return undelete_record(_uuid(cli, record, work), work, cli.env, by=cli.user)

    _tell(cli, cli.env.store.transact(body))


@click.command(cls=Command)
@click.argument("records", nargs=-1, required=True, metavar="UUID|PATH|ID...")
@click.option("--to", "kind", type=KindName(LEVELS), required=True, help="What is asked for.")
@pass_cli
def linked(cli: Cli, records: Sequence[str], kind: str) -> None:
    """Tell what belongs to records: files, measurements, samples, ..., or jobs.

    Below them in the hierarchy of challenge problem, experiment design, experiment, sample, measurement and file, or above
    them; of a job, the files that it made.
    """
    from datacatalog.domain.labels import label
    from datacatalog.services import linkage

    def body(work: Work) -> list[dict[str, Any]]:
        starts = linkage.named(records, work, cli.env)
        uuids = linkage.linked(starts, Kind(kind), work)
        rows = []
        for begin in range(0, len(uuids), BATCH):
            found = work.records.find_many(uuids[begin : begin + BATCH])
            rows += [{"uuid": uuid, "label": label(found[uuid])} for uuid in uuids[begin : begin + BATCH]]
        return rows

    cli.out.table(cli.env.store.read(body), ("uuid", "label"))


# -------------------------------------------------------------------------------------------- helpers


def _found(cli: Cli, text: str, work: Work) -> Record:
    from datacatalog.services.finding import find_record

    return find_record(text, work, cli.env)


def _uuid(cli: Cli, text: str, work: Work) -> TypedUuid:
    """Return the UUID that a text is, hidden or not, or names.  Raises UnknownRecord, which tells how to go on."""
    from datacatalog.domain.errors import UnknownRecord
    from datacatalog.services.finding import uuid_named

    try:
        return uuid_named(text, work, cli.env)
    except UnknownRecord as e:
        raise UnknownRecord(f"{text} (a hidden one is named by its UUID: 'records list KIND --all')") from e


def _tell(cli: Cli, written: Written) -> None:
    cli.out.document(
        {"uuid": written.record.uuid, "action": written.action, "revision": written.record.revision}
    )


def _patch(texts: Mapping[str, str], said: Mapping[str, Any], kind: Kind, cli: Cli) -> JsonObject:
    """Return the merge patch that sets fields, which are called as columns of tables are.

    Args:
        texts: what was typed, by field.
        said: what it is where the schema of the kind does not want text.
    Raises:
        InvalidField.
    """
    from datacatalog.domain.tabular import paths_of, placed, types_at

    schemas = cli.env.schemas
    try:
        schema = schemas.get(f"{kind}_document")
    except KeyError:
        schema = {}

    def value_at(path: tuple[str, ...], name: str) -> Any:
        value = said[name]
        text = value is not None and not isinstance(value, str)
        return texts[name] if text and types_at(schema, path, schemas.get) == {"string"} else value

    return placed((path, value_at(path, name)) for path, name in zip(paths_of([*said]), said, strict=True))


def _json_or_text(text: str) -> Any:
    """Read a value: JSON, or text that does not begin as JSON does.  Raises InvalidJson."""
    from datacatalog.domain.errors import InvalidJson
    from datacatalog.domain.strict_json import parse_json

    try:
        return parse_json(text)
    except InvalidJson:
        if text.startswith(("{", "[", '"')):
            raise
        return text
