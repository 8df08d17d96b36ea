"""Ids of platforms, and their URLs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers.platforms import (
    actor_id,
    actor_url,
    agave_kind,
    agent_url,
    app_url,
    execution_id,
    execution_url,
    is_actor_id,
    is_app_id,
    is_nonce_id,
    job_url,
    nonce_id,
    system_url,
    task_url,
)

API = "https://api.example.org"
JOB = "7381691026605150696-242ac11b-0001-007"
entropy = st.binary(min_size=16, max_size=16)


@pytest.mark.parametrize("text", ["G1p783PxpalBB", "gOvQRGRVPPOzZ", "EkBWRvV1gKG1a", "D0ZxR0wPLpoJA"])
def test_id_that_a_platform_gave_is_one(text: str) -> None:
    assert is_actor_id(text)


@pytest.mark.parametrize("text", ["", "meep", "jobs-manager.prod", "D0ZxR0wPLpoJB", "a" * 100_000])
def test_other_text_is_no_actor_id(text: str) -> None:
    assert not is_actor_id(text)


@given(entropy)
def test_minted_ids_read_as_what_they_are(drawn: bytes) -> None:
    assert is_actor_id(actor_id(drawn.hex()))
    assert is_nonce_id(nonce_id("sd2e.org", drawn))
    assert nonce_id("sd2e.org", drawn).startswith("SD2E_")
    assert not is_actor_id(nonce_id("sd2e", drawn))


@given(entropy, entropy, st.integers(0, 15))
def test_nonces_differ_wherever_their_bits_do(one: bytes, other: bytes, cut: int) -> None:
    near = one[:cut] + other[cut:]
    assert (nonce_id("sd2e", one) == nonce_id("sd2e", near)) == (one == near)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2200, 1, 1)), st.binary(min_size=6, max_size=6))
def test_execution_id_is_24_hex_digits_that_grow_with_time(at: datetime, drawn: bytes) -> None:
    at = at.replace(tzinfo=UTC)
    assert re.fullmatch("[0-9a-f]{24}", execution_id(at, drawn))
    assert execution_id(at, drawn) < execution_id(at + timedelta(milliseconds=2), bytes(6))


@pytest.mark.parametrize("drawn", [b"", bytes(8), bytes(17)])
def test_other_than_128_bits_make_no_id(drawn: bytes) -> None:
    with pytest.raises(ValueError):
        nonce_id("sd2e", drawn)


@pytest.mark.parametrize("tenant", ["", "a_b", "../x", ".org"])
def test_tenant_that_is_no_plain_word_is_refused(tenant: str) -> None:
    with pytest.raises(InvalidField):
        nonce_id(tenant, bytes(16))


def test_actor_keeps_its_id() -> None:
    assert actor_id("jobs-manager") == actor_id("jobs-manager") == "lOR6vlaZR0JkA"
    assert actor_id("jobs-manager") != actor_id("jobs-indexer")


@pytest.mark.parametrize(
    "text", ["tacobot9000-0.1.0u1", "urrutia-novel_chassis_app-0.1.0", "fcs-etl-0.3.6u12", "a.b-c_d-10.0"]
)
def test_name_and_version_make_an_app_id(text: str) -> None:
    assert is_app_id(text)


@pytest.mark.parametrize(
    "text",
    ["", "tacobot", "tacobot-u1", "taco bot-0.1.0", "tacobot-0.1.0u", "tacobot-0.1.0\n", "x" * 60 + "-0.1.0", JOB],
)  # fmt: skip
def test_other_text_is_no_app_id(text: str) -> None:
    assert not is_app_id(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (JOB, "job"),
        ("6874237679603805720-242ac11b-0001-002", "file"),
        ("6874237679603805720-242ac11b-0001-005", "app"),
        ("6874237679603805720-242ac11b-0001-006", "system"),
        ("6874237679603805720-242ac11b-0001-011", "notification"),
        ("6874237679603805720-242ac11b-0001-012", "metadata"),
        ("6874237679603805720-242ac11b-0001-999", None),
        ("007", None),
        ("tacobot9000-0.1.0", None),
    ],
)
def test_agave_id_tells_its_kind_at_its_end(text: str, kind: str | None) -> None:
    assert agave_kind(text) == kind


@pytest.mark.parametrize("api", [API, API + "/"])
def test_urls_have_no_double_slash(api: str) -> None:
    assert actor_url(api, "A") == f"{API}/actors/v2/A"
    assert execution_url(api, "A", "E") == f"{API}/actors/v2/A/executions/E"
    assert app_url(api, "tacobot9000-0.1.0u1") == f"{API}/apps/v2/tacobot9000-0.1.0u1"
    assert system_url(api, "data-sd2e-community") == f"{API}/systems/v2/data-sd2e-community"
    assert job_url(api, JOB) == f"{API}/jobs/v2/{JOB}"


def test_agent_is_an_app_where_it_looks_like_one_and_an_actor_otherwise() -> None:
    assert agent_url(API, "tacobot9000-0.1.0u1") == f"{API}/apps/v2/tacobot9000-0.1.0u1"
    assert agent_url(API, "G46vjoAVzGkkz") == f"{API}/actors/v2/G46vjoAVzGkkz"
    assert agent_url(API, f"{API}/actors/v2/G46vjoAVzGkkz") == f"{API}/actors/v2/G46vjoAVzGkkz"


def test_task_that_ends_like_a_job_is_a_job_and_an_execution_otherwise() -> None:
    assert task_url(API, "G46vjoAVzGkkz", JOB) == f"{API}/jobs/v2/{JOB}"
    execution = f"{API}/actors/v2/G46vjoAVzGkkz/executions/gOvQRGRVPPOzZ"
    assert task_url(API, "G46vjoAVzGkkz", "gOvQRGRVPPOzZ") == execution
    assert task_url(API, agent_url(API, "G46vjoAVzGkkz"), "gOvQRGRVPPOzZ") == execution
    assert task_url(API, "G46vjoAVzGkkz", execution) == execution


def test_id_cannot_leave_its_place_in_a_url() -> None:
    assert actor_url(API, "../x?y#z") == f"{API}/actors/v2/..%2Fx%3Fy%23z"
