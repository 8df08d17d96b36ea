"""Whatever is sent, the answer is one that was meant; and what is taken is kept as it was sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datacatalog.adapters.schemas import JsonSchemas
from datacatalog.domain.jobs.lifecycle import Event, State
from tests.acceptance.site import Site, from_elsewhere
from tests.harness import PIPELINE
from tests.unit.schema_material import ACTORS, JSON_VALUES, documents_of, nearly_right, our_schema

SCHEMAS = JsonSchemas()
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
KEPT = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def bodies(actor: str) -> st.SearchStrategy[Any]:
    """Return bodies that an actor might take, and some that it never will."""
    fitting = st.one_of([documents_of(our_schema(SCHEMAS, name)) for name in ACTORS[actor]])
    return fitting | nearly_right(fitting) | JSON_VALUES


@pytest.fixture(scope="module")
def known(shared_site: Site) -> Mapping[str, Any]:
    """What the store knows: things that messages may name."""
    job = shared_site.job(State.FINISHED)
    return {"uuid": job.job.uuid, "token": job.token, "pipeline": shared_site.pipeline}


def named(document: Any, known: Mapping[str, Any], actor: str) -> Any:
    """Let a document name what is there, so that it gets further than to its UUID."""
    if isinstance(document, dict) and isinstance(document.get("uuid"), str):
        document = {**document, "uuid": known["pipeline" if actor == "pipelines-manager" else "uuid"]}
    if isinstance(document, dict) and isinstance(document.get("token"), str):
        document = {**document, "token": known["token"]}
    if isinstance(document, dict) and isinstance(document.get("job_definition"), dict):
        document = {**document, "job_definition": {**document["job_definition"], "appId": PIPELINE["id"]}}
    return document


@pytest.mark.parametrize("actor", ACTORS)
def test_no_message_is_answered_with_an_error_of_ours(
    shared_site: Site, known: Mapping[str, Any], actor: str
):
    words = st.sampled_from(
        [
            known["uuid"],
            known["pipeline"],
            known["token"],
            "x" * 17,
            "index",
            "finish",
            "FINISHED",
            "2",
            "update",
            "é",
        ]
    )
    urls = st.dictionaries(
        st.sampled_from(["uuid", "event", "name", "token", "status", "state", "note", "action", "level"]),
        words | TEXT,
        max_size=4,
    )

    @settings(max_examples=60)
    @given(document=bodies(actor), url=urls, right=st.booleans())
    def sent(document: Any, url: dict[str, str], right: bool) -> None:
        from_elsewhere(shared_site)
        body = json.dumps(named(document, known, actor) if right else document)
        answer = shared_site.send(actor, body, **url)
        assert answer.status_code in (200, 201, 202, 400, 403, 404, 409), (body, url, answer.text)
        assert answer.json()["status"] == ("success" if answer.status_code < 400 else "error")

    sent()


@settings(max_examples=60)
@given(data=st.dictionaries(TEXT, KEPT, max_size=4), in_url=st.booleans())
def test_what_comes_with_an_event_is_kept_as_it_was_sent(
    shared_site: Site, data: dict[str, Any], in_url: bool
):
    job = shared_site.job()
    body: dict[str, Any] = (
        data if in_url else {"uuid": job.job.uuid, "name": "update", "token": job.token, "data": data}
    )
    query = {"uuid": job.job.uuid, "event": "update", "token": job.token} if in_url else {}
    text = json.dumps(body, ensure_ascii=False)
    answer = shared_site.send("jobs-manager", text.encode(), **query)
    if in_url and set(data) == {"message"}:
        return  # such a body is unwrapped
    assert answer.status_code == 200, answer.text
    kept = shared_site.catalog.history(job.job.uuid)[-1]
    assert (kept["name"], kept["data"]) == ("update", data)


@settings(max_examples=40)
@given(note=TEXT)
def test_note_of_the_url_is_kept_as_it_was_sent(shared_site: Site, note: str):
    job = shared_site.job()
    query = {"uuid": job.job.uuid, "event": Event.UPDATE.value, "token": job.token, "note": note}
    assert shared_site.send("jobs-manager", "", **query).status_code == 200
    assert shared_site.catalog.history(job.job.uuid)[-1]["data"] == ({"note": note} if note else None)
