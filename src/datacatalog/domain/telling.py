"""What kind of record a document is of, where nobody says it."""

from __future__ import annotations

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers.typed import canonical
from datacatalog.domain.identifiers.typed import kind_of as kind_of_uuid
from datacatalog.domain.kinds import Kind

# The most telling field first: samples name no measurement, but a measurement may name its sample.
_TELLING = (
    ("measurement_id", Kind.MEASUREMENT),
    ("sample_id", Kind.SAMPLE),
    ("experiment_id", Kind.EXPERIMENT),
    ("experiment_design_id", Kind.EXPERIMENT_DESIGN),
    ("process_id", Kind.PROCESS),
    ("reference_id", Kind.REFERENCE),
    ("upload_id", Kind.UPLOAD),
    ("query_id", Kind.QUERY),
    ("dashboard_id", Kind.DASHBOARD),
    ("connects_from", Kind.ASSOCIATION),
    ("components", Kind.PIPELINE),
    ("pipeline_uuid", Kind.PIPELINEJOB),
    ("checksum", Kind.FIXITY),
    ("file_id", Kind.FILE),
)

_NAMES_SHOWN = 8
_NAME_SHOWN = 80


def kind_of(document: JsonObject) -> Kind:
    """Tell what a record is, by its UUID, or by the fields it has.

    Raises:
        InvalidField: they do not tell, or the UUID is no typed one.
    """
    if isinstance(document.get("uuid"), str):
        return kind_of_uuid(canonical(document["uuid"]))
    for field, kind in _TELLING:
        if field in document:
            return kind
    if str(document.get("name", "")).startswith("/"):
        return Kind.FILE
    if "id" in document:
        return Kind.CHALLENGE_PROBLEM
    raise InvalidField("kind", f"cannot be told from the fields ({_names(document)}); say what they are")


def _names(document: JsonObject) -> str:
    """Return what the fields of a document are called: what was misspelt, or not split into columns, is seen there."""
    names = [name[:_NAME_SHOWN] for name in document]
    return ", ".join(names[:_NAMES_SHOWN] + ["..."] * (len(names) > _NAMES_SHOWN))
