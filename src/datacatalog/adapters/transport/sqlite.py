"""The leased queue in the ledger's own file.

A message that waits, or is in hands, is due at some time: when it was sent to arrive, or when its lease ends. A claim
moves that time to the end of the new lease, so a worker that dies gives its message back by doing nothing.

Due times and leases are wall-clock time, since they must outlive a restart and be the same for all processes. A clock that
jumps forward ends leases early: messages are handled again, and a stale worker's writes are refused by its old lease. A clock
that jumps back holds back delayed and given-back messages, and those of dead workers, by as much; none is lost by either.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from datacatalog.adapters.stores import codec
from datacatalog.adapters.stores.sqlite import SqliteStore
from datacatalog.adapters.stores.sqlite.connections import Seat
from datacatalog.domain.errors import LeaseLost
from datacatalog.ports.clock import Clock
from datacatalog.ports.stores import DeadLetter, Delivery
from datacatalog.ports.transport import DEAD_COUNTED, Backlog, Parcel

POLL_S = 0.05
"""How often a sleeping worker looks whether another process has written."""

_BEYOND = "\U0010ffff"
"""Behind a prefix: after every id that begins so."""

_MICROSECOND = timedelta(microseconds=1)

_DEPTH = "SELECT queue, count(*) FROM messages WHERE due IS NOT NULL GROUP BY queue"
_DEAD = (
    "SELECT queue, count(*) FROM (SELECT queue FROM messages WHERE died IS NOT NULL LIMIT ?) GROUP BY queue"
)
_UNSENT = (
    "SELECT queue, min(due) FROM (SELECT queue, due FROM messages WHERE carry IS NOT NULL ORDER BY carry LIMIT ?)"
    " WHERE due <= ? GROUP BY queue"
)
UNSENT_READ = 10_000
"""How many messages are read to tell since when word of one has been missing."""


@dataclass(frozen=True, slots=True)
class _View:
    """What a thread had seen when it last looked for messages in vain.

    Attributes:
        now: the time of its look [µs since 1970].
        generation: of the news within this process.
        version: of the file, as SQLite counts other connections' commits.
    """

    now: int
    generation: int
    version: int


class SqliteTransport:
    """Implements ports.transport.Mailbox."""

    def __init__(self, store: SqliteStore, clock: Clock | None = None) -> None:
        """Args: clock: tells what is due and when leases end; the store's own where it is not given."""
        self._database = store.database
        self._carried = store.carried
        # A message that has a time gets word at that time; an embedded ledger does not pay for the second column.
        self._schedule = "due = ?1, carry = ?1" if store.carried else "due = ?1"
        self._clock = clock or store.clock
        self._local = threading.local()

    def claim(self, queues: Sequence[str], *, lease: timedelta, max_tries: int = 5) -> Delivery | None:
        view = self._view()
        if not self._database.read(lambda seat: _due(seat, queues, view.now)):
            self._local.view = view
            return None
        now = self._now()
        until = now + lease // _MICROSECOND
        return self._database.write(lambda seat: self._claim(seat, queues, now, until, max_tries))

    def renew(self, delivery: Delivery, *, lease: timedelta) -> None:
        until = self._now() + lease // _MICROSECOND
        if not self._change(delivery, self._schedule, until):
            raise LeaseLost(delivery.id)

    def retry(self, delivery: Delivery, *, delay: timedelta, reason: str, counted: bool = True) -> None:
        due = self._now() + delay // _MICROSECOND
        tries = "" if counted else ", tries = tries - 1"
        self._change(delivery, f"{self._schedule}, lease = NULL, reason = ?{tries}", due, reason, news=True)

    def bury(self, delivery: Delivery, *, reason: str) -> None:
        self._change(
            delivery, "due = NULL, carry = NULL, lease = NULL, died = ?, reason = ?", self._now(), reason
        )

    def dead(self, queue: str | None = None, *, limit: int = 100) -> Sequence[DeadLetter]:
        only, values = ("", (limit,)) if queue is None else ("AND queue = ? ", (queue, limit))
        sql = (
            "SELECT id, queue, body, tries, reason, died FROM messages"  # noqa: S608
            f" WHERE died IS NOT NULL {only}ORDER BY died DESC, seq DESC LIMIT ?"
        )
        rows = self._database.read(lambda seat: seat.cursor.execute(sql, values).fetchall())
        return [
            DeadLetter(
                id=key,
                queue=name,
                body=codec.decode(body),
                tries=tries,
                reason=reason,
                died=codec.instant(died),
            )
            for key, name, body, tries, reason, died in rows
        ]

    def revive(self, queue: str, id: str) -> bool:
        sql = (
            f"UPDATE messages SET {self._schedule}, tries = 0, died = NULL, reason = NULL"  # noqa: S608
            " WHERE queue = ? AND id = ? AND died IS NOT NULL"
        )
        return self._write(sql, (self._now(), queue, id), news=True) == 1

    def discard(self, queue: str, id: str) -> bool:
        sql = (
            "UPDATE messages SET died = NULL, reason = NULL, body = NULL, handled = ?"
            " WHERE queue = ? AND id = ? AND died IS NOT NULL"
        )
        return self._write(sql, (self._now(), queue, id), news=False) == 1

    def waiting(self, queue: str, prefix: str) -> Sequence[str]:
        sql = "SELECT id FROM messages WHERE queue = ? AND id >= ? AND id < ? AND due IS NOT NULL ORDER BY id"
        values = (queue, prefix, f"{prefix}{_BEYOND}")
        rows = self._database.read(lambda seat: seat.cursor.execute(sql, values).fetchall())
        return [key for [key] in rows]

    def postpone(self, queue: str, prefix: str, *, delay: timedelta, limit: int = 5000) -> int:
        until = self._now() + delay // _MICROSECOND
        return self._reschedule("due < ?", queue, prefix, until, limit)

    def hasten(self, queue: str, prefix: str, *, limit: int = 5000) -> int:
        return self._reschedule("due > ?", queue, prefix, self._now(), limit)

    def _reschedule(self, which: str, queue: str, prefix: str, due: int, limit: int) -> int:
        # By what is due (`+id`), since the index of ids also has all that were handled.
        sql = (
            f"UPDATE messages SET {self._schedule} WHERE seq IN ("  # noqa: S608
            f"SELECT seq FROM messages WHERE queue = ? AND {which} AND +id >= ? AND +id < ? AND lease IS NULL"
            " ORDER BY due, seq LIMIT ?)"
        )
        values = (due, queue, due, prefix, f"{prefix}{_BEYOND}", limit)

        return self._write(sql, values, news=True)

    def depth(self) -> Mapping[str, int]:
        return dict(self._database.read(lambda seat: seat.cursor.execute(_DEPTH).fetchall()))

    def backlog(self) -> Mapping[str, Backlog]:
        now = self._now()

        def look(seat: Seat) -> dict[str, Backlog]:
            waiting = dict(seat.cursor.execute(_DEPTH).fetchall())
            dead = dict(seat.cursor.execute(_DEAD, (DEAD_COUNTED,)).fetchall())
            oldest = {queue: _due(seat, [queue], now) for queue in waiting}
            unsent = dict(seat.cursor.execute(_UNSENT, (UNSENT_READ, now)).fetchall())
            return {
                queue: Backlog(
                    waiting=waiting.get(queue, 0),
                    oldest=codec.instant(head.due) if (head := oldest.get(queue)) else None,
                    dead=dead.get(queue, 0),
                    unsent=codec.instant(unsent[queue]) if queue in unsent else None,
                )
                for queue in waiting | dead
            }

        return self._database.read(look)

    def wait(self, timeout: timedelta) -> None:
        """Sleep until there is news since this thread's last claim in vain, or a message has become due since."""
        view: _View = getattr(self._local, "view", None) or self._view()
        self._local.view = None
        end = time.monotonic() + timeout.total_seconds()
        next_due = self._database.read(lambda seat: _next_due(seat, view.now))
        while (left := end - time.monotonic()) > 0:
            if self._database.version() != view.version:
                return
            until_due = (next_due - self._now()) / 1e6 if next_due is not None else left
            if until_due <= 0 or self._database.signal.wait(view.generation, min(left, until_due, POLL_S)):
                return

    def done(self, delivery: Delivery) -> None:
        """The ledger knows."""

    def close(self) -> None:
        """The store, whose queue it is, is closed by whoever opened it."""

    # ------------------------------------------------------------------------------ for a carrier

    def take(self, parcel: Parcel, *, lease: timedelta, max_tries: int = 5) -> Delivery | timedelta | None:
        until = self._now() + lease // _MICROSECOND

        def body(seat: Seat) -> Delivery | timedelta | None:
            now = self._now()
            head = _named(seat, parcel)
            if head is None:
                return None
            if head.due > now:
                seat.cursor.execute(
                    "UPDATE messages SET carry = due WHERE seq = ? AND carry IS NULL", (head.seq,)
                )
                return _MICROSECOND * (head.due - now)
            if head.tries < max_tries:
                return _take(seat, head, self._schedule, until)
            _give_up(seat, head, now)
            return None

        return self._database.write(body)

    def collect(self, *, hold: timedelta, limit: int = 100) -> Sequence[Parcel]:
        view = self._view()
        if not self._database.read(lambda seat: _to_tell(seat, view.now, 1)):
            self._local.view = view
            return []
        now = self._now()
        until = now + hold // _MICROSECOND

        def body(seat: Seat) -> list[Parcel]:
            found = _to_tell(seat, now, limit)
            seat.cursor.executemany(
                "UPDATE messages SET carry = ? WHERE seq = ?", [(until, seq) for seq, _, _ in found]
            )
            return [Parcel(queue, key, codec.instant(until)) for _, queue, key in found]

        return self._database.write(body)

    def handed_over(self, parcels: Collection[Parcel]) -> None:
        rows = [(each.queue, each.id, codec.micros(each.until)) for each in parcels if each.until is not None]
        sql = "UPDATE messages SET carry = NULL WHERE queue = ? AND id = ? AND carry = ?"
        self._database.write(lambda seat: seat.cursor.executemany(sql, rows))

    def recall(self, queue: str, *, limit: int = 5000) -> int:
        lost = "SELECT seq FROM messages WHERE queue = ? AND due <= ? AND carry IS NULL ORDER BY due, seq LIMIT ?"
        values = (queue, self._now(), limit)
        if not self._database.read(lambda seat: seat.cursor.execute(lost, values).fetchone()):
            return 0
        sql = f"UPDATE messages SET carry = due WHERE seq IN ({lost})"  # noqa: S608
        return self._write(sql, values, news=True)

    # -------------------------------------------------------------------------------------- inside

    def _claim(
        self, seat: Seat, queues: Sequence[str], now: int, until: int, max_tries: int
    ) -> Delivery | None:
        while (head := _due(seat, queues, now)) is not None:
            if head.tries < max_tries:
                return _take(seat, head, self._schedule, until)
            _give_up(seat, head, now)
        return None

    def _view(self) -> _View:
        """Return the present view; it is taken before the look, so that nothing falls between the two."""
        generation, version = self._database.signal.generation, self._database.version()
        return _View(now=self._now(), generation=generation, version=version)

    def _now(self) -> int:
        return codec.micros(self._clock.now())

    def _change(self, delivery: Delivery, sets: str, *values: object, news: bool = False) -> bool:
        """Change a message that is still held under this delivery's lease; tell whether it was."""
        sql = f"UPDATE messages SET {sets} WHERE queue = ? AND id = ? AND lease = ?"  # noqa: S608
        return self._write(sql, (*values, delivery.queue, delivery.id, delivery.lease), news=news) == 1

    def _write(self, sql: str, values: tuple[object, ...], *, news: bool) -> int:
        """Change rows; return how many."""

        def change(seat: Seat) -> int:
            changed = seat.cursor.execute(sql, values).rowcount
            if changed and news:
                self._database.signal.mark()
            return changed

        return self._database.write(change)


