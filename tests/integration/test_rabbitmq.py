"""Workers on a real RabbitMQ: many processes, kills, poison, cut and hanging connections, a broker that lost everything."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from kombu import Connection

from datacatalog.adapters.stores.sqlite import SqliteStore
from datacatalog.adapters.transport import amqp_link
from datacatalog.adapters.transport.amqp import AmqpTransport
from datacatalog.adapters.transport.amqp_bell import REMEMBERED_QUEUES
from datacatalog.adapters.transport.sqlite import SqliteTransport
from datacatalog.services.checking import examine
from tests.contracts.brokers import URL, needs_rabbitmq, own_queues
from tests.harness import free_port, install, until
from tests.integration import rabbit_actors
from tests.integration.certificates import make
from tests.integration.cut import proxy
from tests.integration.rabbit_actors import QUEUE, effects, opened, send, work_once

pytestmark = needs_rabbitmq

SECOND = timedelta(seconds=1)
BROKER = urlsplit(URL)


@dataclass
class Bench:
    """A ledger, a broker, and workers in processes of their own."""

    path: Path
    url: str
    store: SqliteStore
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Of the queue in the broker."""
        return f"{self.url.partition('prefix=')[2].partition('&')[0]}.v1.{QUEUE}"

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", rabbit_actors.__name__, str(self.path), self.url]
        self.workers.append(subprocess.Popen(command))
        return self.workers[-1]

    def transport(self, url: str | None = None, *, relay: bool = False) -> AmqpTransport:
        return AmqpTransport(SqliteTransport(self.store), url or self.url, relay=relay)

    def through(self, port: int) -> str:
        """Return the broker's URL by another port."""
        return self.url.replace(BROKER.netloc, f"{BROKER.netloc.rpartition(':')[0]}:{port}")

    def done(self, *ids: str) -> bool:
        return len(effects(self.store, *ids)) == len(ids)

    def words(self) -> int:
        """Return how many words wait in the broker."""
        with Connection(URL) as connection:
            return int(connection.channel().queue_declare(self.name, passive=True).message_count)

    def remove_queue(self) -> None:
        with Connection(URL) as connection:
            connection.channel().queue_delete(self.name)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with own_queues() as url:
        path = tmp_path / "ledger.db"
        made = Bench(path, url, SqliteStore(path, check=lambda record: None, carried=True))
        yield made
        for worker in made.workers:
            worker.kill()
            worker.wait()
        made.store.close()


def once_each(bench: Bench, ids: list[str]) -> None:
    assert {key: told["times"] for key, told in effects(bench.store, *ids).items()} == dict.fromkeys(ids, 1)


def drained(bench: Bench, transport: AmqpTransport) -> int:
    count = 0
    while work_once(bench.store, transport):
        count += 1
    return count


# ------------------------------------------------------------------------------------------ processes


def test_two_processes_share_the_messages_and_each_takes_effect_once(bench: Bench) -> None:
    ids = [f"m{number}" for number in range(60)]
    first, second = bench.start(), bench.start()
    send(bench.store, *ids, takes_s=0.02)
    until(lambda: bench.done(*ids), 60)
    once_each(bench, ids)
    assert {told["by"] for told in effects(bench.store, *ids).values()} == {first.pid, second.pid}
    for worker in bench.workers:
        worker.terminate()
        assert worker.wait(10) == 0


def test_message_of_a_killed_worker_is_taken_over_and_takes_effect_once(bench: Bench, tmp_path: Path) -> None:
    tell = tmp_path / "working"
    worker = bench.start()
    send(bench.store, "m", first_takes_s=60, tell=str(tell))
    until(tell.exists, 30)
    worker.kill()
    began = time.monotonic()
    other = bench.start()
    until(lambda: bench.done("m"), 30)
    assert time.monotonic() - began < 10
    assert effects(bench.store, "m") == {"m": {"times": 1, "tries": 2, "by": other.pid}}


def test_message_that_kills_its_workers_takes_no_neighbour_along(bench: Bench) -> None:
    ids = [f"m{number}" for number in range(10)]
    send(bench.store, *ids[:5])
    send(bench.store, "poison", deadly=True)
    send(bench.store, *ids[5:])
    for _ in range(rabbit_actors.TRIES):
        assert bench.start().wait(30) == -signal.SIGKILL
    transport = bench.transport()
    last = bench.start()
    until(lambda: bool(transport.dead()) and bench.done(*ids), 30)
    last.terminate()
    [letter] = transport.dead()
    assert (letter.id, letter.tries) == ("poison", rabbit_actors.TRIES)
    once_each(bench, ids)
    assert {told["tries"] for told in effects(bench.store, *ids).values()} == {1}


