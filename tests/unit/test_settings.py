"""Settings are read in order, checked, and said clearly where they are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from datacatalog.domain.errors import Misconfigured
from datacatalog.settings import Settings, load, shipped_config

KEYS = {"token_key": "t" * 32, "administrator_key": "a" * 32, "bearer_key": "b" * 32}


def home(tmp_path: Path, config: Any = None, secrets: Any = KEYS, mode: int = 0o600) -> Path:
    text = config if isinstance(config, str) else yaml.safe_dump(config or {})
    (tmp_path / "config.yml").write_text(text)
    if secrets is not None:
        path = tmp_path / "secrets.json"
        path.write_text(secrets if isinstance(secrets, str) else json.dumps(secrets))
        path.chmod(mode)
    return tmp_path / "config.yml"


def loaded(tmp_path: Path, config: Any = None, **environ: str) -> Settings:
    return load(home(tmp_path, config), environ)


def test_what_is_not_configured_is_as_shipped(tmp_path):
    settings = loaded(tmp_path)
    assert settings.config == shipped_config()
    assert settings.home == tmp_path
    assert settings.api_url == "http://127.0.0.1:8000"


def test_configuration_names_every_setting_that_has_a_default(tmp_path):
    schema = Path(__file__).parents[2] / "schemas" / "definitions" / "configuration.json"
    sections = json.loads(schema.read_text())["properties"]
    assert set(sections) == set(shipped_config())
    for name, section in sections.items():
        assert set(section.get("required", ())) <= set(shipped_config()[name])


def test_section_that_stands_twice_is_refused_with_its_line(tmp_path):
    with pytest.raises(Misconfigured, match=r"config\.yml: key 'platform' is given twice: line 3$"):
        loaded(tmp_path, "platform: {concurrency: 4}\ngateway: {port: 1}\nplatform: {isolation: none}\n")
    with pytest.raises(Misconfigured, match=r"key 'port' is given twice: line 3$"):
        loaded(tmp_path, "gateway:\n  port: 1\n  port: 2\n")


def test_environment_goes_over_config_and_config_over_defaults(tmp_path):
    config = {"gateway": {"port": 9000, "host": "::1"}}
    settings = loaded(tmp_path, config, DATACATALOG_GATEWAY__PORT="9001")
    assert settings.config["gateway"]["port"] == 9001
    assert settings.config["gateway"]["host"] == "::1"
    assert settings.config["gateway"]["threads"] == 16


def test_overlay_goes_over_config_and_under_the_environment(tmp_path):
    overlay = tmp_path / "reactor.yml"
    overlay.write_text("gateway: {port: 2, threads: 2}")
    path = home(tmp_path, {"gateway": {"port": 1, "threads": 1, "max_body_bytes": 2048}})
    found = load(path, {"DATACATALOG_GATEWAY__THREADS": "3"}, overlay).config["gateway"]
    assert (found["port"], found["threads"], found["max_body_bytes"]) == (2, 3, 2048)


def test_storage_systems_that_are_given_replace_the_shipped_one(tmp_path):
    storage = {"default_system": "mine", "systems": {"mine": {"root": "/x"}}}
    assert loaded(tmp_path, {"storage": storage}).config["storage"]["systems"] == storage["systems"]


def test_paths_start_at_the_folder_of_the_configuration(tmp_path):
    settings = loaded(tmp_path)
    assert settings.path("a/b") == tmp_path / "a/b"
    assert settings.path("/a/b") == Path("/a/b")
    assert settings.path("~/a").is_absolute()


def test_public_url_has_no_slash_at_its_end(tmp_path):
    assert loaded(tmp_path, {"gateway": {"url": "https://x.org/api/"}}).api_url == "https://x.org/api"


def test_configuration_is_found_through_the_environment(tmp_path, monkeypatch):
    path = home(tmp_path)
    monkeypatch.setenv("DATACATALOG_CONFIG", str(path))
    assert load().home == tmp_path
    assert load(environ={"DATACATALOG_CONFIG": str(path)}).home == tmp_path


def test_configuration_is_looked_for_in_the_home_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DATACATALOG_CONFIG", raising=False)
    with pytest.raises(Misconfigured, match=r"\.datacatalog/config\.yml; 'datacatalog init' writes one"):
        load(environ={})


def test_secrets_come_from_their_file_or_the_environment_which_goes_first(tmp_path):
    path = home(tmp_path, secrets={"administrator_key": "a" * 32, "nonces": {"jobs-manager": "TACC_x"}})
    settings = load(path, {"DATACATALOG_SECRETS__TOKEN_KEY": "e" * 40})
    assert settings.secrets.token_key == "e" * 40
    assert settings.secrets.nonces == {"jobs-manager": "TACC_x"}
    assert settings.secrets.bearer_key == ""


def test_secrets_that_are_objects_may_stand_in_the_environment_as_json(tmp_path):
    path = home(tmp_path, secrets={"token_key": "t" * 32, "administrator_key": "a" * 32})
    settings = load(path, {"DATACATALOG_SECRETS__NONCES": '{"jobs-manager": "TACC_y"}'})
    assert settings.secrets.nonces == {"jobs-manager": "TACC_y"}
    with pytest.raises(Misconfigured, match="DATACATALOG_SECRETS__NONCES: must be a JSON object") as refused:
        load(path, {"DATACATALOG_SECRETS__NONCES": "TACC_canary"})
    assert "canary" not in str(refused.value)


def test_urls_with_passwords_are_secrets_and_go_before_the_configured_ones(tmp_path):
    keys = {"token_key": "t" * 32, "administrator_key": "a" * 32}
    assert load(home(tmp_path, secrets=keys), {}).transport_url is None
    path = home(tmp_path, secrets={**keys, "store_url": "mongodb://u:secret@host/db"})
    settings = load(path, {"DATACATALOG_SECRETS__TRANSPORT_URL": "amqp://u:secret@host/"})
    assert settings.store_url == "mongodb://u:secret@host/db"
    assert settings.transport_url == "amqp://u:secret@host/"
    assert "secret@" not in repr(settings)


def test_no_other_variable_is_taken_for_a_secret(tmp_path):
    path = home(tmp_path, secrets={"administrator_key": "a" * 32})
    with pytest.raises(Misconfigured, match="token_key is missing"):
        load(path, {"TOKEN_KEY": "e" * 40, "token_key": "e" * 40, "DATACATALOG_TOKEN_KEY": "e" * 40})


def test_secrets_are_not_shown_with_the_settings(tmp_path):
    assert "t" * 32 not in repr(loaded(tmp_path))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("gateway: [", "config.yml"),
        ("- a list", "must be a mapping of sections"),
        ("gateway: null", "gateway: None is not of type 'object'"),
        ("gateway: {port: eighty}", "gateway.port: 'eighty' is not of type 'integer'"),
        ("gateway: {prot: 80}", "gateway: Additional properties are not allowed"),
        ("gateway: {port: 65536}", "gateway.port"),
        ("worker: {lease_s: .nan}", "worker.lease_s: nan is no number to work with"),
        ("worker: {retention_days: 99999999999}", "worker.retention_days"),
        ("gateway: {url: 'ftp://x'}", "gateway.url"),
        ("surprise: {}", "the top level: Additional properties"),
        ("actors: {jobs-manager: {delivery: later}}", "actors.jobs-manager.delivery"),
        ("actors: {stranger: {}}", "actors: 'stranger'"),
        ("storage: {clearable: [/]}", "storage.clearable.0"),
        ("worker: {max_tries: 0}", "worker.max_tries"),
        ("bearer: {algorithm: none}", "bearer.algorithm"),
        ("secrets: {token_key: x}", "Additional properties"),
    ],
)
def test_wrong_configuration_is_refused_with_its_place(tmp_path, config: str, says: str):
    with pytest.raises(Misconfigured) as refused:
        loaded(tmp_path, config)
    assert says in str(refused.value)
    assert refused.value.exit == 78


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("DATACATALOG_GATEWAY__PORT", "[", "DATACATALOG_GATEWAY__PORT"),
        ("DATACATALOG_GATEWAY__PORT__MAX", "1", "DATACATALOG_GATEWAY__PORT__MAX"),
        ("DATACATALOG_GATEWAY__PORT", "eighty", "DATACATALOG_GATEWAY__PORT: gateway.port: 'eighty'"),
        ("DATACATALOG_SURPRISE__PORT", "1", "surprise"),
    ],
)
def test_wrong_environment_is_refused_with_its_place(tmp_path, variable: str, value: str, says: str):
    with pytest.raises(Misconfigured) as refused:
        loaded(tmp_path, None, **{variable: value})
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("secrets", "says"),
    [
        (None, "token_key is missing; 'datacatalog init' makes one"),
        ({}, "token_key is missing"),
        ({**KEYS, "token_key": ""}, "token_key is missing"),
        ({**KEYS, "token_key": "t"}, "token_key is shorter than 32"),
        ({**KEYS, "token_key": "t" * 31}, "token_key is shorter than 32"),
        ({**KEYS, "administrator_key": "short"}, "administrator_key is shorter"),
        ({**KEYS, "bearer_key": "short"}, "bearer_key is shorter"),
        ({**KEYS, "token_key": ["t" * 32]}, "token_key must be text"),
        ({**KEYS, "bearer_key": 7}, "bearer_key must be text"),
        ({**KEYS, "nonces": "TACC_x"}, "nonces must be"),
        ({**KEYS, "nonces": {"jobs-manager": 7}}, "nonces must be"),
        ('{"token_key": "a", "token_key": "b"}', "given twice"),
        ("[]", "an object is wanted"),
        ("{", "not acceptable as JSON"),
    ],
)
def test_weak_or_unusable_secrets_are_refused_and_not_repeated(tmp_path, secrets: Any, says: str):
    with pytest.raises(Misconfigured) as refused:
        load(home(tmp_path, secrets=secrets), {})
    assert says in str(refused.value)
    assert "ttt" not in str(refused.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_secrets_that_others_can_read_are_refused(tmp_path, mode: int):
    with pytest.raises(Misconfigured, match="chmod 600"):
        load(home(tmp_path, mode=mode), {})


def test_file_that_cannot_be_read_is_said_so(tmp_path):
    path = home(tmp_path)
    overlay = tmp_path / "missing.yml"
    with pytest.raises(Misconfigured, match=r"missing\.yml: No such file"):
        load(path, {}, overlay)
    (tmp_path / "config.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(Misconfigured, match=r"config\.yml"):
        load(path, {})


def test_no_secret_has_a_default():
    assert not [
        name for name in ("token_key", "administrator_key", "bearer_key") if name in str(shipped_config())
    ]


@pytest.mark.parametrize(
    ("name", "value"), [("platform_token", 7), ("platform_login", ["x"]), ("platform_login", {"username": 7})]
)
def test_account_at_a_platform_is_text(tmp_path, name: str, value: Any):
    with pytest.raises(Misconfigured, match=name):
        load(home(tmp_path, secrets={**KEYS, name: value}), {})


def test_account_at_a_platform_is_read_and_never_shown(tmp_path):
    account = {
        "platform_token": "canary-1",
        "platform_login": {"username": "tacobot", "password": "canary-2"},
    }
    found = load(home(tmp_path, secrets={**KEYS, **account}), {}).secrets
    assert (found.platform_token, found.platform_login) == ("canary-1", account["platform_login"])
    assert "canary" not in repr(found)
