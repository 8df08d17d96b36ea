"""A gateway that is told to stop: what it acknowledged is kept, what it has in hand is finished, and it ends well."""

from __future__ import annotations

import json
import secrets
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.harness import Catalog, install, until

CLIENTS = 6


class Client(threading.Thread):
    """Sends events over a connection that it keeps, until the gateway refuses to be talked to."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(daemon=True)
        job = catalog.job()
        self.job, self._token = job.job.uuid, job.token
        self.acknowledged: list[str] = []
        self.statuses: set[int] = set()
        self._catalog = catalog

    def run(self) -> None:
        with requests.Session() as session:
            while True:
                mark = secrets.token_hex(8)
                event = {"uuid": self.job, "name": "update", "token": self._token, "data": {"mark": mark}}
                try:
                    answer = session.post(
                        f"{self._catalog.url}/actors/v2/jobs-manager/messages",
                        params={"x-nonce": self._catalog.nonce},
                        data=json.dumps(event),
                        timeout=20,
                    )
                except requests.ConnectionError:
                    if not self._is_there():
                        return
                    continue
                self.statuses.add(answer.status_code)
                if answer.ok:
                    self.acknowledged.append(mark)

    def _is_there(self) -> bool:
        try:
            return bool(requests.get(f"{self._catalog.url}/healthz", timeout=5).ok)
        except requests.ConnectionError:
            return False


@pytest.fixture
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    """An installation; a parameter is its gateway.drain_s."""
    catalog = install(tmp_path / "home", gateway={"drain_s": getattr(request, "param", 0)})
    yield catalog
    catalog.stop_all()
    catalog.app.close()


def marks(catalog: Catalog, job: str) -> list[str]:
    return [entry["data"]["mark"] for entry in catalog.history(job) if "mark" in (entry["data"] or {})]


@pytest.mark.parametrize(
    ("words", "processes"),
    [
        pytest.param(("serve",), 1, id="serve"),
        pytest.param(("serve",), 2, id="two processes", marks=pytest.mark.faults),
        pytest.param(("up", "--workers", "0"), 1, id="up", marks=pytest.mark.faults),
    ],
)
def test_gateway_that_stops_under_load_loses_nothing_and_breaks_nothing(
    words: tuple[str, ...], processes: int, catalog: Catalog
) -> None:
    process = catalog.start(*words, DATACATALOG_GATEWAY__PROCESSES=str(processes))
    catalog.wait_ready()
    clients = [Client(catalog) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    until(lambda: all(len(client.acknowledged) >= 5 for client in clients), 60)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    for client in clients:
        client.join(30)
        assert not client.is_alive()
        assert client.statuses == {200}
        found = marks(catalog, client.job)
        assert set(client.acknowledged) - set(found) == set()
        assert len(found) == len(set(found))


@pytest.mark.parametrize("catalog", [1.5], indirect=True)
def test_gateway_with_a_while_to_drain_says_so_and_goes_on(catalog: Catalog) -> None:
    process = catalog.start("serve")
    catalog.wait_ready()
    job = catalog.job()
    process.send_signal(signal.SIGTERM)
    until(lambda: requests.get(f"{catalog.url}/readyz", timeout=5).status_code == 503)
    assert requests.get(f"{catalog.url}/readyz", timeout=5).json() == {"status": "draining"}
    answer = catalog.post("jobs-manager", {"uuid": job.job.uuid, "name": "run", "token": job.token})
    assert answer.status_code == 200
    assert answer.headers["connection"] == "close"
    assert requests.get(f"{catalog.url}/healthz", timeout=5).ok
    assert process.wait(30) == 0
    assert catalog.state(job.job.uuid) == "RUNNING"


@pytest.mark.parametrize("catalog", [600], indirect=True)
def test_second_signal_ends_the_draining(catalog: Catalog) -> None:
    process = catalog.start("serve")
    catalog.wait_ready()
    process.send_signal(signal.SIGTERM)
    until(lambda: requests.get(f"{catalog.url}/readyz", timeout=5).status_code == 503)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
