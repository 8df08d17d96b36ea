"""Which engines a URL asks for, and what is said where there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from datacatalog.adapters.clock import SystemClock
from datacatalog.bootstrap.engines import open_ledger
from datacatalog.domain.errors import Misconfigured
from datacatalog.settings import load


def opening(home: Path, transport: str, store: str = "sqlite:///catalog.db") -> None:
    config = home / "config.yml"
    config.write_text(f"store: {{url: '{store}'}}\n")
    keys = {"TOKEN_KEY": "t" * 32, "ADMINISTRATOR_KEY": "a" * 32, "TRANSPORT_URL": transport}
    settings = load(config, {f"DATACATALOG_SECRETS__{name}": value for name, value in keys.items()})
    opened, carrier = open_ledger(settings, lambda record: None, SystemClock())
    carrier.close()
    opened.close()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://user:secret@broker", "null and amqp:// are supported"),
        ("amqp://user:secret@broker?color=red", "'color' is not known"),
    ],
)
def test_carrier_that_there_is_not_is_told_without_its_password(tmp_path: Path, url: str, told: str):
    with pytest.raises(Misconfigured, match="transport") as raised:
        opening(tmp_path, url)
    assert told in str(raised.value)
    assert "secret" not in str(raised.value)


def test_extra_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in sys.modules if name.startswith("datacatalog.adapters.transport.amqp")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "amqp", None)
    with pytest.raises(Misconfigured, match=r"needs amqp; install datacatalog\[amqp\]"):
        opening(tmp_path, "amqp://broker")


def test_store_that_there_is_not_is_told_without_its_password(tmp_path: Path):
    with pytest.raises(Misconfigured, match="'postgresql' is not supported") as raised:
        opening(tmp_path, "", "postgresql://user:secret@host/database")
    assert "secret" not in str(raised.value)
