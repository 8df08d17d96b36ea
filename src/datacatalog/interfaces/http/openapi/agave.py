"""The routes of the platform, described."""

from __future__ import annotations

from typing import Any

from datacatalog.domain.privileges import LEVELS
from datacatalog.interfaces.http.agave.jobs import ENDING, FILTERS
from datacatalog.interfaces.http.agave.systems import TYPES
from datacatalog.interfaces.http.openapi.agave_files import files, outputs
from datacatalog.interfaces.http.openapi.agave_parts import (
    BODY,
    ID,
    PAGING,
    UNKNOWN,
    answer,
    body,
    operation,
    with_slash,
)
from datacatalog.interfaces.http.openapi.parts import TEXT, arrays, in_header, in_path, in_query, objects

LINKS = {"type": "object"}
JOB = objects({"id": TEXT, "status": TEXT, "_links": LINKS})
STEP = objects({"status": TEXT, "created": TEXT, "description": TEXT})
APP = objects({"id": TEXT, "_links": LINKS})
SYSTEM = objects({"id": TEXT, "type": {"enum": [*TYPES]}, "default": {"type": "boolean"}})
PROFILE = objects({"username": TEXT, "tenant": TEXT, "level": {"enum": [*LEVELS]}})
NOTIFICATION = objects({"id": TEXT, "associatedUuid": TEXT, "event": TEXT, "url": TEXT})
DEFINITION = {"type": "object", "description": "as Agave has it"}
APP_DEFINITION = {"type": "object", "description": "as Agave has it, or as a file in the folder of apps"}


def paths() -> dict[str, Any]:
    """Describe all of them."""
    return {
        **with_slash("/jobs/v2", _jobs()),
        **_job(),
        **outputs(),
        **with_slash("/apps/v2", _apps()),
        "/apps/v2/{app}": _app(),
        **files(),
        **with_slash("/systems/v2", {"get": _systems()}),
        "/systems/v2/{system}": {
            "get": operation("A system.", {"200": answer("found", SYSTEM)}, in_path("system"), **UNKNOWN)
        },
        "/profiles/v2/me": {"get": operation("Who asks.", {"200": answer("found", PROFILE)})},
        **with_slash("/notifications/v2", {"get": _notifications()}),
    }


def _apps() -> dict[str, Any]:
    flags = [in_query(name, {"type": "boolean"}) for name in ("publicOnly", "privateOnly")]
    return {
        "get": operation("Apps.", {"200": answer("found", arrays(APP))}, *PAGING, *flags),
        "post": {
            **operation(
                "Register an app.",
                {"201": answer("registered", APP)},
                status_403="apps are not registered here",
                status_409="the id is another's",
                **BODY,
            ),
            "requestBody": body(APP_DEFINITION),
        },
    }


def _app() -> dict[str, Any]:
    called = in_path("app", TEXT, "name-version")
    return {
        "get": operation("An app.", {"200": answer("found", APP)}, called, **UNKNOWN),
        "post": {
            **operation(
                "Register an app anew.",
                {"200": answer("registered", APP)},
                called,
                status_403="apps are not registered here",
                status_409="it is another's",
                **UNKNOWN,
                **BODY,
            ),
            "requestBody": body(APP_DEFINITION),
        },
    }


def _systems() -> dict[str, Any]:
    return operation(
        "Storage systems, and the one where jobs run.",
        {"200": answer("found", arrays(SYSTEM))},
        *PAGING,
        in_query("type", TEXT, "STORAGE or EXECUTION"),
        in_query("default", {"type": "boolean"}),
        in_query("public", {"type": "boolean"}),
    )


def _notifications() -> dict[str, Any]:
    return operation(
        "Who is told of one's jobs.",
        {"200": answer("found", arrays(NOTIFICATION))},
        *PAGING,
        in_query("associatedUuid", TEXT, "of this job alone"),
        status_404="unknown, or another's job",
    )


def _jobs() -> dict[str, Any]:
    filters = [in_query(name, TEXT) for name in FILTERS]
    return {
        "get": operation(
            "Jobs of one's tenant, newest first.", {"200": answer("found", arrays(JOB))}, *PAGING, *filters
        ),
        "post": {
            **operation(
                "Submit a job.",
                {"201": answer("submitted", JOB)},
                in_header("Idempotency-Key", {"type": "string", "minLength": 1, "maxLength": 200}),
                status_404="unknown app",
                status_409="the request's id was used for another job",
                **BODY,
            ),
            "requestBody": body(DEFINITION),
        },
    }


def _job() -> dict[str, Any]:
    base = "/jobs/v2/{job}"
    order = objects({"action": {"enum": [*ENDING]}})
    return {
        base: {
            "get": operation("A job.", {"200": answer("found", JOB)}, ID, **UNKNOWN),
            "post": {
                **operation(
                    "Stop a job.", {"200": answer("it is being stopped", JOB)}, ID, **UNKNOWN, **BODY
                ),
                "requestBody": body(order),
            },
        },
        f"{base}/status": {"get": operation("A job's status.", {"200": answer("found", JOB)}, ID, **UNKNOWN)},
        f"{base}/history": {
            "get": operation(
                "What became of a job, oldest first.",
                {"200": answer("found", arrays(STEP))},
                ID,
                *PAGING,
                **UNKNOWN,
            )
        },
        "/jobs/v2/{attribute}/{value}": {
            "get": operation(
                "Jobs with one value, newest first.",
                {"200": answer("found", arrays(JOB))},
                in_path("attribute", {"enum": [*FILTERS]}),
                in_path("value"),
                *PAGING,
            )
        },
    }
