"""Having a platform stop a job."""

from __future__ import annotations

import pytest

from datacatalog.domain.errors import IllegalTransition, InvalidToken, MissingToken, UnknownRecord
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.interfaces.worker.loop import Worker
from datacatalog.ports.stores import Work
from datacatalog.services.cancelling import cancel_at_platform
from datacatalog.services.jobs import Created, job_for, move
from datacatalog.services.launching import LAUNCH_QUEUE
from tests.unit.memory import Memory, memory


@pytest.fixture
def here() -> Memory:
    return memory()


def launched(here: Memory) -> Created:
    job = here.launch()
    while Worker(here.app).work_once([LAUNCH_QUEUE]):
        pass
    return job


def moved(here: Memory, job: Created, *events: Event) -> None:
    def go(work: Work) -> None:
        for event in events:
            move(job_for(job.job.uuid, work), event, None, work, here.env)

    here.env.store.transact(go)


def test_platform_is_told_to_stop_the_job_that_it_was_given(here: Memory) -> None:
    job = launched(here)
    [called] = here.platform.submitted
    stopped = cancel_at_platform(job.job.uuid, job.token, here.env)
    assert (stopped.id, stopped.status) == (called, "STOPPED")


def test_cancelling_takes_the_jobs_token(here: Memory) -> None:
    job = launched(here)
    with pytest.raises(InvalidToken):
        cancel_at_platform(job.job.uuid, launched(here).token, here.env)
    with pytest.raises(MissingToken):
        cancel_at_platform(job.job.uuid, None, here.env)
    assert here.platform.statuses == {}


def test_job_that_no_platform_has_cannot_be_cancelled(here: Memory) -> None:
    job = here.job()
    with pytest.raises(UnknownRecord, match="job at the platform"):
        cancel_at_platform(job.job.uuid, job.token, here.env)


def test_job_that_was_reset_is_not_the_one_that_the_platform_had(here: Memory) -> None:
    job = launched(here)
    moved(here, job, Event.RUN, Event.FAIL, Event.RESET, Event.READY)
    with pytest.raises(UnknownRecord, match="job at the platform"):
        cancel_at_platform(job.job.uuid, job.token, here.env)


def test_job_whose_computing_is_over_cannot_be_cancelled(here: Memory) -> None:
    job = launched(here)
    moved(here, job, Event.RUN, Event.FINISH)
    with pytest.raises(IllegalTransition, match="cannot 'cancel'"):
        cancel_at_platform(job.job.uuid, job.token, here.env)
