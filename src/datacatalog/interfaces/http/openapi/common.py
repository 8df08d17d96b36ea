"""What the operations of the catalog have in common: parameters, headers, refusals."""

from __future__ import annotations

from typing import Any

from datacatalog.domain.kinds import NAMED, SPECS, KindSpec
from datacatalog.domain.records import STRATEGIES
from datacatalog.interfaces.http.openapi.parts import TEXT, in_header, in_path, in_query, refusals, schema
from datacatalog.interfaces.http.reading import LIMIT_MAX

NUMBER = {"type": "integer", "minimum": 0}
FLAG = {"type": "boolean", "default": False}
CURSOR = {"type": ["string", "null"], "description": "pass as `after` to read on; null on the last page"}
COUNTED = {"type": ["integer", "null"], "description": "pass as `after` to read on; null on the last page"}
UUID = schema("typed_uuid")


HIDDEN = in_query("hidden", FLAG, "those that were deleted softly as well")
LIMIT = in_query("limit", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": 100})
AFTER = in_query("after", TEXT, "`next` of the page before")
AFTER_NUMBER = in_query("after", NUMBER, "`next` of the page before")
STRATEGY = {"enum": [*STRATEGIES]}
IF_MATCH = in_header("If-Match", TEXT, "ETags, or *: the record must be so; else 412")
IF_NONE_MATCH = in_header("If-None-Match", TEXT, "ETags, or *: the record may not be so; else 412")
KNOWN = in_header("If-None-Match", TEXT, "ETags that are known: the record is not sent again")
ETAG = {"ETag": "strong; for If-Match and If-None-Match"}
SHOWN = {**ETAG, "Content_Location": "the record's address"}
KIND = in_path("kind", {"enum": [*NAMED]}, "a kind of record")
ANY_UUID = in_path("uuid", {"type": "string", "format": "uuid"})


def operation(
    summary: str, name: str, responses: dict[str, Any], *parameters: Any, **refused: str
) -> dict[str, Any]:
    why = {"status_400": "a parameter or a header cannot be used; errors name it", **refused}
    return {
        "tags": ["catalog"],
        "operationId": name,
        "summary": summary,
        "parameters": [*parameters],
        "responses": {**responses, **refusals(**why)},
    }


def any_document() -> dict[str, Any]:
    return {"anyOf": [document(spec) for spec in SPECS.values()]}


def document(spec: KindSpec) -> dict[str, Any]:
    return schema(f"{spec.kind.value}_document")
