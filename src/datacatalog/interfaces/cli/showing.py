"""How records look in lists: their published fields."""

from __future__ import annotations

from typing import Any

from datacatalog.domain.documents import public_fields
from datacatalog.domain.records import Record


def row(record: Record) -> dict[str, Any]:
    """Return a record's published fields; `hidden` stands there only where it is true."""
    shown = {"uuid": record.uuid, **public_fields(record.body)}
    return shown if record.visible else {**shown, "hidden": True}
