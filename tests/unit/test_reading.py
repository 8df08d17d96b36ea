"""From bytes and URL parameters to one typed message, or a refusal that tells where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.adapters.schemas import JsonSchemas
from datacatalog.domain.errors import (
    BadMessage,
    ConflictingFields,
    UnknownActor,
)
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.messages import (
    CreatePipeline,
    DeleteJob,
    DeletePipeline,
    IndexJob,
    JobEvent,
    LaunchJob,
    MarkIndexed,
    Message,
    PlatformCallback,
    RestorePipeline,
    UpdatePipeline,
)
from datacatalog.services.dispatch import ACTORS, HANDLERS, actor
from datacatalog.services.reading import Request, delivery_in, one_of, read_document
from tests.shared import REPOSITORY

SCHEMAS = JsonSchemas()
JOB = TypedUuid("107acb4d-1f93-553a-9e1c-b7b58125bc89")
OTHER = TypedUuid("107acb4d-1f93-553a-9e1c-b7b58125bc88")
PIPELINE = TypedUuid("1064aaf1-459c-5e42-820d-b822aa4b3990")
TOKEN = "a-token-of-17-chr"
DOCUMENT = {"name": "Taco", "components": [{"id": "taco", "inputs": {}, "parameters": {}}]}
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

TAPIS = {
    "uuid": "30d70395-d5e9-43a4-ae90-2306b6bb00d6",
    "event": {
        "source": "https://tapis.example.org/jobs",
        "type": "jobs.JOB_NEW_STATUS.RUNNING",
        "data": '{"newJobStatus": "RUNNING"}',
    },
}


def read(to: str, body: Any = b"", **url: str) -> Message:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return actor(to).read(Request(actor=to, body=raw, context=url), SCHEMAS)


def event(**changes: Any) -> dict[str, Any]:
    return {"uuid": JOB, "name": "run", "token": TOKEN, **changes}


READ: dict[str, tuple[str, Any, dict[str, str], Message]] = {
    "JSON event": (
        "jobs-manager",
        event(data={"k": 1}),
        {},
        JobEvent(uuid=JOB, name=Event.RUN, token=TOKEN, data={"k": 1}),
    ),
    "event wrapped as Abaco clients do": (
        "jobs-manager",
        {"message": event()},
        {},
        JobEvent(uuid=JOB, name=Event.RUN, token=TOKEN),
    ),
    "event wrapped as text": (
        "jobs-manager",
        {"message": json.dumps(event())},
        {},
        JobEvent(uuid=JOB, name=Event.RUN, token=TOKEN),
    ),
    "event whose lines are broken as in the published commands": (
        "jobs-manager",
        b'{"uuid": "%s", \\\n    "token": "%s",\\\n "name": "run"}' % (JOB.encode(), TOKEN.encode()),
        {},
        JobEvent(uuid=JOB, name=Event.RUN, token=TOKEN),
    ),
    "event whose token stands in the URL": (
        "jobs-manager",
        {"uuid": JOB, "name": "run"},
        {"token": TOKEN},
        JobEvent(uuid=JOB, name=Event.RUN, token=TOKEN),
    ),
    "event said twice alike": (
        "jobs-manager",
        event(),
        {"uuid": JOB, "event": "RUN", "name": "run", "token": TOKEN},
        JobEvent(uuid=JOB, name=Event.RUN, token=TOKEN),
    ),
    "URL event": (
        "jobs-manager",
        b"",
        {"uuid": JOB, "event": "finish", "token": TOKEN},
        JobEvent(uuid=JOB, name=Event.FINISH, token=TOKEN),
    ),
    "URL event in other spellings": (
        "jobs-manager",
        b" \n",
        {"uuid": JOB.upper().replace("-", ""), "name": "FINISH"},
        JobEvent(uuid=JOB, name=Event.FINISH),
    ),
    "URL event with data": (
        "jobs-manager",
        {"arbitrary": "key value data", "name": "its own"},
        {"uuid": JOB, "event": "finish", "token": TOKEN},
        JobEvent(
            uuid=JOB,
            name=Event.FINISH,
            token=TOKEN,
            data={"arbitrary": "key value data", "name": "its own"},
        ),
    ),
    "URL event with data that repeats the token": (
        "jobs-manager",
        {"uuid": JOB, "token": TOKEN, "surprise": 1},
        {"uuid": JOB, "event": "finish", "token": TOKEN},
        JobEvent(uuid=JOB, name=Event.FINISH, token=TOKEN, data={"uuid": JOB, "surprise": 1}),
    ),
    "URL event with data that has a token of its own": (
        "jobs-manager",
        {"token": "the", "of": "a text"},
        {"uuid": JOB, "event": "finish", "token": TOKEN},
        JobEvent(uuid=JOB, name=Event.FINISH, token=TOKEN, data={"token": "the", "of": "a text"}),
    ),
    "URL event with a note": (
        "jobs-manager",
        b"",
        {"uuid": JOB, "event": "update", "note": "why"},
        JobEvent(uuid=JOB, name=Event.UPDATE, data={"note": "why"}),
    ),
    "callback": (
        "jobs-manager",
        CALLBACK,
        {"uuid": JOB, "token": TOKEN, "status": "${JOB_STATUS}", "note": "${JOB_ERROR}"},
        PlatformCallback(uuid=JOB, token=TOKEN, body=CALLBACK, url_status="${JOB_STATUS}", platform="agave"),
    ),
    "Aloe callback": (
        "jobs-manager",
        {**CALLBACK, "tenantId": "t", "tenantQueue": "q"},
        {"uuid": JOB, "token": TOKEN, "state": "finished", "note": "n"},
        PlatformCallback(
            uuid=JOB,
            token=TOKEN,
            body={**CALLBACK, "tenantId": "t", "tenantQueue": "q"},
            url_status="FINISHED",
            note="n",
            platform="agave",
        ),
    ),
    "notification of Tapis": (
        "jobs-manager",
        TAPIS,
        {"uuid": JOB, "token": TOKEN, "run": "2"},
        PlatformCallback(uuid=JOB, token=TOKEN, body=TAPIS, run=2, platform="tapis"),
    ),
    "callback whose URL names the event": (
        "jobs-manager",
        CALLBACK,
        {"uuid": JOB, "event": "update"},
        JobEvent(uuid=JOB, name=Event.UPDATE, data=CALLBACK),
    ),
    "callback of the URL alone": (
        "jobs-manager",
        b" ",
        {"uuid": JOB, "status": "running"},
        PlatformCallback(uuid=JOB, url_status="RUNNING"),
    ),
    "callback of words of the user": (
        "jobs-manager",
        {"my": "words"},
        {"uuid": JOB, "status": "MY_EVENT"},
        PlatformCallback(uuid=JOB, body={"my": "words"}, url_status="MY_EVENT"),
    ),
    "callback with nothing filled in": (
        "jobs-manager",
        b"",
        {"uuid": JOB, "status": "", "note": "", "token": TOKEN},
        PlatformCallback(uuid=JOB, token=TOKEN),
    ),
    "delete": (
        "jobs-manager",
        {"uuid": JOB, "action": "delete", "force": True},
        {"token": TOKEN},
        DeleteJob(uuid=JOB, token=TOKEN, force=True),
    ),
    "index": (
        "jobs-indexer",
        {"uuid": JOB, "name": "index", "filters": ["a%5C."], "level": "2", "token": TOKEN},
        {},
        IndexJob(uuid=JOB, token=TOKEN, filters=["a%5C."], level="2"),
    ),
    "index by URL and body": (
        "jobs-indexer",
        {"filters": ["a", "b"]},
        {"uuid": JOB, "level": "2", "token": TOKEN, "name": "index"},
        IndexJob(uuid=JOB, token=TOKEN, filters=["a", "b"], level="2"),
    ),
    "index by default": ("jobs-indexer", b"", {"uuid": JOB}, IndexJob(uuid=JOB)),
    "indexed": ("jobs-indexer", {"uuid": JOB, "name": "indexed"}, {}, MarkIndexed(uuid=JOB)),
    "indexed by URL": (
        "jobs-indexer",
        b"",
        {"uuid": JOB, "event": "indexed", "token": TOKEN},
        MarkIndexed(uuid=JOB, token=TOKEN),
    ),
    "create": ("pipelines-manager", DOCUMENT, {}, CreatePipeline(document=DOCUMENT)),
    "document with a token": (
        "pipelines-manager",
        DOCUMENT,
        {"token": TOKEN},
        UpdatePipeline(uuid=None, token=TOKEN, body=DOCUMENT, strategy="replace"),
    ),
    "document with token and uuid": (
        "pipelines-manager",
        DOCUMENT,
        {"token": TOKEN, "uuid": PIPELINE, "action": "update"},
        UpdatePipeline(uuid=PIPELINE, token=TOKEN, body=DOCUMENT, strategy="replace"),
    ),
    "update": (
        "pipelines-manager",
        {"uuid": PIPELINE, "action": "update", "body": {"name": "x"}, "token": TOKEN},
        {},
        UpdatePipeline(uuid=PIPELINE, token=TOKEN, body={"name": "x"}),
    ),
    "disable by URL": (
        "pipelines-manager",
        {},
        {"action": "disable", "uuid": PIPELINE, "token": TOKEN},
        DeletePipeline(uuid=PIPELINE, token=TOKEN),
    ),
    "enable by URL": (
        "pipelines-manager",
        b"",
        {"action": "enable", "uuid": PIPELINE},
        RestorePipeline(uuid=PIPELINE),
    ),
    "retire": (
        "pipelines-manager",
        {"uuid": PIPELINE, "action": "retire"},
        {},
        DeletePipeline(uuid=PIPELINE),
    ),
    "delete a pipeline for good": (
        "pipelines-manager",
        {"uuid": PIPELINE, "action": "delete", "force": True},
        {"action": "delete"},
        DeletePipeline(uuid=PIPELINE, force=True),
    ),
    "undelete": (
        "pipelines-manager",
        {"uuid": PIPELINE, "action": "undelete"},
        {},
        RestorePipeline(uuid=PIPELINE),
    ),
    "launch": (
        "agave-proxy",
        {
            "job_definition": {"appId": "taco-1"},
            "parameters": {"sample_id": ["s"]},
            "data": {"n": 1},
            "instanced": False,
            "index_patterns": ["x"],
            "processing_level": "2",
            "archive_path": "agave://data/x",
        },
        {},
        LaunchJob(
            definition={"appId": "taco-1"},
            linkage={"sample_id": ["s"]},
            data={"n": 1},
            instanced=False,
            index_patterns=["x"],
            processing_level="2",
            archive_path="agave://data/x",
        ),
    ),
    "launch with defaults": (
        "agave-proxy",
        {"job_definition": {"appId": "taco-1"}},
        {},
        LaunchJob(definition={"appId": "taco-1"}, linkage={}),
    ),
}


@pytest.mark.parametrize("name", READ)
def test_message_is_read_as_what_it_says(name: str):
    to, body, url, expected = READ[name]
    assert read(to, body, **url) == expected


def test_every_message_that_can_be_read_has_a_handler():
    assert {type(message) for *_, message in READ.values()} == set(HANDLERS)


CONFLICTS: dict[str, tuple[str, Any, dict[str, str], str]] = {
    "event and name": ("jobs-manager", b"", {"uuid": JOB, "event": "run", "name": "finish"}, "event"),
    "body's name and event": ("jobs-manager", event(), {"event": "finish"}, "name"),
    "body's uuid and URL's": ("jobs-manager", event(), {"uuid": OTHER}, "uuid"),
    "body's token and URL's": ("jobs-manager", event(), {"token": TOKEN[:-1]}, "token"),
    "status and state": ("jobs-manager", CALLBACK, {"uuid": JOB, "status": "A", "state": "B"}, "status"),
    "delete's uuid": ("jobs-manager", {"uuid": JOB, "action": "delete"}, {"uuid": OTHER}, "uuid"),
    "index's level": ("jobs-indexer", {"level": "1"}, {"uuid": JOB, "level": "2"}, "level"),
    "index's name": ("jobs-indexer", {"name": "index"}, {"uuid": JOB, "event": "indexed"}, "name"),
    "index's uuid": ("jobs-indexer", {"uuid": JOB}, {"uuid": OTHER}, "uuid"),
    "index's token": ("jobs-indexer", {"uuid": JOB, "token": TOKEN}, {"token": "x" * 17}, "token"),
    "pipeline's action": (
        "pipelines-manager",
        {"uuid": PIPELINE, "action": "retire"},
        {"action": "enable"},
        "action",
    ),
    "pipeline's token": (
        "pipelines-manager",
        {"uuid": PIPELINE, "action": "retire", "token": TOKEN},
        {"token": "x" * 17},
        "token",
    ),
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_two_different_values_for_one_field_are_refused(name: str):
    to, body, url, field = CONFLICTS[name]
    with pytest.raises(ConflictingFields) as refused:
        read(to, body, **url)
    assert refused.value.field == field


def test_unknown_actor_has_no_reader():
    with pytest.raises(UnknownActor):
        actor("cook")


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b"", None),
        (b" \r\n\t", None),
        (b"{}", {}),
        (b'{"message": {}}', {}),
        (b'{"message": {"a": 1}, "b": 2}', {"message": {"a": 1}, "b": 2}),
        (b'{"message": [1]}', {"message": [1]}),
    ],
)
def test_body_is_unwrapped_once_where_message_is_all_it_has(body: bytes, document: object):
    assert read_document(body) == document


@given(st.lists(st.none() | st.just("") | st.sampled_from("ab"), max_size=4))
def test_one_of_several_is_the_one_that_is_given(values):
    given_ones = {v for v in values if v}
    if len(given_ones) > 1:
        with pytest.raises(ConflictingFields):
            one_of("field", *values)
    else:
        assert one_of("field", *values) == next(iter(given_ones), None)


NAMES = st.sampled_from(
    ["uuid", "name", "event", "token", "status", "state", "action", "level", "note", "data"]
)
WORDS = st.sampled_from([JOB, PIPELINE, "run", "index", TOKEN, "delete", "update", "${JOB_STATUS}", "", "é"])
VALUES = WORDS | st.none() | st.integers() | st.just({"$gt": ""}) | st.lists(WORDS, max_size=2)


@given(
    to=st.sampled_from(sorted(ACTORS)),
    body=st.none() | st.dictionaries(NAMES | st.text(max_size=3), VALUES, max_size=5) | VALUES,
    url=st.dictionaries(NAMES, WORDS, max_size=5),
)
def test_whatever_arrives_is_read_or_refused(to, body, url):
    try:
        message = read(to, b"" if body is None else body, **url)
    except BadMessage:
        return
    assert not message.trusted
    assert message.token is None or message.token in (url.get("token"), (body or {}).get("token"))


def test_delivery_of_a_tapis_notification_is_told_by_its_uuid_and_whatever_else_it_says():
    def named(body: Any, **url: str) -> str | None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return delivery_in(Request(actor="jobs-manager", body=raw, context=url), SCHEMAS)

    first = named(TAPIS, uuid=JOB)
    assert first is not None
    assert first.startswith(f"tapis:{TAPIS['uuid']}:")
    assert first == named(TAPIS, uuid=JOB)
    others = {
        named(TAPIS, uuid="another"),
        named({**TAPIS, "uuid": "another"}, uuid=JOB),
        named({**TAPIS, "more": 1}),
    }
    assert len({first, None, *others}) == 5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"event": ',
        b'"event"',
        CALLBACK,
        {"uuid": JOB, "name": "run"},
        {"event": {"type": "a.b.c"}},
    ],
)
def test_any_other_message_has_no_delivery_in_its_body(body: Any):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert delivery_in(Request(actor="jobs-manager", body=raw, context={"uuid": JOB}), SCHEMAS) is None


EXAMPLES = sorted((REPOSITORY / "reactors").glob("*/messages/*.json"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_example_of_a_reactor_is_understood_by_its_actor(example: Path):
    to = example.parts[-3]
    told_by_url = to == "jobs-manager" and example.stem in ("callback", "notification", "data")
    url = {"uuid": JOB, "status": "${JOB_STATUS}"} if told_by_url else {}
    assert read(to, example.read_bytes(), **url)


def test_every_reactor_has_examples():
    assert {path.parts[-3] for path in EXAMPLES} == ACTORS.keys()
