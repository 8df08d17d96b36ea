"""The gateway is killed while files are uploaded: nothing is left of them, and what was answered is there."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
import requests

from tests.harness import SYSTEM, Catalog, install

HEAD = b'--b\r\nContent-Disposition: form-data; name="fileToUpload"; filename="cut.bin"\r\n\r\n'
TIMES = 10


def uploading(catalog: Catalog, size: int) -> socket.socket:
    """Begin an upload, and send that much of it."""
    gateway = catalog.app.settings.config["gateway"]
    sock = socket.create_connection((gateway["host"], gateway["port"]), timeout=10)
    lines = [
        f"POST /files/v2/media/system/{SYSTEM}?x-nonce={catalog.nonce} HTTP/1.1",
        "Host: localhost",
        "Content-Type: multipart/form-data; boundary=b",
        f"Content-Length: {10**9}",
    ]
    sock.sendall("\r\n".join([*lines, "", ""]).encode() + HEAD + bytes(size))
    return sock


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.faults
def test_upload_that_was_under_way_when_the_gateway_was_killed_leaves_nothing(tmp_path: Path) -> None:
    catalog = install(tmp_path / "home")
    try:
        for n in range(TIMES):
            process = catalog.start("serve")
            catalog.wait_ready()
            done = requests.post(
                f"{catalog.url}/files/v2/media",
                params={"x-nonce": catalog.nonce},
                files={"fileToUpload": (f"done-{n}.bin", b"whole")},
                timeout=10,
            )
            assert done.status_code == 201
            with uploading(catalog, (n + 1) * 300_000):
                time.sleep(0.02 * n)
                process.kill()
                process.wait()
        assert files(tmp_path / "home" / "storage") == sorted(f"done-{n}.bin" for n in range(TIMES))
        assert files(tmp_path / "home" / "platform") == []
    finally:
        catalog.stop_all()
        catalog.app.close()
