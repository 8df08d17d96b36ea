"""What becomes of single messages in MongoDB: filters and updates, each of one document, outside of the ledger's log.

That somebody holds a message, and until when, concerns that message alone, and is settled by whoever changes its document first. What
is settled in the log finds the lease as it is then. Instants are microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datacatalog.adapters.stores import codec
from datacatalog.ports.stores import DeadLetter, Delivery

ANY_TIME: Mapping[str, Any] = {"$gte": codec.INTEGER_MIN}
"""Of an instant: there is one."""

_BEYOND = "\U0010ffff"
"""Behind a prefix: after every id that begins so."""

Update = dict[str, Any]


def of_queues(queues: Sequence[str]) -> Mapping[str, Any]:
    return {"queue": queues[0]} if len(queues) == 1 else {"queue": {"$in": list(queues)}}


def named(queue: str, prefix: str) -> Mapping[str, Any]:
    """Fit messages of a queue whose ids begin so."""
    return {"queue": queue, "id": {"$gte": prefix, "$lt": f"{prefix}{_BEYOND}"}}


def claimed(now: int, until: int, lease: str, max_tries: int, *, carried: bool) -> Sequence[Update]:
    """Give a message into somebody's hands under a lease, or up where it was in too many."""
    again = {"$lt": ["$tries", max_tries]}
    too_often = [
        {"$ifNull": [{"$concat": ["$reason", "; "]}, ""]},
        "claimed ",
        {"$toString": "$tries"},
        " times and never done",
    ]
    change = {
        **{name: {"$cond": [again, until, None]} for name in ("due", *(["carry"] if carried else []))},
        "lease": {"$cond": [again, lease, None]},
        "tries": {"$cond": [again, {"$add": ["$tries", 1]}, "$tries"]},
        "died": {"$cond": [again, None, now]},
        "reason": {"$cond": [again, "$reason", {"$concat": too_often}]},
    }
    return [{"$set": change}]


def at(due: int, *, carried: bool) -> Update:
    """Have a message due at another time; word of it is to be given from then on, where it is carried."""
    return {"due": due, "carry": due} if carried else {"due": due}


NOT_WAITING: Update = {"due": None, "carry": None, "lease": None}


def delivery(before: Mapping[str, Any], lease: str) -> Delivery:
    """Return the delivery of a message that was like this before it was claimed."""
    return Delivery(
        id=before["id"],
        queue=before["queue"],
        body=codec.decode(before["body"]),
        tries=int(before["tries"]) + 1,
        lease=lease,
        sent=codec.instant(before["sent"]),
    )


def dead_letter(message: Mapping[str, Any]) -> DeadLetter:
    return DeadLetter(
        id=message["id"],
        queue=message["queue"],
        body=codec.decode(message["body"]),
        tries=int(message["tries"]),
        reason=message["reason"] or "",
        died=codec.instant(message["died"]),
    )
