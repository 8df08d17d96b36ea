"""What is to be indexed of a job's archive: files at a processing level, or products made from something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from datacatalog.domain import indexing
from datacatalog.domain.errors import DatacatalogError, InvalidField
from datacatalog.managers.common import Param, taken
from datacatalog.managers.pipelinejobs.exceptions import ManagedPipelineJobError


class IndexingError(ManagedPipelineJobError):
    """An error has occurred during setup or execution of an indexing task."""


class InvalidIndexingRequest(ManagedPipelineJobError, ValueError):
    """An index request cannot be used as it is."""


class IndexType(str):
    """A named indexing type.  Raises ValueError: there is none of this name."""

    MEMBERS: ClassVar[list[str]] = ["archive", "product"]

    def __new__(cls, value: str) -> IndexType:
        if value.lower() not in cls.MEMBERS:
            raise ValueError(f"'{value}' is none of {', '.join(cls.MEMBERS)}")
        return super().__new__(cls, value.lower())

    @property
    def patterns_field(self) -> str:
        """The field of a job that holds requests of this type."""
        return f"{self}_patterns"


class IndexRequest:
    """Common to both types of request; the attribute `filters` holds the patterns."""

    PARAMS: ClassVar[list[Param]] = []
    kind: ClassVar[str | None] = None
    _SYNONYMS: ClassVar[dict[str, str]] = {"filters": "patterns", "processing_level": "level"}

    filters: list[str]
    note: str | None
    fixity: bool
    generated_by: list[str]

    def __init__(self, **kwargs: Any) -> None:
        """Take the arguments of PARAMS; `filters` for patterns and `processing_level` for level are understood.

        Raises:
            InvalidIndexingRequest: one is missing, unknown, or cannot be used.
        """
        said = {self._SYNONYMS.get(name, name): value for name, value in kwargs.items()}
        if self.kind is None:
            raise InvalidIndexingRequest("an ArchiveIndexRequest or a ProductIndexRequest is wanted")
        try:
            vars(self).update(taken(type(self).__name__, self.PARAMS, said))
            self._document = indexing.read_index_request(said).to_document()
        except (DatacatalogError, TypeError) as e:
            raise InvalidIndexingRequest(str(e)) from e

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self._document.items())})"

    @property
    def patterns_field(self) -> str:
        """The field of a job that holds such requests."""
        return IndexType(str(self.kind)).patterns_field

    def to_dict(self) -> dict[str, Any]:
        """Return the request as jobs keep it."""
        return dict(self._document)


class ArchiveIndexRequest(IndexRequest):
    """Take files into the catalog at a processing level."""

    PARAMS: ClassVar[list[Param]] = [
        ("patterns", True, "filters", []),
        ("note", False, "note", None),
        ("fixity", False, "fixity", True),
        ("generated_by", False, "generated_by", []),
        ("level", True, "level", "1"),
    ]
    kind: ClassVar[str | None] = "archive"

    level: str


class ProductIndexRequest(IndexRequest):
    """Take files into the catalog as made from others."""

    PARAMS: ClassVar[list[Param]] = [
        ("patterns", True, "filters", []),
        ("note", False, "note", None),
        ("fixity", False, "fixity", False),
        ("generated_by", False, "generated_by", []),
        ("derived_from", True, "derived_from", []),
        ("derived_using", False, "derived_using", []),
    ]
    kind: ClassVar[str | None] = "product"

    derived_from: list[str]
    derived_using: list[str]


Filter = str | Mapping[str, Any] | IndexRequest
"""A regular expression (not URL-encoded), or an index request."""


def archive_document(value: Filter) -> dict[str, Any]:
    """Return an archive request as jobs keep it.  Raises InvalidField."""
    said = {"patterns": [value]} if isinstance(value, str) else _document(value)
    request = indexing.read_index_request(said, field="archive_patterns")
    if not isinstance(request, indexing.ArchiveIndexRequest):
        raise InvalidField("archive_patterns", "a product request belongs into product_patterns")
    return request.to_document()


def product_document(value: Filter) -> dict[str, Any]:
    """Return a product request as jobs keep it.  Raises InvalidField."""
    request = indexing.read_index_request(_document(value), field="product_patterns")
    if not isinstance(request, indexing.ProductIndexRequest):
        raise InvalidField("product_patterns", "an archive request belongs into archive_patterns")
    return request.to_document()


def _document(value: Filter) -> Any:
    return value.to_dict() if isinstance(value, IndexRequest) else value