@dataclass(frozen=True, slots=True)
class _Due:
    due: int
    seq: int
    queue: str
    tries: int


def _due(seat: Seat, queues: Sequence[str], now: int) -> _Due | None:
    """Return the message that has been due longest; each queue is asked along its index."""
    sql = "SELECT due, seq, queue, tries FROM messages WHERE queue = ? AND due <= ? ORDER BY due, seq LIMIT 1"
    heads = (seat.cursor.execute(sql, (queue, now)).fetchone() for queue in queues)
    found = [_Due(*head) for head in heads if head is not None]
    return min(found, key=lambda each: (each.due, each.seq), default=None)


def _give_up(seat: Seat, head: _Due, now: int) -> None:
    seat.cursor.execute(
        "UPDATE messages SET due = NULL, carry = NULL, lease = NULL, died = ?,"
        " reason = coalesce(reason || '; ', '') || ? WHERE seq = ?",
        (now, f"claimed {head.tries} times and never done", head.seq),
    )


def _take(seat: Seat, head: _Due, sets: str, until: int) -> Delivery:
    lease = secrets.token_hex(8)
    [[key, body, sent]] = seat.cursor.execute(
        f"UPDATE messages SET {sets}, tries = tries + 1, lease = ? WHERE seq = ? RETURNING id, body, sent",  # noqa: S608
        (until, lease, head.seq),
    ).fetchall()
    return Delivery(
        id=key,
        queue=head.queue,
        body=codec.decode(body),
        tries=head.tries + 1,
        lease=lease,
        sent=codec.instant(sent),
    )


