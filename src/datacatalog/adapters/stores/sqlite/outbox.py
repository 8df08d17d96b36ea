"""Outgoing messages in SQLite: rows of the queue itself, so they are sent by the commit that holds them."""

from __future__ import annotations

from datetime import datetime, timedelta

from datacatalog.adapters.stores import codec
from datacatalog.adapters.stores.sqlite.session import Session
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import LeaseLost
from datacatalog.ports.clock import Clock
from datacatalog.ports.stores import Delivery

_SEND = "INSERT OR IGNORE INTO messages (queue, id, due, sent, body) VALUES (?, ?, ?, ?, ?)"
_SEND_CARRIED = (
    "INSERT OR IGNORE INTO messages (queue, id, due, carry, sent, body) VALUES (?1, ?2, ?3, ?3, ?4, ?5)"
)


class SqliteOutbox:
    """Implements ports.stores.Outbox."""

    __slots__ = ("_carried", "_clock", "_session")

    def __init__(self, session: Session, clock: Clock, *, carried: bool = False) -> None:
        """Args: carried: note of each message when word of it is to be given to a broker."""
        self._session = session
        self._clock = clock
        self._carried = carried

    def send(
        self,
        queue: str,
        body: JsonObject,
        *,
        id: str,
        at: datetime,
        delay: timedelta = timedelta(0),
    ) -> bool:
        text = codec.encode(body, f"message to {queue}")
        sent = codec.micros(at)
        new = self._session.write(
            _SEND_CARRIED if self._carried else _SEND,
            (queue, id, codec.micros(at + delay), sent, text),
        ).rowcount
        if new:
            self._session.signal.mark()
        return new == 1

    def settle(self, delivery: Delivery) -> None:
        settled = self._session.write(
            "UPDATE messages SET due = NULL, carry = NULL, lease = NULL, reason = NULL, body = NULL, handled = ?"
            " WHERE queue = ? AND id = ? AND lease = ?",
            (codec.micros(self._clock.now()), delivery.queue, delivery.id, delivery.lease),
        ).rowcount
        if not settled:
            raise LeaseLost(delivery.id)

    def hold(self, delivery: Delivery, *, progressed: bool = False) -> None:
        if progressed:
            self._session.write(
                "UPDATE messages SET tries = 1 WHERE queue = ? AND id = ? AND lease = ? AND tries > 1",
                (delivery.queue, delivery.id, delivery.lease),
            )
        held = self._session.read(
            "SELECT 1 FROM messages WHERE queue = ? AND id = ? AND lease = ?",
            (delivery.queue, delivery.id, delivery.lease),
        ).fetchone()
        if held is None:
            raise LeaseLost(delivery.id)
