"""The routes of the catalog, described: lists and records kind by kind, what belongs to a record for all kinds at once."""

from __future__ import annotations

from typing import Any

from datacatalog.domain.kinds import SPECS, Kind, KindSpec, Relation
from datacatalog.domain.records import STRATEGIES
from datacatalog.exports import FORMATS
from datacatalog.interfaces.http.catalog.addresses import BASE
from datacatalog.interfaces.http.catalog.lineage import DIRECTIONS, DRAWINGS, JSON
from datacatalog.interfaces.http.catalog.listing import PATH_PREFIX, filters_of, relations_of
from datacatalog.interfaces.http.catalog.managed import MANAGED
from datacatalog.interfaces.http.catalog.writing import JSON as JSON_TYPE
from datacatalog.interfaces.http.catalog.writing import MERGE_PATCH
from datacatalog.interfaces.http.openapi.parts import (
    TEXT,
    answer,
    arrays,
    bare,
    in_header,
    in_path,
    in_query,
    objects,
    refusals,
    schema,
)
from datacatalog.interfaces.http.reading import LIMIT_MAX
from datacatalog.services.lineage import DEPTH

_NUMBER = {"type": "integer", "minimum": 0}
_FLAG = {"type": "boolean", "default": False}
_CURSOR = {"type": ["string", "null"], "description": "pass as `after` to read on; null on the last page"}
_COUNTED = {"type": ["integer", "null"], "description": "pass as `after` to read on; null on the last page"}
_UUID = schema("typed_uuid")

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
            "sequence": _NUMBER,
            "date": schema("timestamp"),
            "action": {"enum": ["create", "update", "replace", "delete", "undelete", "purge"]},
            "revision": _NUMBER,
            "diff": {"type": "object", "additionalProperties": arrays({})},
            "admin": {"type": "object", "additionalProperties": TEXT},
        }
    ),
    "catalog_event": objects({"sequence": _NUMBER, "name": schema("pipelinejob_eventname")}),
    "catalog_graph": objects(
        {
            "start": _UUID,
            "nodes": arrays(
                objects(
                    {
                        "uuid": _UUID,
                        "kind": TEXT,
                        "label": {"type": ["string", "null"]},
                        "depth": _NUMBER,
                        "direction": {"enum": ["ancestors", "descendants", None]},
                        "hidden": {"type": "boolean"},
                    }
                )
            ),
            "edges": arrays(
                objects({"source": _UUID, "relation": {"type": ["string", "null"]}, "target": _UUID})
            ),
            "more": {"type": "boolean"},
            "next": _CURSOR,
        }
    ),
}
"""What is answered besides documents."""

