"""Every door of the gateway: a request for each row of the table of privileges."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from datacatalog.domain.jobs.lifecycle import State
from tests.acceptance.world import DROPPED, KEPT, Request, World
from tests.unit.memory import APP, SYSTEM

CALLBACK: Mapping[str, Any] = {
    "appId": "taco-1",
    "executionSystem": "hpc",
    "owner": "cook",
    "archivePath": None,
    "archiveSystem": None,
    "status": "RUNNING",
    "inputs": {},
    "parameters": {},
    "_links": {},
}


@dataclass(frozen=True)
class Door:
    """One request for one row of the table.

    Attributes:
        act: the row.
        path: of its route; `at` has what stands in the place of `{name}`, `<name>` in there for `World.called[name]`.
        body: without a token; "?" is the UUID of what the request is about.
        of: what `World.called` calls the document or thing that it is about; None: it is about none of a tenant's.
        state: instead of `of`: it is about the job in that state.
        writes: whether the ledger, the platform or the storage is another afterwards.
        actor: the one whose nonces open it; "*": only nonces for all.
        in_url: the token goes with the URL, and so do these parameters.
        makes: it makes what it is about where that is not there; to another tenant that is taken then.
    """

    act: tuple[str, str]
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    of: str | None = None
    state: State | None = None
    at: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    writes: bool = False
    actor: str = "*"
    in_url: Sequence[str] | None = None
    makes: bool = False

    @property
    def name(self) -> str:
        return f"{'/'.join(self.act)}: {self.method} {self.path} {self.of or self.state or ''}"

    def uuid(self, made: World) -> str | None:
        if self.state is not None:
            return made.jobs[self.state].job.uuid
        return None if self.of is None else made.called.get(self.of, self.of)

    def request(self, made: World, token: str | None) -> Request:
        path = self.path
        for name, text in self.at.items():
            path = path.replace(f"{{{name}}}", made.called[text[1:-1]] if text[:1] == "<" else text)
        if self.body is None:
            return Request(self.method, path, self.query)
        uuid = str(self.uuid(made))
        body = {name: uuid if said == "?" else said for name, said in self.body.items()}
        shown = {} if token is None else {"token": token}
        if self.in_url is None:
            return Request(self.method, path, self.query, json.dumps({**body, **shown}).encode())
        query = {**self.query, **shown, **dict.fromkeys(self.in_url, uuid)}
        return Request(self.method, path, query, json.dumps(body).encode())


def _message(actor: str, action: str, body: Mapping[str, Any], **more: Any) -> Door:
    path = "/actors/v2/{actor}/messages"
    return Door((actor, action), "POST", path, body, at={"actor": actor}, actor=actor, writes=True, **more)


def _job_event(name: str, state: State) -> Door:
    return _message("jobs-manager", name, {"uuid": "?", "name": name}, state=state)


_S = State
_JOB = "/actors/v2/{actor}"
_AT = {"actor": "jobs-manager", "execution": "<execution>", "nonce": "<nonce>"}
_RECORD = "/catalog/v1/{kind}/{uuid:uuid}"
_SAMPLE = {"kind": "samples"}
_LAUNCH = {"job_definition": {"appId": APP, "n": "again"}}
_SUBSCRIPTIONS = "/catalog/v1/subscriptions"
_APP = {"id": "doors-1", "name": "doors", "version": "1"}


def _actor_door(action: tuple[str, str], method: str, below: str, **more: Any) -> Door:
    return Door(action, method, f"{_JOB}{below}", at=_AT, actor="jobs-manager", **more)


def _read(below: str, *, of: str = "sample", kind: str = "samples", **more: Any) -> Door:
    at = {"kind": kind, "uuid:uuid": f"<{of}>"}
    return Door(("catalog", "read"), "GET", f"{_RECORD}{below}", at=at, of=of, **more)


def _write(method: str, below: str = "", *, of: str = "sample", **more: Any) -> Door:
    at = {"kind": "samples", "uuid:uuid": f"<{of}>"}
    return Door(("catalog", "write"), method, f"{_RECORD}{below}", at=at, of=of, writes=True, **more)


def _files(action: str, method: str, what: str, path: str, **more: Any) -> list[Door]:
    """Return the doors to a path: on the system that is named, and on the default one."""
    at = {"system": SYSTEM, "path:whole": path.lstrip("/")}
    return [
        Door(("files", action), method, f"/files/v2/{what}{place}{{path:whole}}", at=at, **more)
        for place in ("/system/{system}/", "/")
    ]


def _root(action: str, method: str, what: str, **more: Any) -> list[Door]:
    return [
        Door(("files", action), method, f"/files/v2/{what}{place}", at={"system": SYSTEM}, **more)
        for place in ("/system/{system}", "")
    ]


def _slashed(door: Door) -> list[Door]:
    return [door, replace(door, path=f"{door.path}/")]


_MKDIR = {"action": "mkdir", "path": "made"}

DOORS: Sequence[Door] = (
    # Messages.
    _message(
        "pipelines-manager",
        "create",
        {"id": "doors/new", "name": "new", "components": [{"id": "new-1"}]},
    ),
    _message(
        "pipelines-manager",
        "update",
        {"uuid": "?", "action": "update", "body": {"name": "Other"}},
        of="pipeline",
    ),
    _message("pipelines-manager", "delete", {"uuid": "?", "action": "delete"}, of="pipeline"),
    _message("pipelines-manager", "undelete", {"uuid": "?", "action": "undelete"}, of="retired"),
    _message("pipelines-manager", "retire", {"uuid": "?", "action": "retire"}, of="pipeline"),
    _message("pipelines-manager", "purge", {"uuid": "?", "action": "delete", "force": True}, of="pipeline"),
    _job_event("create", _S.CREATED),
    _job_event("run", _S.CREATED),
    _job_event("update", _S.RUNNING),
    _job_event("resource", _S.RUNNING),
    _job_event("finish", _S.RUNNING),
    _job_event("fail", _S.RUNNING),
    _job_event("index", _S.FINISHED),
    _job_event("indexed", _S.INDEXING),
    _job_event("validate", _S.FINISHED),
    _job_event("validated", _S.VALIDATING),
    _job_event("finalize", _S.VALIDATED),
    _job_event("reject", _S.VALIDATING),
    _job_event("retire", _S.FAILED),
    _job_event("reset", _S.FAILED),
    _job_event("ready", _S.RESET),
    _message("jobs-manager", "callback", CALLBACK, state=_S.CREATED, in_url=["uuid"]),
    _message("jobs-manager", "delete", {"uuid": "?", "action": "delete"}, state=_S.FINISHED),
    _message("jobs-manager", "purge", {"uuid": "?", "action": "delete", "force": True}, state=_S.FINISHED),
    _message("jobs-indexer", "index", {"uuid": "?", "name": "index"}, state=_S.FINISHED),
    _message("jobs-indexer", "indexed", {"uuid": "?", "name": "indexed"}, state=_S.INDEXING),
    _message("agave-proxy", "launch", {"job_definition": {"appId": APP, "n": "new"}}, of="app"),
    _message("agave-proxy", "launch-again", _LAUNCH, of="launched", in_url=[]),
    # Actors and nonces; what all did together.
    Door(("metrics", "read"), "GET", "/metrics"),
    Door(("actors", "read"), "GET", "/actors/v2"),
    _actor_door(("actors", "read"), "GET", ""),
    _actor_door(("actors", "read"), "GET", "/executions"),
    _actor_door(("actors", "read"), "GET", "/executions/{execution}", of="execution"),
    _actor_door(("actors", "read"), "GET", "/executions/{execution}/logs", of="execution"),
    _actor_door(("nonces", "list"), "GET", "/nonces"),
    _actor_door(("nonces", "list"), "GET", "/nonces/{nonce}", of="nonce"),
    _actor_door(("nonces", "create"), "POST", "/nonces", writes=True),
    _actor_door(("nonces", "revoke"), "DELETE", "/nonces/{nonce}", of="nonce", writes=True),
    # The catalog.
    Door(("catalog", "read"), "GET", "/catalog/v1"),
    Door(("catalog", "read"), "GET", "/catalog/v1/lookup", query={"ref": "sample.doors.sample"}, of="sample"),
    Door(("catalog", "read"), "GET", "/catalog/v1/{kind}", at=_SAMPLE),
    Door(
        ("catalog", "read"),
        "GET",
        "/catalog/v1/{kind}/{ref:path}",
        at={**_SAMPLE, "ref:path": "sample.doors.sample"},
        of="sample",
    ),
    _read(""),
    _read("/log"),
    _read("/lineage"),
    _read("/history", of="job", kind="jobs"),
    _read("/files", of="job", kind="jobs"),
    _read("/export", of="job", kind="jobs"),
    Door(
        ("catalog", "write"),
        "POST",
        "/catalog/v1/{kind}",
        {"sample_id": "sample.doors.new"},
        at=_SAMPLE,
        writes=True,
    ),
    _write("PUT", body={"sample_id": "sample.doors.sample", "strain": "x"}, makes=True),
    _write("PATCH", body={"strain": "y"}),
    _write("DELETE"),
    _write("POST", "/undelete", of="hidden"),
    # Subscriptions.
    Door(("subscriptions", "list"), "GET", _SUBSCRIPTIONS),
    Door(
        ("subscriptions", "list"),
        "GET",
        f"{_SUBSCRIPTIONS}/{{id}}",
        at={"id": "<subscription>"},
        of="subscription",
    ),
    Door(
        ("subscriptions", "create"),
        "POST",
        _SUBSCRIPTIONS,
        {"subject": "?", "url": "https://example.org/other"},
        of="job",
        writes=True,
    ),
    Door(
        ("subscriptions", "change"),
        "PATCH",
        f"{_SUBSCRIPTIONS}/{{id}}",
        {"paused": True},
        at={"id": "<subscription>"},
        of="subscription",
        writes=True,
    ),
    Door(
        ("subscriptions", "change"),
        "POST",
        f"{_SUBSCRIPTIONS}/{{id}}/rotate",
        {},
        at={"id": "<subscription>"},
        of="subscription",
        writes=True,
    ),
    Door(
        ("subscriptions", "remove"),
        "DELETE",
        f"{_SUBSCRIPTIONS}/{{id}}",
        at={"id": "<subscription>"},
        of="subscription",
        writes=True,
    ),
    # The platform; its apps and storage systems are everybody's.
    *_slashed(Door(("apps", "read"), "GET", "/apps/v2")),
    Door(("apps", "read"), "GET", "/apps/v2/{app}", at={"app": "taco"}),
    *_slashed(Door(("apps", "register"), "POST", "/apps/v2", _APP, writes=True)),
    Door(
        ("apps", "register"),
        "POST",
        "/apps/v2/{app}",
        {**_APP, "id": "taco"},
        at={"app": "taco"},
        writes=True,
    ),
    *_slashed(Door(("jobs", "read"), "GET", "/jobs/v2")),
    Door(("jobs", "read"), "GET", "/jobs/v2/{job}", at={"job": "direct"}, of="direct"),
    Door(("jobs", "read"), "GET", "/jobs/v2/{job}/status", at={"job": "direct"}, of="direct"),
    Door(("jobs", "read"), "GET", "/jobs/v2/{job}/history", at={"job": "direct"}, of="direct"),
    Door(("jobs", "read"), "GET", "/jobs/v2/{job}/outputs/listings", at={"job": "direct"}, of="direct"),
    Door(
        ("jobs", "read"),
        "GET",
        "/jobs/v2/{job}/outputs/listings/{path:whole}",
        at={"job": "direct", "path:whole": "out.txt"},
        of="direct",
    ),
    Door(
        ("jobs", "read"),
        "GET",
        "/jobs/v2/{job}/outputs/media/{path:whole}",
        at={"job": "direct", "path:whole": "out.txt"},
        of="direct",
    ),
    Door(("jobs", "read"), "GET", "/jobs/v2/{attribute}/{value}", at={"attribute": "owner", "value": "x"}),
    *_slashed(Door(("jobs", "submit"), "POST", "/jobs/v2", {"appId": APP, "name": "n"}, writes=True)),
    *_slashed(Door(("jobs", "submit"), "GET", "/notifications/v2")),
    Door(
        ("jobs", "cancel"),
        "POST",
        "/jobs/v2/{job}",
        {"action": "stop"},
        at={"job": "direct"},
        of="direct",
    ),
    *_slashed(Door(("files", "read"), "GET", "/systems/v2")),
    Door(("files", "read"), "GET", "/systems/v2/{system}", at={"system": SYSTEM}),
    Door(("files", "read"), "GET", "/profiles/v2/me"),
    *_files("read", "GET", "listings", "/doors"),
    *_files("read", "GET", "media", KEPT),
    *_root("read", "GET", "listings"),
    *_files("write", "PUT", "media", "/doors", body=_MKDIR, writes=False),
    *_root("write", "PUT", "media", body=_MKDIR, writes=False),
    *_files(
        "write",
        "POST",
        "media",
        "/doors",
        body={"urlToIngest": f"agave://{SYSTEM}{KEPT}", "fileName": "copy.txt"},
        writes=True,
    ),
    *_root(
        "write",
        "POST",
        "media",
        body={"urlToIngest": f"agave://{SYSTEM}{KEPT}", "fileName": "copy.txt"},
        writes=True,
    ),
    *_files("remove", "DELETE", "media", DROPPED, writes=True),
)

OPEN = {("GET", "/"), ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/openapi.json")}
"""What anybody may ask a service."""

ROOTS = {
    (method, f"/files/v2/media{place}") for method in ("GET", "DELETE") for place in ("", "/system/{system}")
}
"""Of the root of a storage system, which is no file and is never removed; the same door as any path's."""
