"""config.yml, secrets.json and the environment, read once, checked, and said clearly where they are wrong.

Order: the defaults shipped with the package, then config.yml (and a reactor's own), then `DATACATALOG_<SECTION>__<KEY>=<YAML value>`. Secrets come
from secrets.json beside config.yml (mode 0600) or from `DATACATALOG_SECRETS__<NAME>`, never from config.yml.
"""

from __future__ import annotations

import getpass
import json
import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from datacatalog.adapters.plain_yaml import DistinctKeys
from datacatalog.domain.errors import InvalidJson, Misconfigured
from datacatalog.domain.strict_json import parse_object
from datacatalog.domain.tokens import SECRET_BYTES_MIN

CONFIG_VARIABLE = "DATACATALOG_CONFIG"
PREFIX = "DATACATALOG_"
CONFIG_FILE = "config.yml"
SECRETS_FILE = "secrets.json"

_OBJECTS = ("nonces", "platform_login", "storage")
"""Secrets that are objects; in the environment, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Secrets of an installation.

    Attributes:
        token_key: update tokens are derived from it.
        administrator_key: who shows it may make administrative tokens.
        bearer_key: signs bearer tokens (HS256); "" where a public key is configured instead.
        nonces: actor name -> nonce for callback URLs.
        platform_token: token at the platform of another site; "" where there is none.
        platform_login: account there, which gets such a token: username, password, client_id, client_secret.
        storage: storage system -> names and values of its secrets.
        store_url: where the ledger is, in place of store.url; "" where that says it.
        transport_url: what carries messages, in place of transport.url; "" where that says it.
    """

    token_key: str = field(repr=False)
    administrator_key: str = field(repr=False)
    bearer_key: str = field(default="", repr=False)
    nonces: Mapping[str, str] = field(default_factory=dict, repr=False)
    platform_token: str = field(default="", repr=False)
    platform_login: Mapping[str, str] = field(default_factory=dict, repr=False)
    storage: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    store_url: str = field(default="", repr=False)
    transport_url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that is configured.

    Attributes:
        home: the folder of config.yml; relative paths in it start here.
        config: the checked document; its schema is schemas/definitions/configuration.json.
    """

    home: Path
    config: Mapping[str, Any]
    secrets: Secrets

    def path(self, text: str) -> Path:
        return (self.home / Path(text).expanduser()).absolute()

    @property
    def store_url(self) -> str:
        return self.secrets.store_url or str(self.config["store"]["url"])

    @property
    def transport_url(self) -> str | None:
        """What carries messages; None: the queue in the store."""
        return self.secrets.transport_url or self.config["transport"]["url"]

    @property
    def api_url(self) -> str:
        gateway = self.config["gateway"]
        host = f"[{gateway['host']}]" if ":" in gateway["host"] else gateway["host"]
        url = gateway["url"] or f"{self.scheme}://{host}:{gateway['port']}"
        return str(url).rstrip("/")

    @property
    def scheme(self) -> str:
        """What the gateway itself speaks, whatever stands before it."""
        return "http" if self.tls is None else "https"

    @property
    def tls(self) -> tuple[Path, Path] | None:
        """The gateway's certificate and its key, PEM files; None: it speaks plain HTTP."""
        certificate, key = (self.config["gateway"][f"tls_{name}_file"] for name in ("certificate", "key"))
        return None if certificate is None else (self.path(certificate), self.path(key))


def default_home() -> Path:
    """Return the folder of the configuration: that of $DATACATALOG_CONFIG, or ~/.datacatalog."""
    named = os.environ.get(CONFIG_VARIABLE)
    return Path(named).expanduser().parent if named else Path.home() / ".datacatalog"


def machine_user() -> str:
    """Return the name of the user of this machine, whom the update log names as the writer."""
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):  # in a container, users need not have names
        return "local"


