"""The lifecycle table: what may follow what, and what a job's history says of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.documents import published
from datacatalog.domain.errors import IllegalTransition, InvalidField
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.job import LIFECYCLE_FIELDS, Job, new_job
from datacatalog.domain.jobs.lifecycle import (
    ADMIN_EVENTS,
    MOVES,
    RESERVED_EVENTS,
    Event,
    State,
    lifecycle_machine,
    read_event,
    successor,
)
from datacatalog.domain.kinds import TypedUuid
from tests.shared import shared

AT = datetime(2019, 2, 8, 12, 0, 0, 700_000, tzinfo=UTC)
UUID = TypedUuid("107acb4d-1f93-553a-9e1c-b7b58125bc89")
ENTRY = TypedUuid("108acb4d-1f93-553a-9e1c-b7b58125bc89")

# Columns: CREATED RUNNING FAILED FINISHED INDEXING VALIDATING VALIDATED REJECTED FINALIZED RETIRED RESET.
# A letter is the state that follows (C R F D I V A J Z T S, in that order); a dot: not allowed.
LETTERS = dict(zip("CRFDIVAJZTS", State, strict=True))
GOLDEN = {
    "create":    "C..........",
    "run":       "RR.........",
    "update":    "CR..IV.....",
    "resource":  "CR.........",
    "fail":      "FF..FF.....",
    "finish":    ".D.D.......",
    "index":     "...II......",
    "indexed":   "...DD......",
    "validate":  "...V..V....",
    "validated": ".....AA....",
    "finalize":  "......Z....",
    "reject":    ".....J.....",
    "retire":    "..TT.TTTT..",
    "reset":     "SSSSSSSSSSS",
    "ready":     "..........C",
}  # fmt: skip


def a_job() -> tuple[Job, HistoryEntry]:
    body = {"pipeline_uuid": "106", "data": {"n": 1}, "archive_system": "s", "archive_path": "/p"}
    return new_job(uuid=UUID, body=body, salt="salt", admin={"owner": "o"}, at=AT, entry=ENTRY)


def cells() -> Iterator[tuple[State, Event, State | None]]:
    for name, row in GOLDEN.items():
        for state, letter in zip(State, row, strict=True):
            yield state, Event(name), LETTERS.get(letter)


def test_table_has_each_event_once_and_no_state_beside_the_eleven():
    assert set(GOLDEN) == {event.value for event in MOVES} == {event.value for event in Event}
    assert [len(row) for row in GOLDEN.values()] == [len(State)] * len(Event) == [11] * 15


@pytest.mark.parametrize(("state", "event", "follows"), list(cells()))
def test_table_is_the_published_lifecycle(state: State, event: Event, follows: State | None):
    assert successor(state, event) is follows
    sources, target = MOVES[event]
    assert ((target or state) if state in sources else None) is follows


def test_43_of_the_165_cells_are_allowed():
    follows = [follows for _, _, follows in cells()]
    assert (len(follows), len([f for f in follows if f])) == (165, 43)


def test_table_agrees_with_the_published_matrix():
    text = shared("fixtures", "pipelinejobs", "derived", "fsm_matrix_latest.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert {row["state"] for row in rows} == {state.value for state in State}
    for row in rows:
        state = State(row.pop("state"))
        assert {event: target or None for event, target in row.items()} == {
            event.value: successor(state, event) for event in Event
        }


def test_published_event_sequences_end_where_they_say():
    path = shared("fixtures", "pipelinejobs", "derived", "event_sequences.json")
    for sequence in json.loads(path.read_text()):
        state = State.CREATED
        for name, expected in sequence["events"]:
            follows = successor(state, Event(name))
            assert follows == expected, sequence["name"]
            state = follows or state


def test_transitions_machine_moves_a_model_as_the_table_says():
    class Model:
        state: str

    for state, event, follows in cells():
        model = Model()
        machine = lifecycle_machine(model)
        machine.set_state(state.value)
        assert model.may_trigger(event.value) is (follows is not None)  # type: ignore[attr-defined]
        if follows:
            model.trigger(event.value)  # type: ignore[attr-defined]
            assert model.state == follows.value


def test_only_the_catalog_creates_and_only_administrators_reset():
    assert {"create"} == RESERVED_EVENTS
    assert {"reset", "ready"} == ADMIN_EVENTS


@pytest.mark.parametrize("name", ["finish", "FINISH", "Finish"])
def test_event_names_are_read_in_any_case(name: str):
    assert read_event(name) is Event.FINISH


@pytest.mark.parametrize("name", ["", "finished", "delete", " finish", "fin\u0131sh", "create\n"])
def test_other_names_are_no_events(name: str):
    with pytest.raises(InvalidField) as refused:
        read_event(name)
    assert refused.value.field == "name"


# ------------------------------------------------------------------------------------------------ job


def test_new_job_is_created_and_its_first_entry_holds_its_data():
    job, entry = a_job()
    assert (job.state, job.last_event) == (State.CREATED, "create")
    assert entry.document() == {
        "uuid": ENTRY,
        "name": "create",
        "date": "2019-02-08T12:00:00.000+0000",
        "data": {"n": 1},
        "state": "CREATED",
    }


def test_refused_event_says_job_state_and_event_and_changes_nothing():
    job, _ = a_job()
    before = dict(job.record.body)
    with pytest.raises(IllegalTransition) as refused:
        job.after(Event.FINISH, at=AT, entry=ENTRY)
    assert str(refused.value) == f"job {UUID} is CREATED and cannot 'finish'"
    assert dict(job.record.body) == before


def test_noted_fact_moves_nothing_but_the_date():
    job, _ = a_job()
    later = AT + timedelta(hours=1)
    noted, entry = job.noting(Event.FINISH, at=later, entry=ENTRY, data={"status": "FINISHED"})
    assert {**noted.record.body, "updated": None} == {**job.record.body, "updated": None}
    assert noted.record.body["updated"] == published(later)
    assert entry.document()["noted"] is True
    assert entry.document()["state"] == "CREATED"


def test_implied_stands_in_an_entry_only_where_it_is_true():
    job, _ = a_job()
    _, implied = job.after(Event.RUN, at=AT, entry=ENTRY, implied=True)
    _, said = job.after(Event.RUN, at=AT, entry=ENTRY)
    assert implied.document()["implied"] is True
    assert "implied" not in said.document()


@given(names=st.lists(st.sampled_from(Event), max_size=30), data=st.none() | st.just({"k": [1]}))
def test_history_keeps_every_accepted_event_in_order_and_state_is_its_fold(names, data):
    job, first = a_job()
    history, accepted = [first], []
    for n, event in enumerate(names):
        at = AT + timedelta(seconds=n)
        before = job
        try:
            job, entry = job.after(event, at=at, entry=ENTRY, data=data)
        except IllegalTransition:
            assert GOLDEN[event][list(State).index(before.state)] == "."
            assert job is before
            continue
        history.append(entry)
        accepted.append(event)
    assert [entry.name for entry in history[1:]] == accepted
    folded = State.CREATED
    for entry in history[1:]:
        folded = LETTERS[GOLDEN[entry.name][list(State).index(folded)]]
        assert entry.state is folded
        assert entry.data == data
    assert job.state is folded
    assert job.last_event == history[-1].name
    started, now = a_job()[0].record.body, job.record.body
    assert {n: v for n, v in now.items() if n not in LIFECYCLE_FIELDS} == {
        n: v for n, v in started.items() if n not in LIFECYCLE_FIELDS
    }
