"""Which archived files an index request picks. What the records of a picked file say is in `indexed`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import ConflictingFields, InvalidField, InvalidPattern
from datacatalog.domain.patterns import (
    MAX_INSTRUCTIONS,
    MAX_PATTERNS,
    Patterns,
    compile_pattern,
    decode_filter,
)

LEVELS = ("0", "1", "2", "3", "Reference", "User", "Unknown")
DEFAULT_LEVEL = "1"
MAX_REQUESTS = 64

_SYNONYMS = {"processing_level": "level", "filters": "patterns"}
_COMMON = frozenset({"patterns", "note", "fixity", "generated_by"})
_ARCHIVE = _COMMON | {"level"}
_PRODUCT = _COMMON | {"derived_from", "derived_using"}
_LISTS = frozenset({"patterns", "generated_by", "derived_from", "derived_using"})


@dataclass(frozen=True, slots=True)
class ArchiveIndexRequest:
    """Take files into the catalog at a processing level.

    Attributes:
        patterns: regular expressions of which one must be found; none: every file.
        note: remark for people, kept with the files.
        fixity: whether checksums are taken.
        generated_by: UUIDs of further makers of the files, beside the job itself.
    """

    patterns: Sequence[str]
    level: str = DEFAULT_LEVEL
    note: str | None = None
    fixity: bool = True
    generated_by: Sequence[str] = ()
    compiled: Patterns = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises InvalidPattern; InvalidField: there is no such level."""
        _settle(self, "patterns", "generated_by")
        if self.level not in LEVELS:
            raise InvalidField("level", f"'{self.level}' is none of {', '.join(LEVELS)}")

    def to_document(self) -> dict[str, Any]:
        """Return the request as published; what has its default value is left out, the level excepted."""
        return {"level": self.level, **_shared_document(self, fixity=True)}


