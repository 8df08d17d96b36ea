"""Jobs moved from Python: the same handlers, tokens and refusals as over the wire."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from datacatalog import tokens
from datacatalog.domain.errors import IllegalTransition
from datacatalog.domain.jobs.lifecycle import MOVES, Event, State
from datacatalog.managers.pipelinejobs import (
    ManagedPipelineJob,
    ManagedPipelineJobError,
    ManagedPipelineJobInstance,
)
from datacatalog.managers.pipelinejobs.jobmanager import JobManager
from tests.harness import SYSTEM, Catalog, install

numbers = itertools.count()


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog for all tests of this module; each makes jobs of its own."""
    made = install(tmp_path_factory.mktemp("catalog"))
    yield made
    made.app.close()


@pytest.fixture
def job(catalog: Catalog) -> ManagedPipelineJob:
    return another(catalog)


def another(catalog: Catalog) -> ManagedPipelineJob:
    return ManagedPipelineJob(
        catalog.app, pipeline_uuid=catalog.pipeline(), data={"n": next(numbers)}
    ).setup()


@pytest.fixture
def administer(catalog: Catalog) -> Callable[[], str]:
    """Makes administrative tokens."""
    return lambda: tokens.get_admin_token(catalog.app.settings.secrets.administrator_key, catalog.app)


def names(catalog: Catalog, job: ManagedPipelineJob) -> list[str]:
    return [entry["name"] for entry in catalog.history(str(job.uuid))]


def archived(catalog: Catalog, job: ManagedPipelineJob) -> Path:
    return catalog.home / "storage" / SYSTEM / str(job.archive_path)[1:]


# ----------------------------------------------------------------------------------------- the lifecycle


def test_a_job_goes_through_its_life_one_call_after_the_other(
    catalog: Catalog, job: ManagedPipelineJob
) -> None:
    assert job.run({"started": True}).update().resource({"node": "n1"}).finish() is job
    assert (job.state, job.last_event) == ("FINISHED", "finish")
    job.index().indexed().validate().validated().finalize().retire()
    assert (job.state, job.last_event) == ("RETIRED", "retire")
    assert names(catalog, job) == [
        "create", "run", "update", "resource", "finish", "index", "indexed",
        "validate", "validated", "finalize", "retire",
    ]  # fmt: skip


def test_outputs_can_be_rejected(job: ManagedPipelineJob) -> None:
    assert job.run().finish().validate().reject({"why": "noise"}).state == "REJECTED"


def test_data_of_an_event_is_kept_in_the_history(catalog: Catalog, job: ManagedPipelineJob) -> None:
    job.run({"launched": "7381691026605150696-242ac11b-0001-007"}).update()
    entries = catalog.history(str(job.uuid))
    assert [entry["data"] for entry in entries] == [
        job.data,
        {"launched": "7381691026605150696-242ac11b-0001-007"},
        None,
    ]


def test_job_is_the_document_as_it_stands_now(catalog: Catalog, job: ManagedPipelineJob) -> None:
    other = JobManager(catalog.app).load(job.uuid, job.token)
    other.run()
    assert job.job is not None
    assert job.job["state"] == "RUNNING"
    assert [entry["name"] for entry in job.job["history"]] == ["create", "run"]
    assert job.state == "CREATED"
    assert job.attach().state == "RUNNING"


@pytest.mark.parametrize("event", sorted(e for e in Event if State.FAILED not in MOVES[e][0]))
def test_what_the_lifecycle_does_not_allow_writes_nothing(
    catalog: Catalog, job: ManagedPipelineJob, event: Event, administer: Callable[[], str]
) -> None:
    job.run().fail()
    with pytest.raises(ManagedPipelineJobError):
        job.handle(event, token=administer())
    assert (job.state, job.last_event) == ("FAILED", "fail")
    assert names(catalog, job) == ["create", "run", "fail"]


def test_the_catalogs_own_error_is_the_cause(job: ManagedPipelineJob) -> None:
    with pytest.raises(ManagedPipelineJobError) as raised:
        job.finish()
    assert isinstance(raised.value.__cause__, IllegalTransition)


@pytest.mark.parametrize("name", ["explode", "", "create"])
def test_unknown_and_reserved_events_are_refused(
    catalog: Catalog, job: ManagedPipelineJob, name: str
) -> None:
    with pytest.raises(ManagedPipelineJobError):
        job.handle(name)
    assert names(catalog, job) == ["create"]


def test_event_names_are_understood_in_any_case(job: ManagedPipelineJob) -> None:
    assert job.handle("RUN").state == "RUNNING"


def test_event_data_that_cannot_be_kept_is_refused(catalog: Catalog, job: ManagedPipelineJob) -> None:
    with pytest.raises(ManagedPipelineJobError, match="data"):
        job.run({"when": object()})
    assert names(catalog, job) == ["create"]


