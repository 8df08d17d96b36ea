"""Every sort of credential and of document token that there is, and those that there is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from datacatalog.services.access import make_admin_token, token_of
from datacatalog.services.records import revoke_token
from tests.acceptance.doors import DOORS, Door
from tests.acceptance.world import ELSEWHERE, HOME, Request, World, bearer, nonce


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
