"""No field takes what is not meant for it: neither operators of databases, nor fields that are the catalog's own."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from datacatalog.domain.jobs.lifecycle import State
from datacatalog.services.dispatch import ACTORS
from tests.acceptance.site import Site, refused

NOBODY = "107acb4d-1f93-553a-9e1c-b7b58125bc89"
CALLBACK = {
    "appId": "taco-1",
    "executionSystem": "hpc",
    "owner": "cook",
    "archivePath": "/products/v2/x",
    "archiveSystem": "data",
    "status": "RUNNING",
    "inputs": {},
    "parameters": {},
    "_links": {},
}


OPERATORS: list[Any] = [
    {"$gt": ""},
    {"$ne": None},
    {"$where": "sleep(1000)"},
    {"$regex": ".*"},
    {"$in": ["a"]},
    [],
    ["a"],
    7,
    None,
    True,
]
MESSAGES: dict[str, tuple[str, dict[str, Any], list[tuple[str | int, ...]]]] = {
    "event": (
        "jobs-manager",
        {"uuid": "", "name": "run", "token": "", "data": {}},
        [("uuid",), ("name",), ("token",)],
    ),
    "delete": (
        "jobs-manager",
        {"uuid": "", "action": "delete", "token": ""},
        [("uuid",), ("action",), ("token",)],
    ),
    "index": (
        "jobs-indexer",
        {"uuid": "", "name": "index", "token": "", "level": "1", "filters": ["x"]},
        [("uuid",), ("name",), ("token",), ("level",), ("filters", 0)],
    ),
    "indexed": (
        "jobs-indexer",
        {"uuid": "", "name": "indexed", "token": ""},
        [("uuid",), ("name",), ("token",)],
    ),
    "create": (
        "pipelines-manager",
        {
            "id": "tests/operators",
            "name": "n",
            "description": "d",
            "components": [{"uri": "https://example.org"}],
            "pipeline_type": "primary-etl",
            "processing_levels": ["1"],
            "collections_levels": ["sample"],
            "accepts": ["CSV"],
        },
        [
            ("id",),
            ("name",),
            ("description",),
            ("processing_levels", 0),
            ("collections_levels", 0),
            ("accepts", 0),
        ],
    ),
    "update": (
        "pipelines-manager",
        {"uuid": "pipeline", "action": "update", "body": {"name": "n"}, "token": "pipeline"},
        [("uuid",), ("action",), ("token",), ("body", "name")],
    ),
    "retire": (
        "pipelines-manager",
        {"uuid": "pipeline", "action": "retire", "token": "pipeline"},
        [("uuid",), ("action",), ("token",)],
    ),
    "launch": (
        "agave-proxy",
        {
            "job_definition": {"appId": "tests/taco:1"},
            "parameters": {"sample_id": "s"},
            "archive_path": "agave://data-sd2e-community/x",
            "processing_level": "1",
            "index_patterns": ["x"],
        },
        [
            ("job_definition", "appId"),
            ("parameters", "sample_id"),
            ("archive_path",),
            ("processing_level",),
            ("index_patterns", 0),
        ],
    ),
}  # fmt: skip


def filled(site: Site, name: str) -> dict[str, Any]:
    """Return a message that would be taken: of a finished job, or of the site's pipeline."""
    body = copy.deepcopy(MESSAGES[name][1])
    if body.get("uuid") == "":
        job = site.job(State.FINISHED)
        body |= {"uuid": job.job.uuid, "token": job.token}
    if body.get("uuid") == "pipeline":
        body |= {"uuid": site.pipeline, "token": site.admin()}
    return body


def places() -> Iterator[Any]:
    for name, (_, _, paths) in MESSAGES.items():
        for path in paths:
            yield pytest.param(name, path, id=f"{name}/{'/'.join(map(str, path))}")


@pytest.mark.parametrize(("name", "path"), list(places()))
def test_no_field_that_is_text_takes_anything_else(site: Site, name: str, path: tuple[str | int, ...]):
    whole = filled(site, name)
    before = site.dump()
    for operator in OPERATORS:
        body = copy.deepcopy(whole)
        holder: Any = body
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = operator
        result = refused(site.send(MESSAGES[name][0], body))
        assert result["errors"] or result["code"] in ("missing-token", "unknown-record"), operator
    assert site.dump() == before


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize(
    "field",
    [
        "state", "history", "last_event", "updated", "created", "_salt", "_admin", "_visible", "_properties", "_id",
        "_update_token", "revision", "owner", "tenant", "project", "admin", "salt", "visible", "trusted", "seq",
        "principal", "implied", "noted", "$set", "$where", "__proto__",
    ],
)  # fmt: skip
def test_no_field_but_those_of_the_schema_is_taken(site: Site, name: str, field: str):
    body = filled(site, name)
    before = site.dump()
    for value in ("FINISHED", [], {"owner": "me"}, True):
        result = refused(site.send(MESSAGES[name][0], {**body, field: value}), 400)
        tried = {error["schema"] for error in result["errors"]}
        assert tried == set(ACTORS[MESSAGES[name][0]].accepts)
        assert all(error["path"].startswith("/") for error in result["errors"])
        assert any(field in error["message"] for error in result["errors"])
    assert site.dump() == before


def test_what_a_callback_or_an_events_data_says_besides_changes_no_field_of_the_job(site: Site):
    job = site.job(State.RUNNING)
    sly = {
        "state": "RETIRED",
        "history": [],
        "last_event": "retire",
        "uuid": NOBODY,
        "_salt": "mine",
        "_visible": False,
        "pipeline_uuid": NOBODY,
        "trusted": True,
    }
    before = site.app.env.store.read(lambda work: work.records.get(job.job.uuid))
    assert site.event(job, "update", data=sly).status_code == 200
    answer = site.send(
        "jobs-manager", {**CALLBACK, **sly, "status": "QUEUED"}, uuid=job.job.uuid, token=job.token
    )
    assert answer.status_code == 200
    after = site.app.env.store.read(lambda work: work.records.get(job.job.uuid))
    told = {"last_event": "resource", "updated": after.body["updated"]}
    assert after.body == {**before.body, **told}
    assert (after.salt, after.admin, after.visible) == (before.salt, before.admin, True)


@pytest.mark.parametrize(
    "query", ["uuid[$gt]=&event=run", "uuid=$ne&event=run", "event[$ne]=x&uuid=1", "$where=1"]
)
def test_operators_in_the_url_select_nothing(site: Site, query: str):
    before = site.dump()
    url = f"/actors/v2/jobs-manager/messages?x-nonce={site.catalog.nonce}&token[$ne]=x&{query}"
    refused(site.client.post(url), 400)
    assert site.dump() == before


@pytest.mark.parametrize("value", ["%00", "a%00b"])
@pytest.mark.parametrize("field", ["note", "token", "uuid", "status"])
def test_nul_in_the_url_is_refused(site: Site, field: str, value: str):
    job = site.job()
    query = {"uuid": job.job.uuid, "token": job.token, "event": "run", field: value}
    text = "&".join(f"{name}={value}" for name, value in query.items())
    before = site.dump()
    refused(site.client.post(f"/actors/v2/jobs-manager/messages?x-nonce={site.catalog.nonce}&{text}"), 400)
    assert site.dump() == before
