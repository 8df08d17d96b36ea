"""Word of messages in a broker: which queue, which id. Given persistently and with confirmation, got one at a time.

A word is never held while a message is handled: once the ledger has the message under a worker's lease, the word has served. So a
worker holds at most one, for as long as it takes to claim, and no time limit of the broker on what is unacknowledged is met.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import amqp

from datacatalog.adapters.transport.amqp_link import Link, Missing, Reach
from datacatalog.ports.transport import Parcel

VERSION = "v1"
"""Part of all names: a queue that is declared with other arguments needs another one."""
DELIVERIES_MAX = 100
"""How often the broker gives a word out that is never acknowledged, before it puts it aside."""
ASIDE_MAX = 10_000
"""How many words that were put aside are kept."""

log = logging.getLogger("datacatalog.transport")


class Names:
    """What things are called in the broker, and how long they stay there unused."""

    def __init__(self, prefix: str, expires_s: int) -> None:
        self.expires = {"x-expires": expires_s * 1000}
        self.aside = f"{prefix}.{VERSION}.-aside"
        self.bell = f"{prefix}.{VERSION}.-bell"
        self._start = f"{prefix}.{VERSION}."

    def queue(self, name: str) -> str:
        return f"{self._start}{name}"


def declare(channel: Any, names: Names, queue: str) -> None:
    """Make a queue for words, with where the broker puts aside what it gives up. What is there already stays as it is."""
    quorum = {"x-queue-type": "quorum", **names.expires}
    channel.exchange_declare(names.aside, "fanout", durable=True, auto_delete=False)
    channel.queue_declare(
        names.aside, durable=True, auto_delete=False, arguments={**quorum, "x-max-length": ASIDE_MAX}
    )
    channel.queue_bind(names.aside, names.aside)
    given_up = {"x-dead-letter-exchange": names.aside, "x-delivery-limit": DELIVERIES_MAX}
    channel.queue_declare(
        names.queue(queue), durable=True, auto_delete=False, arguments={**quorum, **given_up}
    )


class Giver:
    """Gives word to the broker, and returns once that has it on its disks."""

    def __init__(self, reach: Reach, names: Names) -> None:
        self.link = Link(reach, self._prepare)
        self._names = names
        self._known: set[str] = set()
        self._confirmed: Confirmations = Confirmations()

    def give(self, parcels: Sequence[Parcel]) -> Sequence[Parcel]:
        """Give word of these; return those of which the broker has taken it.

        Queues that are not there are made, and the bell is rung for the processes that wait.
        Raises:
            Away: whether word was given is unknown.
        """
        self._make_queues(parcels)
        taken, returned = self.link.run(lambda channel: self._publish(channel, parcels))
        if returned:
            # Somebody has removed their queues: they are made anew, and word is given once more.
            self._known -= {parcel.queue for parcel in returned}
            self._make_queues(returned)
            again, _ = self.link.run(lambda channel: self._publish(channel, returned))
            taken = [*taken, *again]
        return taken

    def waiting(self, queue: str) -> int | None:
        """Return how many words of a queue wait; None: the broker did not have the queue, and has it now.

        Raises Away.
        """
        try:
            count = self.link.run(lambda channel: _waiting(channel, self._names.queue(queue)))
        except Missing:
            self.link.run(lambda channel: declare(channel, self._names, queue))
            count = None
        self._known.add(queue)
        return count

    def _make_queues(self, parcels: Iterable[Parcel]) -> None:
        for queue in {parcel.queue for parcel in parcels} - self._known:
            self.waiting(queue)

    def _prepare(self, channel: Any) -> None:
        channel.confirm_select()
        self._confirmed = Confirmations()
        channel.events["basic_ack"].add(self._confirmed.ack)
        channel.events["basic_nack"].add(self._confirmed.nack)
        channel.events["basic_return"].add(self._confirmed.returned)
        channel.exchange_declare(self._names.bell, "fanout", durable=True, auto_delete=False)

    def _publish(self, channel: Any, parcels: Sequence[Parcel]) -> tuple[list[Parcel], list[Parcel]]:
        confirmed = self._confirmed
        confirmed.start(parcels)
        for parcel in parcels:
            word = json.dumps({"queue": parcel.queue, "id": parcel.id})
            message = amqp.Message(word, delivery_mode=2, content_type="application/json")
            channel.basic_publish(message, "", self._names.queue(parcel.queue), mandatory=True)
        while confirmed.outstanding:
            channel.connection.drain_events()
        channel.basic_publish(_ring(Counter(parcel.queue for parcel in parcels)), self._names.bell, "")
        confirmed.count += 1
        return confirmed.taken, confirmed.back


class Confirmations:
    """What the broker said of the words of one channel.

    Attributes:
        count: how many messages were published on the channel.
        outstanding: number of a message -> the word of which nothing was said yet.
        taken, back: of the last lot, the words that it took, and those that no queue was there for.
    """

    def __init__(self) -> None:
        self.count = 0
        self.outstanding: dict[int, Parcel] = {}
        self.taken: list[Parcel] = []
        self.back: list[Parcel] = []
        self._returned: set[tuple[str, str]] = set()

    def start(self, parcels: Iterable[Parcel]) -> None:
        """Begin with another lot."""
        lot = list(parcels)
        self.outstanding = dict(enumerate(lot, self.count + 1))
        self.count += len(lot)
        self.taken, self.back = [], []
        self._returned = set()

    def ack(self, number: int, multiple: bool) -> None:
        for each in self._of(number, multiple):
            # What no queue was there for is returned first, and then confirmed like all else.
            back = (each.queue, each.id) in self._returned
            (self.back if back else self.taken).append(each)

    def nack(self, number: int, multiple: bool) -> None:
        self._of(number, multiple)

    def returned(self, error: Exception, exchange: str, key: str, message: Any) -> None:
        word = read_word(message.body)
        if word is not None:
            self._returned.add((word.queue, word.id))

    def _of(self, number: int, multiple: bool) -> list[Parcel]:
        if not multiple:
            return [self.outstanding.pop(number)] if number in self.outstanding else []
        numbers = [each for each in self.outstanding if each <= number]
        return [self.outstanding.pop(each) for each in numbers]


@dataclass(frozen=True, slots=True)
class Word:
    """A word that was got, and not yet acknowledged.

    Attributes:
        channel: where it came from; it can be acknowledged there alone.
    """

    parcel: Parcel
    number: int
    channel: Any


class Getter:
    """Gets words from the broker, one at a time."""

    def __init__(self, reach: Reach, names: Names) -> None:
        self.link = Link(reach)
        self._names = names
        self._busy: set[str] = set()

    def get(self, queue: str) -> Word | None:
        """Return the next word of a queue, None where there is none.  Raises Away; Missing: there is no such queue."""
        return self.link.run(lambda channel: self._get(channel, queue))

    def acknowledge(self, word: Word) -> None:
        """Take a word off.  Raises Away: it may come again."""
        self.link.run(lambda channel: channel is word.channel and channel.basic_ack(word.number))

    def give_back(self, word: Word) -> None:
        """Let others have a word.  Raises Away: they will have it anyhow."""
        self.link.run(lambda channel: channel is word.channel and channel.basic_reject(word.number, True))

    def _get(self, channel: Any, queue: str) -> Word | None:
        name = self._names.queue(queue)
        # To look costs a twentieth of getting nothing, but is a round trip of its own: where one word was, there may be more.
        while queue in self._busy or _waiting(channel, name):
            message = channel.basic_get(name)
            if message is None:
                self._busy.discard(queue)
                return None
            self._busy.add(queue)
            parcel = read_word(message.body)
            if parcel is not None and parcel.queue == queue:
                return Word(parcel, message.delivery_tag, channel)
            log.warning("what was no word of ours was put aside from queue %s", name)
            channel.basic_reject(message.delivery_tag, False)
        return None


def read_word(body: str | bytes) -> Parcel | None:
    """Return what a word tells of; None where it is none."""
    try:
        word = json.loads(body)
        queue, key = word["queue"], word["id"]
        if not isinstance(queue, str) or not isinstance(key, str):
            return None
        key.encode()  # No ledger could look for half a character.
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return Parcel(queue, key)


def read_ring(body: str | bytes) -> Mapping[str, int]:
    """Return how many words came, by queue; empty where nothing of the kind is said."""
    try:
        rung = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(rung, dict):
        return {}
    return {queue: count for queue, count in rung.items() if isinstance(count, int) and count > 0}


def _ring(counts: Mapping[str, int]) -> Any:
    return amqp.Message(json.dumps(counts), delivery_mode=1, content_type="application/json")


def _waiting(channel: Any, name: str) -> int:
    return int(channel.queue_declare(name, passive=True).message_count)
