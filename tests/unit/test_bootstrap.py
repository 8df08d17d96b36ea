"""Wiring: what is configured is what is used, and what cannot be is said."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt import encode

from datacatalog.bootstrap import App, build_app
from datacatalog.domain.errors import Misconfigured
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.messages import DeletePipeline
from datacatalog.domain.records import Record
from datacatalog.services.dispatch import ACTORS
from datacatalog.services.env import Rules
from datacatalog.settings import load


def settings(home: Path, **sections: Any) -> Any:
    (home / "config.yml").write_text(yaml.safe_dump(sections))
    keys = home / "secrets.json"
    keys.touch(mode=0o600)
    keys.write_text(json.dumps({n: n[0] * 40 for n in ("token_key", "administrator_key", "bearer_key")}))
    return load(home / "config.yml", {})


@pytest.fixture
def wired(tmp_path: Path):
    made: list[App] = []

    def build(**sections: Any) -> App:
        made.append(build_app(settings(tmp_path, **sections)))
        return made[-1]

    yield build
    for app in made:
        app.close()


def test_shipped_configuration_is_wired_below_its_folder(wired, tmp_path):
    app = wired()
    assert (tmp_path / "catalog.db").is_file()
    assert (tmp_path / "storage" / "data-sd2e-community").is_dir()
    assert app.env.storage.systems() == ("data-sd2e-community",)
    assert app.env.store.check()
    assert set(app.env.rules.actor_ids) == set(ACTORS)
    assert {app.actor_names[f"{name}.prod"] for name in ACTORS} == set(ACTORS)
    assert not [name for name in ACTORS if app.queued(name)]
    assert {"index-archive", "launch-job"} <= app.tasks.keys()


def test_keys_are_not_shown(wired):
    app = wired()
    shown = repr(app) + repr(app.env)
    assert not [letter for letter in "tab" if letter * 40 in shown]


def test_secrets_of_records_messages_and_callbacks_are_not_shown():
    uuid = TypedUuid("103acb4d-1f93-553a-9e1c-b7b58125bc89")
    holders = (
        Record(kind=Kind.SAMPLE, uuid=uuid, body={}, salt="secret"),
        DeletePipeline(uuid=uuid, token="secret"),
        Rules(callback_nonces={"jobs-manager": "secret"}),
    )
    assert "secret" not in repr(holders)


def test_what_is_configured_is_what_is_used(wired):
    app = wired(
        storage={"default_system": "mine", "systems": {"mine": {"root": "here"}, "other": {"root": "there"}}, "clearable": ["/x/y"]},
        actors={"jobs-manager": {"delivery": "queued", "id": "abc", "aliases": []}},
        gateway={"url": "https://catalog.example.org/"},
        admin={"owner": "me", "project": "p", "tenant": "t"},
        identity={"domain": "example.org"},
        schemas={"base_url": "https://schemas.example.org/"},
    )  # fmt: skip
    rules = app.env.rules
    assert (rules.default_system, rules.clearable, rules.admin["owner"]) == ("mine", ("/x/y",), "me")
    assert rules.api_url == "https://catalog.example.org"
    assert app.queued("jobs-manager")
    assert (rules.actor_ids["jobs-manager"], app.actor_names["abc"]) == ("abc", "jobs-manager")
    assert "jobs-manager.prod" not in app.actor_names
    assert app.env.identity.domain == "example.org"
    schema = app.env.schemas.get("pipelinejob_manager_event")
    assert schema["$id"] == "https://schemas.example.org/pipelinejob_manager_event.json"


TLS = {
    "gateway": {
        "url": "https://gateway",
        "tls_certificate_file": "secrets.json",
        "tls_key_file": "secrets.json",
    }
}


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"store": {"url": "mysql://x"}}, "store.url"),
        ({"store": {"url": "sqlite:"}}, "store.url"),
        ({"store": {"url": "mongodb://host/catalog?tls=yes"}}, "store.url: there is no option 'tls', or its"),
        (
            {"store": {"url": "mongodb://host/catalog?TSL=true"}},
            "store.url: there is no option 'TSL', or its",
        ),
        ({"store": {"url": "mongodb://u:pa/ss?word@host/catalog"}}, "store.url: there is no option of these"),
        ({"storage": {"default_system": "nowhere"}}, "storage.default_system"),
        (
            {"actors": {"jobs-indexer": {"aliases": ["jobs-manager"]}}},
            "actors.jobs-indexer: 'jobs-manager' is",
        ),
        (
            {"actors": {"agave-proxy": {"id": "jobs-manager"}}},
            "'jobs-manager' is what jobs-manager is called",
        ),
        ({"bearer": {"algorithm": "ES256", "public_key_file": "secrets.json"}}, "bearer.public_key_file"),
        ({"bearer": {"algorithm": "RS256"}}, "bearer.public_key_file"),
        ({"bearer": {"algorithm": "ES256", "public_key_file": "none.pem"}}, "bearer.public_key_file"),
        ({"bearer": {"jwks_url": "https://issuer.example.org/keys"}}, "bearer.jwks_url"),
        ({"bearer": {"algorithm": "RS256", "jwks_url": "http://issuer.example.org/keys"}}, "must be https"),
        ({"bearer": {"algorithm": "RS256", "jwks_url": "https://u@issuer.example.org/"}}, "bearer.jwks_url"),
        (
            {"bearer": {"algorithm": "RS256", "jwks_url": "https://x", "public_key_file": "x.pem"}},
            "bearer.public_key_file",
        ),
        ({"outgoing": {"hosts": ["*.org"]}}, "outgoing.hosts"),
        ({"outgoing": {"private_networks": ["10.1.2.3/16"]}}, "outgoing.private_networks"),
        ({"platform": {"callbacks_to": ["gateway:8000"]}}, "platform.callbacks_to"),
        ({"gateway": {"url": "https://user@gateway"}}, "gateway.url"),
        (TLS | {"outgoing": {"hosts": ["example.org"]}}, r"gateway\.tls_certificate_file: .*secrets\.json"),
        ({"platform": {"kind": "agave", "url": "https://user@tenant.example.org"}}, r"platform\.url: "),
    ],
)
def test_what_cannot_be_wired_is_said(tmp_path, sections: dict[str, Any], says: str):
    with pytest.raises(Misconfigured, match=says):
        build_app(settings(tmp_path, **sections))


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"platform": {"kind": "agave", "url": "https://me:secret@example.org"}}, "platform.url"),
        ({"platform": {"callbacks_to": ["https://me:secret@example.org"]}}, "platform.callbacks_to"),
        ({"gateway": {"url": "https://me:secret@example.org"}}, "gateway.url"),
        (
            {"storage": {"systems": {"far": {"kind": "tapis", "url": "https://me:secret@example.org"}}}},
            "storage.systems.far.url",
        ),
    ],
)
def test_password_in_a_url_is_refused_and_not_shown(tmp_path, sections: dict[str, Any], key: str):
    with pytest.raises(Misconfigured) as refused:
        build_app(settings(tmp_path, **sections))
    assert str(refused.value).startswith(f"{key}: ")
    assert "secret" not in str(refused.value)


def test_bearer_tokens_of_others_are_checked_with_their_public_key_alone(wired, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "issuer.pem").write_bytes(pem)
    app = wired(bearer={"algorithm": "ES256", "public_key_file": "issuer.pem"})
    claims = {
        "sub": "someone",
        "iss": "datacatalog",
        "aud": "datacatalog",
        "level": "READ",
        "exp": datetime.now(UTC) + timedelta(minutes=1),
    }
    principal = app.env.bearer(encode(claims, key, algorithm="ES256"))
    assert principal is not None
    assert (principal.name, principal.level) == ("someone", "READ")
    assert app.env.bearer(encode(claims, "b" * 40, algorithm="HS256")) is None
    with pytest.raises(ValueError, match="issued elsewhere"):
        app.bearer.make("x", level="READ", at=datetime.now(UTC), lifetime=timedelta(minutes=1))


@pytest.mark.parametrize("kind", ["agave", "tapis"])
def test_platform_elsewhere_wants_a_place_and_an_account(wired, kind):
    with pytest.raises(Misconfigured, match=r"platform\.url does not say where it is"):
        wired(platform={"kind": kind})
    with pytest.raises(Misconfigured, match="wants platform_token or platform_login"):
        wired(platform={"kind": kind, "url": "https://tenant.example.org"})


@pytest.mark.parametrize("kind", ["agave", "tapis"])
def test_platform_elsewhere_is_wired_with_its_account(tmp_path, kind):
    place = {"kind": kind, "url": "https://tenant.example.org/"}
    given = settings(tmp_path, platform=place)
    app = build_app(replace(given, secrets=replace(given.secrets, platform_token="t" * 8)))
    assert app.env.platform.name == kind
    assert app.tasks["launch-job"].tries == 20
    app.close()
    with pytest.raises(Misconfigured, match="characters that no token has"):
        build_app(replace(given, secrets=replace(given.secrets, platform_token="t\n")))
