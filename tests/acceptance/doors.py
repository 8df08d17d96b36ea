"""Every door of the gateway: a request for each row of the table of privileges, and a world in memory to knock in."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO
from urllib.parse import urlencode

import jwt
from starlette.applications import Starlette
from starlette.routing import Route

from datacatalog.adapters.bearer import BearerTokens
from datacatalog.adapters.stores.memory.tables import Tables
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import Kind
from datacatalog.domain.messages import CreatePipeline
from datacatalog.interfaces.http.gateway import asgi
from datacatalog.ports.platforms import PlatformJob
from datacatalog.ports.storage import Entry
from datacatalog.services import dispatch
from datacatalog.services.access import create_nonce, make_admin_token, token_of
from datacatalog.services.env import Env, Principal
from datacatalog.services.jobs import Created, reset_job
from datacatalog.services.records import put_record, revoke_token
from datacatalog.services.subscriptions import Wish, subscribe
from tests.acceptance.site import WAY_TO
from tests.unit.memory import APP, SYSTEM, Memory, MemoryPlatform, memory

HOME, ELSEWHERE = "home", "elsewhere"
BEARER_KEY = "b" * 32
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
DROPPED = "/products/v2/doors/dropped.txt"
KEPT = "/doors/kept.txt"


class Platform(MemoryPlatform):
    """A platform that does all that a gateway may ask of one."""

    def register(self, definition: JsonObject, *, owner: str) -> JsonObject:
        self.known = (*self.known, definition["id"])
        return definition

    def submit(self, definition: JsonObject, *, key: str, owner: str = "", tenant: str = "") -> PlatformJob:
        super().submit({**definition, "_tenant": tenant, "_owner": owner}, key=key)
        return self.job(key)

    def job(self, id: str) -> PlatformJob:
        whose = self.submitted.get(id, {})
        told = super().job(id)
        return replace(told, tenant=whose.get("_tenant", ""), owner=whose.get("_owner", ""))

    def jobs(self, *, tenant: str | None = None, limit: int = 100, offset: int = 0) -> Sequence[PlatformJob]:
        found = [job for job in map(self.job, self.submitted) if tenant in (None, job.tenant)]
        return found[offset : offset + limit]

    def outputs(self, id: str, path: str = "/") -> Sequence[Entry]:
        return [Entry("/out.txt", False, 3, 0)]

    def output(self, id: str, path: str) -> BinaryIO:
        return io.BytesIO(b"out")


# ------------------------------------------------------------------------------------------ the world


@dataclass
class World:
    """An installation of two tenants in memory, behind its gateway.

    Attributes:
        jobs: state -> a job in it.
        called: what stands for what in addresses and bodies, e.g. {"sample": its UUID}.
        headers: of the last answer.
    """

    here: Memory
    served: Starlette
    jobs: dict[State, Created] = field(default_factory=dict)
    called: dict[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    _kept: Any = None
    _knocks: int = 0

    @property
    def env(self) -> Env:
        return self.here.env

    def routes(self) -> list[Route]:
        return [route for route in self.served.routes if isinstance(route, Route)]

    def keep(self) -> None:
        """Remember how everything is."""
        self._kept = self._state()

    def is_as_kept(self) -> bool:
        return bool(self._state() == self._kept)

    def restore(self) -> None:
        """Put everything back to how it was when it was kept."""
        tables, submitted, known, files = self._kept
        for name, table in _copied(tables).items():
            setattr(self._tables, name, table)
        self.here.platform.submitted, self.here.platform.known = dict(submitted), known
        there = self._files()
        for path in {*there} - {*files}:
            self.env.storage.delete(SYSTEM, path)
        for path in {*files} - {*there}:
            put_file(self.env, path)

    @property
    def _tables(self) -> Tables:
        tables: Tables = self.here.env.store._tables  # type: ignore[attr-defined]
        return tables

    def _files(self) -> list[str]:
        return [info.path for info in self.env.storage.walk(SYSTEM, "/")]

    def _state(self) -> Any:
        names = [each.name for each in fields(Tables)]
        tables = {name: getattr(self._tables, name) for name in names if name != "counter" and name[0] != "_"}
        platform = self.here.platform
        return _copied(tables), dict(platform.submitted), tuple(platform.known), self._files()

    async def knock(self, request: Request) -> tuple[int, Any]:
        """Send a request, from an address of its own; return the status and the answer."""
        self._knocks += 1
        answer: list[Any] = []
        body = bytearray()
        sent = asyncio.Event()

        async def receive() -> Any:
            if sent.is_set():
                await asyncio.sleep(3600)
            sent.set()
            return {"type": "http.request", "body": request.content, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.append(message["status"])
                self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                body.extend(message.get("body", b""))

        headers = {"content-type": "application/json", **request.headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "path": request.path,
            "raw_path": request.path.encode(),
            "query_string": urlencode(request.query).encode(),
            "root_path": "",
            "scheme": "http",
            "server": ("testserver", 80),
            "client": (request.source or f"source-{self._knocks}", 1),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        await self.served(scope, receive, send)
        try:
            told = json.loads(bytes(body))
        except ValueError:
            told = bytes(body)
        return answer[0], told


def _copied(tables: Mapping[str, dict[Any, Any]]) -> dict[str, dict[Any, Any]]:
    """Return tables of their own; what is in them nobody changes."""
    return {
        name: {key: dict(row) if isinstance(row, dict) else row for key, row in table.items()}
        for name, table in tables.items()
    }


@dataclass(frozen=True)
class Request:
    """A request; `source` is the address that it comes from, "": one of its own."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


