"""What cannot be taken is refused with its place, and nothing at all is written."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from datacatalog.domain.jobs.lifecycle import State
from datacatalog.services.dispatch import ACTORS
from tests.acceptance.site import Site, refused

NOBODY = "107acb4d-1f93-553a-9e1c-b7b58125bc89"
TOKEN = "x" * 17
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


BYTES: dict[str, bytes] = {
    "cut off": b'{"uuid": "107',
    "form": b"uuid=1&name=run",
    "plain words": b"run",
    "key twice": b'{"name": "run", "name": "run"}',
    "key twice, deep": b'{"data": {"a": 1, "a": 2}}',
    "NaN": b'{"data": {"a": NaN}}',
    "Infinity": b'{"data": {"a": -Infinity}}',
    "1e999": b'{"data": {"a": 1e999}}',
    "65 bits": b'{"data": {"a": 18446744073709551616}}',
    "5,000 digits": b'{"data": {"a": ' + b"7" * 5000 + b"}}",
    "half a surrogate pair": rb'{"data": {"a": "\ud800"}}',
    "half a pair as key": rb'{"data": {"\udfff": 1}}',
    "NUL": rb'{"data": {"a": "\u0000"}}',
    "NUL as key": rb'{"data": {"\u0000": 1}}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"name": "run"}'.encode("utf-16"),
    "Latin-1": '{"name": "é"}'.encode("latin-1"),
    "deep": b'{"data": ' + b"[" * 100 + b"]" * 100 + b"}",
    "a megabyte deep": b"[" * 1_000_000,
    "gzip": gzip.compress(b'{"name": "run"}'),
    "a list": b"[]",
    "a text": b'"run"',
    "a number": b"1",
    "true": b"true",
    "null": b"null",
    "wrapped number": b'{"message": 7}',
    "wrapped rubbish": b'{"message": "{rubbish"}',
}


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("name", BYTES)
def test_body_that_is_no_sound_json_object_is_refused(site: Site, actor: str, name: str):
    before = site.dump()
    result = refused(site.send(actor, BYTES[name]), 400)
    assert result["errors"], "a place is named"
    assert site.dump() == before


@pytest.mark.parametrize("name", BYTES)
def test_such_a_body_is_refused_beside_a_sound_url_too(site: Site, name: str):
    job = site.job()
    before = site.dump()
    answer = site.send("jobs-manager", BYTES[name], uuid=job.job.uuid, event="run", token=job.token)
    if name == "wrapped number":
        assert answer.status_code == 200, "it is an object, and so the event's data"
    else:
        refused(answer, 400)
        assert site.dump() == before


# -------------------------------------------------------------------------------- who is addressed


@pytest.mark.parametrize("actor", ["cook", "JOBS-MANAGER", "jobs-manager.dev", "jobs-manager ", "%00", "é"])
def test_unknown_actor_is_said_to_be_unknown(site: Site, actor: str):
    before = site.dump()
    assert refused(site.send(actor, {"name": "run"}), 404)["code"] == "unknown-actor"
    assert site.dump() == before


@pytest.mark.parametrize(
    ("uuid", "http"),
    [
        (NOBODY, 404),
        (f"uri:urn:{NOBODY}", 404),
        ("1064aaf1-459c-5e42-820d-b822aa4b3990", 400),
        ("999acb4d-1f93-553a-9e1c-b7b58125bc89", 400),
        ("107acb4d-1f93-553a-9e1c-b7b58125bc8", 400),
        ("107acb4d-1f93-553a-9e1c-b7b58125bc89\n", 400),
        ("107acb4d-1f93-553a-9e1c-b7b58125bc8٣", 400),
        ("", 400),
        ("x" * 10_000, 400),
    ],
)
@pytest.mark.parametrize("way", ["event", "url", "callback", "delete", "index", "indexed"])
def test_unknown_or_impossible_job_is_refused(site: Site, uuid: str, http: int, way: str):
    before = site.dump()
    answer = {
        "event": lambda: site.send("jobs-manager", {"uuid": uuid, "name": "run", "token": TOKEN}),
        "url": lambda: site.send("jobs-manager", uuid=uuid, event="run", token=TOKEN),
        "callback": lambda: site.send("jobs-manager", CALLBACK, uuid=uuid, token=TOKEN),
        "delete": lambda: site.send("jobs-manager", {"uuid": uuid, "action": "delete", "token": TOKEN}),
        "index": lambda: site.send("jobs-indexer", uuid=uuid, token=TOKEN),
        "indexed": lambda: site.send("jobs-indexer", {"uuid": uuid, "name": "indexed", "token": TOKEN}),
    }[way]()
    refused(answer, http)
    assert site.dump() == before


def test_published_event_for_an_unknown_job_is_refused_as_unknown(site: Site):
    body = {"uuid": "10797ce0-d130-a738-60d5-9e854adc67dd", "data": {"k": "v"}, "name": "run", "token": TOKEN}
    assert refused(site.send("jobs-manager", body), 404)["code"] == "unknown-record"


# ------------------------------------------------------------------------------- contradictions


@pytest.mark.parametrize(
    "query",
    [
        [("event", "run"), ("event", "fail")],
        [("event", "run"), ("name", "fail")],
        [("event", "run"), ("uuid", NOBODY)],
        [("event", "run"), ("token", TOKEN)],
        [("event", "run"), ("note", "a"), ("note", "b")],
        [("event", "run"), ("x-nonce", "TACC_other")],
        [("status", "RUNNING"), ("state", "FAILED")],
    ],
)
def test_two_values_for_one_field_of_the_url_are_refused(site: Site, query: list[tuple[str, str]]):
    job = site.job()
    sent = [("x-nonce", site.catalog.nonce), ("uuid", job.job.uuid), ("token", job.token), *query]
    before = site.dump()
    answer = site.client.post("/actors/v2/jobs-manager/messages", params=sent)
    assert refused(answer, 400)["code"] == "conflicting-fields"
    assert "TACC" not in answer.text
    assert site.dump() == before


def test_the_same_value_twice_is_no_contradiction(site: Site):
    job = site.job()
    sent = [("x-nonce", site.catalog.nonce), ("uuid", job.job.uuid), ("token", job.token)]
    answer = site.client.post("/actors/v2/jobs-manager/messages", params=[*sent, *sent, ("event", "run")])
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "query", [{"event": "fail"}, {"name": "fail"}, {"uuid": NOBODY}, {"token": TOKEN}, {"event": "runn"}]
)
def test_body_and_url_that_differ_are_refused(site: Site, query: dict[str, str]):
    job = site.job()
    before = site.dump()
    body = {"uuid": job.job.uuid, "name": "run", "token": job.token}
    result = refused(site.send("jobs-manager", body, **query), 400)
    assert result["code"] == "conflicting-fields"
    assert site.dump() == before


# ---------------------------------------------------------------------------------- wrong events


@pytest.mark.parametrize("name", ["runn", "FINISHED", "delete", "purge", "updated", "$where", "", "run\n"])
@pytest.mark.parametrize("way", ["body", "event", "name"])
def test_unknown_event_is_refused(site: Site, name: str, way: str):
    job = site.job()
    before = site.dump()
    said = {"uuid": job.job.uuid, "token": job.token}
    answer = (
        site.send("jobs-manager", {**said, "name": name})
        if way == "body"
        else site.send("jobs-manager", **said, **{way: name})
    )
    refused(answer, 400)
    assert site.dump() == before


@pytest.mark.parametrize("way", ["body", "url"])
@pytest.mark.parametrize("admin", [False, True])
def test_reserved_event_is_refused_whoever_sends_it(site: Site, way: str, admin: bool):
    job = site.job()
    token = site.admin() if admin else job.token
    before = site.dump()
    said = {"uuid": job.job.uuid, "token": token, "name": "create"}
    answer = site.send("jobs-manager", said) if way == "body" else site.send("jobs-manager", **said)
    assert refused(answer, 403)["code"] == "reserved-event"
    assert site.dump() == before


@pytest.mark.parametrize("actor", ["jobs-manager", "jobs-indexer"])
@pytest.mark.parametrize("state", [State.CREATED, State.RUNNING, State.FAILED, State.RETIRED, State.RESET])
def test_indexing_where_the_lifecycle_does_not_allow_it_is_refused(site: Site, actor: str, state: State):
    job = site.job(state)
    before = site.dump()
    for name in ("index", "indexed"):
        answer = site.send(actor, uuid=job.job.uuid, token=job.token, name=name)
        assert refused(answer, 409)["code"] == "illegal-transition"
    assert site.dump() == before


@pytest.mark.parametrize(
    "data",
    [
        {"filters": 7},
        {"filters": "text"},
        {"filters": {"$gt": ""}},
        {"filters": [7]},
        {"filters": [None]},
        {"filters": ["("]},
        {"filters": ["(a|b)*\\1"]},
        {"filters": ["x"] * 1000},
        {"filters": [{"patterns": "x"}]},
        {"filters": [{"$gt": ""}]},
        {"level": 7},
        {"level": "9"},
        {"level": {"$gt": ""}},
        {"level": ["1"]},
    ],
)
def test_index_event_with_filters_or_level_that_cannot_be_used_is_refused(site: Site, data: dict[str, Any]):
    job = site.job(State.FINISHED)
    before = site.dump()
    refused(site.event(job, "index", data=data), 400)
    body = {"uuid": job.job.uuid, "token": job.token, **data}
    refused(site.send("jobs-indexer", body), 400)
    assert site.dump() == before


# ------------------------------------------------------------------------------------------ size


def test_body_over_the_limit_is_refused_whether_its_length_is_said_or_not(new_site):
    site = new_site(gateway={"max_body_bytes": 2048})
    job = site.job()
    body = json.dumps({"uuid": job.job.uuid, "name": "run", "token": job.token, "data": {"a": "x" * 4000}})
    before = site.dump()

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 100):
            yield body[start : start + 100].encode()

    url = f"/actors/v2/jobs-manager/messages?x-nonce={site.catalog.nonce}"
    for content in (body, pieces()):
        assert refused(site.client.post(url, content=content), 413)["code"] == "too-large"
    assert site.dump() == before
    fitting = body.replace("x" * 4000, "x" * 1800)
    assert site.client.post(url, content=fitting).status_code == 200


@pytest.mark.parametrize("length", ["²", "9" * 5000, "-1", "1e3"])
def test_length_that_is_no_number_is_no_error_of_ours(site: Site, length: str):
    answer = site.send("jobs-manager", b"{}", headers={"Content-Length": length.encode("latin-1")})  # type: ignore[dict-item]
    assert 400 <= answer.status_code < 500
