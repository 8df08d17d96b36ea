"""What subscribers are told: CloudEvents 1.0 in JSON, structured mode.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from datacatalog.domain.documents import JsonObject, minified
from datacatalog.domain.redaction import without_secrets

CONTENT_TYPE = "application/cloudevents+json"
JOB_EVENT = "org.datacatalog.pipelinejob"
"""What the types of a job's events begin with; the event's name follows: `org.datacatalog.pipelinejob.finish`."""
PING = "org.datacatalog.ping"
DATA_BYTES_MAX = 64 * 1024
"""What came with an event is left out where it is longer than this."""


def cloud_event(
    *, id: str, source: str, type: str, subject: str, at: datetime, data: JsonObject
) -> JsonObject:
    """Return a CloudEvent.

    Args:
        id: unique within `source`.
        source: URL of what the event is of.
    """
    return {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": type,
        "subject": subject,
        "time": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": data,
    }


def shown_data(data: JsonObject | None) -> dict[str, Any]:
    """Return what subscribers are shown of what came with an event: `data` without secrets.

    Where it is too long to be sent, it is left out, and `data_omitted` says so.
    """
    if data is not None and len(minified(data)) > DATA_BYTES_MAX:
        return {"data": None, "data_omitted": True}
    return {"data": without_secrets(data)}


def encoded(event: JsonObject) -> bytes:
    """Return an event as the body of a request: the same bytes for the same event."""
    return json.dumps(event, separators=(",", ":")).encode()
