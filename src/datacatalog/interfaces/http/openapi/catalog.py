"""The routes of the catalog, described: lists and records kind by kind."""

from __future__ import annotations

from typing import Any

from datacatalog.domain.kinds import SPECS, Kind, KindSpec
from datacatalog.interfaces.http.catalog.addresses import BASE
from datacatalog.interfaces.http.catalog.listing import PATH_PREFIX, filters_of, relations_of
from datacatalog.interfaces.http.catalog.managed import MANAGED
from datacatalog.interfaces.http.catalog.writing import JSON, MERGE_PATCH
from datacatalog.interfaces.http.openapi import about
from datacatalog.interfaces.http.openapi.common import (
    AFTER,
    ANY_UUID,
    CURSOR,
    ETAG,
    FLAG,
    HIDDEN,
    IF_MATCH,
    IF_NONE_MATCH,
    KNOWN,
    LIMIT,
    SHOWN,
    STRATEGY,
    UUID,
    any_document,
    document,
    operation,
)
from datacatalog.interfaces.http.openapi.parts import (
    TEXT,
    answer,
    arrays,
    bare,
    in_header,
    in_path,
    in_query,
    objects,
    schema,
)


def paths() -> dict[str, Any]:
    """Describe the catalog."""
    described: dict[str, Any] = {
        BASE: {"get": operation("The kinds of record.", "kinds", {"200": answer("found", _KINDS)})},
        f"{BASE}/lookup": {"get": _lookup()},
    }
    for spec in SPECS.values():
        described[f"{BASE}/{spec.collection}"] = _collection(spec)
        described[f"{BASE}/{spec.collection}/{{uuid}}"] = _record(spec)
    record = f"{BASE}/{{kind}}/{{uuid}}"
    job = f"{BASE}/{SPECS[Kind.PIPELINEJOB].collection}/{{uuid}}"
    return {
        **described,
        f"{record}/undelete": {"post": about.undelete()},
        f"{record}/log": {"get": about.log()},
        f"{record}/lineage": {"get": about.lineage()},
        f"{record}/export": {"get": about.export()},
        f"{job}/history": {"get": about.history()},
        f"{job}/files": {"get": about.files()},
    }


_KINDS = objects({"kinds": arrays(schema("catalog_kind"))})


def _lookup() -> dict[str, Any]:
    found = objects({"kind": TEXT, "href": TEXT, "record": any_document()})
    return operation(
        "Find one record of any kind by whatever it is called.",
        "lookup",
        {
            "200": answer("found", found, **ETAG),
            "304": bare("it is as known", **ETAG),
        },
        in_query("ref", TEXT, "a UUID, an identifier, an agave:// URI or a path", required=True),
        IF_MATCH,
        KNOWN,
        status_404="nothing is called so",
        status_412="it is not as supposed",
    )


# ------------------------------------------------------------------------------------------ one kind


def _collection(spec: KindSpec) -> dict[str, Any]:
    page = objects({"records": arrays(document(spec)), "next": CURSOR})
    described = {
        "get": operation(
            f"List {spec.collection}.",
            f"list_{spec.collection}",
            {"200": answer("one page, ordered by UUID", page)},
            *(_filter(spec, name) for name in filters_of(spec.kind)),
            LIMIT,
            AFTER,
            HIDDEN,
        )
    }
    if spec.kind not in MANAGED:
        described["post"] = _writing(
            f"Write one of {spec.collection}; its UUID follows from the document.",
            f"post_{spec.collection}",
            spec,
            in_query("strategy", {**STRATEGY, "default": "merge"}),
            in_header("If-None-Match", {"const": "*"}, "it may not be there yet; else 412"),
            creates=True,
            media=(JSON,),
        )
    return described


def _filter(spec: KindSpec, name: str) -> dict[str, Any]:
    if name in relations_of(spec.kind):
        return in_query(name, UUID, f"only what is {name} this record")
    if name == PATH_PREFIX:
        return in_query(name, {"type": "string", "minLength": 1}, "only what has a name that begins so")
    return in_query(name, schema("pipelinejob_statename") if name == "state" else TEXT)


def _record(spec: KindSpec) -> dict[str, Any]:
    kind = spec.kind.value
    called = in_path("uuid", TEXT, "its UUID, an identifier, or the path or URI of a file")
    described = {
        "get": operation(
            f"Show a {kind}.",
            f"get_{kind}",
            {"200": answer("found", document(spec), **SHOWN), "304": bare("it is as known", **SHOWN)},
            called,
            HIDDEN,
            IF_MATCH,
            KNOWN,
            status_404="unknown, or hidden",
            status_412="it is not as supposed",
        )
    }
    if spec.kind in MANAGED:
        return described
    conditions = (IF_MATCH, IF_NONE_MATCH)
    return {
        **described,
        "put": _writing(
            f"Write a {kind} at its own address.",
            f"put_{kind}",
            spec,
            ANY_UUID,
            in_query("strategy", {**STRATEGY, "default": "replace"}),
            *conditions,
            creates=True,
            media=(JSON,),
        ),
        "patch": _writing(
            f"Change fields of a {kind} by a merge patch (RFC 7396).",
            f"patch_{kind}",
            spec,
            ANY_UUID,
            *conditions,
            creates=False,
            media=(MERGE_PATCH, JSON),
        ),
        "delete": operation(
            f"Hide a {kind}, or remove it for good.",
            f"delete_{kind}",
            {"200": answer("done", objects({"uuid": schema(f"{kind}_uuid"), "action": TEXT}))},
            ANY_UUID,
            in_query("force", FLAG, "remove it for good"),
            *conditions,
            status_404="unknown, or (without force) hidden already",
            status_405="another name than a UUID",
            status_412="it is not as supposed",
        ),
    }


def _writing(
    summary: str, name: str, spec: KindSpec, *parameters: Any, creates: bool, media: tuple[str, ...]
) -> dict[str, Any]:
    content = document(spec)
    written = {"200": answer("written, or as it was before", content, **SHOWN)}
    if creates:
        written["201"] = answer("created", content, **SHOWN, Location="its address")
    refused = {
        "status_400": "it cannot be written; errors name the places",
        "status_409": "an identifier is another record's",
        "status_412": "it is not as supposed",
        "status_413": "the body is over the limit",
        "status_415": "the body is called otherwise",
    }
    if ANY_UUID in parameters:
        refused["status_404"] = "a UUID of no kind" if creates else "unknown, or hidden"
        refused["status_405"] = "another name than a UUID"
    patch = {"type": "object", "description": "null removes a field; lists take the place of what is there"}
    return {
        **operation(summary, name, written, *parameters, **refused),
        "requestBody": {
            "required": True,
            "content": {called: {"schema": content if creates else patch} for called in media},
        },
    }
