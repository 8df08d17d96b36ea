"""What the workers of test_rabbitmq.py do: each is a process of its own that opens the ledger and the broker for itself.

An effect is counted in the ledger by the commit that settles its message; so what is done twice is seen.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from datacatalog.adapters.stores.sqlite import SqliteStore
from datacatalog.adapters.transport.amqp import AmqpTransport
from datacatalog.adapters.transport.sqlite import SqliteTransport
from datacatalog.domain.errors import LeaseLost
from datacatalog.ports.stores import Delivery, Store, Work
from datacatalog.ports.transport import Transport

QUEUE = "q"
LEASE = timedelta(seconds=1)
TRIES = 3
IDLE = timedelta(seconds=0.2)


def opened(path: Path, url: str) -> tuple[SqliteStore, AmqpTransport]:
    store = SqliteStore(path, check=lambda record: None, carried=True)
    return store, AmqpTransport(SqliteTransport(store), url)


def send(store: Store, *ids: str, delay: timedelta = timedelta(0), **body: Any) -> None:
    def sent(work: Work) -> None:
        for key in ids:
            work.outbox.send(QUEUE, body, id=key, at=datetime.now(UTC), delay=delay)

    store.transact(sent)


def effects(store: Store, *ids: str) -> dict[str, Any]:
    """Return {id: {"times": how often it took effect, "tries": of the last time, "by": process}}."""
    found = store.read(lambda work: {key: work.progress.get(key) for key in ids})
    return {key: told for key, told in found.items() if told is not None}


def work_once(store: Store, transport: Transport) -> bool:
    """Handle one message as its body says; False where there is none."""
    delivery = transport.claim([QUEUE], lease=LEASE, max_tries=TRIES)
    if delivery is None:
        return False
    try:
        _handle(delivery)
        store.transact(lambda work: _settle(delivery, work))
    except LeaseLost:
        pass
    finally:
        transport.done(delivery)
    return True


def _handle(delivery: Delivery) -> None:
    body: Any = delivery.body
    if body.get("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    if delivery.tries == 1 and "first_takes_s" in body:
        Path(body["tell"]).write_text(str(os.getpid()))
        time.sleep(body["first_takes_s"])
    time.sleep(body.get("takes_s", 0))


def _settle(delivery: Delivery, work: Work) -> None:
    before: Any = work.progress.get(delivery.id) or {"times": 0}
    told = {"times": before["times"] + 1, "tries": delivery.tries, "by": os.getpid()}
    work.progress.put(delivery.id, told, at=datetime.now(UTC))
    work.outbox.settle(delivery)


def main(path: str, url: str) -> None:
    store, transport = opened(Path(path), url)
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    while not stopped:
        if not work_once(store, transport):
            transport.wait(IDLE)
    transport.close()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
