"""`datacatalog load`: records out of JSON files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from datacatalog.domain.kinds import SPECS, Kind
from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Command

if TYPE_CHECKING:
    from datacatalog.ports.stores import Work
    from datacatalog.services.env import Env

LOADED = tuple(kind.value for kind in SPECS if kind is not Kind.PIPELINEJOB)

ACTIONS = ("created", "updated", "unchanged")

# The most telling field first: samples name no measurement, but a measurement may name its sample.
_TELLING = (
    ("measurement_id", Kind.MEASUREMENT),
    ("sample_id", Kind.SAMPLE),
    ("experiment_id", Kind.EXPERIMENT),
    ("experiment_design_id", Kind.EXPERIMENT_DESIGN),
    ("process_id", Kind.PROCESS),
    ("reference_id", Kind.REFERENCE),
    ("components", Kind.PIPELINE),
    ("checksum", Kind.FIXITY),
    ("file_id", Kind.FILE),
)


class Item(NamedTuple):
    """One record of a file, and where it stands: `record 3` or `line 7`."""

    place: str
    document: dict[str, Any]


@click.command(cls=Command)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@click.option(
    "--kind", type=click.Choice(LOADED), help="What the records are; without it, each one's fields tell."
)
@click.option("--strategy", type=click.Choice(["merge", "replace", "drop"]), default="merge", show_default=True,
              help="What becomes of a record that is there already: changed field by field, written anew, or left.")  # fmt: skip
@pass_cli
def load(cli: Cli, files: tuple[str, ...], kind: str | None, strategy: str) -> None:
    """Put records into the catalog, from JSON files.

    A FILE holds an array of records, one record, or one per line.     All of a file goes in, or nothing of it. Loading it again changes nothing.
    """
    done = []
    for name in files:
        with _noted("standard input" if name == "-" else name):
            with click.open_file(name, "rb") as file:
                items = read_items(file.read())
            done.append(_load(cli, name, items, None if kind is None else Kind(kind), strategy))
    total = {action: sum(counts[action] for counts in done) for action in ACTIONS}
    if cli.json:
        cli.out.document({**total, "files": done})
    else:
        cli.out.table(done, ("file", *ACTIONS))


def _load(cli: Cli, name: str, items: list[Item], kind: Kind | None, strategy: str) -> dict[str, Any]:
    """Write the records of a file in one transaction; return how many were created, updated or found unchanged."""

    def body(work: Work) -> Counter[str]:
        counts = Counter[str]()
        for item in cli.out.progress(items, name):
            with _noted(item.place):
                counts[_put(kind or kind_of(item.document), item.document, strategy, work, cli.env)] += 1
        return counts

    counts = cli.env.store.transact(body)
    return {"file": name, **{action: counts[action] for action in ACTIONS}}


def _put(kind: Kind, document: dict[str, Any], strategy: str, work: Work, env: Env) -> str:
    from datacatalog.domain.messages import CreatePipeline
    from datacatalog.services.pipelines import create_pipeline
    from datacatalog.services.records import put_record

    if kind is Kind.PIPELINE:
        made = create_pipeline(CreatePipeline(document=document), work, env)
        return "created" if made.result["created"] else "unchanged"
    return put_record(kind, document, work, env, strategy=strategy).action


@contextmanager
def _noted(place: str) -> Iterator[None]:
    """Note on an error where it was met."""
    from datacatalog.domain.errors import DatacatalogError

    try:
        yield
    except DatacatalogError as e:
        e.add_note(place)
        raise


def read_items(raw: bytes) -> list[Item]:
    """Return the records of a file.

    Raises:
        InvalidJson: it is none of the three forms; the place of a bad line is noted.
    """
    from datacatalog.domain.strict_json import parse_json, parse_object

    text = raw.lstrip()
    if text.startswith(b"["):
        return [Item(f"record {n}", _object(value, n)) for n, value in enumerate(parse_json(raw), start=1)]
    lines = [(n, line) for n, line in enumerate(raw.split(b"\n"), start=1) if line.strip()]
    if not lines:
        return []
    if len(lines) == 1 or not _is_whole(lines[0][1]):
        return [Item("record 1", parse_object(raw))]
    items = []
    for number, line in lines:
        with _noted(f"line {number}"):
            items.append(Item(f"line {number}", parse_object(line)))
    return items


def _object(value: Any, number: int) -> dict[str, Any]:
    from datacatalog.domain.errors import InvalidJson

    if not isinstance(value, dict):
        raise InvalidJson("an object is wanted", f"/{number - 1}")
    return value


def _is_whole(line: bytes) -> bool:
    """Tell whether a line is a JSON value of its own, as in JSON Lines."""
    from datacatalog.domain.errors import InvalidJson
    from datacatalog.domain.strict_json import parse_json

    try:
        parse_json(line)
    except InvalidJson:
        return False
    return True


def kind_of(document: dict[str, Any]) -> Kind:
    """Tell what a record is, by its UUID, or by the fields it has.

    Raises:
        InvalidField: they do not tell.
    """
    from datacatalog.domain.errors import InvalidField
    from datacatalog.domain.identifiers.typed import canonical
    from datacatalog.domain.identifiers.typed import kind_of as kind_of_uuid

    if isinstance(document.get("uuid"), str):
        return kind_of_uuid(canonical(document["uuid"]))
    for field, kind in _TELLING:
        if field in document:
            return kind
    if str(document.get("name", "")).startswith("/"):
        return Kind.FILE
    if "id" in document:
        return Kind.CHALLENGE_PROBLEM
    raise InvalidField("kind", "cannot be told from the fields; say it with --kind")