def test_events_need_a_job(catalog: Catalog) -> None:
    job = ManagedPipelineJob(catalog.app, pipeline_uuid=catalog.pipeline())
    assert (job.job, job.cancelable) == (None, False)
    with pytest.raises(ManagedPipelineJobError, match="setup"):
        job.run()
    with pytest.raises(ManagedPipelineJobError, match="load"):
        JobManager(catalog.app).attach()


# ------------------------------------------------------------------------------------------------ tokens


@pytest.mark.parametrize("wrong", ["AAAAAAAAAAAAAAAAA", "x", "höchst-geheim"])
def test_a_wrong_token_moves_nothing(catalog: Catalog, job: ManagedPipelineJob, wrong: str) -> None:
    with pytest.raises(tokens.InvalidToken) as raised:
        job.run(token=wrong)
    assert isinstance(raised.value, ManagedPipelineJobError)
    assert names(catalog, job) == ["create"]
    assert job.state == "CREATED"


def test_the_token_of_another_job_moves_nothing(catalog: Catalog, job: ManagedPipelineJob) -> None:
    other = another(catalog)
    with pytest.raises(tokens.InvalidToken):
        job.run(token=other.token)


def test_whoever_loads_a_job_without_its_token_cannot_move_it(
    catalog: Catalog, job: ManagedPipelineJob
) -> None:
    manager = JobManager(catalog.app).load(job.uuid)
    assert (manager.state, manager.archive_uri()) == ("CREATED", job.archive_uri())
    with pytest.raises(tokens.InvalidToken):
        manager.run()
    assert manager.attach(job.token).run().state == "RUNNING"
    other = another(catalog)
    assert manager.load(other.uuid).token is None


def test_a_token_stays_valid_after_every_event(job: ManagedPipelineJob) -> None:
    token = job.token
    assert job.run().update().finish().token == token
    assert job.index(token=token).state == "INDEXING"


def test_an_administrative_token_moves_any_job(
    catalog: Catalog, job: ManagedPipelineJob, administer: Callable[[], str]
) -> None:
    assert JobManager(catalog.app).load(job.uuid).run(token=administer()).state == "RUNNING"


@pytest.mark.parametrize("event", JobManager.ADMIN_EVENTS)
def test_administrative_events_are_refused_to_the_update_token(
    catalog: Catalog, job: ManagedPipelineJob, event: str
) -> None:
    with pytest.raises(tokens.InvalidAdminToken) as raised:
        job.handle(event)
    assert isinstance(raised.value, ManagedPipelineJobError)
    assert names(catalog, job) == ["create"]
    assert job.job is not None


# ------------------------------------------------------------------------------------- failing, cancelling


def test_a_job_that_fails_before_it_ran_keeps_its_record(catalog: Catalog, job: ManagedPipelineJob) -> None:
    assert job.fail({"reason": "no such app"}).state == "FAILED"
    assert names(catalog, job) == ["create", "fail"]


def test_a_job_to_which_nothing_happened_can_be_cancelled_and_set_up_again(
    catalog: Catalog, job: ManagedPipelineJob
) -> None:
    uuid = str(job.uuid)
    assert job.cancelable
    job.cancel()
    assert (job.job, job.state, job.cancelable) == (None, None, False)
    with pytest.raises(ValueError):
        ManagedPipelineJobInstance(catalog.app, uuid)
    assert job.setup().uuid == uuid
    assert names(catalog, job) == ["create"]


@pytest.mark.parametrize("event", ["run", "resource", "update", "fail"])
def test_a_job_to_which_something_happened_cannot_be_cancelled(
    catalog: Catalog, job: ManagedPipelineJob, event: str
) -> None:
    job.handle(event)
    assert not job.cancelable
    with pytest.raises(ManagedPipelineJobError, match="cancel"):
        job.cancel()
    assert names(catalog, job) == ["create", event]


def test_cancelling_needs_the_jobs_token(catalog: Catalog, job: ManagedPipelineJob) -> None:
    with pytest.raises(tokens.InvalidToken):
        JobManager(catalog.app).load(job.uuid).cancel()
    with pytest.raises(tokens.InvalidToken):
        job.cancel(token="A" * 17)
    assert job.cancelable


# --------------------------------------------------------------------------------------- reset and delete


def test_reset_clears_the_archive_and_brings_the_job_back(
    catalog: Catalog, job: ManagedPipelineJob, administer: Callable[[], str]
) -> None:
    job.run().fail()
    output = archived(catalog, job) / "out.csv"
    output.write_text("1,2")
    assert job.reset({"why": "again"}, token=administer()) is job
    assert (job.state, job.last_event) == ("CREATED", "ready")
    assert names(catalog, job) == ["create", "run", "fail", "reset", "ready"]
    assert output.parent.is_dir()
    assert not output.exists()
    assert not job.cancelable


def test_reset_leaves_the_archive_alone_when_told(
    catalog: Catalog, job: ManagedPipelineJob, administer: Callable[[], str]
) -> None:
    output = archived(catalog, job) / "out.csv"
    output.write_text("1,2")
    job.reset(no_clear_path=True, token=administer())
    assert output.read_text() == "1,2"


