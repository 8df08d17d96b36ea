"""Administrative tokens, nonces, and who a request runs as."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from datacatalog.domain.errors import (
    BadCredentials,
    InsufficientCredentials,
    InvalidAdminToken,
    InvalidField,
    InvalidToken,
    MissingCredentials,
    MissingToken,
)
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.messages import JobEvent
from datacatalog.domain.privileges import LEVELS
from datacatalog.domain.tokens import digest_of
from datacatalog.services.access import authenticate, authorize, count_use, is_admin_token, make_admin_token
from datacatalog.services.env import Principal
from datacatalog.services.nonces import create_nonce, list_nonces, revoke_nonce
from tests.unit.memory import Memory, memory


@pytest.fixture
def here() -> Memory:
    return memory()


def is_admin(here: Memory, token: str) -> bool:
    return here.env.store.read(lambda work: is_admin_token(token, work, here.clock.now()))


def admit(here: Memory, nonce: str | None = None, **changes: Any) -> Principal:
    asked = {"actor": "jobs-manager", "level": "EXECUTE", "nonce": nonce, "bearer": None, **changes}
    return authenticate(here.env, **asked)


# ------------------------------------------------------------------------------------ administrators


@pytest.mark.parametrize("seconds", [0, 15, 29.9])
def test_administrative_token_is_good_for_thirty_seconds(here: Memory, seconds: float):
    token = make_admin_token("a" * 32, here.env)
    here.clock.move(seconds=seconds)
    assert is_admin(here, token)


@pytest.mark.parametrize("seconds", [30, 31, 3600, -0.1, -3600])
def test_and_neither_after_that_nor_before_it_was_made(here: Memory, seconds: float):
    token = make_admin_token("a" * 32, here.env)
    here.clock.move(seconds=seconds)
    assert not is_admin(here, token)


def test_each_administrative_token_is_another_and_only_its_digest_is_kept(here: Memory):
    tokens = {make_admin_token("a" * 32, here.env) for _ in range(50)}
    assert len(tokens) == 50
    assert {len(token) for token in tokens} == {17}
    kept = here.env.store.read(lambda work: work.credentials.page("admin"))
    assert {c.digest for c in kept} == {digest_of(token) for token in tokens}
    assert not [c for c in kept if any(token in repr(c) for token in tokens)]


@pytest.mark.parametrize("key", ["", "a" * 31, "a" * 33, "A" * 32, "é" * 32])
def test_another_key_makes_no_administrative_token(here: Memory, key: str):
    with pytest.raises(BadCredentials):
        make_admin_token(key, here.env)
    assert here.env.store.read(lambda work: work.credentials.page("admin")) == []


def test_nonce_is_no_administrative_token(here: Memory):
    assert not is_admin(here, create_nonce(here.env, actor="*", owner="o", level="UPDATE"))


def test_record_is_opened_by_its_own_token_an_administrators_or_trust(here: Memory):
    job, other = here.job(), here.job()

    def opens(token: str | None, *, trusted: bool = False) -> None:
        message = JobEvent(uuid=job.job.uuid, name=Event.RUN, token=token, trusted=trusted)
        here.env.store.read(lambda work: authorize(message, job.job.record, work, here.env))

    opens(job.token)
    opens(make_admin_token("a" * 32, here.env))
    opens(None, trusted=True)
    with pytest.raises(MissingToken):
        opens(None)
    with pytest.raises(InvalidToken):
        opens(other.token)


def test_what_is_for_administrators_is_opened_by_no_update_token(here: Memory):
    job = here.job()

    def opens(token: str | None, *, trusted: bool = False) -> None:
        message = JobEvent(uuid=job.job.uuid, name=Event.RESET, token=token, trusted=trusted)
        here.env.store.read(lambda work: authorize(message, job.job.record, work, here.env))

    opens(make_admin_token("a" * 32, here.env))
    opens(None, trusted=True)
    with pytest.raises(MissingToken):
        opens("")
    with pytest.raises(InvalidAdminToken):
        opens(job.token)


# ------------------------------------------------------------------------------------------- nonces


def test_nonce_has_192_random_bits_and_is_kept_as_a_digest(here: Memory):
    nonces = {create_nonce(here.env, actor="*", owner="o") for _ in range(50)}
    assert len(nonces) == 50
    assert {len(nonce.removeprefix("TACC_")) for nonce in nonces} == {32}
    shown = repr(list_nonces(here.env))
    assert not [nonce for nonce in nonces if nonce in shown]


@pytest.mark.parametrize(
    "conditions",
    [{"level": "ADMIN"}, {"level": ""}, {"max_uses": 0}, {"max_uses": -1}, {"lifetime": timedelta(0)}, {"lifetime": timedelta(seconds=-1)}],
)  # fmt: skip
def test_nonce_that_could_never_open_anything_is_not_made(here: Memory, conditions: dict[str, Any]):
    with pytest.raises(InvalidField):
        create_nonce(here.env, actor="*", owner="o", **conditions)
    assert list_nonces(here.env) == []


@pytest.mark.parametrize("within", LEVELS)
@pytest.mark.parametrize("level", LEVELS)
def test_nonce_opens_no_more_than_the_credential_of_whoever_makes_it(here: Memory, within: str, level: str):
    if LEVELS.index(level) <= LEVELS.index(within):
        assert create_nonce(here.env, actor="*", owner="o", level=level, within=within)
    else:
        with pytest.raises(InsufficientCredentials):
            create_nonce(here.env, actor="*", owner="o", level=level, within=within)
        assert list_nonces(here.env) == []


def test_nonce_of_another_actor_is_told_so_and_one_that_is_not_good_is_not(here: Memory):
    other = create_nonce(here.env, actor="jobs-indexer", owner="o", level="UPDATE", max_uses=1)
    with pytest.raises(InsufficientCredentials, match="opens jobs-indexer alone"):
        admit(here, other)
    principal = admit(here, other, actor="jobs-indexer")
    here.env.store.transact(lambda work: count_use(principal, work, here.env))
    with pytest.raises(BadCredentials):
        admit(here, other)


def test_nonce_of_callback_urls_is_known_as_such(here: Memory):
    nonce = create_nonce(here.env, actor="*", owner="o")
    assert not admit(here, nonce).calls_back
    rules = replace(here.env.rules, callback_nonces={"jobs-manager": nonce})
    assert admit(here.with_ports(rules=rules), nonce).calls_back
    with pytest.raises(InsufficientCredentials, match="good for messages alone"):
        admit(here.with_ports(rules=rules), nonce, level="READ")


def test_nonce_expires_to_the_second(here: Memory):
    nonce = create_nonce(here.env, actor="*", owner="o", lifetime=timedelta(seconds=60))
    here.clock.move(seconds=59)
    assert admit(here, nonce).name == "o"
    here.clock.move(seconds=1)
    with pytest.raises(BadCredentials):
        admit(here, nonce)


@pytest.mark.parametrize("made", LEVELS)
@pytest.mark.parametrize("asked", LEVELS)
def test_level_includes_those_before_it(here: Memory, made: str, asked: str):
    nonce = create_nonce(here.env, actor="jobs-manager", owner="o", level=made)
    if LEVELS.index(made) >= LEVELS.index(asked):
        assert admit(here, nonce, level=asked).level == made
    else:
        with pytest.raises(InsufficientCredentials, match=f"is of level {made}; this takes {asked}"):
            admit(here, nonce, level=asked)


def test_used_up_nonce_may_only_ask_again_what_was_answered(here: Memory):
    nonce = create_nonce(here.env, actor="*", owner="o", max_uses=1)
    principal = admit(here, nonce)
    assert not principal.spent
    here.env.store.transact(lambda work: count_use(principal, work, here.env))
    with pytest.raises(BadCredentials):
        here.env.store.transact(lambda work: count_use(principal, work, here.env))
    with pytest.raises(BadCredentials):
        admit(here, nonce)
    assert admit(here, nonce, repeats=True) == replace(principal, spent=True)


def test_bearer_token_goes_before_a_nonce_and_nothing_is_nobody(here: Memory):
    nonce = create_nonce(here.env, actor="*", owner="o")
    assert admit(here, nonce, bearer="good").name == "bearer"
    with pytest.raises(BadCredentials):
        admit(here, nonce, bearer="bad")
    with pytest.raises(MissingCredentials):
        admit(here)


@pytest.mark.parametrize("asked", LEVELS)
def test_bearer_token_opens_its_own_level_too(here: Memory, asked: str):
    reader = replace(here.env, bearer=lambda token: Principal(name="r", via="bearer", level="READ"))
    if asked == "READ":
        assert authenticate(reader, actor="*", level=asked, nonce=None, bearer="good").level == "READ"
    else:
        with pytest.raises(InsufficientCredentials):
            authenticate(reader, actor="*", level=asked, nonce=None, bearer="good")


@pytest.mark.parametrize("named", ["itself", "digest", "eight characters"])
def test_nonce_is_revoked_by_any_of_its_names(here: Memory, named: str):
    nonce = create_nonce(here.env, actor="*", owner="o")
    name = {"itself": nonce, "digest": digest_of(nonce), "eight characters": digest_of(nonce)[:8]}[named]
    assert revoke_nonce(name, here.env)
    assert not revoke_nonce(name, here.env)
    with pytest.raises(BadCredentials):
        admit(here, nonce)


@pytest.mark.parametrize("name", ["", "TACC_", "0", "seven77", "%", "*"])
def test_nonce_is_not_revoked_by_less(here: Memory, name: str):
    nonce = create_nonce(here.env, actor="*", owner="o")
    assert not revoke_nonce(name or digest_of(nonce)[:7], here.env)
    assert admit(here, nonce)


def test_nonce_of_another_actor_is_not_revoked_in_the_name_of_one(here: Memory):
    for actor, gone in (("jobs-manager", True), ("jobs-indexer", False), ("*", False)):
        nonce = create_nonce(here.env, actor=actor, owner="o")
        assert revoke_nonce(nonce, here.env, actor="jobs-manager") is gone
