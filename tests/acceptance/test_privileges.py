"""Who may do what, whole: every request, with every credential and every document token, answered as the table says."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from datacatalog.domain.privileges import NEEDS, Shows, includes
from tests.acceptance.doors import DOORS, OPEN, ROOTS, Door
from tests.acceptance.keys import Key, is_document, keys, tokens
from tests.acceptance.world import HOME, Request, World, world

ALWAYS_REFUSED = {"none", "wrong", "of another document", "revoked", "expired admin"}


@pytest.fixture(scope="module")
def made() -> World:
    return world()


def test_every_row_of_the_table_has_a_request_and_every_request_a_row():
    assert {door.act for door in DOORS} == {*NEEDS}


def test_every_route_of_the_gateway_is_a_door_of_the_table(made: World):
    known = {(door.method, door.path) for door in DOORS} | OPEN | ROOTS
    served = {
        (method, route.path)
        for route in made.routes()
        for method in (route.methods or ())
        if method != "HEAD" and (method, route.path) not in known
    }

    async def impossible(method: str, path: str) -> bool:
        status, _ = await made.knock(Request(method, path.replace("{kind}", "samples")))
        return status == 405

    async def left() -> set[tuple[str, str]]:
        return {each for each in served if not await impossible(*each)}

    assert asyncio.run(left()) == set()
    assert {path for _, path in known} <= {route.path for route in made.routes()}


def expected(door: Door, key: Key, token: str) -> set[int]:
    """Return what may be answered, from the table alone."""
    need = NEEDS[door.act]
    if key.level is None:
        return {401}
    if key.others or not includes(key.level, need.level):
        return {403}
    if key.tenant != HOME and door.act == ("metrics", "read"):
        return {403}
    if key.tenant != HOME and (door.of or door.state):
        return {409} if door.makes else {404}
    refused = {
        Shows.NOTHING: False,
        Shows.UPDATE_TOKEN: token in ALWAYS_REFUSED,
        Shows.ADMIN_TOKEN: token in ALWAYS_REFUSED or token == "right",
        Shows.NOBODY: True,
    }[need.shows]
    return {403} if refused else {200, 201, 202}


async def go(
    made: World, door: Door, called: str, key: Key, token: str, shown: str | None, seen: Counter[str]
) -> str | None:
    """Knock once; return what is wrong with the answer."""
    headers, query = key.show(made, door)
    asked = door.request(made, shown)
    request = Request(asked.method, asked.path, {**asked.query, **query}, asked.content, headers)
    status, answer = await made.knock(request)
    wanted = expected(door, key, token)
    seen[str(min(wanted))] += 1
    case = f"{door.name} with {called} and {token} token"
    if status not in wanted:
        return f"{case}: {status} and not {wanted}: {answer}"
    if status >= 300:
        return None if made.is_as_kept() else f"{case}: {status}, and something was written"
    unchanged = made.is_as_kept()
    made.restore()
    return f"{case}: {status}, and nothing was written" if door.writes and unchanged else None


def test_every_request_with_every_credential_and_every_token_is_answered_as_the_table_says(made: World):
    credentials, shown = keys(made), tokens(made)
    made.keep()
    seen: Counter[str] = Counter()

    async def all_of_them() -> list[str]:
        wrong = []
        for door in DOORS:
            for called, key in credentials.items():
                for token in shown if is_document(door, made) else ("none",):
                    text = shown[token]
                    if (told := await go(made, door, called, key, token, text(door), seen)) is not None:
                        wrong.append(told)
        return wrong

    wrong = asyncio.run(all_of_them())
    assert wrong == []
    assert len(credentials) == 19
    assert len(shown) == 7
    assert seen.keys() == {"200", "401", "403", "404", "409"}
