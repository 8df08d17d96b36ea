"""Outgoing messages in MongoDB: documents of the queue itself, sent by the commit that holds them.

    {queue, id, due, carry, tries, lease, sent, handled, died, reason, body, order}

Instants are microseconds since 1970; `body` is JSON text; `order` counts messages up as they were sent. That a worker has a message, and until when,
is written outside of the log (see adapters.transport.mongo), since it concerns that message alone. What settles it is in the log.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from datacatalog.adapters.stores import codec
from datacatalog.adapters.stores.mongo import documents, marking
from datacatalog.adapters.stores.mongo.layout import MESSAGES
from datacatalog.adapters.stores.mongo.surroundings import Surroundings
from datacatalog.adapters.stores.mongo.view import Document, View
from datacatalog.adapters.stores.signal import Signal
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import LeaseLost
from datacatalog.ports.stores import Delivery


class MongoOutbox:
    """Implements ports.stores.Outbox."""

    __slots__ = ("_signal", "_surroundings", "_view")

    def __init__(self, view: View, surroundings: Surroundings, signal: Signal) -> None:
        self._view = view
        self._signal = signal
        self._surroundings = surroundings

    def send(
        self,
        queue: str,
        body: JsonObject,
        *,
        id: str,
        at: datetime,
        delay: timedelta = timedelta(0),
    ) -> bool:
        self._view.writing()
        text = codec.encode(body, f"message to {queue}")
        key = documents.key(queue, id)
        mark = marking.message(key)
        if self._view.get(MESSAGES, key, seen=mark) is not None:
            return False
        due = codec.micros(at + delay)
        document = {
            "queue": queue,
            "id": id,
            "due": due,
            "carry": due if self._surroundings.carried else None,
            "tries": 0,
            "lease": None,
            "sent": codec.micros(at),
            "handled": None,
            "died": None,
            "reason": None,
            "body": text,
            "order": self._view.rank(),
        }
        self._view.put(MESSAGES, key, document, touched=[mark])
        self._signal.mark()
        return True

    def settle(self, delivery: Delivery) -> None:
        self._view.writing()
        self._held(delivery)
        key = documents.key(delivery.queue, delivery.id)
        settled = {
            **dict.fromkeys(("due", "carry", "lease", "died", "reason", "body")),
            "handled": codec.micros(self._surroundings.clock.now()),
        }
        self._view.set(MESSAGES, key, settled, touched=[marking.message(key)])

    def hold(self, delivery: Delivery, *, progressed: bool = False) -> None:
        message = self._held(delivery)
        if not self._may_write():
            return
        # Written, so that two who each believe to hold it meet in the log.
        key = documents.key(delivery.queue, delivery.id)
        tries = {"tries": 1} if progressed and message["tries"] > 1 else {}
        fields = {"held": delivery.lease, **tries}
        self._view.set(MESSAGES, key, fields, touched=[marking.message(key)])

    def _held(self, delivery: Delivery) -> Document:
        """Return a message that is still held under this delivery's lease.  Raises LeaseLost."""
        key = documents.key(delivery.queue, delivery.id)
        message = self._view.get(MESSAGES, key, seen=marking.message(key))
        if message is None or message["lease"] is None or message["lease"] != delivery.lease:
            raise LeaseLost(delivery.id)
        return message

    def _may_write(self) -> bool:
        try:
            self._view.writing()
        except RuntimeError:
            return False
        return True