@dataclass(frozen=True, slots=True)
class ProductIndexRequest:
    """Take files into the catalog as made from others.

    Attributes:
        patterns, note, fixity, generated_by: as of an ArchiveIndexRequest.
        derived_from: inputs whose content lives on in the files; see domain.references.read_derived for how they are named.
        derived_using: inputs that were needed but are not contained.
    """

    patterns: Sequence[str]
    derived_from: Sequence[str]
    derived_using: Sequence[str] = ()
    note: str | None = None
    fixity: bool = False
    generated_by: Sequence[str] = ()
    compiled: Patterns = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises InvalidPattern."""
        _settle(self, "patterns", "derived_from", "derived_using", "generated_by")

    def to_document(self) -> dict[str, Any]:
        """Return the request as published; what has its default value is left out, derivations excepted."""
        return {
            "derived_from": list(self.derived_from),
            "derived_using": list(self.derived_using),
            **_shared_document(self, fixity=False),
        }


IndexRequest = ArchiveIndexRequest | ProductIndexRequest


# ------------------------------------------------------------------------------------- reading requests


def read_index_request(
    value: str | JsonObject, level: str = DEFAULT_LEVEL, field: str = "filters"
) -> IndexRequest:
    """Read one filter or index request.

    A string is a regular expression, URL-encoded once. An object is an archive request (`patterns`, `level`)
    or a product request (`patterns`, `derived_from`); its patterns are not encoded.

    Args:
        level: what files get where the value does not say.
        field: what the value is called where it came from; complaints name it.
    Raises:
        InvalidField: it is neither of them.
        InvalidPattern: a pattern cannot be used.
        ConflictingFields: a field and its synonym (`processing_level`, `filters`) say different things.
    """
    match value:
        case str():
            return ArchiveIndexRequest((decode_filter(value),), level)
        case Mapping():
            return _read_object(_renamed(value), level, field)
    raise InvalidField(field, "is neither a regular expression nor an index request")


def requests_for(
    archive_patterns: Iterable[JsonObject],
    product_patterns: Iterable[JsonObject],
    filters: Sequence[str | JsonObject] | None = None,
    level: str | None = None,
) -> tuple[IndexRequest, ...]:
    """Tell what an index of a job does.

    Explicit filters are taken alone, their strings together as one request at `level`. Without any, the job's own
    archive requests count, then its product requests; where it has none either, every file at `level`.

    Raises:
        InvalidField, InvalidPattern, ConflictingFields: as `read_index_request`; or they are too many together.
    """
    level = level or DEFAULT_LEVEL
    if filters:
        found = _explicit(filters, level)
    else:
        found = [
            *_read_all(archive_patterns, "archive_patterns"),
            *_read_all(product_patterns, "product_patterns"),
        ] or [ArchiveIndexRequest((), level)]
    _check_together(found)
    return tuple(found)


def picked(requests: Iterable[IndexRequest], path: str, archive_path: str) -> tuple[IndexRequest, ...]:
    """Return the requests that pick a file, in their order.  See `Patterns.matches` for how patterns are searched."""
    return tuple(request for request in requests if request.compiled.matches(path, archive_path))


def sources_of(requests: Iterable[IndexRequest]) -> set[str]:
    """Return all names of what product requests say their files come from."""
    return {
        text
        for request in requests
        if isinstance(request, ProductIndexRequest)
        for text in (*request.derived_from, *request.derived_using)
    }


def _explicit(filters: Sequence[str | JsonObject], level: str) -> list[IndexRequest]:
    texts = []
    for index, value in enumerate(filters):
        if isinstance(value, str):
            texts.append(decode_filter(value))
            compile_pattern(texts[-1], f"filters/{index}")
    gathered: list[IndexRequest] = [ArchiveIndexRequest(texts, level)] if texts else []
    return gathered + [
        read_index_request(value, level, f"filters/{index}")
        for index, value in enumerate(filters)
        if not isinstance(value, str)
    ]


def _read_all(values: Iterable[JsonObject], field: str) -> list[IndexRequest]:
    return [read_index_request(value, field=f"{field}/{index}") for index, value in enumerate(values)]


def _check_together(requests: Sequence[IndexRequest]) -> None:
    if len(requests) > MAX_REQUESTS:
        raise InvalidField("filters", f"{len(requests)} index requests; at most {MAX_REQUESTS} are taken")
    if sum(len(request.patterns) for request in requests) > MAX_PATTERNS:
        raise InvalidPattern("patterns", f"at most {MAX_PATTERNS} are taken in all requests together")
    if sum(request.compiled.instructions for request in requests) > MAX_INSTRUCTIONS:
        raise InvalidPattern("patterns", "they are too large in all requests together")


def _read_object(fields: Mapping[str, Any], level: str, field: str) -> IndexRequest:
    _check_types(fields, field)
    try:
        if "patterns" in fields and fields.keys() <= _ARCHIVE:
            return ArchiveIndexRequest(**{"level": level, **fields})
        if {"patterns", "derived_from"} <= fields.keys() <= _PRODUCT:
            return ProductIndexRequest(**fields)
    except InvalidPattern as error:
        raise InvalidPattern(f"{field}/{error.field}", error.reason) from error
    raise InvalidField(
        field,
        f"the keys {', '.join(sorted(fields)) or '(none)'} make neither an archive request (patterns, level)"
        " nor a product request (patterns, derived_from)",
    )


def _renamed(value: JsonObject) -> dict[str, Any]:
    """Return the fields that are given, under their first names."""
    fields: dict[str, Any] = {}
    for key, content in value.items():
        name = _SYNONYMS.get(key, key)
        if content is None:
            continue
        if fields.setdefault(name, content) != content:
            raise ConflictingFields(name)
    return fields


def _check_types(fields: Mapping[str, Any], field: str) -> None:
    for name, content in fields.items():
        if name in _LISTS:
            if not isinstance(content, list | tuple) or not all(isinstance(item, str) for item in content):
                raise InvalidField(f"{field}/{name}", "is not a list of strings")
        elif name == "fixity":
            if not isinstance(content, bool):
                raise InvalidField(f"{field}/{name}", "is neither true nor false")
        elif name in {"level", "note"} and not isinstance(content, str):
            raise InvalidField(f"{field}/{name}", "is not a string")


def _settle(request: IndexRequest, *lists: str) -> None:
    """Make a request's lists immutable and compile its patterns."""
    for name in lists:
        object.__setattr__(request, name, tuple(getattr(request, name)))
    object.__setattr__(request, "compiled", Patterns(request.patterns))


def _shared_document(request: IndexRequest, *, fixity: bool) -> dict[str, Any]:
    document: dict[str, Any] = {"patterns": list(request.patterns)}
    if request.note is not None:
        document["note"] = request.note
    if request.fixity is not fixity:
        document["fixity"] = request.fixity
    if request.generated_by:
        document["generated_by"] = list(request.generated_by)
    return document
