"""`datacatalog files`: what was archived, with its checksum and its links."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import click

from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.jobs import job_uuid
from datacatalog.interfaces.cli.lazy import Group
from datacatalog.interfaces.cli.params import after_option, limit_option

if TYPE_CHECKING:
    from datacatalog.domain.kinds import TypedUuid
    from datacatalog.domain.records import Link, Record
    from datacatalog.ports.stores import Work
    from datacatalog.services.env import Env

COLUMNS = ("uuid", "name", "type", "level", "size", "checksum")
PAGE = 1000


@click.group(cls=Group)
def files() -> None:
    """Look up files, with checksums and links."""


@files.command("list")
@click.option("--job", metavar="UUID", help="Only those that this job made.")
@click.option("--path", "prefix", metavar="PREFIX", default="", help="Only those whose path begins so.")
@limit_option
@after_option
@pass_cli
def list_(cli: Cli, job: str | None, prefix: str, limit: int, after: str | None) -> None:
    """List files, with their checksums."""
    from datacatalog.services.jobs import job_for

    env, maker = cli.env, None if job is None else job_uuid(job)
    if maker is not None:
        env.store.read(lambda work: job_for(maker, work))
    found = (f for f in _files(env, maker, after) if f.body["name"].startswith(prefix))
    shown = list(islice(found, limit))
    cli.out.table(env.store.read(lambda work: list(_with_content(shown, work))), COLUMNS)


def _files(env: Env, job: TypedUuid | None, after: str | None) -> Iterator[Record]:
    """Yield the visible files, or those of a job, ordered by UUID."""
    from datacatalog.domain.kinds import Kind
    from datacatalog.services.finding import files_of
    from datacatalog.services.paging import pages

    def read(after: str | None, work: Work) -> tuple[Sequence[Record], str | None]:
        if job is None:
            page = work.records.page(Kind.FILE, after=after, limit=PAGE)
        else:
            page = files_of(job, work, after=after, limit=PAGE)
        return page.records, page.next

    return chain.from_iterable(pages(read, env.store, after=after))


def _with_content(files: Sequence[Record], work: Work) -> Iterator[dict[str, Any]]:
    from datacatalog.interfaces.cli.showing import row
    from datacatalog.services.documents import fixities_of

    fixities = fixities_of((file.uuid for file in files), work)
    for file in files:
        known = fixities[file.uuid].body if file.uuid in fixities else {}
        yield {**row(file), "size": known.get("size"), "checksum": known.get("checksum")}


@files.command()
@click.argument("file", metavar="UUID|PATH|ID")
@pass_cli
def show(cli: Cli, file: str) -> None:
    """Show a file: what it is, its checksum, what it came from and what points at it.

    PATH is absolute on the default storage system, or agave://system/path.
    """
    from datacatalog.domain.kinds import Kind
    from datacatalog.interfaces.cli.showing import row
    from datacatalog.services.documents import document_of, fixities_of
    from datacatalog.services.finding import find_record

    env = cli.env

    def body(work: Work) -> dict[str, Any]:
        record = find_record(file, work, env, (Kind.FILE,))
        fixity = fixities_of([record.uuid], work).get(record.uuid)
        return {
            **document_of(record, work),
            "fixity": None if fixity is None else row(fixity),
            "linked_from": [_said(link) for link in _pointing_at(record, work)],
        }

    cli.out.document(env.store.read(body))


def _pointing_at(file: Record, work: Work) -> list[Link]:
    """Return what visible records say of a file."""
    links = work.links.to(file.uuid, limit=PAGE)
    sources = work.records.find_many(link.source for link in links)
    return [link for link in links if link.source in sources and sources[link.source].visible]


def _said(link: Link) -> dict[str, str]:
    return {"uuid": link.source, "relation": link.relation.value}
