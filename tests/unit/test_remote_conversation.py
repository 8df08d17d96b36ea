"""What answers of another site's service come down to, however odd they are."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datacatalog.adapters.outgoing.memory import MemoryOutgoing, Sent
from datacatalog.adapters.platforms.agave import AgavePlatform
from datacatalog.adapters.platforms.tapis import TapisPlatform
from datacatalog.adapters.remote.conversation import Conversation, Fixed
from datacatalog.adapters.remote.logins import Login, agave_login, tapis_login
from datacatalog.domain.errors import (
    Conflict,
    DatacatalogError,
    InvalidField,
    Misconfigured,
    NoSuchPath,
    PlatformDown,
    Refused,
    UnknownRecord,
    Unreachable,
)
from datacatalog.ports.outgoing import Reply
from datacatalog.ports.platforms import Platform

URL = "https://tenant.example.org"
TOKEN = secrets.token_hex(16)
MISSING = UnknownRecord("x", "job")


def envelope(result: Any, **more: Any) -> bytes:
    return json.dumps({"status": "success", "message": "", "version": "2", "result": result, **more}).encode()


def speaking(answer: Callable[[Sent], Reply] | Reply) -> tuple[Conversation, MemoryOutgoing]:
    outgoing = MemoryOutgoing(answer=answer if callable(answer) else lambda sent: answer)
    return Conversation(outgoing, URL + "/", Fixed(TOKEN), header="Authorization", scheme="Bearer"), outgoing


def trouble(status: int, body: bytes = b"") -> DatacatalogError:
    """Return what a POST that is answered so raises."""
    conversation, _ = speaking(Reply(status=status, body=body))
    with pytest.raises(DatacatalogError) as raised:
        conversation.send("POST", "/jobs/v2", {}, MISSING, place="job_definition")
    return raised.value


def test_request_carries_the_token_and_goes_below_the_url() -> None:
    conversation, outgoing = speaking(Reply(status=200, body=envelope([])))
    assert conversation.get("/jobs/v2", MISSING, query={"limit": 1}) == []
    (sent,) = outgoing.sent
    assert (sent.method, sent.url) == ("GET", f"{URL}/jobs/v2?limit=1")
    assert sent.headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidField), (401, Misconfigured), (403, Refused), (404, UnknownRecord), (405, InvalidField),
        (409, Conflict), (422, InvalidField), (408, PlatformDown), (425, PlatformDown), (429, PlatformDown),
        (500, PlatformDown), (502, PlatformDown), (503, PlatformDown), (504, PlatformDown), (302, PlatformDown),
    ],
)  # fmt: skip
def test_status_tells_whose_turn_it_is(status: int, error: type[DatacatalogError]) -> None:
    assert type(trouble(status)) is error
    assert trouble(status).retry == (error is PlatformDown)


def test_refusal_names_the_place_and_says_what_the_service_said() -> None:
    said = trouble(400, envelope(None, status="error", message="Invalid appId\x1b[31m\n tacobot9000"))
    assert str(said) == "job_definition: Invalid appId [31m tacobot9000"


def test_message_of_a_service_is_cut() -> None:
    assert len(str(trouble(400, envelope(None, message="x" * 100_000)))) < 400


def test_token_that_is_not_accepted_is_told_as_such_and_never_shown() -> None:
    said = str(trouble(401, envelope(None, message=f"bad Authorization: Bearer {TOKEN}")))
    assert "platform_token of secrets.json" in said
    assert TOKEN not in said


def test_callback_url_in_a_refusal_is_shown_without_its_token() -> None:
    url = f"https://catalog.example.org/actors/v2/a/messages?uuid=1&token={TOKEN}&x-nonce={TOKEN}"
    assert TOKEN not in str(trouble(400, envelope(None, message=f"cannot call {url} back")))


def test_service_that_cannot_be_reached_is_down() -> None:
    def gone(sent: Sent) -> Reply:
        raise Unreachable("nobody answers")

    conversation, _ = speaking(gone)
    with pytest.raises(PlatformDown, match="nobody answers"):
        conversation.get("/jobs/v2", MISSING)
    with pytest.raises(PlatformDown, match="nobody answers"):
        conversation.open("/jobs/v2/1/outputs/media/a", MISSING)


ODD = [
    b"",
    b"<html><body>Welcome</body></html>",
    b"\xff\xfe",
    b"null",
    b"[]",
    b'"success"',
    b'{"status": "success"}',
    b'{"status": "error", "message": "no", "result": {}}',
    b'{"result": {}, "result": {}}',
    b'{"result": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"result": 1e999}',
    envelope(None),
    envelope("text"),
    envelope(17),
    envelope([17]),
    envelope([None]),
    envelope({}),
    envelope([{}]),
    envelope({"id": 17, "uuid": [], "status": {}, "name": None}),
    envelope({"id": "a-1.0", "version": 1, "jobAttributes": [], "status": 5}),
    envelope([{"name": 1, "type": [], "created": "yesterday", "status": "RUNNING", "event": "JOB_NEW_STATUS"}]),
    envelope([{"name": "a/../b", "type": "file", "lastModified": "x"}]),
]  # fmt: skip


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("kind", ["agave", "tapis"])
def test_odd_answer_is_a_platform_that_is_down_and_never_a_crash(kind: str, body: bytes) -> None:
    conversation, _ = speaking(Reply(status=200, body=body))
    for question in questions(kind, conversation):
        with suppress(PlatformDown, NoSuchPath):
            question()


def questions(kind: str, conversation: Conversation) -> list[Callable[[], object]]:
    """Return all that a platform can be asked for."""
    platform: Platform = (
        AgavePlatform(conversation) if kind == "agave" else TapisPlatform(conversation, default_system="data")
    )
    definition = {"appId": "taco-1.0", "name": "n"}
    return [
        lambda: platform.app("taco-1.0"),
        lambda: platform.apps(),
        lambda: platform.submit(definition, key="k"),
        lambda: platform.job("1"),
        lambda: platform.jobs(),
        lambda: platform.jobs(tenant="t"),
        lambda: platform.history("1"),
        lambda: platform.outputs("1"),
        lambda: platform.output("1", "/a"),
        lambda: platform.cancel("1"),
    ]


_NAMES = (
    "id", "uuid", "name", "status", "created", "type", "length", "size", "lastModified", "tags", "event", "eventDetail",
    "appId", "version", "jobAttributes", "parameterSet", "appArgs", "fileInputs", "owner", "archiveSystemDir", "path",
    "execSystemId", "memoryMB", "maxMinutes", "notes",
)  # fmt: skip
_scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "RUNNING", "JOB_NEW_STATUS", "2018-12-07T18:08:37.000-06:00", "dir", "..", "taco"])
)  # fmt: skip
_answers = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=8),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(result=_answers, kind=st.sampled_from(["agave", "tapis"]))
def test_whatever_a_service_answers_is_an_answer_or_a_platform_that_is_down(kind: str, result: Any) -> None:
    conversation, _ = speaking(Reply(status=200, body=envelope(result)))
    for question in questions(kind, conversation):
        with suppress(PlatformDown, NoSuchPath, InvalidField):
            question()


def test_list_that_never_ends_is_read_once() -> None:
    page = envelope([{"id": f"{n}", "name": "n", "status": "RUNNING"} for n in range(100)])
    conversation, outgoing = speaking(Reply(status=200, body=page))
    assert len(AgavePlatform(conversation).jobs(limit=1000)) == 100
    assert len(outgoing.sent) == 2


# ------------------------------------------------------------------------------------------- logins


def answering(*tokens: str, tapis: bool = False) -> Callable[[Sent], Reply]:
    """Answer logins with one token after the other, and questions with 401 to all tokens but the last."""
    left = list(tokens)

    def answer(sent: Sent) -> Reply:
        if sent.url.endswith(("/token", "/tokens")):
            token = {"access_token": left.pop(0), "expires_in": 14400}
            return Reply(
                status=201, body=envelope({"access_token": token}) if tapis else json.dumps(token).encode()
            )
        shown = sent.headers["Authorization"].removeprefix("Bearer ")
        return Reply(status=200, body=envelope("yes")) if shown == tokens[-1] else Reply(status=401)

    return answer


def test_token_that_ran_out_is_renewed_once_and_the_request_sent_again() -> None:
    outgoing = MemoryOutgoing(answer=answering("first", "second"))
    login = Login(agave_login(outgoing, URL, {"client_id": "c", "client_secret": "s"}))
    conversation = Conversation(outgoing, URL, login, header="Authorization", scheme="Bearer")
    assert conversation.get("/a", MISSING) == "yes"
    assert conversation.get("/b", MISSING) == "yes"
    assert [sent.url for sent in outgoing.sent] == [
        f"{URL}/token", f"{URL}/a", f"{URL}/token", f"{URL}/a", f"{URL}/b",
    ]  # fmt: skip
    assert b"grant_type=client_credentials" in outgoing.sent[0].body


def test_account_of_tapis_is_asked_for_a_token_as_json() -> None:
    outgoing = MemoryOutgoing(answer=answering("t", tapis=True))
    assert tapis_login(outgoing, URL, {"username": "tacobot", "password": "p"})() == "t"
    assert json.loads(outgoing.sent[0].body) == {
        "grant_type": "password",
        "username": "tacobot",
        "password": "p",
    }


@pytest.mark.parametrize(
    ("status", "error"), [(400, Misconfigured), (401, Misconfigured), (500, PlatformDown)]
)
def test_login_that_fails_is_told_without_its_secrets(status: int, error: type[DatacatalogError]) -> None:
    outgoing = MemoryOutgoing(answer=lambda sent: Reply(status=status, body=sent.body))
    with pytest.raises(error) as raised:
        agave_login(outgoing, URL, {"username": "u", "password": "canary", "client_id": "c"})()
    assert "canary" not in str(raised.value)


def test_file_is_read_piece_by_piece_and_breaks_off_as_a_platform_that_is_down() -> None:
    conversation, _ = speaking(Reply(status=200, body=b"x" * 200_000))
    with conversation.open("/f", MISSING) as file:
        assert file.read(3) == b"xxx"
        assert len(file.read()) == 199_997
    with pytest.raises(UnknownRecord):
        speaking(Reply(status=404))[0].open("/f", MISSING)
