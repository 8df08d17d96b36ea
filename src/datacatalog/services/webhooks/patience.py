"""How long a subscriber is waited for that does not answer, and how it fares, as kept in the ledger between the tries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from datacatalog.domain.documents import JsonObject
from datacatalog.ports.stores import Work

LONGEST = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a delivery is tried; the wait doubles from `base` up to an hour.

    With 20 tries from one second on, the last one is made eight hours after the first.
    """

    tries: int = 20
    base: timedelta = timedelta(seconds=1)

    def wait(self, failures: int) -> timedelta:
        """Return how long to wait after so many failures in a row, the last one just now."""
        return min(self.base * float(2 ** min(failures - 1, 30)), LONGEST)

    @property
    def whole(self) -> timedelta:
        """How long all waits take together."""
        return sum((self.wait(n) for n in range(1, self.tries)), timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A subscriber did not answer as it should, and has not since.

    Attributes:
        failures: in a row.
        until: nothing is sent to it before.
        reason: of the last one.
    """

    since: datetime
    failures: int
    until: datetime
    reason: str

    def rest(self, now: datetime) -> timedelta:
        """Return how long it is still left in peace; nothing where the clock was turned back meanwhile."""
        left = self.until - now
        return left if timedelta(0) < left <= LONGEST else timedelta(0)

    def document(self) -> JsonObject:
        return {
            "since": self.since.isoformat(),
            "failures": self.failures,
            "until": self.until.isoformat(),
            "reason": self.reason,
        }


def _key(subscription: str) -> str:
    return f"webhooks:{subscription}"


def trouble_with(subscription: str, work: Work) -> Trouble | None:
    """Return what is wrong with a subscriber; None: nothing that is known."""
    found = work.progress.get(_key(subscription))
    if found is None:
        return None
    return Trouble(
        since=datetime.fromisoformat(found["since"]),
        failures=int(found["failures"]),
        until=datetime.fromisoformat(found["until"]),
        reason=str(found["reason"]),
    )


def note_trouble(subscription: str, trouble: Trouble, work: Work, at: datetime) -> None:
    work.progress.put(_key(subscription), trouble.document(), at=at)


def forget_trouble(subscription: str, work: Work) -> None:
    """Let the next delivery go out at once."""
    work.progress.drop(_key(subscription))


def retry_after(header: str | None, now: datetime) -> timedelta:
    """Return what `Retry-After` asks for, an hour at most; nothing where it cannot be read.

    Source: RFC 9110, section 10.2.3: seconds, or a date.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return timedelta(0)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(at - now, timedelta(0)), LONGEST)
