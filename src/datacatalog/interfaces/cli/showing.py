"""How records look in lists: their published fields."""

from __future__ import annotations

from typing import Any

from datacatalog.domain.records import Record


def row(record: Record) -> dict[str, Any]:
    """Return a record's published fields; `hidden` stands there only where it is true."""
    shown = {"uuid": record.uuid, **{k: v for k, v in record.body.items() if not k.startswith("_")}}
    return shown if record.visible else {**shown, "hidden": True}
