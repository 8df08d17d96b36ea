"""What cannot be read is refused with the place and the reason, and with nobody's token."""

from __future__ import annotations

from typing import Any

import pytest

from datacatalog.domain.errors import BadMessage, ConflictingFields, InvalidField, InvalidJson, InvalidMessage
from datacatalog.services.dispatch import ACTORS
from tests.unit.test_reading import CALLBACK, DOCUMENT, JOB, PIPELINE, TOKEN, event, read

REFUSED: dict[str, tuple[str, Any, dict[str, str], type[BadMessage], str]] = {
    "nothing": ("jobs-manager", b"", {}, BadMessage, "no actionable event"),
    "uuid alone": ("jobs-manager", b"", {"uuid": JOB}, BadMessage, "no actionable event"),
    "event alone": ("jobs-manager", b"", {"event": "run"}, InvalidField, "a job UUID is required"),
    "status alone": ("jobs-manager", b"", {"status": "X"}, InvalidField, "a job UUID is required"),
    "callback without uuid": ("jobs-manager", CALLBACK, {}, InvalidField, "a job UUID is required"),
    "unknown event": ("jobs-manager", b"", {"uuid": JOB, "event": "runn"}, InvalidField, "'runn' is no event"),
    "uuid of a pipeline": ("jobs-manager", b"", {"uuid": PIPELINE, "event": "run"}, InvalidField, "pipeline, not"),
    "uuid of none": ("jobs-manager", b"", {"uuid": "x", "event": "run"}, InvalidField, "not a UUID"),
    "event with a field too many": ("jobs-manager", event(state="FINISHED"), {}, InvalidMessage, "'state'"),
    "event of no name": ("jobs-manager", {"uuid": JOB}, {}, InvalidMessage, "'name' is a required"),
    "event in capitals": ("jobs-manager", event(name="RUN"), {}, InvalidMessage, "'RUN' is none of"),
    "event's short token": ("jobs-manager", event(token="x"), {}, InvalidMessage, "too short"),
    "event's data as text": ("jobs-manager", event(data="x"), {}, InvalidMessage, "/data"),
    "a list": ("jobs-manager", [event()], {}, InvalidMessage, "must be a JSON object"),
    "a text": ("jobs-manager", "run", {}, InvalidMessage, "must be a JSON object"),
    "a number": ("jobs-manager", 7, {}, InvalidMessage, "must be a JSON object"),
    "null": ("jobs-manager", None, {}, InvalidMessage, "must be a JSON object"),
    "no JSON": ("jobs-manager", b"uuid=1&name=run", {}, InvalidJson, "not acceptable as JSON"),
    "line broken within a text": ("jobs-manager", b'{"uuid": "a\\\nb"}', {}, InvalidJson, "control character"),
    "line broken before its end": ("jobs-manager", b'{"uuid": \\ \n"a"}', {}, InvalidJson, "not acceptable"),
    "wrapped without JSON": ("jobs-manager", {"message": "{run}"}, {}, InvalidJson, "not acceptable"),
    "wrapped text": ("jobs-manager", {"message": "run"}, {}, InvalidMessage, "'message' was unexpected"),
    "nothing known beside a uuid": ("jobs-manager", {"x": 1}, {"uuid": JOB}, InvalidMessage, "'x' was unexpected"),
    "update that is none": (
        "pipelines-manager",
        {"uuid": PIPELINE, "action": "update", "body": {"surprise": 1}},
        {},
        InvalidMessage,
        "/body: Additional properties",
    ),
    "update of another": (
        "pipelines-manager",
        {"uuid": PIPELINE, "action": "update", "body": {"uuid": "106" + JOB[3:]}},
        {},
        ConflictingFields,
        "uuid: is given twice",
    ),
    "index of nothing": ("jobs-indexer", b"", {}, InvalidMessage, "'uuid' is a required"),
    "filter that is none": ("jobs-indexer", {"uuid": JOB, "filters": [7]}, {}, InvalidMessage, "/filters/0"),
    "level that is none": ("jobs-indexer", b"", {"uuid": JOB, "level": "9"}, InvalidMessage, "/level"),
    "index named otherwise": ("jobs-indexer", b"", {"uuid": JOB, "name": "run"}, InvalidMessage, "/name"),
    "index named by a number": ("jobs-indexer", {"uuid": JOB, "name": 7}, {}, InvalidMessage, "/name"),
    "no pipeline": ("pipelines-manager", b"", {}, BadMessage, "neither a pipeline document nor an action"),
    "empty pipeline": ("pipelines-manager", {}, {}, BadMessage, "neither"),
    "pipeline without parts": ("pipelines-manager", {"name": "x"}, {}, InvalidMessage, "components"),
    "unknown action": ("pipelines-manager", b"", {"action": "explode", "uuid": PIPELINE}, InvalidField, "no action"),
    "action on nothing": ("pipelines-manager", b"", {"action": "retire"}, InvalidField, "pipeline UUID is required"),
    "action on a job": ("pipelines-manager", b"", {"action": "retire", "uuid": JOB}, InvalidField, "not a pipeline"),
    "action with a document": ("pipelines-manager", DOCUMENT, {"action": "retire"}, InvalidField, "cannot be done"),
    "create with a token": (
        "pipelines-manager",
        DOCUMENT,
        {"action": "create", "token": TOKEN},
        InvalidField,
        "cannot be done",
    ),
    "launch of nothing": ("agave-proxy", b"", {}, InvalidMessage, "job_definition"),
    "launch of an old form": (
        "agave-proxy",
        {"collection": "experiment", "job_definition": {}},
        {},
        InvalidMessage,
        "'collection' was unexpected",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_the_reason(name: str):
    to, body, url, error, reason = REFUSED[name]
    with pytest.raises(error) as refused:
        read(to, body, **url)
    assert reason in str(refused.value)
    assert refused.value.http == 400


@pytest.mark.parametrize(("to", "body"), [(n, {"surprise": 1}) for n in ACTORS])
def test_refusal_tells_per_schema_where_it_did_not_fit(to: str, body: dict[str, Any]):
    with pytest.raises(InvalidMessage) as refused:
        read(to, body)
    assert {c["schema"] for c in refused.value.complaints} == set(ACTORS[to].accepts)
    assert all(c["path"].startswith("/") and c["message"] for c in refused.value.complaints)


@pytest.mark.parametrize("to", ACTORS)
@pytest.mark.parametrize("token", ["sixteen-secret-s", "seventeen-secret-", "short-secret", "secret" * 9])
def test_refusal_does_not_repeat_a_token(to: str, token: str):
    for body, url in (
        ({"uuid": JOB, "name": "run", "token": token, "surprise": 1}, {}),
        ({"uuid": PIPELINE, "action": "update", "token": token}, {"action": "explode"}),
        ({"surprise": {"token": token}, "token": [token]}, {"uuid": "x", "token": token}),
        (DOCUMENT | {"uuid": JOB}, {"token": token, "action": "retire"}),
    ):
        with pytest.raises(BadMessage) as refused:
            read(to, body, **url)
        assert "secret" not in str(refused.value) + str(refused.value.complaints)
