"""The kinds of record, and what each kind declares: prefix, collection, identity, links, search fields.

Source: the published type table of typed UUIDs, and the collections of the published stores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

TypedUuid = NewType("TypedUuid", str)
"""Lower-case dashed UUID whose first three hex digits name its kind."""


class Kind(StrEnum):
    """The 24 kinds that have a typed UUID of their own."""

    GENERIC = "generic"
    CHALLENGE_PROBLEM = "challenge_problem"
    EXPERIMENT = "experiment"
    SAMPLE = "sample"
    MEASUREMENT = "measurement"
    FILE = "file"
    PIPELINE = "pipeline"
    PIPELINEJOB = "pipelinejob"
    PIPELINEJOB_EVENT = "pipelinejob_event"
    REFERENCE = "reference"
    PRODUCT = "product"
    UPLOAD = "upload"
    EXPERIMENT_DESIGN = "experiment_design"
    INPUT_CLASSIFIER = "input_classifier"
    FIXITY = "fixity"
    PROCESS = "process"
    ANNOTATION = "annotation"
    INLINE_ANNOTATION = "inline_annotation"
    QUERY = "query"
    DASHBOARD = "dashboard"
    TAG_ANNOTATION = "tag_annotation"
    TEXT_ANNOTATION = "text_annotation"
    ASSOCIATION = "association"
    STRUCTURED_REQUEST = "structured_request"


PREFIXES: Mapping[Kind, str] = {
    Kind.GENERIC: "100",
    Kind.CHALLENGE_PROBLEM: "101",
    Kind.EXPERIMENT: "102",
    Kind.SAMPLE: "103",
    Kind.MEASUREMENT: "104",
    Kind.FILE: "105",
    Kind.PIPELINE: "106",
    Kind.PIPELINEJOB: "107",
    Kind.PIPELINEJOB_EVENT: "108",
    Kind.REFERENCE: "109",
    Kind.PRODUCT: "110",
    Kind.UPLOAD: "111",
    Kind.EXPERIMENT_DESIGN: "114",
    Kind.INPUT_CLASSIFIER: "115",
    Kind.FIXITY: "116",
    Kind.PROCESS: "117",
    Kind.ANNOTATION: "118",
    Kind.INLINE_ANNOTATION: "119",
    Kind.QUERY: "120",
    Kind.DASHBOARD: "121",
    Kind.TAG_ANNOTATION: "122",
    Kind.TEXT_ANNOTATION: "123",
    Kind.ASSOCIATION: "124",
    Kind.STRUCTURED_REQUEST: "125",
}

KIND_OF_PREFIX: Mapping[str, Kind] = {prefix: kind for kind, prefix in PREFIXES.items()}


class Relation(StrEnum):
    """What one record may say of another; each is a field of published documents."""

    CHILD_OF = "child_of"
    GENERATED_BY = "generated_by"
    DERIVED_FROM = "derived_from"
    DERIVED_USING = "derived_using"
    ACTED_ON = "acted_on"
    ACTED_USING = "acted_using"
    CONNECTS_FROM = "connects_from"
    CONNECTS_TO = "connects_to"


LINKAGE_FIELDS = frozenset(relation.value for relation in Relation)
"""The fields of documents that hold links."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSpec:
    """What one kind of record declares.

    Attributes:
        collection: name of its collection, as published; also its SQLite table.
        uuid_fields: fields whose values are hashed into the UUID; empty: see domain.pipelines and domain.jobs.
        identifiers: body fields that are unique where present.
        search: further body fields that may be searched by equality.
        columns: body fields that stores keep at hand beside the body, to be read without it; not searchable.
        relations: the links it may carry.
        logged: whether changes of its body go to the update log.
    """

    kind: Kind
    collection: str
    uuid_fields: tuple[str, ...]
    identifiers: tuple[str, ...]
    search: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    relations: frozenset[Relation] = frozenset()
    logged: bool = True

    @property
    def searchable(self) -> tuple[str, ...]:
        return self.identifiers + self.search

    @property
    def published_search(self) -> tuple[str, ...]:
        """The searchable fields that documents show, by which people may ask."""
        return tuple(name for name in self.searchable if not name.startswith("_"))

    @property
    def kept(self) -> tuple[str, ...]:
        """The fields whose texts stores keep beside the body."""
        return self.searchable + self.columns


_DERIVATION = frozenset(
    {Relation.CHILD_OF, Relation.DERIVED_FROM, Relation.DERIVED_USING, Relation.GENERATED_BY}
)
_CHILD = frozenset({Relation.CHILD_OF})