def _named(seat: Seat, parcel: Parcel) -> _Due | None:
    """Return the message that a parcel tells of, where it was neither handled nor given up."""
    sql = "SELECT due, seq, queue, tries FROM messages WHERE queue = ? AND id = ? AND due IS NOT NULL"
    head = seat.cursor.execute(sql, (parcel.queue, parcel.id)).fetchone()
    return None if head is None else _Due(*head)


def _to_tell(seat: Seat, now: int, limit: int) -> list[tuple[int, str, str]]:
    """Return number, queue and id of messages that are due and of which word is to be given."""
    sql = "SELECT seq, queue, id FROM messages WHERE carry <= ?1 AND due <= ?1 ORDER BY carry, seq LIMIT ?2"
    return seat.cursor.execute(sql, (now, limit)).fetchall()


def _next_due(seat: Seat, now: int) -> int | None:
    """Return when the next message becomes due after `now`, whatever its queue."""
    rows = seat.cursor.execute(_QUEUES).fetchall()
    sql = "SELECT min(due) FROM messages WHERE queue = ? AND due > ?"
    dues = [seat.cursor.execute(sql, (queue, now)).fetchone()[0] for [queue] in rows]
    return min((due for due in dues if due is not None), default=None)


# The queues that have messages, one seek along the index for each; GROUP BY would read all that wait.
_QUEUES = """
WITH RECURSIVE names (queue) AS (
  SELECT min(queue) FROM messages WHERE due IS NOT NULL
  UNION ALL
  SELECT (SELECT min(queue) FROM messages WHERE due IS NOT NULL AND queue > names.queue)
  FROM names WHERE queue IS NOT NULL
)
SELECT queue FROM names WHERE queue IS NOT NULL
"""
