"""The job lifecycle: 11 states, 15 events, one table.

`MOVES` is the table. `transitions` holds it as a machine (`MACHINE`), which both answers "what follows?" for
`successor` and draws the diagram in the docs; a golden test pins it to the published lifecycle.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from transitions import Machine

from datacatalog.domain.actors import JOBS_MANAGER
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.privileges import NEEDS, Shows


class State(StrEnum):
    CREATED = "CREATED"
    RUNNING = "RUNNING"
    FAILED = "FAILED"
    FINISHED = "FINISHED"
    INDEXING = "INDEXING"
    VALIDATING = "VALIDATING"
    VALIDATED = "VALIDATED"
    REJECTED = "REJECTED"
    FINALIZED = "FINALIZED"
    RETIRED = "RETIRED"
    RESET = "RESET"


class Event(StrEnum):
    CREATE = "create"
    RUN = "run"
    UPDATE = "update"
    RESOURCE = "resource"
    FAIL = "fail"
    FINISH = "finish"
    INDEX = "index"
    INDEXED = "indexed"
    VALIDATE = "validate"
    VALIDATED = "validated"
    FINALIZE = "finalize"
    REJECT = "reject"
    RETIRE = "retire"
    RESET = "reset"
    READY = "ready"


_S = State

# A row reads: <event> takes a job from any of <these states> to <that one>; None: it stays where it is.
MOVES: Mapping[Event, tuple[frozenset[State], State | None]] = {
    Event.CREATE:    (frozenset({_S.CREATED}), _S.CREATED),
    Event.RUN:       (frozenset({_S.CREATED, _S.RUNNING}), _S.RUNNING),
    Event.UPDATE:    (frozenset({_S.CREATED, _S.RUNNING, _S.VALIDATING, _S.INDEXING}), None),
    Event.RESOURCE:  (frozenset({_S.CREATED, _S.RUNNING}), None),
    Event.FAIL:      (frozenset({_S.CREATED, _S.RUNNING, _S.VALIDATING, _S.INDEXING}), _S.FAILED),
    Event.FINISH:    (frozenset({_S.RUNNING, _S.FINISHED}), _S.FINISHED),
    Event.INDEX:     (frozenset({_S.FINISHED, _S.INDEXING}), _S.INDEXING),
    Event.INDEXED:   (frozenset({_S.FINISHED, _S.INDEXING}), _S.FINISHED),
    Event.VALIDATE:  (frozenset({_S.FINISHED, _S.VALIDATED}), _S.VALIDATING),
    Event.VALIDATED: (frozenset({_S.VALIDATED, _S.VALIDATING}), _S.VALIDATED),
    Event.REJECT:    (frozenset({_S.VALIDATING}), _S.REJECTED),
    Event.FINALIZE:  (frozenset({_S.VALIDATED}), _S.FINALIZED),
    Event.RETIRE:    (frozenset({_S.FAILED, _S.FINALIZED, _S.FINISHED, _S.REJECTED, _S.VALIDATING, _S.VALIDATED}),
                      _S.RETIRED),
    Event.RESET:     (frozenset(State), _S.RESET),
    Event.READY:     (frozenset({_S.RESET}), _S.CREATED),
}  # fmt: skip


def _shown_for(shows: Shows) -> frozenset[Event]:
    return frozenset(event for event in Event if NEEDS[JOBS_MANAGER, event.value].shows is shows)


ADMIN_EVENTS = _shown_for(Shows.ADMIN_TOKEN)
"""Events that only an administrative token opens, on every way in."""

RESERVED_EVENTS = _shown_for(Shows.NOBODY)
"""Events that only the catalog itself writes."""


def lifecycle_machine(model: object = None, **options: Any) -> Machine:
    """Build a `transitions` machine of the table, e.g. for a model with triggers, or to draw it.

    Args:
        model: the object that gets one trigger method per event; None: a machine without a model.
        options: passed on to `transitions.Machine`.
    """
    rows = [
        {"trigger": event.value, "source": source.value, "dest": (target or source).value}
        for event, (sources, target) in MOVES.items()
        for source in sorted(sources)
    ]
    return Machine(
        model=model,
        states=[state.value for state in State],
        transitions=rows,
        initial=State.CREATED.value,
        auto_transitions=False,
        **options,
    )


MACHINE = lifecycle_machine()


def successor(state: State, event: Event) -> State | None:
    """Return the state that `event` takes a job to from `state`, or None where it is not allowed there."""
    # Reading the machine's own table costs 1 µs; firing a trigger on a model costs 90 µs and ends at the same row.
    rows = MACHINE.events[event.value].transitions.get(state.value)
    return State(str(rows[0].dest)) if rows else None


def read_event(name: str) -> Event:
    """Return the event of this name; case does not matter.

    Raises:
        InvalidField: there is no such event.
    """
    try:
        return Event(name.lower())
    except ValueError:
        raise InvalidField("name", f"'{name}' is no event; one of {', '.join(Event)}") from None


def read_state(name: str) -> State:
    """Return the state of this name; case does not matter.

    Raises:
        InvalidField: there is no such state.
    """
    try:
        return State(name.upper())
    except ValueError:
        raise InvalidField("state", f"{name!a:.80} is no state; one of {', '.join(State)}") from None