_SPECS = (
    KindSpec(
        kind=Kind.CHALLENGE_PROBLEM,
        collection="challenges",
        uuid_fields=("id",),
        identifiers=("id",),
        search=("title", "status"),
    ),
    KindSpec(
        kind=Kind.EXPERIMENT_DESIGN,
        collection="experiment_designs",
        uuid_fields=("experiment_design_id",),
        identifiers=("experiment_design_id",),
        search=("uri", "title", "status"),
        relations=_CHILD,
    ),
    KindSpec(
        kind=Kind.EXPERIMENT,
        collection="experiments",
        uuid_fields=("experiment_id",),
        identifiers=("experiment_id",),
        search=("experiment_reference", "title"),
        relations=_CHILD,
    ),
    KindSpec(
        kind=Kind.SAMPLE,
        collection="samples",
        uuid_fields=("sample_id",),
        identifiers=("sample_id",),
        search=("lab_sample_id", "strain"),
        relations=_CHILD,
    ),
    KindSpec(
        kind=Kind.MEASUREMENT,
        collection="measurements",
        uuid_fields=("measurement_id",),
        identifiers=("measurement_id",),
        search=("measurement_type",),
        relations=_CHILD,
    ),
    KindSpec(
        kind=Kind.FILE,
        collection="files",
        uuid_fields=("name",),
        identifiers=("file_id",),
        search=("name", "type", "level"),
        columns=("_seen",),
        relations=_DERIVATION,
    ),
    KindSpec(
        kind=Kind.FIXITY,
        collection="fixities",
        uuid_fields=("name",),
        identifiers=(),
        search=("checksum",),
        columns=("_seen",),
        relations=_CHILD,
        logged=False,
    ),
    KindSpec(
        kind=Kind.REFERENCE,
        collection="references",
        uuid_fields=("reference_id",),
        identifiers=("reference_id", "uri"),
        search=("name",),
        relations=_DERIVATION,
    ),
    KindSpec(
        kind=Kind.PROCESS,
        collection="processes",
        uuid_fields=("process_id",),
        identifiers=("process_id",),
        search=("name",),
    ),
    KindSpec(
        kind=Kind.PIPELINE,
        collection="pipelines",
        uuid_fields=(),
        identifiers=("id",),
        search=("name", "_fingerprint"),
        relations=frozenset({Relation.CHILD_OF, Relation.DERIVED_FROM}),
    ),
    KindSpec(
        kind=Kind.PIPELINEJOB,
        collection="jobs",
        uuid_fields=(),
        identifiers=(),
        search=("state", "pipeline_uuid", "session", "archive_path"),
        relations=frozenset(
            {Relation.CHILD_OF, Relation.ACTED_ON, Relation.ACTED_USING, Relation.GENERATED_BY}
        ),
    ),
    KindSpec(
        kind=Kind.STRUCTURED_REQUEST,
        collection="structured_requests",
        uuid_fields=("name", "experiment_id"),
        identifiers=(),
        search=("name", "experiment_id"),
        relations=_CHILD,
    ),
    KindSpec(
        kind=Kind.ASSOCIATION,
        collection="associations",
        uuid_fields=("connects_from", "connects_to", "owner"),
        identifiers=(),
        search=("owner",),
        relations=frozenset({Relation.CONNECTS_FROM, Relation.CONNECTS_TO}),
    ),
    KindSpec(
        kind=Kind.TAG_ANNOTATION,
        collection="tag_annotations",
        uuid_fields=("name", "owner"),
        identifiers=(),
        search=("name", "owner"),
    ),
    KindSpec(
        kind=Kind.TEXT_ANNOTATION,
        collection="text_annotations",
        uuid_fields=("body", "owner", "subject"),
        identifiers=(),
        search=("owner", "subject"),
        relations=_CHILD,
    ),
    # Of these the documents name prefixes and collections at most. A remark is known by its words, whatever stands behind
    # an address by an id of its own.
    KindSpec(
        kind=Kind.ANNOTATION,
        collection="annotations",
        uuid_fields=("body", "owner"),
        identifiers=(),
        search=("owner",),
        relations=_CHILD,
    ),
    KindSpec(
        kind=Kind.INLINE_ANNOTATION,
        collection="inline_annotations",
        uuid_fields=("name", "owner", "subject"),
        identifiers=(),
        search=("name", "owner", "subject"),
        relations=frozenset({Relation.CHILD_OF, Relation.GENERATED_BY}),
    ),
    KindSpec(
        kind=Kind.UPLOAD,
        collection="uploads",
        uuid_fields=("upload_id",),
        identifiers=("upload_id",),
        search=("name", "owner"),
        relations=frozenset({Relation.CHILD_OF, Relation.GENERATED_BY}),
    ),
    KindSpec(
        kind=Kind.QUERY,
        collection="queries",
        uuid_fields=("query_id",),
        identifiers=("query_id",),
        search=("name", "owner"),
        relations=_CHILD,
    ),
    KindSpec(
        kind=Kind.DASHBOARD,
        collection="dashboards",
        uuid_fields=("dashboard_id",),
        identifiers=("dashboard_id",),
        search=("name", "owner"),
        relations=frozenset({Relation.CHILD_OF, Relation.DERIVED_FROM}),
    ),
)

SPECS: Mapping[Kind, KindSpec] = {spec.kind: spec for spec in _SPECS}
"""The kinds that have records of their own in the ledger."""

NAMED: Mapping[str, Kind] = {
    name: kind for kind, spec in SPECS.items() for name in (spec.collection, kind.value)
}
"""What these kinds are called: by their collections, or by their own names."""


def kept_as(kind: Kind) -> Kind:
    """Return the kind whose records a kind's are kept among.

    A product is a file that knows what it was made of: published products carry file UUIDs (prefix 105) and live
    among the files.
    """
    return Kind.FILE if kind is Kind.PRODUCT else kind
