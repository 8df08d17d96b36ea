"""Which storage systems there are, and where each of them is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from datacatalog.adapters.remote.conversation import Conversation
from datacatalog.adapters.remote.logins import agave_login, tapis_login
from datacatalog.adapters.storage.agave import AgaveTree
from datacatalog.adapters.storage.local import LocalSystem
from datacatalog.adapters.storage.s3 import S3System
from datacatalog.adapters.storage.s3_bucket import Bucket
from datacatalog.adapters.storage.served import ServedSystem
from datacatalog.adapters.storage.sftp import SftpTree
from datacatalog.adapters.storage.sftp_connections import Connections, Server
from datacatalog.adapters.storage.systems import Systems
from datacatalog.adapters.storage.tapis import TapisTree
from datacatalog.bootstrap.outgoing import to_site
from datacatalog.bootstrap.platforms_remote import Asking, tokens_of
from datacatalog.domain.errors import Misconfigured
from datacatalog.ports.storage import Storage, System
from datacatalog.settings import Settings

DEFAULT_KIND = "local"


def build_storage(settings: Settings) -> Storage:
    """Make the systems of `storage.systems`; roots of local ones are made where they are missing. Servers are not asked yet.

    Raises Misconfigured.
    """
    storage = settings.config["storage"]
    systems = {
        name: _KINDS[config.get("kind", DEFAULT_KIND)](settings, name, config)
        for name, config in storage["systems"].items()
    }
    if storage["default_system"] not in systems:
        raise Misconfigured(
            f"storage.default_system: '{storage['default_system']}' is none of storage.systems"
        )
    for name in settings.secrets.storage:
        if name not in systems:
            raise Misconfigured(f"secrets.json: storage.{name[:80]} is none of storage.systems")
    return Systems(systems, clearable=storage["clearable"])


def _local(settings: Settings, name: str, config: Mapping[str, Any]) -> System:
    root = settings.path(config["root"])
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise Misconfigured(f"storage.systems.{name}.root: {root}: {e.strerror}") from e
    return LocalSystem(name, root)


def _sftp(settings: Settings, name: str, config: Mapping[str, Any]) -> System:
    secrets = _secrets(settings, name, "password", "key_passphrase")
    key = _file(settings, name, config, "key_file")
    known_hosts = _file(settings, name, config, "known_hosts_file")
    if known_hosts is None or (key is None and not secrets.get("password")):
        raise Misconfigured(
            f"storage.systems.{name}: wants key_file, or storage.{name}.password in secrets.json"
        )
    server = Server(
        host=config["host"],
        port=config.get("port", 22),
        user=config["user"],
        known_hosts=known_hosts,
        key=key,
        passphrase=secrets.get("key_passphrase", ""),
        password=secrets.get("password", ""),
    )
    return ServedSystem(name, SftpTree(Connections(server), config["root"]))


def _s3(settings: Settings, name: str, config: Mapping[str, Any]) -> System:
    secrets = _secrets(settings, name, "access_key_id", "secret_access_key", "session_token")
    if secrets and not {"access_key_id", "secret_access_key"} <= set(secrets):
        raise Misconfigured(
            f"secrets.json: storage.{name} wants access_key_id and secret_access_key, or neither"
        )
    bucket = Bucket(
        config["bucket"],
        endpoint_url=config.get("endpoint_url"),
        region=config.get("region"),
        keys=secrets,
    )
    return S3System(name, bucket, config.get("prefix", ""))


def _agave(settings: Settings, name: str, config: Mapping[str, Any]) -> System:
    service = _service(settings, name, config, agave_login, header="Authorization", scheme="Bearer")
    return ServedSystem(name, AgaveTree(service, config.get("system", name)))


def _tapis(settings: Settings, name: str, config: Mapping[str, Any]) -> System:
    service = _service(settings, name, config, tapis_login, header="X-Tapis-Token")
    return ServedSystem(name, TapisTree(service, config.get("system", name)))


def _service(
    settings: Settings, name: str, config: Mapping[str, Any], asking: Asking, *, header: str, scheme: str = ""
) -> Conversation:
    _secrets(settings, name)
    url = config["url"].rstrip("/")
    outgoing = to_site(settings, f"storage.systems.{name}.url", url)
    return Conversation(
        outgoing, url, tokens_of(settings, outgoing, url, asking), header=header, scheme=scheme
    )


def _secrets(settings: Settings, name: str, *known: str) -> Mapping[str, str]:
    """Return the secrets of a system.  Raises Misconfigured: there are others than it knows."""
    secrets = settings.secrets.storage.get(name, {})
    for secret in secrets:
        if secret not in known:
            raise Misconfigured(
                f"secrets.json: storage.{name}: '{secret[:80]}' is none of {', '.join(known) or 'any'}"
            )
    return secrets


def _file(settings: Settings, name: str, config: Mapping[str, Any], key: str) -> Path | None:
    if config.get(key) is None:
        return None
    path = settings.path(config[key])
    if not path.is_file():
        raise Misconfigured(f"storage.systems.{name}.{key}: {path} is no file")
    return path


_KINDS: Mapping[str, Callable[[Settings, str, Mapping[str, Any]], System]] = {
    DEFAULT_KIND: _local,
    "sftp": _sftp,
    "s3": _s3,
    "agave": _agave,
    "tapis": _tapis,
}
