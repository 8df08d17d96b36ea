"""One name of a record for people."""

from __future__ import annotations

from datacatalog.domain.kinds import SPECS, Kind
from datacatalog.domain.records import Record

_PLACED = frozenset({Kind.FILE, Kind.FIXITY, Kind.REFERENCE})
"""Kinds that are known by where they lie."""


def label(record: Record) -> str:
    """Return what people call a record: its path, identifier, title or session."""
    fields = ("name", "uri") if record.kind in _PLACED else SPECS[record.kind].identifiers
    found = (record.body.get(field) for field in (*fields, "name", "title", "archive_path"))
    return next((str(value) for value in found if value), record.uuid)