def world(platform: Platform | None = None) -> World:
    """Make a world in which every request of `DOORS` can do what it asks for."""
    platform = platform or Platform()
    platform.known = (APP, "taco")
    here = memory()
    bearer = BearerTokens(key=BEARER_KEY, algorithm="HS256", issuer="i", audience="a")

    def principal(token: str) -> Principal | None:
        found = bearer.read(token)
        if found is None:
            return None
        return Principal(
            name=found.name,
            via="bearer",
            level=found.level,
            tenant=found.tenant,
            project=found.project,
        )

    here = here.rewired(
        platform=platform,
        bearer=principal,
        rules=replace(
            here.env.rules,
            clearable=("/products/v2",),
            admin={"owner": "tests", "project": "p", "tenant": HOME},
        ),
    )
    here = replace(here, platform=platform)
    for name in dispatch.ACTORS:
        here.app.settings.config["actors"].setdefault(name, {})["delivery"] = "inline"
    made = World(here=here, served=asgi(here.app))
    _furnish(made)
    made.keep()
    return made


def _furnish(made: World) -> None:
    here, env, called = made.here, made.env, made.called
    for state, events in WAY_TO.items():
        made.jobs[state] = here.job(*events)
    made.jobs[State.RESET] = here.job(Event.RESET)
    for name, hidden in (("pipeline", False), ("retired", True)):
        document = {"id": f"doors/{name}", "name": name, "components": [{"id": f"{name}-1"}]}
        message = CreatePipeline(document=document)
        uuid = env.store.transact(lambda work, m=message: dispatch.handle(m, work, env)).result["uuid"]
        called[name] = uuid
        if hidden:
            env.store.transact(
                lambda work, u=uuid: work.records.put(
                    replace(work.records.get(u), visible=False), at=here.clock.now()
                )
            )
    launched = here.launch(n="again")
    reset_job(launched.job.uuid, make_admin_token("a" * 32, env), env, clear=False)
    called["launched"] = launched.job.uuid
    for name in ("sample", "hidden"):
        record = env.store.transact(
            lambda work, n=name: put_record(
                Kind.SAMPLE, {"sample_id": f"sample.doors.{n}"}, work, env, visible=n == "sample"
            )
        ).record
        called[name] = record.uuid
    called["job"] = made.jobs[State.FINISHED].job.uuid
    env.platform.submit({"appId": APP}, key="direct", owner="ada", tenant=HOME)
    who = Principal(name="ada", via="process", level="UPDATE")
    wish = Wish(subject=called["job"], url="https://example.org/hook", events=(), secret=None)
    called["subscription"] = env.store.transact(lambda work: subscribe(wish, who, work, env)).subscription.id
    env.storage.make_directory(SYSTEM, "/doors")
    env.storage.make_directory(SYSTEM, "/products/v2/doors")
    for path in (DROPPED, KEPT):
        put_file(env, path)
    sent = Request("POST", "/actors/v2/jobs-manager/messages", {"x-nonce": nonce(env)}, _event("run", made))
    _, answer = asyncio.run(made.knock(sent))
    called["execution"] = answer["result"]["executionId"]
    called["nonce"] = create_nonce(env, actor="jobs-manager", owner="ada")


def put_file(env: Env, path: str) -> None:
    env.storage.put(SYSTEM, path, io.BytesIO(b"content"))


def _event(name: str, made: World) -> bytes:
    job = made.here.job()
    return json.dumps({"uuid": job.job.uuid, "name": name, "token": job.token}).encode()


