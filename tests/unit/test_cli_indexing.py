"""What `datacatalog index --wait` takes for the end of what it asked for."""

from __future__ import annotations

import pytest

from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.interfaces.cli.indexing import _indexed
from tests.unit.memory import memory

DONE = [Event.RUN, Event.FINISH, Event.INDEX]


def entries(*names: Event) -> tuple[Job, list[HistoryEntry]]:
    """Return a job that is INDEXING, and its history from the moment on when it was asked for."""
    site = memory()
    made = site.job(*DONE, *names)
    pages = site.env.store.read(lambda work: work.history.page(made.job.uuid, limit=100))
    return made.job, [entry for _, entry in pages][len(DONE) + 1 :]


@pytest.mark.parametrize(
    ("names", "verdict"),
    [
        ((), None),
        ((Event.INDEX,), None),
        ((Event.INDEXED,), None),
        ((Event.INDEXED, Event.INDEX), None),
        ((Event.INDEX, Event.INDEXED), 0),
        ((Event.INDEXED, Event.INDEX, Event.INDEXED), 0),
    ],
)
def test_end_of_an_earlier_request_is_not_that_of_this_one(names: tuple[Event, ...], verdict: int | None):
    job, history = entries(*names)
    assert job.state is not State.FAILED
    assert [entry.name for entry in history] == [*names]
    assert _indexed(job, history) == verdict