def test_reset_refuses_to_clear_any_other_place_and_writes_nothing(
    catalog: Catalog, administer: Callable[[], str]
) -> None:
    job = ManagedPipelineJob(
        catalog.app, pipeline_uuid=catalog.pipeline(), archive_path="/uploads/mine"
    ).setup()
    output = archived(catalog, job) / "out.csv"
    output.write_text("1,2")
    with pytest.raises(ManagedPipelineJobError, match="cleared"):
        job.reset(token=administer())
    assert job.reset(token=administer(), permissive=True) is False
    assert output.exists()
    assert names(catalog, job) == ["create"]


def test_reset_and_ready_can_be_sent_one_by_one(
    catalog: Catalog, job: ManagedPipelineJob, administer: Callable[[], str]
) -> None:
    assert job.handle("reset", token=administer()).state == "RESET"
    with pytest.raises(ManagedPipelineJobError):
        job.run()
    assert job.ready(token=administer()).state == "CREATED"


def test_reset_is_refused_to_the_update_token(catalog: Catalog, job: ManagedPipelineJob) -> None:
    with pytest.raises(tokens.InvalidAdminToken):
        job.reset()
    assert job.reset(permissive=True) is False
    assert names(catalog, job) == ["create"]


def test_a_deleted_job_is_gone_and_does_not_come_back_by_itself(
    catalog: Catalog, job: ManagedPipelineJob, administer: Callable[[], str]
) -> None:
    output = archived(catalog, job) / "out.csv"
    output.write_text("1,2")
    assert job.delete(token=administer()).job is None
    with pytest.raises(ManagedPipelineJobError):
        job.run()
    with pytest.raises(ManagedPipelineJobError, match="was deleted"):
        job.setup()
    assert output.exists()


def test_a_job_that_was_removed_for_good_can_be_set_up_anew(
    job: ManagedPipelineJob, administer: Callable[[], str]
) -> None:
    job.run().delete(token=administer(), force=True)
    assert job.job is None
    assert job.setup().state == "CREATED"


# --------------------------------------------------------------------------------------- jobs that exist


def test_an_instance_knows_what_the_ledger_knows(catalog: Catalog, job: ManagedPipelineJob) -> None:
    job.run()
    instance = ManagedPipelineJobInstance(catalog.app, str(job.uuid))
    assert instance.uuid == job.uuid
    for name in [name for name, *_ in ManagedPipelineJobInstance.PARAMS]:
        assert getattr(instance, name) == getattr(job, name), name
    assert instance.job == job.job
    assert repr(instance) == f"ManagedPipelineJobInstance(uuid={job.uuid}, state=RUNNING)"
    assert repr(JobManager(catalog.app)) == "JobManager(uuid=None, state=None)"


@pytest.mark.parametrize("uuid", ["meep", "107acb4d-1f93-553a-9e1c-b7b58125bc89", "106acb4d-1f93-553a-9e1c-b7b58125bc89"])  # fmt: skip
def test_an_instance_of_an_unknown_job_is_a_value_error(catalog: Catalog, uuid: str) -> None:
    with pytest.raises(ValueError) as raised:
        ManagedPipelineJobInstance(catalog.app, uuid)
    assert isinstance(raised.value, ManagedPipelineJobError)
    with pytest.raises(ManagedPipelineJobError):
        JobManager(catalog.app).load(uuid)


def test_an_instance_handles_event_documents(catalog: Catalog, job: ManagedPipelineJob) -> None:
    instance = ManagedPipelineJobInstance(catalog.app, str(job.uuid))
    with pytest.raises(tokens.InvalidToken):
        instance.handle({"name": "run"})
    assert instance.handle({"name": "run", "data": {"a": 1}}, job.token).state == "RUNNING"
    assert instance.handle({"name": "finish", "uuid": job.uuid, "token": job.token}).state == "FINISHED"
    assert names(catalog, job) == ["create", "run", "finish"]
    holder = ManagedPipelineJobInstance(catalog.app, str(job.uuid), token=job.token)
    assert holder.handle({"name": "validate"}).state == "VALIDATING"


@pytest.mark.parametrize(
    "document", [{}, {"name": 5}, {"name": "run", "uuid": "107acb4d-1f93-553a-9e1c-b7b58125bc89"}]
)
def test_what_is_no_event_of_this_job_is_a_value_error(
    catalog: Catalog, job: ManagedPipelineJob, document: dict[str, Any]
) -> None:
    with pytest.raises(ValueError):
        ManagedPipelineJobInstance(catalog.app, str(job.uuid)).handle(document, job.token)
    assert names(catalog, job) == ["create"]


def test_an_instance_can_delete_its_job(
    catalog: Catalog, job: ManagedPipelineJob, administer: Callable[[], str]
) -> None:
    instance = ManagedPipelineJobInstance(catalog.app, str(job.uuid))
    instance.handle({"name": "delete"}, administer())
    with pytest.raises(ValueError):
        instance.load()