# ------------------------------------------------------------------------------------------ the doors


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
    at = {"system": SYSTEM, "path:path": path.lstrip("/")}
    return [
        Door(("files", action), method, f"/files/v2/{what}{place}{{path:path}}", at=at, **more)
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
    # Actors and nonces.
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
        "/jobs/v2/{job}/outputs/listings/{path:path}",
        at={"job": "direct", "path:path": "out.txt"},
        of="direct",
    ),
    Door(
        ("jobs", "read"),
        "GET",
        "/jobs/v2/{job}/outputs/media/{path:path}",
        at={"job": "direct", "path:path": "out.txt"},
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


# ------------------------------------------------------------------------------------------- the keys


@dataclass(frozen=True)
class Key:
    """What somebody shows to be let in.

    Attributes:
        level: None: it lets nobody in.
        others: it is a nonce of another actor.
    """

    show: Callable[[World, Door], tuple[Mapping[str, str], Mapping[str, str]]]
    level: str | None = None
    others: bool = False
    tenant: str = HOME


def nonce(env: Env, **conditions: Any) -> str:
    return create_nonce(env, **{"actor": "*", "owner": "ada", "level": "UPDATE", **conditions})


def bearer(**changes: Any) -> str:
    claims = {
        "sub": "ada",
        "level": "UPDATE",
        "iss": "i",
        "aud": "a",
        "exp": datetime.now(UTC) + timedelta(hours=1),
        **changes,
    }
    key, algorithm = claims.pop("key", BEARER_KEY), claims.pop("algorithm", "HS256")
    return jwt.encode(claims, key, algorithm=algorithm)


def _in_query(secret: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    return {}, {"x-nonce": secret}


def _in_header(secret: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    return {"authorization": f"Bearer {secret}"}, {}


def keys(made: World) -> Mapping[str, Key]:
    """Return every sort of credential that there is in a world, and those that there is not."""
    env = made.env

    def kept(secret: str, **more: Any) -> Key:
        return Key(lambda world, door: _in_query(secret), **more)

    def token(**more: Any) -> Key:
        told = {name: more.pop(name) for name in ("level", "tenant") if name in more}
        made_one = bearer(**told, **more)
        bad = bool(more)
        return Key(
            lambda world, door: _in_header(made_one),
            level=None if bad else told.get("level", "UPDATE"),
            tenant=told.get("tenant", HOME),
        )

    others = {actor: nonce(env, actor=actor) for actor in ("jobs-manager", "pipelines-manager")}

    def of_another_actor(world: World, door: Door) -> tuple[Mapping[str, str], Mapping[str, str]]:
        return _in_query(others["pipelines-manager" if door.actor == "jobs-manager" else "jobs-manager"])

    used_up = nonce(env, max_uses=1)
    expired = nonce(env, lifetime=timedelta(seconds=1))
    asyncio.run(made.knock(Request("GET", "/actors/v2", {"x-nonce": used_up})))
    made.here.clock.move(seconds=1)
    past = datetime.now(UTC) - timedelta(hours=1)
    return {
        "none": Key(lambda world, door: ({}, {})),
        "malformed": Key(lambda world, door: ({"authorization": "Basic YTpi"}, {})),
        "unknown nonce": kept("TACC_" + "x" * 32),
        "expired nonce": kept(expired),
        "used up nonce": kept(used_up),
        "nonce of another actor": Key(of_another_actor, level="UPDATE", others=True),
        "READ nonce": kept(nonce(env, level="READ"), level="READ"),
        "EXECUTE nonce": kept(nonce(env, level="EXECUTE"), level="EXECUTE"),
        "UPDATE nonce": kept(nonce(env), level="UPDATE"),
        "nonce of another tenant": kept(nonce(env, tenant=ELSEWHERE), level="UPDATE", tenant=ELSEWHERE),
        "expired bearer": token(exp=past),
        "bearer for others": token(aud="others"),
        "bearer by others": token(iss="others"),
        "bearer with another key": token(key="k" * 32),
        "bearer with no signature": token(key=None, algorithm="none"),
        "READ bearer": token(level="READ"),
        "EXECUTE bearer": token(level="EXECUTE"),
        "UPDATE bearer": token(level="UPDATE"),
        "bearer of another tenant": token(level="UPDATE", tenant=ELSEWHERE),
    }


Tokens = Mapping[str, Callable[[Door], str | None]]


def tokens(made: World) -> Tokens:
    """Return every sort of document token that there is in a world."""
    env = made.env
    late = make_admin_token("a" * 32, env)
    made.here.clock.move(seconds=31)
    other = made.here.job()
    revoked: dict[str, str] = {}
    for uuid in {door.uuid(made) for door in DOORS if is_document(door, made)}:
        record = env.store.read(lambda work, u=uuid: work.records.get(u))
        revoked[str(uuid)] = token_of(record, env)
        revoke_token(record.uuid, make_admin_token("a" * 32, env), env)
    admin = make_admin_token("a" * 32, env)

    def right(door: Door) -> str:
        uuid: Any = door.uuid(made)
        return token_of(env.store.read(lambda work: work.records.get(uuid)), env)

    return {
        "none": lambda door: None,
        "wrong": lambda door: "x" * 17,
        "of another document": lambda door: other.token,
        "right": right,
        "revoked": lambda door: revoked[str(door.uuid(made))],
        "expired admin": lambda door: late,
        "admin": lambda door: admin,
    }


def is_document(door: Door, made: World) -> bool:
    """Tell whether a door is to something that has an update token."""
    uuid: Any = door.uuid(made)
    return bool(uuid) and uuid[:3] in ("106", "107") and door.path.endswith("/messages")
