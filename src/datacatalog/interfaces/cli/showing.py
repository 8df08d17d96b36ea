"""How records look in lists: their published fields, and one name for people."""

from __future__ import annotations

from typing import Any

from datacatalog.domain.labels import label
from datacatalog.domain.records import Record

__all__ = ["label", "row"]


def row(record: Record) -> dict[str, Any]:
    """Return a record's published fields; `hidden` stands there only where it is true."""
    shown = {"uuid": record.uuid, **{k: v for k, v in record.body.items() if not k.startswith("_")}}
    return shown if record.visible else {**shown, "hidden": True}
