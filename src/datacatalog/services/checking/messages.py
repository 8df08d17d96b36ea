"""Messages: those that nobody takes, those that are gone though somebody waits for them, and copies that were cut off."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

from datacatalog.domain.documents import published
from datacatalog.domain.errors import Unavailable
from datacatalog.ports.stores import Execution, Work
from datacatalog.ports.transport import Carrier
from datacatalog.services.checking.faults import Fault
from datacatalog.services.copying import UNFINISHED, unfinished
from datacatalog.services.dispatch import ACTORS
from datacatalog.services.env import Env

LONG = timedelta(minutes=15)
"""Who is due so long, and in nobody's hands, is not being taken care of."""

PAGE = 500
_DEAD_MAX = 1_000_000


def waiting(env: Env, queues: Collection[str]) -> Iterator[Fault]:
    """Messages that have been due for long, whose queue nobody knows, or that did not get out to what carries messages."""
    before = env.clock.now() - LONG
    for queue, backlog in sorted(env.transport.backlog().items()):
        if backlog.waiting and queue not in queues:
            yield Fault(
                subject=queue, text=f"{backlog.waiting} messages wait, and no worker knows this queue"
            )
        elif backlog.unsent is not None and backlog.unsent < before:
            since = published(backlog.unsent)
            yield Fault(
                subject=queue,
                text=f"word of a message that is due since {since} did not get out",
                act=partial(_give_word, env),
            )
        elif backlog.oldest is not None and backlog.oldest < before:
            since = published(backlog.oldest)
            yield Fault(subject=queue, text=f"a message is due since {since}, and nobody takes it")


def _give_word(env: Env) -> str | None:
    """Have word given of all that is due; return None where it could not be."""
    if not isinstance(env.transport, Carrier):
        return None
    try:
        count = env.transport.give_word()
    except Unavailable:
        return None
    return f"word of {count} messages was given" if count else None


def dead(env: Env) -> Iterator[Fault]:
    """Messages that were given up: known, and somebody's to look at."""
    for queue, backlog in sorted(env.transport.backlog().items()):
        if backlog.dead:
            yield Fault(subject=queue, text=f"{backlog.dead} dead letters", grave=False)


def unanswered(env: Env) -> Iterator[Fault]:
    """Executions of messages that were taken into a queue and are gone from it, without a word of what became of them."""
    before = env.clock.now() - LONG
    given_up: set[str] | None = None
    for actor in ACTORS:
        for execution in _executions(actor, env):
            if execution.status != "SUBMITTED" or execution.received > before:
                continue
            if execution.id in env.transport.waiting(actor, execution.id):
                continue
            if given_up is None:
                given_up = {letter.id for letter in env.transport.dead(limit=_DEAD_MAX)}
            if execution.id not in given_up:
                yield Fault(
                    subject=execution.id,
                    text=f"{actor} took it in at {published(execution.received)}, and it waits no more",
                    still=partial(_is_submitted, execution),
                    mend=partial(_end, execution, env),
                )


def _executions(actor: str, env: Env) -> Iterator[Execution]:
    after: str | None = None
    while True:
        page = env.store.read(
            lambda work, after=after: work.executions.page(actor, after=after, limit=PAGE)  # type: ignore[misc]
        )
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].id


def _is_submitted(execution: Execution, work: Work) -> bool:
    found = work.executions.get(execution.actor, execution.id)
    return found is not None and found.status == "SUBMITTED"


def _end(execution: Execution, env: Env, work: Work) -> str:
    outcome = {"code": "lost", "message": "its message is gone from the queue; send it again"}
    ended = replace(execution, status="ERROR", http=500, outcome=outcome, finished=env.clock.now())
    work.executions.put(ended)
    return "it is ERROR now"


def copies(env: Env) -> Iterator[Fault]:
    """The ledger is a copy that was cut off."""
    origin = unfinished(env.store)
    if origin is not None:
        yield Fault(subject=UNFINISHED, text=f"this ledger is a copy of {origin} that was cut off")