def load(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overlay: Path | None = None,
) -> Settings:
    """Read the settings.

    Args:
        path: config.yml; None: $DATACATALOG_CONFIG, or config.yml in `default_home()`.
        overlay: a further file whose values go over those of config.yml, such as a reactor's own.
    Raises:
        Misconfigured: a file is missing, unreadable, open to others, or says something that cannot be.
    """
    environ = os.environ if environ is None else environ
    if path is None:
        named = environ.get(CONFIG_VARIABLE)
        path = Path(named).expanduser() if named else default_home() / CONFIG_FILE
    if not path.is_file():
        raise Misconfigured(f"no configuration at {path}; 'datacatalog init' writes one")
    config = _merged(shipped_config(), _read_yaml(path))
    if overlay is not None:
        config = _merged(config, _read_yaml(overlay))
    config = _overlaid(config, environ)
    _check(config, path, environ)
    return Settings(
        home=path.parent.absolute(),
        config=config,
        secrets=_read_secrets(path.parent / SECRETS_FILE, environ),
    )


def shipped_config() -> dict[str, Any]:
    """Return the defaults: the config.yml that comes with the package."""
    return _parse_yaml(shipped_config_text(), CONFIG_FILE)


def shipped_config_text() -> str:
    """Return the text of the config.yml that comes with the package."""
    installed = resources.files("datacatalog") / CONFIG_FILE
    if installed.is_file():
        return installed.read_text("utf-8")
    return (Path(__file__).parents[2] / CONFIG_FILE).read_text("utf-8")


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        return _parse_yaml(path.read_text("utf-8"), str(path))
    except OSError as e:
        raise Misconfigured(f"{path}: {e.strerror}") from e
    except UnicodeDecodeError as e:
        raise Misconfigured(f"{path}: {e}") from e


def _parse_yaml(text: str, name: str) -> dict[str, Any]:
    try:
        # A section that was put in a second time would take the place of the first.
        value = DistinctKeys(text).get_single_data() or {}
    except yaml.YAMLError as e:
        raise Misconfigured(f"{name}: {e}") from e
    if not isinstance(value, dict):
        raise Misconfigured(f"{name}: must be a mapping of sections")
    return value


