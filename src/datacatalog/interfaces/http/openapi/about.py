"""What belongs to one record, described for all kinds at once."""

from __future__ import annotations

from typing import Any

from datacatalog.domain.kinds import SPECS, Relation
from datacatalog.exports import FORMATS
from datacatalog.interfaces.http.catalog.lineage import DRAWINGS, JSON
from datacatalog.interfaces.http.openapi.common import (
    AFTER,
    AFTER_NUMBER,
    ANY_UUID,
    COUNTED,
    CURSOR,
    FLAG,
    HIDDEN,
    IF_MATCH,
    IF_NONE_MATCH,
    KIND,
    LIMIT,
    NUMBER,
    SHOWN,
    UUID,
    any_document,
    operation,
)
from datacatalog.interfaces.http.openapi.parts import TEXT, answer, arrays, in_query, objects, schema
from datacatalog.services.lineage import DEPTH, DIRECTIONS

SCHEMAS_OF_ANSWERS: dict[str, Any] = {
    "catalog_kind": objects(
        {
            "name": TEXT,
            "kind": {"enum": [kind.value for kind in SPECS]},
            "prefix": TEXT,
            "identifiers": arrays(TEXT),
            "filters": arrays(TEXT),
            "links": arrays({"enum": [relation.value for relation in Relation]}),
            "writable": {"type": "boolean"},
            "href": TEXT,
        }
    ),
    "catalog_change": objects(
        {
            "sequence": NUMBER,
            "date": schema("timestamp"),
            "action": {"enum": ["create", "update", "replace", "delete", "undelete", "purge"]},
            "revision": NUMBER,
            "diff": {"type": "object", "additionalProperties": arrays({})},
            "admin": {"type": "object", "additionalProperties": TEXT},
        }
    ),
    "catalog_event": objects({"sequence": NUMBER, "name": schema("pipelinejob_eventname")}),
    "catalog_graph": objects(
        {
            "start": UUID,
            "nodes": arrays(
                objects(
                    {
                        "uuid": UUID,
                        "kind": TEXT,
                        "label": {"type": ["string", "null"]},
                        "depth": NUMBER,
                        "direction": {"enum": ["ancestors", "descendants", None]},
                        "hidden": {"type": "boolean"},
                    }
                )
            ),
            "edges": arrays(
                objects({"source": UUID, "relation": {"type": ["string", "null"]}, "target": UUID})
            ),
            "more": {"type": "boolean"},
            "next": CURSOR,
        }
    ),
}
"""What is answered besides documents."""


def undelete() -> dict[str, Any]:
    return operation(
        "Bring a hidden record back.",
        "undelete",
        {"200": answer("it is visible", any_document(), **SHOWN)},
        KIND,
        ANY_UUID,
        IF_MATCH,
        IF_NONE_MATCH,
        status_404="unknown",
        status_405="of a job or a pipeline: its actor is to be asked",
        status_412="it is not as supposed",
    )


def log() -> dict[str, Any]:
    page = objects({"changes": arrays(schema("catalog_change")), "next": COUNTED})
    return operation(
        "Tell who changed a record, when, and what; oldest first.",
        "log",
        {"200": answer("one page", page)},
        KIND,
        ANY_UUID,
        LIMIT,
        AFTER_NUMBER,
        HIDDEN,
        status_404="unknown, or hidden",
    )


def lineage() -> dict[str, Any]:
    shapes: dict[str, Any] = answer("one page", schema("catalog_graph"), Link="the next page of a drawing")
    for drawing in DRAWINGS.values():
        shapes["content"][drawing.media_type.partition(";")[0]] = {"schema": TEXT}
    return operation(
        "Tell what a record came from, or what came of it.",
        "lineage",
        {"200": shapes},
        KIND,
        ANY_UUID,
        in_query("direction", {"enum": [*DIRECTIONS], "default": "ancestors"}),
        in_query("relation", TEXT, "only along these links; names, separated by commas"),
        in_query("kind", TEXT, "only records of these kinds; names, separated by commas"),
        in_query("depth", {"type": "integer", "minimum": 1, "maximum": DEPTH, "default": DEPTH}),
        LIMIT,
        AFTER,
        HIDDEN,
        in_query("format", {"enum": [JSON, *DRAWINGS], "default": JSON}),
        status_404="unknown, or hidden",
    )


def export() -> dict[str, Any]:
    types = [*dict.fromkeys(f.media_type.partition(";")[0] for f in FORMATS.values()), "application/zip"]
    return operation(
        "Tell other tools how a record came about.",
        "export",
        {
            "200": {
                "description": "the document; a zip file where the payload goes with it",
                "headers": {"Content-Disposition": {"description": "what to call it", "schema": TEXT}},
                "content": {called: {"schema": {}} for called in types},
            }
        },
        KIND,
        ANY_UUID,
        in_query("format", {"enum": [*FORMATS], "default": "prov-json"}),
        in_query(
            "depth", {"type": "integer", "minimum": 1, "maximum": DEPTH}, "of a job 1, else 100, if not said"
        ),
        in_query("payload", FLAG, "pack the files themselves into the crate; for ro-crate alone"),
        status_404="unknown, or hidden; or a file is not on its storage",
        status_409="a file is not what its checksum says",
        status_500="the server lacks the extra that this needs",
    )


def history() -> dict[str, Any]:
    entry = {"allOf": [schema("catalog_event"), schema("pipelinejob_event")]}
    return operation(
        "Tell what happened to a job, oldest first.",
        "history",
        {"200": answer("one page", objects({"history": arrays(entry), "next": COUNTED}))},
        ANY_UUID,
        LIMIT,
        AFTER_NUMBER,
        HIDDEN,
        status_404="unknown, or hidden",
    )


def files() -> dict[str, Any]:
    fixity = {"anyOf": [schema("fixity_document"), {"type": "null"}]}
    file = {"allOf": [schema("file_document"), objects({"fixity": fixity})]}
    return operation(
        "List the files that a job generated, each with its fixity.",
        "files",
        {"200": answer("one page, ordered by UUID", objects({"files": arrays(file), "next": CURSOR}))},
        ANY_UUID,
        LIMIT,
        AFTER,
        HIDDEN,
        status_404="unknown, or hidden",
    )