_HIDDEN = in_query("hidden", _FLAG, "those that were deleted softly as well")
_LIMIT = in_query("limit", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": 100})
_AFTER = in_query("after", TEXT, "`next` of the page before")
_AFTER_NUMBER = in_query("after", _NUMBER, "`next` of the page before")
_STRATEGY = {"enum": [*STRATEGIES]}
_IF_MATCH = in_header("If-Match", TEXT, "ETags, or *: the record must be so; else 412")
_IF_NONE_MATCH = in_header("If-None-Match", TEXT, "ETags, or *: the record may not be so; else 412")
_KNOWN = in_header("If-None-Match", TEXT, "ETags that are known: the record is not sent again")
_ETAG = {"ETag": "strong; for If-Match and If-None-Match"}
_SHOWN = {**_ETAG, "Content_Location": "the record's address"}
_KIND = in_path(
    "kind", {"enum": [n for s in SPECS.values() for n in (s.collection, s.kind.value)]}, "a kind of record"
)
_ANY_UUID = in_path("uuid", {"type": "string", "format": "uuid"})


def paths() -> dict[str, Any]:
    """Describe the catalog."""
    described: dict[str, Any] = {
        BASE: {"get": _operation("The kinds of record.", "kinds", {"200": answer("found", _KINDS)})},
        f"{BASE}/lookup": {"get": _lookup()},
    }
    for spec in SPECS.values():
        described[f"{BASE}/{spec.collection}"] = _collection(spec)
        described[f"{BASE}/{spec.collection}/{{uuid}}"] = _record(spec)
    record = f"{BASE}/{{kind}}/{{uuid}}"
    job = f"{BASE}/{SPECS[Kind.PIPELINEJOB].collection}/{{uuid}}"
    return {
        **described,
        f"{record}/undelete": {"post": _undelete()},
        f"{record}/log": {"get": _log()},
        f"{record}/lineage": {"get": _lineage()},
        f"{record}/export": {"get": _export()},
        f"{job}/history": {"get": _history()},
        f"{job}/files": {"get": _files()},
    }


def _operation(
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


_KINDS = objects({"kinds": arrays(schema("catalog_kind"))})


def _lookup() -> dict[str, Any]:
    found = objects({"kind": TEXT, "href": TEXT, "record": _any_document()})
    return _operation(
        "Find one record of any kind by whatever it is called.",
        "lookup",
        {
            "200": answer("found", found, **_ETAG),
            "304": bare("it is as known", **_ETAG),
        },
        in_query("ref", TEXT, "a UUID, an identifier, an agave:// URI or a path", required=True),
        _IF_MATCH,
        _KNOWN,
        status_404="nothing is called so",
        status_412="it is not as supposed",
    )


def _any_document() -> dict[str, Any]:
    return {"anyOf": [_document(spec) for spec in SPECS.values()]}


def _document(spec: KindSpec) -> dict[str, Any]:
    return schema(f"{spec.kind.value}_document")


# ------------------------------------------------------------------------------------------ one kind


def _collection(spec: KindSpec) -> dict[str, Any]:
    page = objects({"records": arrays(_document(spec)), "next": _CURSOR})
    described = {
        "get": _operation(
            f"List {spec.collection}.",
            f"list_{spec.collection}",
            {"200": answer("one page, ordered by UUID", page)},
            *(_filter(spec, name) for name in filters_of(spec.kind)),
            _LIMIT,
            _AFTER,
            _HIDDEN,
        )
    }
    if spec.kind not in MANAGED:
        described["post"] = _writing(
            f"Write one of {spec.collection}; its UUID follows from the document.",
            f"post_{spec.collection}",
            spec,
            in_query("strategy", {**_STRATEGY, "default": "merge"}),
            in_header("If-None-Match", {"const": "*"}, "it may not be there yet; else 412"),
            creates=True,
            media=(JSON_TYPE,),
        )
    return described


def _filter(spec: KindSpec, name: str) -> dict[str, Any]:
    if name in relations_of(spec.kind):
        return in_query(name, _UUID, f"only what is {name} this record")
    if name == PATH_PREFIX:
        return in_query(name, {"type": "string", "minLength": 1}, "only what has a name that begins so")
    return in_query(name, schema("pipelinejob_statename") if name == "state" else TEXT)


def _record(spec: KindSpec) -> dict[str, Any]:
    kind = spec.kind.value
    called = in_path("uuid", TEXT, "its UUID, an identifier, or the path or URI of a file")
    described = {
        "get": _operation(
            f"Show a {kind}.",
            f"get_{kind}",
            {"200": answer("found", _document(spec), **_SHOWN), "304": bare("it is as known", **_SHOWN)},
            called,
            _HIDDEN,
            _IF_MATCH,
            _KNOWN,
            status_404="unknown, or hidden",
            status_412="it is not as supposed",
        )
    }
    if spec.kind in MANAGED:
        return described
    conditions = (_IF_MATCH, _IF_NONE_MATCH)
    return {
        **described,
        "put": _writing(
            f"Write a {kind} at its own address.",
            f"put_{kind}",
            spec,
            _ANY_UUID,
            in_query("strategy", {**_STRATEGY, "default": "replace"}),
            *conditions,
            creates=True,
            media=(JSON_TYPE,),
        ),
        "patch": _writing(
            f"Change fields of a {kind} by a merge patch (RFC 7396).",
            f"patch_{kind}",
            spec,
            _ANY_UUID,
            *conditions,
            creates=False,
            media=(MERGE_PATCH, JSON_TYPE),
        ),
        "delete": _operation(
            f"Hide a {kind}, or remove it for good.",
            f"delete_{kind}",
            {"200": answer("done", objects({"uuid": schema(f"{kind}_uuid"), "action": TEXT}))},
            _ANY_UUID,
            in_query("force", _FLAG, "remove it for good"),
            *conditions,
            status_404="unknown, or (without force) hidden already",
            status_405="another name than a UUID",
            status_412="it is not as supposed",
        ),
    }


def _writing(
    summary: str, name: str, spec: KindSpec, *parameters: Any, creates: bool, media: tuple[str, ...]
) -> dict[str, Any]:
    document = _document(spec)
    written = {"200": answer("written, or as it was before", document, **_SHOWN)}
    if creates:
        written["201"] = answer("created", document, **_SHOWN, Location="its address")
    refused = {
        "status_400": "it cannot be written; errors name the places",
        "status_409": "an identifier is another record's",
        "status_412": "it is not as supposed",
        "status_413": "the body is over the limit",
        "status_415": "the body is called otherwise",
    }
    if _ANY_UUID in parameters:
        refused["status_404"] = "a UUID of no kind" if creates else "unknown, or hidden"
        refused["status_405"] = "another name than a UUID"
    patch = {"type": "object", "description": "null removes a field; lists take the place of what is there"}
    return {
        **_operation(summary, name, written, *parameters, **refused),
        "requestBody": {
            "required": True,
            "content": {called: {"schema": document if creates else patch} for called in media},
        },
    }


# ------------------------------------------------------------------------------------- parts of a record


def _undelete() -> dict[str, Any]:
    return _operation(
        "Bring a hidden record back.",
        "undelete",
        {"200": answer("it is visible", _any_document(), **_SHOWN)},
        _KIND,
        _ANY_UUID,
        _IF_MATCH,
        _IF_NONE_MATCH,
        status_404="unknown",
        status_405="of a job or a pipeline: its actor is to be asked",
        status_412="it is not as supposed",
    )


def _log() -> dict[str, Any]:
    page = objects({"changes": arrays(schema("catalog_change")), "next": _COUNTED})
    return _operation(
        "Tell who changed a record, when, and what; oldest first.",
        "log",
        {"200": answer("one page", page)},
        _KIND,
        _ANY_UUID,
        _LIMIT,
        _AFTER_NUMBER,
        _HIDDEN,
        status_404="unknown, or hidden",
    )


def _lineage() -> dict[str, Any]:
    shapes: dict[str, Any] = answer("one page", schema("catalog_graph"), Link="the next page of a drawing")
    for drawing in DRAWINGS.values():
        shapes["content"][drawing.media_type.partition(";")[0]] = {"schema": TEXT}
    return _operation(
        "Tell what a record came from, or what came of it.",
        "lineage",
        {"200": shapes},
        _KIND,
        _ANY_UUID,
        in_query("direction", {"enum": [*DIRECTIONS], "default": "ancestors"}),
        in_query("relation", TEXT, "only along these links; names, separated by commas"),
        in_query("kind", TEXT, "only records of these kinds; names, separated by commas"),
        in_query("depth", {"type": "integer", "minimum": 1, "maximum": DEPTH, "default": DEPTH}),
        _LIMIT,
        _AFTER,
        _HIDDEN,
        in_query("format", {"enum": [JSON, *DRAWINGS], "default": JSON}),
        status_404="unknown, or hidden",
    )


def _export() -> dict[str, Any]:
    types = [*dict.fromkeys(f.media_type.partition(";")[0] for f in FORMATS.values()), "application/zip"]
    return _operation(
        "Tell other tools how a record came about.",
        "export",
        {
            "200": {
                "description": "the document; a zip file where the payload goes with it",
                "headers": {"Content-Disposition": {"description": "what to call it", "schema": TEXT}},
                "content": {called: {"schema": {}} for called in types},
            }
        },
        _KIND,
        _ANY_UUID,
        in_query("format", {"enum": [*FORMATS], "default": "prov-json"}),
        in_query(
            "depth", {"type": "integer", "minimum": 1, "maximum": DEPTH}, "of a job 1, else 100, if not said"
        ),
        in_query("payload", _FLAG, "pack the files themselves into the crate; for ro-crate alone"),
        status_404="unknown, or hidden; or a file is not on its storage",
        status_409="a file is not what its checksum says",
        status_500="the server lacks the extra that this needs",
    )


def _history() -> dict[str, Any]:
    entry = {"allOf": [schema("catalog_event"), schema("pipelinejob_event")]}
    return _operation(
        "Tell what happened to a job, oldest first.",
        "history",
        {"200": answer("one page", objects({"history": arrays(entry), "next": _COUNTED}))},
        _ANY_UUID,
        _LIMIT,
        _AFTER_NUMBER,
        _HIDDEN,
        status_404="unknown, or hidden",
    )


def _files() -> dict[str, Any]:
    fixity = {"anyOf": [schema("fixity_document"), {"type": "null"}]}
    file = {"allOf": [schema("file_document"), objects({"fixity": fixity})]}
    return _operation(
        "List the files that a job generated, each with its fixity.",
        "files",
        {"200": answer("one page, ordered by UUID", objects({"files": arrays(file), "next": _CURSOR}))},
        _ANY_UUID,
        _LIMIT,
        _AFTER,
        _HIDDEN,
        status_404="unknown, or hidden",
    )