def _merged(old: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(old)
    for key, value in new.items():
        # Storage systems and the like are named by the user: what is given replaces the default as a whole.
        both = isinstance(value, dict) and isinstance(old.get(key), dict) and key != "systems"
        result[key] = _merged(old[key], value) if both else value
    return result


def _overlaid(config: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    for variable, text in environ.items():
        section, found, rest = variable.removeprefix(PREFIX).lower().partition("__")
        if not variable.startswith(PREFIX) or not found or section == "secrets":
            continue
        *between, last = rest.split("__")
        place: Any = config
        for key in (section, *between):
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise Misconfigured(f"{variable}: {key} is no section")
        try:
            place[last] = yaml.safe_load(text)
        except yaml.YAMLError as e:
            raise Misconfigured(f"{variable}: {e}") from e
    return config


def _check(config: Mapping[str, Any], path: Path, environ: Mapping[str, str]) -> None:
    validator = Draft7Validator(_config_schema())
    for error in validator.iter_errors(config):
        place, message = _meant(error)
        variable = PREFIX + "__".join(place).upper()
        source = variable if variable in environ else path
        raise Misconfigured(f"{source}: {'.'.join(place) or 'the top level'}: {message}")
    for section, values in config.items():
        for name, value in values.items():
            # NaN is neither below a minimum nor above a maximum.
            if isinstance(value, float) and not math.isfinite(value):
                raise Misconfigured(f"{path}: {section}.{name}: {value} is no number to work with")
    gateway = config["gateway"]
    if (gateway["tls_certificate_file"] is None) is not (gateway["tls_key_file"] is None):
        raise Misconfigured(f"{path}: gateway.tls_certificate_file and gateway.tls_key_file: both or none")


def _meant(error: ValidationError) -> tuple[list[str], str]:
    """Return the place and the text of a complaint; where there are several kinds of a thing, that of the kind that is given."""
    place = [str(part) for part in error.absolute_path]
    if error.validator != "oneOf":
        return place, error.message
    branches: dict[object, list[ValidationError]] = {}
    for one in error.context:
        branches.setdefault(one.schema_path[0], []).append(one)
    fitting = [found for found in branches.values() if not any(_is_of_kind(one) for one in found)]
    if fitting:
        return _meant(fitting[0][0])
    kinds = [one.validator_value for one in error.context if one.validator == "const"]
    return [*place, "kind"], f"{error.instance.get('kind')!r} is none of {', '.join(kinds)}"


def _is_of_kind(error: ValidationError) -> bool:
    """Tell whether a complaint is about the kind, and so about which one was meant."""
    missing = (
        error.validator == "required" and "kind" in error.validator_value and "kind" not in error.instance
    )
    return missing or list(error.path) == ["kind"]


def _config_schema() -> dict[str, Any]:
    name = "definitions/configuration.json"
    installed = resources.files("datacatalog") / "schemas" / name
    source = installed if installed.is_file() else Path(__file__).parents[2] / "schemas" / name
    return dict(json.loads(source.read_text("utf-8")))


def _read_secrets(path: Path, environ: Mapping[str, str]) -> Secrets:
    values: dict[str, Any] = {}
    if path.is_file():
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise Misconfigured(f"{path}: others can read it; run: chmod 600 {path}")
        try:
            values = parse_object(path.read_bytes())
        except InvalidJson as e:
            raise Misconfigured(f"{path}: {e}") from e
    for variable, text in environ.items():
        if variable.startswith(f"{PREFIX}SECRETS__"):
            name = variable.removeprefix(f"{PREFIX}SECRETS__").lower()
            values[name] = _object_in(variable, text) if name in _OBJECTS else text
    nonces = _texts(values, "nonces", "actor names and nonces", path)
    token_key, administrator_key, bearer_key = (
        _secret(values, name, path) for name in ("token_key", "administrator_key", "bearer_key")
    )
    for name, value in (("token_key", token_key), ("administrator_key", administrator_key)):
        if not value:
            raise Misconfigured(f"{path}: {name} is missing; 'datacatalog init' makes one")
    return Secrets(
        token_key=token_key,
        administrator_key=administrator_key,
        bearer_key=bearer_key,
        nonces=nonces,
        platform_token=_text(values, "platform_token", path),
        platform_login=_texts(values, "platform_login", "username, password, client_id, client_secret", path),
        storage=_storage_secrets(values, path),
        store_url=_text(values, "store_url", path),
        transport_url=_text(values, "transport_url", path),
    )


def _object_in(variable: str, text: str) -> dict[str, Any]:
    """Return the JSON object that a variable holds.  Raises Misconfigured; what it holds is not told."""
    try:
        return parse_object(text.encode(errors="surrogateescape"))
    except InvalidJson as e:
        raise Misconfigured(f"{variable}: must be a JSON object") from e


def _storage_secrets(values: Mapping[str, Any], path: Path) -> dict[str, dict[str, str]]:
    """Return the secrets of storage systems.  Raises Misconfigured."""
    systems = values.get("storage", {})
    if not isinstance(systems, dict):
        raise Misconfigured(f"{path}: storage must be an object of storage systems")
    return {
        system: _texts(systems, system, "names and secrets", Path(f"{path}: storage")) for system in systems
    }


def _secret(values: Mapping[str, Any], name: str, path: Path) -> str:
    """Return a secret, "" where there is none.  Raises Misconfigured: it is no text, or short."""
    value = _text(values, name, path)
    if 0 < len(value.encode()) < SECRET_BYTES_MIN:
        raise Misconfigured(f"{path}: {name} is shorter than {SECRET_BYTES_MIN} characters")
    return value


def _text(values: Mapping[str, Any], name: str, path: Path) -> str:
    """Return a secret that others made, "" where there is none.  Raises Misconfigured: it is no text."""
    value = values.get(name, "")
    if not isinstance(value, str):
        raise Misconfigured(f"{path}: {name} must be text")
    return value


def _texts(values: Mapping[str, Any], name: str, what: str, path: Path) -> dict[str, str]:
    """Return an object of texts, empty where there is none.  Raises Misconfigured: it is none."""
    found = values.get(name, {})
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise Misconfigured(f"{path}: {name} must be an object of {what}")
    return found
