"""How records look in lists: their published fields, and one name for people."""

from __future__ import annotations

from typing import Any

from datacatalog.domain.kinds import SPECS
from datacatalog.domain.records import Record


def row(record: Record) -> dict[str, Any]:
    """Return a record's published fields; `hidden` stands there only where it is true."""
    shown = {"uuid": record.uuid, **{k: v for k, v in record.body.items() if not k.startswith("_")}}
    return shown if record.visible else {**shown, "hidden": True}


def label(record: Record) -> str:
    """Return what people call a record: its path, identifier, title or session."""
    fields = ("name", "uri") if record.kind in _PLACED else SPECS[record.kind].identifiers
    found = (record.body.get(field) for field in (*fields, "name", "title", "archive_path"))
    return next((str(value) for value in found if value), record.uuid)


_PLACED = frozenset({"file", "fixity", "reference"})
"""Kinds that are known by where they lie."""
