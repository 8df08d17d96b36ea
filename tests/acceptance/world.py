"""Two tenants in one installation in memory, behind its gateway, with whatever requests may be about."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO
from urllib.parse import urlencode

import jwt
from starlette.applications import Starlette
from starlette.routing import Route

from datacatalog.adapters.bearer import BearerTokens
from datacatalog.adapters.stores.memory.tables import Tables
from datacatalog.bootstrap.telemetry import Published
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import Kind
from datacatalog.domain.messages import CreatePipeline
from datacatalog.interfaces.http.gateway import asgi
from datacatalog.ports.platforms import PlatformJob
from datacatalog.ports.storage import Entry
from datacatalog.services import dispatch
from datacatalog.services.access import make_admin_token
from datacatalog.services.env import Env, Principal
from datacatalog.services.jobs import Created, reset_job
from datacatalog.services.nonces import create_nonce
from datacatalog.services.records import put_record
from datacatalog.services.subscriptions import Wish, subscribe
from tests.acceptance.site import WAY_TO
from tests.unit.memory import APP, SYSTEM, Memory, MemoryPlatform, memory

HOME, ELSEWHERE = "home", "elsewhere"
BEARER_KEY = "b" * 32
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
    published = Published(text=lambda: b"{}", content_type="application/json")
    here = replace(here, platform=platform, app=replace(here.app, metrics=published))
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
