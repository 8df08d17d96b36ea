"""What is told of work under way: ids that lines of the log share, figures, and traces.

Ids are facts of the context in which code runs (`about`), so that nobody hands them on: threads get them with the context, and
messages carry some of them from whoever sends to whoever handles (adapters/telemetry). Rules and handlers know none of it.
"""

from __future__ import annotations

import contextvars
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import TracebackType
from typing import ParamSpec, Protocol, TypeVar

from datacatalog.domain.errors import DatacatalogError, LeaseLost, NotYet
from datacatalog.domain.kinds import PREFIXES, Kind

P = ParamSpec("P")
R = TypeVar("R")

FACTS: Mapping[str, str] = {
    "message_id": "the execution of the message that set everything going; all that follows from it carries it",
    "request_id": "the id that a request came with (`X-Request-ID`); all that follows from it carries it",
    "delivery_id": "the id by which a repeat of that message is known (`Idempotency-Key` or the like)",
    "execution_id": "the execution under way",
    "actor": "the actor whose message is handled",
    "job_uuid": "the job that it is about",
    "queue": "the queue that a worker took it from",
    "task_id": "its id in that queue",
    "trace_id": "the trace, as in `traceparent` of W3C",
    "span_id": "the span of the trace",
}
"""Name of a fact that log lines show -> what it says."""

TRACEPARENT = "traceparent"
"""Trace and span as the W3C header has them; it goes with messages and requests, and is shown as `trace_id` and `span_id`."""

_JOB = PREFIXES[Kind.PIPELINEJOB]
_TRACE = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_NONE: Mapping[str, str] = {}
_facts: contextvars.ContextVar[Mapping[str, str]] = contextvars.ContextVar("facts", default=_NONE)


def facts() -> Mapping[str, str]:
    """Return what is known of the work that this code is part of."""
    return _facts.get()


class about:  # noqa: N801  it reads like a statement
    """Know these facts while the context lasts, besides those that are known; None and "" tell nothing."""

    __slots__ = ("_said", "_token")

    def __init__(self, **said: str | None) -> None:
        self._said = said

    def __enter__(self) -> None:
        known = {name: value for name, value in self._said.items() if value}
        self._token = _facts.set({**_facts.get(), **known})

    def __exit__(self, *_: object) -> None:
        _facts.reset(self._token)


def trace_of(text: str) -> Mapping[str, str]:
    """Return what a `traceparent` tells; nothing where it is none.

    Source: W3C Trace Context, version 00.
    """
    found = _TRACE.fullmatch(text.strip())
    return {TRACEPARENT: found[0], "trace_id": found[1]} if found else {}


def job_in(uuid: object) -> str | None:
    """Return a UUID where it is a job's."""
    return uuid if isinstance(uuid, str) and uuid.startswith(_JOB) else None


def in_context(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that knows, in whatever thread it runs, what is known here and now."""
    context = contextvars.copy_context()

    def within(*args: P.args, **named: P.kwargs) -> R:
        return context.run(function, *args, **named)

    return within


class Activity(StrEnum):
    """What is watched, with the name of the label that tells which."""

    __hash__ = str.__hash__  # Enum's own takes longer than all of the rest.

    REQUEST = "request"
    """A request to the gateway; `route` is the template of its address, its outcome the status."""
    HANDLER = "handler"
    """A message to an actor (`actor`), taken or handled."""
    COMMIT = "commit"
    READ = "read"
    PUBLISH = "publish"
    """Putting a message into a queue (`queue`), within a commit."""
    WORK = "work"
    """A delivery in the hands of a worker (`queue`)."""
    TASK = "task"
    """Long work (`queue`)."""
    OUTGOING = "outgoing"
    """A request to others (`purpose`); its outcome is the status."""


class Watched(Protocol):
    """Something that is being watched; used as a context.

    Attributes:
        which: as `Telemetry.watch` was told; it may be known only at the end.
        outcome: one of few words; "": that of `outcome_of`, once it is over.
    """

    which: str
    outcome: str

    def __enter__(self) -> Watched: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Telemetry(Protocol):
    """Who is told. Whatever becomes of what is told, the work goes on: nothing here raises."""

    def watch(self, activity: Activity, which: str = "", method: str = "") -> Watched:
        """Watch something from here to the end of the context.

        Args:
            which: actor, queue, route or purpose: one of few.
            method: of a request.
        """
        ...

    def given_back(self, queue: str, *, counted: bool) -> None:
        """Count a message that is to be tried again, or was put aside, which counts no try."""
        ...

    def buried(self, queue: str) -> None:
        """Count a message that was given up."""
        ...

    def close(self) -> None:
        """Tell what is still to be told; a second or two at most."""
        ...


class _Unwatched:
    """Implements Watched for nobody; one for all, so that what is set does not stay."""

    which = property(lambda self: "", lambda self, said: None)
    outcome = property(lambda self: "", lambda self, said: None)

    def __enter__(self) -> _Unwatched:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Silent:
    """Implements Telemetry: tells nobody."""

    _unwatched = _Unwatched()

    def watch(self, activity: Activity, which: str = "", method: str = "") -> Watched:
        return self._unwatched

    def given_back(self, queue: str, *, counted: bool) -> None: ...

    def buried(self, queue: str) -> None: ...

    def close(self) -> None: ...


SILENT = Silent()


def outcome_of(error: BaseException | None) -> str:
    """Return how something ended: ok, refused (for good), waiting (for something else), lost (its lease), failed."""
    match error:
        case None:
            return "ok"
        case LeaseLost():
            return "lost"
        case NotYet():
            return "waiting"
        case DatacatalogError() if not error.retry and error.http < 500:
            return "refused"
        case _:
            return "failed"
