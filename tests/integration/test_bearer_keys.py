"""Keys of bearer tokens, fetched from an issuer over real sockets."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from datacatalog.adapters.bearer import Bearer, BearerTokens, PublishedKeys
from datacatalog.adapters.bearer.published import GRACE_S, REFRESH_S, RETRY_S, WAIT_S
from datacatalog.adapters.outgoing.web import Policy, WebOutgoing
from datacatalog.bootstrap.bearer import build_bearer, principal
from datacatalog.domain.errors import Unreachable
from datacatalog.settings import Secrets, Settings, shipped_config
from tests.integration.wire import Exchange, Wire, serving

LIFETIME_S = 600
KEYS = {kid: ec.generate_private_key(ec.SECP256R1()) for kid in ("one", "two")}


@dataclass(slots=True)
class Issuer:
    """An issuer of tokens that publishes its keys, and a catalog that believes it.

    Attributes:
        published: kid -> key.
        now: what the catalog's clock shows [s].
        status: what it answers with.
        slow: it answers when this is set.
    """

    published: dict[str, Any] = field(default_factory=lambda: {"one": KEYS["one"]})
    now: float = 1000.0
    status: str = "200 OK"
    slow: threading.Event = field(default_factory=threading.Event)
    wire: Wire | None = None
    tokens: BearerTokens | None = None

    def answer(self, asked: Exchange) -> None:
        self.slow.wait(5)
        keys = [
            {
                **jwt.get_algorithm_by_name("ES256").to_jwk(key.public_key(), as_dict=True),
                "kid": kid,
                "use": "sig",
            }
            for kid, key in self.published.items()
        ]
        asked.say(self.status, body=json.dumps({"keys": keys}).encode())

    def fetches(self) -> int:
        assert self.wire is not None
        return len(self.wire.came)

    def read(self, token: str) -> Bearer | None:
        assert self.tokens is not None
        return self.tokens.read(token)


@contextmanager
def issuing() -> Iterator[Issuer]:
    issuer = Issuer()
    issuer.slow.set()
    with serving(issuer.answer) as wire:
        issuer.wire = wire
        out = WebOutgoing(Policy(origins=[wire.url], total_timeout_s=2))
        keys = PublishedKeys(
            out, f"{wire.url}/keys?a=canary", algorithm="ES256", lifetime_s=LIFETIME_S, now=lambda: issuer.now
        )
        issuer.tokens = BearerTokens(keys=keys, algorithm="ES256", issuer="them", audience="us")
        yield issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as made:
        yield made


def token(kid: str | None = "one", key: str = "one", **headers: Any) -> str:
    claims = {"sub": "ada", "iss": "them", "aud": "us", "exp": time.time() + 60, "tenant": "tacos"}
    return jwt.encode(
        claims, KEYS[key], algorithm="ES256", headers={**({"kid": kid} if kid else {}), **headers}
    )


ADA = Bearer(name="ada", level="EXECUTE", tenant="tacos")


# -------------------------------------------------------------------------------------------- caching


def test_keys_are_fetched_when_they_are_needed_and_kept(issuer: Issuer) -> None:
    assert issuer.fetches() == 0
    assert [issuer.read(token()) for _ in range(5)] == [ADA] * 5
    assert issuer.fetches() == 1
    issuer.now += LIFETIME_S - 1
    assert issuer.read(token()) == ADA
    assert issuer.fetches() == 1
    issuer.now += 1
    assert issuer.read(token()) == ADA
    assert issuer.fetches() == 2


def test_new_key_is_fetched_when_a_token_names_it(issuer: Issuer) -> None:
    assert issuer.read(token()) == ADA
    issuer.published["two"] = KEYS["two"]
    issuer.now += REFRESH_S
    assert issuer.read(token("two", "two")) == ADA
    assert issuer.fetches() == 2


def test_key_that_was_withdrawn_is_believed_no_longer_than_its_lifetime(issuer: Issuer) -> None:
    assert issuer.read(token()) == ADA
    issuer.published = {"two": KEYS["two"]}
    issuer.now += LIFETIME_S
    assert issuer.read(token()) is None
    assert issuer.read(token("two", "two")) == ADA
    assert issuer.fetches() == 2


def test_flood_of_unknown_keys_fetches_once_in_a_while(issuer: Issuer) -> None:
    assert issuer.read(token()) == ADA
    for n in range(200):
        issuer.now += 0.5
        assert issuer.read(token(f"made up {n}")) is None
        assert issuer.read(token()) == ADA
    assert issuer.fetches() == 1 + 200 * 0.5 // REFRESH_S


def test_key_of_another_is_none_whatever_a_token_calls_it(issuer: Issuer) -> None:
    issuer.published["two"] = KEYS["two"]
    assert issuer.read(token("one", "two")) is None
    assert issuer.read(token(None)) is None
    assert issuer.fetches() == 1


def test_token_without_key_id_is_checked_with_the_only_key(issuer: Issuer) -> None:
    assert issuer.read(token(None)) == ADA


@pytest.mark.parametrize("kid", ["", 7, ["one"]])
def test_key_id_that_is_no_text_is_refused(issuer: Issuer, kid: Any) -> None:
    head = jwt.utils.base64url_encode(json.dumps({"alg": "ES256", "kid": kid}).encode()).decode()
    assert issuer.read(f"{head}.{token().partition('.')[2]}") is None


def test_keys_and_addresses_that_a_token_brings_along_are_not_followed(issuer: Issuer) -> None:
    own = jwt.get_algorithm_by_name("ES256").to_jwk(KEYS["two"].public_key(), as_dict=True)
    with serving(lambda asked: asked.say("200 OK", body=json.dumps({"keys": [own]}).encode())) as trap:
        for sly in ({"jwk": own}, {"jku": f"{trap.url}/keys"}, {"x5u": f"{trap.url}/x"}, {"x5c": ["AAAA"]}):
            assert issuer.read(token("two", "two", **sly)) is None
            assert issuer.read(token("one", "two", **sly)) is None
        assert trap.came == []


# -------------------------------------------------------------------------------------------- outages


def down(issuer: Issuer, how: str) -> None:
    if how == "elsewhere":
        issuer.status = "302 Found\r\nLocation: http://localhost:1/keys"
    elif how == "no keys":
        issuer.status = "204 No Content"
    else:
        issuer.status = "500 Sorry"


@pytest.mark.parametrize("how", ["elsewhere", "no keys", "error"])
def test_known_keys_are_believed_for_a_while_when_the_issuer_is_away(issuer: Issuer, how: str) -> None:
    assert issuer.read(token()) == ADA
    down(issuer, how)
    issuer.now += LIFETIME_S + GRACE_S - 1
    assert issuer.read(token()) == ADA
    with pytest.raises(Unreachable) as error:
        issuer.read(token("two", "two"))
    assert "canary" not in str(error.value)
    issuer.now += 1
    with pytest.raises(Unreachable, match="not to be had"):
        issuer.read(token())
    issuer.status = "200 OK"
    issuer.now += RETRY_S
    assert issuer.read(token()) == ADA


def test_nobody_is_refused_for_an_issuer_that_was_never_there(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.status = "500 Sorry"
    for _ in range(10):
        with pytest.raises(Unreachable, match=r"not to be had$"):
            issuer.read(token())
    assert issuer.fetches() == 1
    assert "could not be fetched: the issuer answered 500" in caplog.text
    issuer.now += RETRY_S
    issuer.status = "200 OK"
    assert issuer.read(token()) == ADA


def test_bad_tokens_are_refused_at_once_and_nobody_is_asked(issuer: Issuer) -> None:
    issuer.status = "500 Sorry"
    assert issuer.read("rubbish") is None
    assert (
        issuer.read(jwt.encode({"sub": "ada"}, "s" * 40, algorithm="HS256", headers={"kid": "one"})) is None
    )
    assert issuer.fetches() == 0


# -------------------------------------------------------------------------------------------- threads


def test_one_thread_fetches_and_the_others_wait_for_it(issuer: Issuer) -> None:
    issuer.slow.clear()
    with ThreadPoolExecutor(8) as pool:
        reading = [pool.submit(issuer.read, token()) for _ in range(8)]
        time.sleep(0.1)
        issuer.slow.set()
        assert [one.result() for one in reading] == [ADA] * 8
    assert issuer.fetches() == 1


def test_threads_that_know_the_key_do_not_wait(issuer: Issuer) -> None:
    assert issuer.read(token()) == ADA
    issuer.now += LIFETIME_S
    issuer.slow.clear()
    with ThreadPoolExecutor(1) as pool:
        fetching = pool.submit(issuer.read, token())
        while issuer.fetches() < 2:
            time.sleep(0.005)
        begun = time.monotonic()
        assert [issuer.read(token()) for _ in range(20)] == [ADA] * 20
        assert time.monotonic() - begun < WAIT_S / 2
        issuer.now += WAIT_S
        with pytest.raises(Unreachable, match="not to be had"):  # whoever needs the new keys gave it a while
            issuer.read(token("two", "two"))
        assert time.monotonic() - begun < WAIT_S / 2
        issuer.slow.set()
        assert fetching.result() == ADA


# ------------------------------------------------------------------------------------------ as configured


def test_keys_of_the_configured_address_are_believed(tmp_path: Path) -> None:
    with issuing() as issuer:
        assert issuer.wire is not None
        config = shipped_config()
        config["bearer"] |= {
            "algorithm": "ES256",
            "issuer": "them",
            "audience": "us",
            "jwks_url": f"{issuer.wire.url}/keys",
        }
        settings = Settings(
            home=tmp_path, config=config, secrets=Secrets(token_key="t", administrator_key="a")
        )
        bearer = build_bearer(settings)
        assert issuer.fetches() == 0
        found = principal(bearer, token())
        assert found is not None
        assert (found.name, found.via, found.level, found.tenant) == ("ada", "bearer", "EXECUTE", "tacos")
        with pytest.raises(ValueError, match="issued elsewhere"):
            bearer.make("ada", level="READ", at=None, lifetime=None)  # type: ignore[arg-type]
