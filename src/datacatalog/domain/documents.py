"""JSON documents as the catalog sees them: types, the one minified form, the one date form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

JsonObject = Mapping[str, Any]


def minified(value: Any) -> str:
    """Return `value` as JSON with sorted keys and no spaces: the text that identities hash."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def public_fields(document: JsonObject) -> dict[str, Any]:
    """Return a document without its private fields, whose names begin with `_`."""
    return {name: value for name, value in document.items() if not name.startswith("_")}


def published(at: datetime) -> str:
    """Return an instant as records print it: UTC, whole seconds, `2018-12-08T00:08:32.000+0000`."""
    return f"{at.astimezone(UTC).isoformat()[:19]}.000+0000"


def instant(text: str) -> datetime:
    """Read what `published` wrote.

    Raises:
        ValueError: `text` is no such date.
    """
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)
