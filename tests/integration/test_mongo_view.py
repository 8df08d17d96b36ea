"""What a piece of work sees of MongoDB is what will be there once it has been committed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datacatalog.adapters.stores.mongo import schema
from datacatalog.adapters.stores.mongo.applying import apply
from datacatalog.adapters.stores.mongo.client import Server
from datacatalog.adapters.stores.mongo.overlay import Layer, Ranks
from datacatalog.adapters.stores.mongo.session import Session
from datacatalog.adapters.stores.mongo.view import Document
from tests.integration.mongo_databases import database, needs_mongodb

pytestmark = [needs_mongodb, pytest.mark.service]

KEYS = ["a", "b", "c", "d", "e"]
COLLECTIONS = ["progress", "samples"]

values = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.sampled_from(["", "x", "y", "é", "\U0001f9ec"]),
    st.lists(st.sampled_from(["x", "y"]), max_size=2),
)
fields = st.dictionaries(st.sampled_from(["m", "n"]), values, max_size=2)
plain = st.one_of(st.none(), st.integers(-2, 2), st.sampled_from(["", "x", "é"]))
ordered = st.one_of(st.integers(-2, 2), st.sampled_from(["", "x", "é"]))
asked = st.one_of(
    plain,
    st.builds(
        lambda operator, value: {operator: value}, st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), ordered
    ),
    st.builds(lambda low, high: {"$gte": low, "$lt": high}, ordered, ordered),
    st.builds(lambda value: {"$ne": value}, plain),
    st.builds(lambda several: {"$in": several}, st.lists(plain, max_size=2)),
)
simple = st.dictionaries(st.sampled_from(["m", "n"]), asked, max_size=2)
filters = st.one_of(
    simple,
    st.builds(lambda one, more: {**one, "$or": more}, simple, st.lists(simple, min_size=1, max_size=2)),
)
writes = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(KEYS), fields),
    st.tuples(st.just("set"), st.sampled_from(KEYS), fields),
    st.tuples(st.just("drop"), st.sampled_from(KEYS), st.just({})),
)
several_writes = st.lists(writes, max_size=6)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with database() as url:
        server = Server(url)
        schema.prepare(server)
        yield server
        server.close()


def session_of(server: Server, below: Layer | None = None) -> Session:
    return Session(server, below or Layer(), Ranks(), may_write=True)


def write(session: Session, collection: str, steps: list[tuple[str, str, Document]]) -> None:
    for kind, key, document in steps:
        if kind == "put":
            session.put(collection, key, document, touched=[])
        elif kind == "set":
            session.set(collection, key, document, touched=[])
        else:
            session.drop(collection, key, touched=[])


def answers(session: Session, collection: str, where: Mapping[str, Any], limit: int | None) -> list[object]:
    key = schema.key_field(collection)
    return [
        [session.get(collection, each, seen="") for each in KEYS],
        session.many(collection, [*KEYS, "z"], seen=[]),
        session.find(collection, where, sort=[(key, 1)], limit=limit, seen=[]),
        session.find(collection, where, sort=[(key, -1)], limit=limit, seen=[]),
        [each.get("m") for each in session.find(collection, where, sort=[(key, 1)], fields=["m"], seen=[])],
        session.count(collection, where, seen=[]),
    ]


def cleared(server: Server, collection: str) -> None:
    server.collection(collection).delete_many({})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    collection=st.sampled_from(COLLECTIONS),
    before=several_writes,
    below=several_writes,
    own=several_writes,
    where=filters,
    limit=st.one_of(st.none(), st.integers(0, 4)),
)
def test_work_sees_the_state_that_its_commit_makes(
    server: Server,
    collection: str,
    before: list[tuple[str, str, Document]],
    below: list[tuple[str, str, Document]],
    own: list[tuple[str, str, Document]],
    where: Mapping[str, Any],
    limit: int | None,
) -> None:
    cleared(server, collection)
    first = session_of(server)
    write(first, collection, before)
    apply(server, 1, first.layer)
    others = Session(server, Layer(), Ranks(), may_write=True)
    write(others, collection, below)
    mine = session_of(server, others.layer)
    write(mine, collection, own)
    seen = answers(mine, collection, where, limit)
    others.layer.take(mine.layer)
    apply(server, 2, others.layer)
    assert answers(session_of(server), collection, where, limit) == seen
    apply(server, 2, others.layer)  # by somebody else, who did not know that it was done
    apply(server, 1, first.layer)  # late
    assert answers(session_of(server), collection, where, limit) == seen


def test_ranks_are_above_all_before_and_numbered_by_their_commit(server: Server) -> None:
    cleared(server, "progress")
    session = session_of(server)
    for key in ("b", "a"):
        session.put("progress", key, {"rank": session.rank()}, touched=[])
    found = session.find("progress", {}, sort=[("rank", 1)], seen=[])
    assert [each["_id"] for each in found] == ["b", "a"]
    session.set("progress", "b", {"more": 1}, touched=[])
    again = session.get("progress", "a", seen="")
    assert again is not None
    session.put("progress", "c", again, touched=[])
    apply(server, 3, session.layer)
    later = session_of(server).find("progress", {}, sort=[("rank", 1), ("_id", 1)], seen=[])
    assert [(each["_id"], each["rank"] - (3 << 20)) for each in later] == [("b", 0), ("a", 1), ("c", 1)]


def test_what_was_put_and_returned_is_not_shared(server: Server) -> None:
    cleared(server, "progress")
    session = session_of(server)
    mine: Document = {"list": ["x"]}
    session.put("progress", "a", mine, touched=[])
    mine["list"].append("y")
    found = session.get("progress", "a", seen="")
    assert found == {"_id": "a", "list": ["x"]}
    found["list"].append("z")
    assert session.get("progress", "a", seen="") == {"_id": "a", "list": ["x"]}


@pytest.mark.parametrize(
    "act", [lambda view: view.put("progress", "a", {}, touched=[]), lambda view: view.rank()]
)
def test_view_to_read_is_not_written_to(server: Server, act: Callable[[Session], object]) -> None:
    view = Session(server, Layer(), Ranks(), may_write=False)
    with pytest.raises(RuntimeError):
        act(view)
