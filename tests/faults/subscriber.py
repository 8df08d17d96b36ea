"""Somebody who is told of every step of the jobs of a pipeline, and writes down what was told."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from datacatalog.services.env import Principal
from datacatalog.services.subscriptions import Wish, subscribe
from tests.harness import Catalog


@dataclass(frozen=True, slots=True)
class Told:
    """One delivery, of one entry of a job's history."""

    delivery: str
    entry: str
    job: str
    digest: str


class Subscriber:
    """A server on this machine; used as a context.

    Args:
        host: the address that it listens at.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.told: list[Told] = []
        self._server = ThreadingHTTPServer((host, 0), _handler(self.told))
        self._server.daemon_threads = True
        self.address = f"{host}:{self._server.server_address[1]}"

    def __enter__(self) -> Subscriber:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def sections(self) -> Mapping[str, Any]:
        """What an installation has to be told to be allowed to speak to it."""
        host = self.address.partition(":")[0]
        return {
            "outgoing": {"hosts": [self.address], "private_networks": [f"{host}/32"]},
            "webhooks": {"max_tries": 1000},
        }

    def subscribe(self, catalog: Catalog, pipeline: str) -> None:
        env, wish = catalog.app.env, Wish(subject=pipeline, url=f"http://{self.address}/told")
        env.store.transact(lambda work: subscribe(wish, Principal(name="t", via="t"), work, env))

    def complaints(self, histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
        """Tell what is wrong with what was told: every entry of these jobs is, at least once, the same each time, and no other.

        Args:
            histories: job -> its entries; what was only noted is told nobody.
        """
        wanted = {(job, str(e["uuid"])) for job, h in histories.items() for e in h if not e.get("noted")}
        heard: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        for each in list(self.told):
            if each.job in histories:
                heard[each.job, each.entry].add((each.delivery, each.digest))
        for job, entry in sorted(wanted - heard.keys()):
            yield f"{job}: its subscriber was never told of {entry}"
        for job, entry in sorted(heard.keys() - wanted):
            yield f"{job}: its subscriber was told of {entry}, which is not in the history"
        for (job, entry), ways in heard.items():
            if len(ways) > 1:
                yield f"{job}: its subscriber was told {len(ways)} things as {entry}"


def _handler(told: list[Told]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            # Noted before it is answered: who is told "yes" need not come again.
            event, digest = json.loads(body), hashlib.sha256(body).hexdigest()
            told.append(
                Told(
                    delivery=self.headers["webhook-id"],
                    entry=event["id"],
                    job=event["data"]["uuid"],
                    digest=digest,
                )
            )
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
