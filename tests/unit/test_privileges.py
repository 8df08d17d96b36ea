"""The table of privileges: it speaks of every message, and of nothing that there is not."""

from __future__ import annotations

import pytest

from datacatalog.domain.acts import act_of
from datacatalog.domain.jobs.lifecycle import ADMIN_EVENTS, RESERVED_EVENTS, Event
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.messages import (
    CreatePipeline,
    DeleteJob,
    DeletePipeline,
    IndexJob,
    JobEvent,
    LaunchJob,
    MarkIndexed,
    Message,
    PlatformCallback,
    RestorePipeline,
    UpdatePipeline,
)
from datacatalog.domain.privileges import LEVELS, NEEDS, Shows, includes, level_of, lowest_level
from datacatalog.services.dispatch import ACTORS, HANDLERS

UUID = TypedUuid("107acb4d-1f93-553a-9e1c-b7b58125bc89")
MESSAGES: tuple[Message, ...] = (
    *(JobEvent(uuid=UUID, name=event) for event in Event),
    PlatformCallback(uuid=UUID),
    DeleteJob(uuid=UUID),
    DeleteJob(uuid=UUID, force=True),
    IndexJob(uuid=UUID),
    MarkIndexed(uuid=UUID),
    CreatePipeline(document={}),
    UpdatePipeline(uuid=UUID, body={}),
    DeletePipeline(uuid=UUID),
    DeletePipeline(uuid=UUID, force=True),
    RestorePipeline(uuid=UUID),
    LaunchJob(definition={}, linkage={}),
)


def test_every_message_that_is_handled_has_its_row():
    assert {type(message) for message in MESSAGES} == {*HANDLERS}
    assert {act_of(message) for message in MESSAGES} <= {*NEEDS}


def test_message_of_which_no_row_speaks_is_nobodys():
    with pytest.raises(TypeError, match="nobody may send"):
        act_of(Message())


def test_every_actor_has_rows_and_takes_at_least_a_credential_that_executes():
    for name in ACTORS:
        assert lowest_level(name) == "EXECUTE"


def test_events_of_administrators_and_of_nobody_are_those_of_the_table():
    assert {event.value for event in ADMIN_EVENTS} == _events(Shows.ADMIN_TOKEN)
    assert {event.value for event in RESERVED_EVENTS} == _events(Shows.NOBODY)


def _events(shows: Shows) -> set[str]:
    events = {event.value for event in Event}
    return {
        action
        for (where, action), need in NEEDS.items()
        if where == "jobs-manager" and action in events and need.shows is shows
    }


def test_level_includes_itself_and_those_before_it():
    assert [[includes(one, other) for other in LEVELS] for one in LEVELS] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]
    assert level_of("catalog", "write") == "UPDATE"
