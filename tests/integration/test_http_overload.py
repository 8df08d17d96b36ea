"""Too many clients: who cannot be served in time is told so at once, and nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from datacatalog.interfaces.http.desk import Desk
from datacatalog.services.jobs import Created
from tests.harness import Catalog, install, until

CLIENTS = 24
PLACES = 8


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = install(tmp_path, gateway={"max_waiting": PLACES, "max_wait_s": 30})
    yield catalog
    catalog.stop_all()
    catalog.app.close()


@contextmanager
def busy_ledger(catalog: Catalog) -> Iterator[None]:
    """Let nobody else write for a while."""
    held, release = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        held.set()
        assert release.wait(30)

    thread = threading.Thread(target=lambda: catalog.app.env.store.transact(hold))
    thread.start()
    assert held.wait(10)
    try:
        yield
    finally:
        release.set()
        thread.join()


def event(job: Created, number: int) -> dict[str, object]:
    return {"uuid": job.job.uuid, "name": "update", "token": job.token, "data": {"number": number}}


@pytest.mark.slow
def test_who_cannot_be_served_is_told_when_to_come_again_and_what_was_acknowledged_is_there(
    catalog: Catalog,
) -> None:
    job = catalog.job()
    catalog.start("serve")
    catalog.wait_ready()
    assert catalog.post("jobs-manager", {**event(job, -1), "name": "run"}).status_code == 200
    acknowledged: list[int] = []
    statuses: Counter[int] = Counter()
    calm = threading.Event()

    def client(which: int) -> None:
        number = which
        while not calm.is_set():
            answer = catalog.post("jobs-manager", event(job, number))
            statuses[answer.status_code] += 1
            if answer.status_code == 200:
                acknowledged.append(number)
            else:
                assert answer.json()["result"]["code"] == "overloaded"
                assert int(answer.headers["Retry-After"]) >= 1
            number += CLIENTS

    with ThreadPoolExecutor(CLIENTS) as clients:
        running = [clients.submit(client, which) for which in range(CLIENTS)]
        with busy_ledger(catalog):
            until(lambda: statuses[503] >= 50)
            # Callbacks have places of their own, and whoever asks whether the process lives is always answered.
            assert requests.get(f"{catalog.url}/healthz", timeout=5).ok
        until(lambda: len(acknowledged) >= 50)
        calm.set()
        for each in running:
            each.result()

    assert set(statuses) == {200, 503}
    assert catalog.post("jobs-manager", event(job, -2)).status_code == 200
    numbers = [e["data"]["number"] for e in catalog.history(job.job.uuid) if e["name"] == "update"]
    assert sorted(numbers) == sorted([*acknowledged, -2])


@pytest.mark.slow
def test_one_that_is_over_the_limit_finds_a_place_once_the_ledger_moves_again(catalog: Catalog) -> None:
    job = catalog.job()
    catalog.start("serve")
    catalog.wait_ready()
    callback_nonce = catalog.app.settings.secrets.nonces["jobs-manager"]

    def run(nonce: str) -> requests.Response:
        query = {"x-nonce": nonce, "uuid": job.job.uuid, "token": job.token, "event": "run"}
        return requests.post(f"{catalog.url}/actors/v2/jobs-manager/messages", params=query, timeout=60)

    kept = PLACES // 4
    with ThreadPoolExecutor(2 * PLACES) as clients, busy_ledger(catalog):
        ordinary = [clients.submit(run, catalog.nonce) for _ in range(PLACES)]
        until(lambda: sum(each.done() for each in ordinary) == kept)
        callbacks = [clients.submit(run, callback_nonce) for _ in range(2 * kept)]
        until(lambda: sum(each.done() for each in callbacks) == kept)
    answers = Counter(each.result().status_code for each in [*ordinary, *callbacks])
    assert answers == {200: PLACES, 503: 2 * kept}
    assert run(catalog.nonce).status_code == 200


@pytest.mark.slow
def test_who_sends_slowly_takes_nobodys_place(catalog: Catalog) -> None:
    job = catalog.job()
    catalog.start("serve")
    catalog.wait_ready()
    address = urlsplit(catalog.url)
    head = f"POST /actors/v2/jobs-manager/messages HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 100\r\n\r\n{{"
    with ExitStack() as stack:
        for _ in range(3 * PLACES):
            slow = stack.enter_context(socket.create_connection((str(address.hostname), address.port)))
            slow.sendall(head.encode())
        assert catalog.post("jobs-manager", {**event(job, 0), "name": "run"}).status_code == 200


def test_who_leaves_before_their_turn_is_waited_for_no_more(tmp_path: Path) -> None:
    catalog = install(tmp_path, gateway={"threads": 1})
    desk, release = Desk(catalog.app), threading.Event()

    async def left_alone() -> None:
        first = asyncio.ensure_future(desk.run(lambda: release.wait(30)))
        others = [asyncio.ensure_future(desk.run(lambda: None)) for _ in range(3)]
        await asyncio.sleep(0.1)
        for other in others:
            other.cancel()
        await asyncio.sleep(0.1)
        release.set()
        assert await first
        assert [type(e) for e in await asyncio.gather(*others, return_exceptions=True)] == [
            asyncio.CancelledError
        ] * 3

    try:
        asyncio.run(left_alone())
        time.sleep(0.05)
        assert desk.pace.wait_s() == 0
    finally:
        desk.close()
        catalog.app.close()


@pytest.mark.slow
def test_processes_share_a_socket_and_one_that_dies_is_started_again(tmp_path: Path) -> None:
    catalog = install(tmp_path, gateway={"processes": 2})
    try:
        serving = psutil.Process(catalog.start("serve").pid)
        catalog.wait_ready()
        until(lambda: len(serving.children()) == 2)
        job = catalog.job()

        def runs(_: int) -> int:
            return catalog.post("jobs-manager", {**event(job, 0), "name": "run"}).status_code

        with ThreadPoolExecutor(4) as clients:
            assert set(clients.map(runs, range(40))) == {200}
        assert len(catalog.history(job.job.uuid)) == 41

        victim = serving.children()[0]
        os.kill(victim.pid, signal.SIGKILL)
        until(lambda: runs(0) == 200)
        until(lambda: victim.pid not in (now := [c.pid for c in serving.children()]) and len(now) == 2)

        children = serving.children()
        serving.terminate()
        assert serving.wait(20) == 0
        until(lambda: not any(child.is_running() for child in children))
    finally:
        catalog.stop_all()
        catalog.app.close()
