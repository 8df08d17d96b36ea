"""https at the gateway itself, and what is said of a certificate that cannot be used."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from datacatalog.domain.errors import Misconfigured
from datacatalog.interfaces.http.server import GRACE_S
from datacatalog.interfaces.http.tls import check_tls
from datacatalog.settings import Settings
from tests.acceptance.certificates import certificate
from tests.acceptance.cli import made
from tests.harness import install, until


def settings(home: Path, **gateway: Any) -> Settings:
    catalog = install(home, gateway=gateway)
    catalog.app.close()
    return catalog.app.settings


def test_url_is_https_where_the_gateway_has_a_certificate(tmp_path: Path):
    certificate(tmp_path)
    plain = settings(tmp_path / "plain")
    assert plain.api_url.startswith("http://127.0.0.1:")
    of = {"tls_certificate_file": "../certificate.pem", "tls_key_file": "../key.pem"}
    secure = settings(tmp_path / "secure", **of)
    assert secure.api_url.startswith("https://127.0.0.1:")
    check_tls(secure)
    assert settings(tmp_path / "named", url="http://catalog.example.org", **of).api_url == (
        "http://catalog.example.org"
    )


def test_gateway_stops_at_once_though_somebody_stays_connected(tmp_path: Path):
    certificate_file, key_file = certificate(tmp_path)
    of = {"tls_certificate_file": str(certificate_file), "tls_key_file": str(key_file)}
    catalog = install(tmp_path / "home", gateway=of)
    catalog.app.close()
    process = catalog.start("serve")
    try:
        with requests.Session() as idle:
            until(lambda: idle.get(f"{catalog.url}/readyz", verify=str(certificate_file), timeout=5).ok)
            with pytest.raises(requests.RequestException):
                requests.get(f"http://{catalog.url.removeprefix('https://')}/healthz", timeout=5)
            began = time.monotonic()
            process.terminate()
            assert process.wait(20) == 0
            assert time.monotonic() - began < GRACE_S / 2
    finally:
        catalog.stop_all()


def test_certificate_without_its_key_is_refused(tmp_path: Path):
    with pytest.raises(Misconfigured, match="both or none"):
        settings(tmp_path, tls_certificate_file="certificate.pem")


def test_certificate_and_key_that_cannot_be_used_are_told_apart(tmp_path: Path):
    certificate_file, key_file = certificate(tmp_path)
    of = {"tls_certificate_file": str(certificate_file), "tls_key_file": str(key_file)}
    found = settings(tmp_path / "home", **of)
    key_file.chmod(0o644)
    with pytest.raises(Misconfigured, match="others can read it"):
        check_tls(found)
    key_file.chmod(0o600)
    (tmp_path / "other").mkdir()
    _, other = certificate(tmp_path / "other")
    other.replace(key_file)
    with pytest.raises(Misconfigured, match=r"tls_key_file: .*MISMATCH"):
        check_tls(found)
    key_file.unlink()
    with pytest.raises(Misconfigured, match="there is no file"):
        check_tls(found)


def test_doctor_tells_of_the_certificate_and_when_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shell = made(tmp_path / "catalog")
    certificate_file, key_file = certificate(tmp_path)
    monkeypatch.setenv("DATACATALOG_GATEWAY__TLS_CERTIFICATE_FILE", str(certificate_file))
    monkeypatch.setenv("DATACATALOG_GATEWAY__TLS_KEY_FILE", str(key_file))

    def told() -> dict[str, Any]:
        found = {each["check"]: each for each in shell.ask_doctor(offline=True)["checks"]}
        assert isinstance(found["certificate"], dict)
        return found["certificate"]

    assert told()["well"] is True
    certificate(tmp_path, lasts=timedelta(days=-1))
    assert "expired on" in told()["found"]
    key_file.unlink()
    assert "there is no file" in told()["found"]