def test_waiting_process_hears_of_what_another_one_commits(bench: Bench) -> None:
    here = bench.transport(relay=True)
    store, there = opened(bench.path, bench.url)
    assert here.claim([QUEUE], lease=SECOND) is None
    until(here._listens)
    for number in range(3):
        assert here.claim([QUEUE], lease=SECOND) is None
        timer = threading.Timer(0.1, send, (store, f"m{number}"))
        timer.start()
        began = time.monotonic()
        here.wait(timedelta(seconds=20))
        assert time.monotonic() - began < 10
        until(lambda: work_once(bench.store, here), 10)
        timer.join()
    here.close()
    there.close()
    store.close()


@pytest.mark.parametrize(
    "ring",
    [
        pytest.param("[" * 100_000, id="deep"),
        pytest.param(f'{{"{QUEUE}": -1000000000}}', id="negative"),
        pytest.param("[1, 2]", id="another"),
        pytest.param(json.dumps({f"queue-{n}": 1 for n in range(1000)}), id="unknown names"),
    ],
)
def test_bell_that_a_stranger_rings_goes_on_ringing(bench: Bench, ring: str) -> None:
    here, there = bench.transport(relay=True), bench.transport()
    assert here.claim([QUEUE], lease=SECOND) is None
    until(here._listens)
    names = bench.name.replace(f".{QUEUE}", ".-bell")
    with Connection(URL) as connection:
        connection.Producer().publish(ring, exchange=names, routing_key="")
    send(bench.store, "m")
    there._tell()
    assert here._bell.wait([QUEUE], 10)
    assert here._listens()
    assert len(here._bell._rung) <= REMEMBERED_QUEUES
    here.close()
    there.close()


# ------------------------------------------------------------------------------- a broker in trouble


def test_connection_that_is_cut_is_made_anew_and_nothing_is_lost_or_doubled(bench: Bench) -> None:
    ids = [f"m{number}" for number in range(40)]
    with proxy(BROKER.hostname or "", BROKER.port or 5672) as between:
        transport = bench.transport(bench.through(between.port), relay=True)
        for start in range(0, 40, 10):
            send(bench.store, *ids[start : start + 10])
            for _ in range(4):
                work_once(bench.store, transport)
            between.cut()
        drained(bench, transport)
        once_each(bench, ids)
        assert between.accepted >= 5
        transport.close()


def test_work_goes_on_by_the_ledger_while_the_broker_is_away_and_by_the_broker_when_it_is_back(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with proxy(BROKER.hostname or "", BROKER.port or 5672) as between:
        transport = bench.transport(bench.through(between.port))
        between.refuse()
        send(bench.store, "a", "b")
        assert drained(bench, transport) == 2
        transport.wait(SECOND * 0.05)
        between.go_on()
        until(lambda: bool(transport._reach), 10)
        send(bench.store, "c")
        assert transport._tell() == 1
        assert bench.words() == 1
        assert drained(bench, transport) == 1
        transport.close()
    once_each(bench, ["a", "b", "c"])
    told = [record.getMessage() for record in caplog.records if record.name == "datacatalog.transport"]
    assert "is not reached" in told[0]
    assert "is reached again" in told[-1]
    assert not [text for text in told if "guest" in text.replace("amqp", "")]


def test_broker_that_falls_silent_holds_no_worker_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amqp_link, "ANSWER_TIMEOUT_S", 0.3)
    monkeypatch.setattr(amqp_link, "CONNECT_TIMEOUT_S", 0.3)
    with proxy(BROKER.hostname or "", BROKER.port or 5672) as between:
        transport = bench.transport(bench.through(between.port))
        send(bench.store, "a")
        assert drained(bench, transport) == 1
        between.hang()
        send(bench.store, "b", "c")
        assert drained(bench, transport) == 2
        between.go_on()
        between.cut()
        transport.close()
    once_each(bench, ["a", "b", "c"])


def test_messages_whose_words_a_broker_lost_are_all_delivered(bench: Bench) -> None:
    ids = [f"m{number}" for number in range(30)]
    transport = bench.transport()
    send(bench.store, *ids)
    assert work_once(bench.store, transport)
    assert bench.words() == 29
    bench.remove_queue()
    assert drained(bench, transport) == 29
    once_each(bench, ids)
    transport.close()


def test_lost_words_are_given_again_to_workers_that_are_never_idle(bench: Bench) -> None:
    transport = bench.transport()
    send(bench.store, "lost")
    assert transport._tell() == 1
    with Connection(URL) as connection:
        assert connection.channel().queue_purge(bench.name) == 1
    transport._sweep()
    assert transport._tell() == 1
    assert bench.words() == 1
    transport.close()


