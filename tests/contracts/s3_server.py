"""An S3 server on this machine, in a thread of its own."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from datacatalog.adapters.storage.s3_bucket import Bucket

KEYS = {"access_key_id": "a-made-up-id", "secret_access_key": secrets.token_hex(8)}


@dataclass(slots=True)
class S3Server:
    url: str
    keys: dict[str, str] = field(default_factory=lambda: dict(KEYS))

    def bucket(self, name: str, **changes: Any) -> Bucket:
        """Return a bucket, made before."""
        requests.put(f"{self.url}/{name}", timeout=10).raise_for_status()
        return Bucket(name, endpoint_url=self.url, region="us-east-1", keys=self.keys, **changes)


@contextmanager
def s3_server() -> Iterator[S3Server]:
    from moto.server import ThreadedMotoServer  # a second, which only those who need it wait

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3Server(f"http://{host}:{port}")
    finally:
        server.stop()
