"""Messages carried by a broker that speaks AMQP 0-9-1: RabbitMQ.

The ledger keeps every message and has the last word on it; the broker carries word of it, `{"queue": ..., "id": ...}`, to a worker
of whatever process on whatever machine. So nothing is lost with the broker, and word that comes twice or late changes nothing
(docs/adr/0020). Every process gives word of what is due: at once of what it committed itself, soon of what others did.

Where the broker has nothing for a worker, or is away, the worker asks the ledger itself; so work goes on, if more slowly.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Sequence
from datetime import timedelta

from datacatalog.adapters.transport.amqp_bell import Bell, Ear
from datacatalog.adapters.transport.amqp_examining import examine
from datacatalog.adapters.transport.amqp_link import Away, Missing, Reach, address_of
from datacatalog.adapters.transport.amqp_words import Getter, Giver, Names
from datacatalog.adapters.transport.carried import Carried
from datacatalog.domain.errors import DatacatalogError, Unavailable
from datacatalog.ports.examining import Remark
from datacatalog.ports.stores import Delivery
from datacatalog.ports.transport import Mailbox

LOT = 500
"""How many words are given at a time."""
HOLD = timedelta(seconds=5)
"""How long whoever collected messages has for giving word of them."""
LOOK = timedelta(seconds=0.5)
"""How often a process looks for what others committed."""
SWEEP_S = 5.0
"""How often a process looks for queues of which the broker has lost all words."""
SETTLE_S = 1.0
"""What ends sooner than this leaves it to others to give word."""
GRACE_S = 0.02
"""How long what others are just about to give, or to claim, is left to them."""
RECALLED = 5000
GETTERS = 4
"""How many connections the workers of a process share; each is made when it is first needed."""

log = logging.getLogger("datacatalog.transport")


class AmqpTransport(Carried):
    """Implements ports.transport.Transport and Carrier."""

    def __init__(self, mailbox: Mailbox, url: str, *, relay: bool = True) -> None:
        """Connect when there is something to do; a broker that is away is no error.

        Args:
            mailbox: of a store that was opened for a carrier.
            url: amqp[s]://user:password@host:port/vhost?prefix=what our queues begin with.
            relay: have a thread give word of what is committed, as all processes that stay should.
        Raises:
            Misconfigured: it is no such URL.
        """
        super().__init__(mailbox)
        address = address_of(url)
        self._names = Names(address.prefix, address.expires_s)
        self._reach = Reach(address)
        self._giver = Giver(self._reach, self._names)
        self._getters = [Getter(self._reach, self._names) for _ in range(GETTERS)]
        self._numbers = itertools.count()
        self._bell = Bell()
        self._ear: Ear | None = None
        self._giving = threading.Lock()
        self._local = threading.local()
        self._turn = itertools.count()
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._relay: threading.Thread | None = None
        if relay:
            self._relay = threading.Thread(target=self._keep_telling, name="broker-relay", daemon=True)
            self._relay.start()

    # ---------------------------------------------------------------------------------- claiming

    def claim(self, queues: Sequence[str], *, lease: timedelta, max_tries: int = 5) -> Delivery | None:
        rung, self._local.rung, self._local.queues = getattr(self._local, "rung", False), False, tuple(queues)
        try:
            found = self._by_word(queues, lease, max_tries)
            if found is None and self._tell():
                found = self._by_word(queues, lease, max_tries)
            if found is not None or rung:
                return found  # where the bell rang in vain, another worker was quicker
            time.sleep(GRACE_S)
        except Away:
            return self.mailbox.claim(queues, lease=lease, max_tries=max_tries)
        found = self.mailbox.claim(queues, lease=lease, max_tries=max_tries)
        if found is not None:
            # The broker has lost word of it, and perhaps of more.
            self.mailbox.recall(found.queue, limit=RECALLED)
        return found

    def wait(self, timeout: timedelta) -> None:
        if self._relay is None or not self._listens():
            self.mailbox.wait(timeout)
        elif queues := getattr(self._local, "queues", ()):
            self._local.rung = self._bell.wait(queues, timeout.total_seconds())
        else:
            time.sleep(timeout.total_seconds())

    def examine(self) -> Sequence[Remark]:
        return examine(self._reach, self._names, self.mailbox.depth())

    def close(self) -> None:
        """Say good-bye to the broker; what it was not told of, other processes tell it."""
        self._stop.set()
        with self._starting:
            if self._ear is not None:
                self._ear.close()
        if self._relay is not None and self._relay is not threading.current_thread():
            self._relay.join(LOOK.total_seconds() * 4)
        for getter in self._getters:
            getter.link.close()
        self._giver.link.close()

    def _by_word(self, queues: Sequence[str], lease: timedelta, max_tries: int) -> Delivery | None:
        """Claim what the broker has word of.  Raises Away, StoreDown."""
        start = next(self._turn) % max(len(queues), 1)  # so that no queue has to wait for the ones before it
        for queue in (*queues[start:], *queues[:start]):
            try:
                while (word := self._getter.get(queue)) is not None:
                    try:
                        taken = self.mailbox.take(word.parcel, lease=lease, max_tries=max_tries)
                    except BaseException:
                        with contextlib.suppress(Away):
                            self._getter.give_back(word)
                        raise
                    found = taken if isinstance(taken, Delivery) else None
                    try:
                        self._getter.acknowledge(word)
                    except Away:
                        if found is None:
                            raise
                    if found is not None:
                        return found
            except Missing:
                self._make(queue)
        return None

    @property
    def _getter(self) -> Getter:
        """The one of this thread; a few threads share one."""
        number: int | None = getattr(self._local, "number", None)
        if number is None:
            number = self._local.number = next(self._numbers) % GETTERS
        return self._getters[number]

    def _listens(self) -> bool:
        if self._ear is None:
            with self._starting:
                if self._ear is None and not self._stop.is_set():
                    self._ear = Ear(
                        self._reach, self._names, self._bell, [each.link for each in self._getters]
                    )
        return self._ear is not None and self._ear.listens

    # ----------------------------------------------------------------------------- giving word

    def give_word(self) -> int:
        count = 0
        try:
            while given := self._tell():
                count += given
        except Away as e:
            raise Unavailable("the broker is not reached") from e
        return count

    def _tell(self) -> int:
        """Give word of what is due; return of how many.  Raises Away, StoreDown."""
        with self._giving:
            self._giver.link.run(
                lambda channel: None
            )  # first, so that nothing is collected for a broker that is away
            parcels = self.mailbox.collect(hold=HOLD, limit=LOT)
            if not parcels:
                return 0
            given = self._giver.give(parcels)
            self.mailbox.handed_over(given)
            return len(given)

    def _keep_telling(self) -> None:
        self._stop.wait(SETTLE_S)
        swept = time.monotonic()
        while not self._stop.is_set():
            try:
                if not self._tell():
                    self._giver.link.pulse()
                    self.mailbox.wait(LOOK)
                if time.monotonic() - swept >= SWEEP_S:
                    swept = time.monotonic()
                    self._sweep()
            except Away:
                self._stop.wait(LOOK.total_seconds())
            except DatacatalogError as e:
                log.error("%s: %s", e.code, e)
                self._stop.wait(LOOK.total_seconds() * 2)
            except Exception:
                log.exception("giving word of messages met an error of its own")
                self._stop.wait(LOOK.total_seconds() * 2)

    def _sweep(self) -> None:
        """Give word again of what is due in queues of which the broker has no word.  Raises Away, StoreDown."""
        for queue in self.mailbox.depth():
            if not self._giver.waiting(queue):
                self._recall(queue)

    def _make(self, queue: str) -> None:
        """Make a queue that is not there: a new one, or all that it had is gone.  Raises Away, StoreDown."""
        if self._giver.waiting(queue) is None:
            self._recall(queue)

    def _recall(self, queue: str) -> None:
        while self.mailbox.recall(queue, limit=RECALLED) == RECALLED:
            pass