def test_what_waited_before_there_was_a_broker_is_delivered(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    before = SqliteStore(path, check=lambda record: None)
    send(before, "a", "b")
    before.close()
    with own_queues() as url:
        store, transport = opened(path, url)
        assert work_once(store, transport)
        assert work_once(store, transport)
        transport.close()
        store.close()


def test_broker_that_is_not_there_at_all_costs_no_message(bench: Bench) -> None:
    transport = bench.transport(bench.through(free_port()), relay=True)
    send(bench.store, "a")
    assert drained(bench, transport) == 1
    transport.wait(SECOND * 0.05)
    transport.close()


def test_broker_that_refuses_us_is_as_one_that_is_away(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    transport = bench.transport(bench.url.replace(":guest@", ":geheim@"))
    send(bench.store, "a", "b")
    assert drained(bench, transport) == 2
    transport.close()
    assert "ACCESS_REFUSED" in caplog.text
    assert "geheim" not in caplog.text


@pytest.mark.parametrize("believed", [True, False])
def test_broker_over_tls_has_to_prove_who_it_is(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    believed: bool,
) -> None:
    authority = make(tmp_path, "authority")
    server = make(tmp_path, "server", names=("127.0.0.1",), by=authority)
    if believed:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate_file))
    with proxy(BROKER.hostname or "", BROKER.port or 5672, server.serving()) as between:
        transport = bench.transport(bench.through(between.port).replace("amqp://", "amqps://"))
        send(bench.store, "m")
        assert drained(bench, transport) == 1
        transport.close()
    assert ("CERTIFICATE_VERIFY_FAILED" in caplog.text) is not believed


# ----------------------------------------------------------------------------- what lies in the broker


def test_word_is_off_the_broker_while_its_message_is_handled(bench: Bench) -> None:
    transport = bench.transport()
    send(bench.store, "m")
    delivery = transport.claim([QUEUE], lease=SECOND * 60)
    assert delivery is not None
    transport.close()  # what was not acknowledged would come back
    assert bench.words() == 0
    assert bench.transport().claim([QUEUE], lease=SECOND) is None


def test_word_says_which_message_and_nothing_of_what_is_in_it(bench: Bench) -> None:
    transport = bench.transport()
    send(bench.store, "m", secret="4711")
    transport._tell()
    with Connection(URL) as connection:
        message = connection.channel().basic_get(bench.name)
        assert json.loads(message.body) == {"queue": QUEUE, "id": "m"}
        assert message.properties["delivery_mode"] == 2
    transport.close()


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "no JSON",
        "[]",
        '{"queue": "other", "id": "m"}',
        '{"queue": 1, "id": 2}',
        pytest.param("[" * 100_000, id="deep"),
        pytest.param(f'{{"queue": "{QUEUE}", "id": "\\ud800"}}', id="no text"),
    ],
)
def test_what_is_no_word_is_put_aside(bench: Bench, junk: str) -> None:
    transport = bench.transport()
    send(bench.store, "m")
    assert drained(bench, transport) == 1
    with Connection(URL) as connection:
        connection.Producer().publish(junk, routing_key=bench.name)
        send(bench.store, "n")
        assert drained(bench, transport) == 1
        aside = bench.name.replace(f".{QUEUE}", ".-aside")
        until(lambda: connection.channel().queue_declare(aside, passive=True).message_count == 1)
    transport.close()


def test_queue_that_others_declared_otherwise_is_used_as_it_is(bench: Bench) -> None:
    with Connection(URL) as connection:
        connection.channel().queue_declare(bench.name, durable=True, auto_delete=False)
    transport = bench.transport()
    send(bench.store, "m")
    assert transport._tell() == 1
    assert bench.words() == 1
    assert drained(bench, transport) == 1
    transport.close()


def test_quiet_connections_are_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amqp_link, "HEARTBEAT_S", 1)
    with proxy(BROKER.hostname or "", BROKER.port or 5672) as between:
        transport = bench.transport(bench.through(between.port))
        send(bench.store, "m")
        assert drained(bench, transport) == 1
        known = between.accepted
        for _ in range(14):
            time.sleep(0.25)
            transport._giver.link.pulse()
            transport._getter.link.pulse()
        send(bench.store, "n")
        assert drained(bench, transport) == 1
        assert between.accepted == known
        transport.close()


def threads_named(start: str) -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(start)]


def test_closed_transport_leaves_no_thread(bench: Bench) -> None:
    transport = bench.transport(relay=True)
    transport.wait(SECOND * 0.01)
    assert threads_named("broker-")
    transport.close()
    assert not threads_named("broker-")


# ----------------------------------------------------------------------------------------- looking after


def test_word_that_did_not_get_out_is_found_and_given_by_who_mends(bench: Bench, tmp_path: Path) -> None:
    catalog = install(tmp_path / "home")
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    bench.store.transact(lambda work: work.outbox.send(QUEUE, {}, id="m", at=long_ago))

    def check(transport: AmqpTransport, *, fix: bool) -> tuple[int, int]:
        env = replace(catalog.app.env, store=bench.store, transport=transport)
        [result] = [r for r in examine(env, [QUEUE], fix=fix) if r.check == "waiting messages"]
        return result.found, result.mended

    nowhere, there = bench.transport(bench.through(free_port())), bench.transport()
    assert check(nowhere, fix=True) == (1, 0)
    assert check(there, fix=False) == (1, 0)
    assert check(there, fix=True) == (1, 1)
    assert bench.words() == 1
    for transport in (nowhere, there):
        transport.close()
    catalog.app.close()
