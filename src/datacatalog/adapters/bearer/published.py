"""Keys that an issuer publishes at a URL, fetched when they are needed, and kept for a while."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from datacatalog.adapters.bearer.keys import KeySet
from datacatalog.domain.errors import ForbiddenTarget, Unreachable
from datacatalog.ports.outgoing import Outgoing

GRACE_S = 3600.0
"""How long keys are believed beyond their lifetime while the issuer cannot be reached."""
REFRESH_S = 30.0
"""How often keys are fetched at most because a token names one that is not known: anybody may make such tokens."""
RETRY_S = 5.0
"""The pause after a fetch that came to nothing."""
WAIT_S = 1.0
"""How long others wait for a thread that fetches, from when it began."""

_LOG = logging.getLogger(__name__)


class PublishedKeys:
    """Implements bearer.tokens.Keys; several threads may ask at once, and one of them fetches."""

    def __init__(
        self,
        outgoing: Outgoing,
        url: str,
        *,
        algorithm: str,
        lifetime_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Wire the keys; nothing is fetched yet.

        Args:
            now: seconds, from a clock that only goes forward.
        """
        self._outgoing, self._url, self._algorithm = outgoing, url, algorithm
        self._lifetime_s, self._now = lifetime_s, now
        self._known = _Known(KeySet(), -math.inf)
        self._begun = self._tried = -math.inf
        self._failed = True
        self._fetching = threading.Lock()

    def find(self, kid: str | None) -> Any | None:
        found = self._known.keys.find(kid)
        if found is not None and self._age() < self._lifetime_s:
            return found
        settled = self._refresh(patient=found is None)
        if self._age() >= self._lifetime_s + GRACE_S:
            raise Unreachable("the keys of bearer tokens are not to be had")
        found = self._known.keys.find(kid)
        if found is None and not settled:
            raise Unreachable("a key of bearer tokens is not to be had")
        return found

    def ask(self) -> int:
        return len(self._asked().keys)

    def _refresh(self, *, patient: bool) -> bool:
        """Fetch the keys, if it is time; tell whether what is known then is what the issuer said last.

        Args:
            patient: wait for another thread that fetches, though not for long.
        """
        if self._is_due():
            if not self._fetching.acquire(timeout=self._wait_s() if patient else 0):
                return False
            try:
                if self._is_due():  # or another thread was done meanwhile
                    self._fetch()
            finally:
                self._fetching.release()
        return not self._failed

    def _wait_s(self) -> float:
        fetching = self._begun > self._tried
        return max(0.0, self._begun + WAIT_S - self._now()) if fetching else WAIT_S

    def _is_due(self) -> bool:
        since_s = self._now() - self._tried
        if self._failed:
            return since_s >= RETRY_S
        return self._age() >= self._lifetime_s or since_s >= REFRESH_S

    def _fetch(self) -> None:
        self._begun = self._now()
        try:
            self._known = _Known(self._asked(), self._now())
            self._failed = False
        except (Unreachable, ForbiddenTarget, ValueError) as e:
            self._failed = True
            # To the operator, not to whoever shows a token.
            _LOG.warning("the keys of bearer tokens could not be fetched: %s", e)
        finally:
            self._tried = self._now()

    def _asked(self) -> KeySet:
        """Raises Unreachable, ForbiddenTarget, ValueError."""
        reply = self._outgoing.send("GET", self._url, headers={"Accept": "application/json"})
        if not reply.ok:
            raise ValueError(f"the issuer answered {reply.status}")
        return KeySet.read(reply.body, self._algorithm)

    def _age(self) -> float:
        return self._now() - self._known.at


class _Known(NamedTuple):
    """Keys, and when they were fetched."""

    keys: KeySet
    at: float
