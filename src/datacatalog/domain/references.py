"""How documents name files and references: what a derivation was made from, what a job works on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datacatalog.domain.archive import DEFAULT_SYSTEM, AgaveUri
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers.typed import canonical, kind_of, read_typed
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.paths import below, normalised

_SCHEME = "agave://"
_FILE_PLACES = ("uploads", "products")
_REFERENCE_PLACE = "reference"
_PLACE = re.compile(rf"/({'|'.join(_FILE_PLACES)}|{_REFERENCE_PLACE})/")
_WEB = re.compile(r"https?://[^/\s]\S*\Z")


@dataclass(frozen=True, slots=True)
class ByUuid:
    """A file (prefix 105) or reference (109), named by its typed UUID."""

    uuid: TypedUuid


@dataclass(frozen=True, slots=True)
class ByIdentifier:
    """A record, named by an identifier of its kind, e.g. `file.tacc.20001`."""

    identifier: str


@dataclass(frozen=True, slots=True)
class ByPlace:
    """A file, named by where it lies.

    Attributes:
        system: None: the default storage system.
        path: absolute and normalised.
    """

    system: str | None
    path: str


DerivedReference = ByUuid | ByIdentifier | ByPlace


def read_derived(
    text: str, *, system: str, archive_path: str, field: str = "derived_from"
) -> DerivedReference:
    """Tell what a string of `derived_from` or `derived_using` names: the first of these that it can be.

    A typed UUID; `agave://system/path`; an absolute path; `./relative`, which is below the archive path; an identifier.

    Args:
        system, archive_path: of the job whose outputs are indexed.
        field: what the string is called where it came from; complaints name it.
    Raises:
        InvalidField: empty, a UUID of another kind, or no `agave://system/path`.
        UnsafePath: the path leaves the place it must stay in.
    """
    text = text.strip()
    if not text:
        raise InvalidField(field, "is empty")
    if _is_typed(text):
        return ByUuid(read_typed(text, Kind.FILE, Kind.REFERENCE, field=field))
    if text.startswith(_SCHEME):
        return ByPlace(*AgaveUri.parse(text, field))
    if text.startswith("/"):
        return ByPlace(None, normalised(text, field))
    if text.startswith(("./", "../")):
        return ByPlace(system, below(archive_path, text, field))
    return ByIdentifier(text)


def references_in(
    data: JsonObject, default_system: str = DEFAULT_SYSTEM
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Find what a job's data says it works on, in `inputs` and `parameters`, however deeply nested.

    A path or agave:// URI below an `uploads` or `products` directory is a file, one below `reference` a reference;
    so is a web address. What is no such string is passed over.

    Args:
        default_system: the storage system of paths that name none.
    Returns:
        (files, references): URIs in order of appearance, each once; paths as `agave://system/path`.
    Source: docs, ManagedPipelineJob.refs_from_data_dict.
    """
    files: dict[str, None] = {}
    references: dict[str, None] = {}
    for text in _strings(data.get("inputs"), data.get("parameters")):
        if _WEB.match(text):
            references[text] = None
        elif (uri := _uri(text, default_system)) and (place := _PLACE.search(uri.path)):
            (references if place[1] == _REFERENCE_PLACE else files)[str(uri)] = None
    return tuple(files), tuple(references)


def _is_typed(text: str) -> bool:
    try:
        kind_of(canonical(text))
    except InvalidField:
        return False
    return True


def _uri(text: str, default_system: str) -> AgaveUri | None:
    whole = f"{_SCHEME}{default_system}{text}" if text.startswith("/") else text
    try:
        return AgaveUri.parse(whole)
    except InvalidField:
        return None


def _strings(*values: Any) -> Iterator[str]:
    """Yield the strings in nested lists and objects, in their order."""
    pending = [*reversed(values)]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value.strip()
        elif isinstance(value, Mapping):
            pending.extend(reversed(list(value.values())))
        elif isinstance(value, list | tuple):
            pending.extend(reversed(value))
