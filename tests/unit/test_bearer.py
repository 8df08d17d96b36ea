"""Which bearer tokens are believed, and what they say."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.adapters.bearer import Bearer, BearerTokens, read_public_key
from datacatalog.adapters.bearer.keys import KeySet
from datacatalog.adapters.bearer.tokens import LEEWAY_S

SECRET = "s" * 64
ISSUER, AUDIENCE = "https://issuer.example.org", "datacatalog"
SHARED = BearerTokens(key=SECRET, algorithm="HS256", issuer=ISSUER, audience=AUDIENCE)
RSA = rsa.generate_private_key(65537, 2048)
CURVE = ec.generate_private_key(ec.SECP256R1())


def pem(key: Any) -> str:
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return str(public.decode())


def private_pem(key: Any) -> str:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return str(private.decode())


def claims(**changes: Any) -> dict[str, Any]:
    made = {"sub": "ada", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 60, **changes}
    return {name: value for name, value in made.items() if value is not None}


def signed(key: Any = SECRET, algorithm: str = "HS256", headers: Any = None, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=headers)


def forged(header: Mapping[str, Any], body: bytes | None = None, signature: str = "x") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims()).encode() if body is None else body]
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), signature])


# -------------------------------------------------------------------------------------- what is said


def test_token_says_who_it_is_for() -> None:
    token = signed(level="UPDATE", tenant="tacos", project="salsa")
    assert SHARED.read(token) == Bearer(name="ada", level="UPDATE", tenant="tacos", project="salsa")


def test_token_without_level_executes_for_the_installation() -> None:
    assert SHARED.read(signed()) == Bearer(name="ada", level="EXECUTE", tenant="", project="")


def test_claims_have_the_names_that_are_configured() -> None:
    tokens = replace(
        SHARED, tenant_claim="https://example.org/tenant", level_claim="role", project_claim="group"
    )
    token = signed(
        **{
            "https://example.org/tenant": "tacos",
            "role": "READ",
            "group": "salsa",
            "level": "UPDATE",
            "tenant": "x",
        }
    )
    assert tokens.read(token) == Bearer(name="ada", level="READ", tenant="tacos", project="salsa")


@given(
    name=st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=40),
    level=st.sampled_from(["READ", "EXECUTE", "UPDATE"]),
    tenant=st.sampled_from(["", "tacos"]),
    project=st.sampled_from(["", "salsa"]),
)
def test_token_that_is_made_here_is_believed_here(name: str, level: str, tenant: str, project: str) -> None:
    made = SHARED.make(
        name, level=level, at=datetime.now(UTC), lifetime=timedelta(minutes=1), tenant=tenant, project=project
    )
    assert SHARED.read(made) == Bearer(name=name, level=level, tenant=tenant, project=project)


def test_one_audience_of_several_is_enough() -> None:
    assert SHARED.read(signed(aud=["others", AUDIENCE]))


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_clock_of_the_issuer_may_be_ahead_a_little(claim: str) -> None:
    assert SHARED.read(signed(**{claim: time.time() + LEEWAY_S / 2}))
    assert SHARED.read(signed(**{claim: time.time() + LEEWAY_S * 2})) is None


# ------------------------------------------------------------------------------------- what is refused


REFUSED: Mapping[str, Callable[[], str]] = {
    "empty": lambda: "",
    "rubbish": lambda: "a.b.c",
    "no json": lambda: "eA.eA.eA",
    "of an umlaut": lambda: "ä.ö.ü",
    "deeply nested header": lambda: f"{base64.urlsafe_b64encode(b'[' * 4000).decode()}.e30.x",
    "header that is a list": lambda: f"{base64.urlsafe_b64encode(b'[1]').decode().rstrip('=')}.e30.x",
    "unsigned": lambda: forged({"alg": "none", "typ": "JWT"}, signature=""),
    "unsigned in capitals": lambda: forged({"alg": "None"}, signature=""),
    "of no algorithm": lambda: forged({"typ": "JWT"}),
    "of an algorithm that is a list": lambda: forged({"alg": ["HS256"]}),
    "signed with another key": lambda: signed("k" * 40),
    "signed by another algorithm": lambda: signed(algorithm="HS384"),
    "signed with nothing": lambda: forged({"alg": "HS256"}, signature=""),
    "to be understood in a critical way": lambda: signed(headers={"crit": ["exp"]}),
    "with detached claims": lambda: signed(headers={"b64": False, "crit": ["b64"]}),
    "with a key of its own": lambda: signed(
        "k" * 40, headers={"jwk": {"kty": "oct", "k": base64.urlsafe_b64encode(b"k" * 40).decode()}}
    ),
    "expired just now": lambda: signed(exp=time.time() - 1),
    "never expiring": lambda: signed(exp=None),
    "expiring at no time": lambda: signed(exp="soon"),
    "cut short": lambda: signed()[:-2],
    "of nobody": lambda: signed(sub=None),
    "of an empty name": lambda: signed(sub=""),
    "of a name of two lines": lambda: signed(sub="ada\nadmin"),
    "of a long name": lambda: signed(sub="a" * 300),
    "for others": lambda: signed(aud="others"),
    "for nobody": lambda: signed(aud=None),
    "by others": lambda: signed(iss="others"),
    "by nobody": lambda: signed(iss=None),
    "of no level": lambda: signed(level="ROOT"),
    "of a level in small letters": lambda: signed(level="update"),
    "of levels": lambda: signed(level=["UPDATE"]),
    "of a level that is a number": lambda: signed(level=3),
    "of tenants": lambda: signed(tenant=["tacos"]),
    "of a tenant that is a number": lambda: signed(tenant=7),
    "of a tenant of two lines": lambda: signed(tenant="tacos\r\n"),
    "of a project that is an object": lambda: signed(project={"name": "salsa"}),
    "oversized": lambda: signed(more="x" * 10_000),
    "claims that are a list": lambda: jwt.api_jws.encode(b"[1]", SECRET, algorithm="HS256"),
    "never expiring, in numbers": lambda: jwt.api_jws.encode(
        json.dumps(claims(exp=float("inf"))).encode(), SECRET, algorithm="HS256"
    ),
    "deeply nested claims": lambda: jwt.api_jws.encode(b"[" * 4000, SECRET, algorithm="HS256"),
}


@pytest.mark.parametrize("bad", REFUSED)
def test_bad_token_is_refused(bad: str) -> None:
    assert SHARED.read(signed())
    assert SHARED.read(REFUSED[bad]()) is None


def test_no_token_is_believed_without_a_key() -> None:
    assert replace(SHARED, key="").read(signed()) is None


@pytest.mark.parametrize(("algorithm", "key"), [("RS256", RSA), ("ES256", CURVE)])
def test_public_key_is_no_shared_secret(algorithm: str, key: Any) -> None:
    tokens = replace(SHARED, key=read_public_key(algorithm, pem(key)), algorithm=algorithm)
    assert tokens.read(signed(key, algorithm))
    # PyJWT signs with no PEM; whoever forges does.
    parts = forged({"alg": "HS256"}, signature="").rstrip(".")
    signature = jwt.get_algorithm_by_name("HS256").sign(parts.encode(), pem(key).encode())
    assert tokens.read(f"{parts}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}") is None
    assert tokens.read(signed()) is None
    other = rsa.generate_private_key(65537, 2048) if key is RSA else ec.generate_private_key(ec.SECP256R1())
    assert tokens.read(signed(other, algorithm)) is None
    with pytest.raises(ValueError, match="issued elsewhere"):
        tokens.make("ada", level="READ", at=datetime.now(UTC), lifetime=timedelta(minutes=1))


def test_repr_shows_no_key() -> None:
    assert SECRET not in repr(SHARED)


# --------------------------------------------------------------------------------------- public keys


@pytest.mark.parametrize(
    ("algorithm", "text"),
    [
        ("RS256", "no pem"),
        ("RS256", pem(CURVE)),
        ("ES256", pem(RSA)),
        ("ES256", pem(ec.generate_private_key(ec.SECP384R1()))),
        ("RS256", pem(rsa.generate_private_key(65537, 1024))),
        ("RS256", private_pem(RSA)),
        ("ES256", private_pem(CURVE)),
    ],
)
def test_what_is_no_good_public_key_is_refused(algorithm: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"holds no public key for {algorithm}"):
        read_public_key(algorithm, text)


def entry(key: Any, **changes: Any) -> dict[str, Any]:
    """A key, as an issuer publishes it; None leaves a member out."""
    kind = jwt.get_algorithm_by_name("RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256")
    made = {**kind.to_jwk(key.public_key(), as_dict=True), "kid": "one", "use": "sig", **changes}
    return {name: value for name, value in made.items() if value is not None}


def kids(*entries: Any, algorithm: str = "RS256") -> list[str | None]:
    return [kid for kid, _ in KeySet.read(json.dumps({"keys": entries}).encode(), algorithm).keys]


def test_keys_that_fit_the_algorithm_are_taken() -> None:
    entries = [
        entry(RSA),
        entry(RSA, kid="two", alg="RS256", use=None),
        entry(RSA, key_ops=["verify"], kid=None),
    ]
    assert kids(*entries, entry(CURVE, kid="other")) == ["one", "two", None]
    assert kids(entry(CURVE, kid="other"), entry(RSA), algorithm="ES256") == ["other"]


@pytest.mark.parametrize(
    "changes",
    [{"kty": "EC"}, {"kty": "oct", "k": "AAAA"}, {"kty": ["RSA"]}, {"alg": "RS512"}, {"alg": "HS256"}, {"alg": None, "use": "enc"},
     {"use": ["sig"]}, {"key_ops": ["sign"]}, {"key_ops": "verify"}, {"key_ops": 7}, {"n": None}, {"n": ""}, {"n": 7},
     {"e": "AA"}, {"crv": "P-256"}],
)  # fmt: skip
def test_keys_of_another_kind_or_use_are_passed_over(changes: dict[str, Any]) -> None:
    assert kids(entry(RSA, **changes), entry(RSA, kid="good")) == ["good"]


def test_keys_that_can_be_broken_are_passed_over() -> None:
    assert kids(entry(rsa.generate_private_key(65537, 1024))) == []
    assert kids("no key", None, [], 7) == []


def test_private_part_of_a_published_key_is_left() -> None:
    whole = {**jwt.get_algorithm_by_name("RS256").to_jwk(RSA, as_dict=True), "key_ops": ["sign", "verify"]}
    [(_, key)] = KeySet.read(json.dumps({"keys": [whole]}).encode(), "RS256").keys
    assert isinstance(key, rsa.RSAPublicKey)


@pytest.mark.parametrize("document", [b"", b"\xff", b"[]", b"{}", b'{"keys": {}}', b"[" * 100_000])
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match="key set"):
        KeySet.read(document, "RS256")


def test_key_is_found_by_its_id_and_without_one_only_where_it_is_alone() -> None:
    one = KeySet.read(json.dumps({"keys": [entry(RSA)]}).encode(), "RS256")
    assert one.find("one") is one.find(None) is not None
    assert one.find("two") is None
    two = KeySet.read(json.dumps({"keys": [entry(RSA), entry(RSA, kid="two")]}).encode(), "RS256")
    assert two.find("two") is not None
    assert two.find(None) is None
