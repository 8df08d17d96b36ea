"""Jobs over the services: created once, given a place of their own, reset, deleted."""

from __future__ import annotations

import io
from typing import Any

import pytest

from datacatalog.domain.errors import (
    AlreadyExists,
    Conflict,
    DatacatalogError,
    IllegalTransition,
    InvalidAdminToken,
    InvalidField,
    MissingToken,
    NotClearable,
    NotInService,
    StorageDown,
    UnknownRecord,
    UnsafePath,
)
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.messages import DeleteJob, JobEvent
from datacatalog.services.access import make_admin_token, token_of
from datacatalog.services.jobs import (
    Created,
    JobPlan,
    archive_override,
    create_job,
    fail_job,
    handle_delete_job,
    handle_job_event,
    insert_job,
    job_document,
    job_for,
    place_job,
    reset_job,
)
from datacatalog.services.records import put_record
from tests.unit.memory import SYSTEM, Memory, memory

NOBODY = TypedUuid("107acb4d-1f93-553a-9e1c-b7b58125bc89")


@pytest.fixture
def here() -> Memory:
    return memory()


def plan(here: Memory, **changes: Any) -> JobPlan:
    return JobPlan(**{"pipeline_uuid": here.pipeline, "data": {"x": 1}, **changes})


def admin(here: Memory) -> str:
    return make_admin_token("a" * 32, here.env)


def count(here: Memory) -> int:
    return here.env.store.read(lambda work: work.records.count(Kind.PIPELINEJOB))


def put_file(here: Memory, job: Created, name: str = "out.csv") -> None:
    here.storage.put(SYSTEM, f"{job.job.archive_path}/{name}", io.BytesIO(b"1,2\n"))


def files(here: Memory, job: Created) -> list[str]:
    return [info.path for info in here.storage.walk(SYSTEM, job.job.archive_path)]


# ------------------------------------------------------------------------------------------ creating


def test_same_run_is_the_same_job_and_its_first_entry_is_not_repeated(here: Memory):
    first = create_job(plan(here), here.env)
    here.clock.move(days=1)
    again = create_job(plan(here), here.env)
    assert (first.fresh, again.fresh) == (True, False)
    assert (again.job.uuid, again.token) == (first.job.uuid, first.token)
    assert again.job.archive_path == first.job.archive_path
    assert here.names(first) == ["create"]
    assert here.history(first)[0]["data"] == {"x": 1}


@pytest.mark.parametrize("changes", [{"data": {"x": 2}}, {"data": {"x": 1.0, "y": None}}])
def test_another_parameterization_is_another_job(here: Memory, changes: dict[str, Any]):
    assert create_job(plan(here), here.env).job.uuid != create_job(plan(here, **changes), here.env).job.uuid


def test_links_tell_pipeline_linkage_and_inputs(here: Memory):
    env = here.env
    sample = env.store.transact(lambda w: put_record(Kind.SAMPLE, {"sample_id": "s.1"}, w, env)).record.uuid
    file = env.store.transact(lambda w: put_record(Kind.FILE, {"name": "/uploads/a.csv"}, w, env)).record.uuid
    reference = env.store.transact(
        lambda w: put_record(
            Kind.REFERENCE,
            {"reference_id": "r.1", "name": "r", "uri": "https://example.org/r", "type": "URL"},
            w,
            env,
        )
    ).record.uuid
    made = create_job(
        plan(
            here,
            parameters={"sample_id": "s.1"},
            data={"inputs": [f"agave://{SYSTEM}/uploads/a.csv", "/uploads/unknown.csv"], "parameters": {"r": "https://example.org/r"}},
        ),
        env,
    )  # fmt: skip
    document = env.store.read(lambda work: job_document(made.job.uuid, work))
    assert document["generated_by"] == [here.pipeline]
    assert document["child_of"] == [sample]
    assert document["acted_on"] == [file]
    assert document["acted_using"] == [reference]
    assert [entry["name"] for entry in document["history"]] == ["create"]
    assert not [name for name in document if name.startswith("_")]


def test_session_that_is_drawn_twice_is_drawn_again(here: Memory, monkeypatch):
    drawn = iter(["casual-bass", "casual-bass", "eligible-awk"])
    monkeypatch.setattr("datacatalog.services.jobs.creating.draw_session", lambda: next(drawn))
    first = create_job(plan(here), here.env)
    here.env.store.transact(lambda work: work.records.purge(first.job.uuid, at=here.clock.now()))
    second = create_job(plan(here), here.env)
    sessions = [job.job.record.body["session"] for job in (first, second)]
    assert sessions == ["casual-bass", "eligible-awk"]
    assert first.job.archive_path != second.job.archive_path


def test_session_that_was_asked_for_and_is_taken_is_refused(here: Memory):
    made = create_job(plan(here, session="casual-bass"), here.env)
    here.env.store.transact(lambda work: work.records.purge(made.job.uuid, at=here.clock.now()))
    with pytest.raises(AlreadyExists):
        create_job(plan(here, session="casual-bass"), here.env)
    assert count(here) == 0


def test_without_instance_equal_jobs_share_a_place(here: Memory):
    one = create_job(plan(here, instanced=False), here.env)
    assert place_job(plan(here, instanced=False, data={"x": 1}), here.env) is None
    two = create_job(plan(here, instanced=False, data={"x": 2}), here.env)
    assert one.job.archive_path != two.job.archive_path
    here.env.store.transact(lambda work: work.records.purge(one.job.uuid, at=here.clock.now()))
    assert create_job(plan(here, instanced=False), here.env).job.archive_path == one.job.archive_path


def test_place_that_was_asked_for_is_taken_as_it_is(here: Memory):
    made = create_job(plan(here, archive_path="/my/place", archive_system=SYSTEM), here.env)
    assert made.job.archive_uri == f"agave://{SYSTEM}/my/place"
    assert archive_override(f"agave://{SYSTEM}/my/place") == (SYSTEM, "/my/place")


def test_directory_is_made_unless_it_is_not_wanted(here: Memory):
    create_job(plan(here, archive_path="/made"), here.env)
    assert list(here.storage.walk(SYSTEM, "/made")) == []
    create_job(plan(here, archive_path="/not/made", data={"x": 2}), here.env, make_directory=False)
    with pytest.raises(DatacatalogError):
        list(here.storage.walk(SYSTEM, "/not/made"))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"pipeline_uuid": TypedUuid("1064aaf1-459c-5e42-820d-b822aa4b3990")}, UnknownRecord),
        ({"parameters": {"sample_id": "nobody"}}, UnknownRecord),
        ({"archive_path": "relative"}, UnsafePath),
        ({"archive_path": "/a/../b"}, UnsafePath),
        ({"archive_system": "nowhere"}, InvalidField),
        ({"session": "../up"}, InvalidField),
        ({"extra": {"surprise": 1, "archive_patterns": "x"}}, InvalidField),
    ],
)
def test_job_that_cannot_be_is_not_written(here: Memory, changes: dict[str, Any], error: type[Exception]):
    with pytest.raises(DatacatalogError) as refused:
        create_job(plan(here, **changes), here.env)
    assert isinstance(refused.value, error) or refused.value.code == "invalid-record"
    assert count(here) == 0


def test_pipeline_out_of_service_makes_no_jobs(here: Memory):
    here.handle("pipelines-manager", {"uuid": here.pipeline, "action": "retire"} | {"token": admin(here)})
    with pytest.raises(NotInService):
        create_job(plan(here), here.env)
    assert count(here) == 0


def test_links_of_a_pipeline_are_told_by_its_log(here: Memory):
    document = {"name": "N", "id": "n:1", "components": [{"c": 1}], "derived_from": [here.pipeline]}
    uuid = here.handle("pipelines-manager", document).result["uuid"]
    for _ in range(2):
        change = {"uuid": uuid, "action": "update", "body": {"child_of": [here.pipeline]}}
        done = here.handle("pipelines-manager", change | {"token": admin(here)})
        assert done.result["revision"] == 1
    changes = here.env.store.read(lambda work: work.records.changes(uuid))
    assert [(change.action, change.diff.get("derived_from")) for _, change in changes] == [
        ("create", [None, [here.pipeline]]),
        ("update", None),
    ]
    assert changes[-1][1].diff == {"child_of": [[], [here.pipeline]]}


def test_job_that_is_removed_goes_on_being_named_by_what_it_is_part_of_the_name_of(here: Memory):
    env, made = here.env, create_job(plan(here), here.env)
    said = {"connects_from": [here.pipeline], "connects_to": [made.job.uuid], "owner": "o"}
    link = env.store.transact(lambda w: put_record(Kind.ASSOCIATION, said, w, env)).record.uuid
    gone = DeleteJob(uuid=made.job.uuid, force=True, token=admin(here))
    env.store.transact(lambda w: handle_delete_job(gone, w, env))
    targets = env.store.read(lambda w: [each.target for each in w.links.of(link, Relation.CONNECTS_TO)])
    assert targets == [made.job.uuid]


def test_deleted_job_is_not_found_again_and_not_made_again(here: Memory):
    made = create_job(plan(here), here.env)
    env = here.env
    gone = DeleteJob(uuid=made.job.uuid, token=admin(here))
    assert env.store.transact(lambda w: handle_delete_job(gone, w, env)).result["deleted"] == "hidden"
    with pytest.raises(AlreadyExists, match="was deleted"):
        create_job(plan(here), env)
    with pytest.raises(UnknownRecord):
        env.store.read(lambda work: job_for(made.job.uuid, work))
    forced = DeleteJob(uuid=made.job.uuid, token=admin(here), force=True)
    assert env.store.transact(lambda w: handle_delete_job(forced, w, env)).result["deleted"] == "purged"
    assert create_job(plan(here), env).fresh


def test_job_without_a_prepared_place_is_placed_in_its_commit(here: Memory):
    made = here.env.store.transact(lambda work: insert_job(plan(here), None, work, here.env))
    assert made.fresh
    assert made.job.archive_path.startswith("/products/v2/")
    assert count(here) == 1


def test_storage_that_is_down_leaves_no_job(here: Memory):
    class Down:
        def make_directory(self, *_: object, **__: object) -> None:
            raise StorageDown("away")

    with pytest.raises(StorageDown):
        create_job(plan(here), here.with_ports(storage=Down()).env)
    assert count(here) == 0


# --------------------------------------------------------------------------------------- reset, trust


def test_reset_clears_the_archive_and_leaves_the_directory_and_a_job_that_can_run_again(here: Memory):
    job = here.job(Event.RUN, Event.FAIL)
    put_file(here, job)
    put_file(here, job, "deep/down.txt")
    assert reset_job(job.job.uuid, admin(here), here.env, data={"why": "again"}).state is State.CREATED
    assert files(here, job) == []
    assert here.names(job) == ["create", "run", "fail", "reset", "ready"]
    assert here.history(job)[-2]["data"] == {"why": "again"}


def test_reset_can_leave_the_archive_alone(here: Memory):
    job = here.job(Event.FAIL)
    put_file(here, job)
    reset_job(job.job.uuid, admin(here), here.env, clear=False)
    assert len(files(here, job)) == 1


def test_reset_makes_a_directory_that_is_missing(here: Memory):
    job = here.job(archive_path="/products/v2/gone")
    assert reset_job(job.job.uuid, admin(here), here.env).state is State.CREATED


def test_reset_that_was_cut_off_is_finished_by_doing_it_again(here: Memory):
    job = here.job(Event.FAIL)
    put_file(here, job)

    class Down:
        def make_directory(self, *_: object, **__: object) -> None: ...

        def clear(self, *_: object) -> None:
            raise StorageDown("away")

    with pytest.raises(StorageDown):
        reset_job(job.job.uuid, admin(here), here.with_ports(storage=Down()).env)
    assert here.state(job) is State.RESET
    assert reset_job(job.job.uuid, admin(here), here.env).state is State.CREATED
    assert files(here, job) == []


def test_job_whose_archive_cannot_be_opened_is_not_reset(here: Memory):
    job = here.job(Event.FAIL)

    class Linked:
        def make_directory(self, *_: object, **__: object) -> None:
            raise UnsafePath("path", "is a symbolic link")

    with pytest.raises(UnsafePath):
        reset_job(job.job.uuid, admin(here), here.with_ports(storage=Linked()).env)
    assert here.state(job) is State.FAILED


@pytest.mark.parametrize("path", ["/elsewhere/x", "/products/v22/x", "/productsx", "/sample"])
def test_what_lies_elsewhere_is_not_cleared_and_the_job_is_not_reset(here: Memory, path: str):
    job = here.job(Event.FAIL, archive_path=path)
    put_file(here, job)
    with pytest.raises(NotClearable):
        reset_job(job.job.uuid, admin(here), here.env)
    assert here.state(job) is State.FAILED
    assert len(files(here, job)) == 1


@pytest.mark.parametrize(("token", "error"), [("", MissingToken), ("x" * 17, InvalidAdminToken), (None, InvalidAdminToken)])  # fmt: skip
def test_reset_is_for_administrators(here: Memory, token: str | None, error: type[Exception]):
    job = here.job(Event.FAIL)
    put_file(here, job)
    with pytest.raises(error):
        reset_job(job.job.uuid, job.token if token is None else token, here.env)
    assert here.state(job) is State.FAILED
    assert len(files(here, job)) == 1


def test_unknown_job_cannot_be_reset(here: Memory):
    with pytest.raises(UnknownRecord):
        reset_job(NOBODY, admin(here), here.env)


def test_what_the_catalog_tells_itself_needs_no_token_but_keeps_to_the_lifecycle(here: Memory):
    job = here.job()
    env = here.env
    event = JobEvent(uuid=job.job.uuid, name=Event.RUN, trusted=True)
    env.store.transact(lambda work: handle_job_event(event, work, env))
    assert here.state(job) is State.RUNNING
    illegal = JobEvent(uuid=job.job.uuid, name=Event.VALIDATE, trusted=True)
    with pytest.raises(IllegalTransition):
        env.store.transact(lambda work: handle_job_event(illegal, work, env))


@pytest.mark.parametrize(("events", "noted"), [((), False), ((Event.RUN, Event.FINISH), True)])
def test_given_up_work_fails_a_job_or_is_noted_and_owes_a_gone_one_nothing(
    here: Memory, events: Any, noted: bool
):
    job = here.job(*events)
    error = Conflict("because")

    def fail(uuid: TypedUuid) -> None:
        here.env.store.transact(lambda work: fail_job(uuid, 1, error, work, here.env))

    fail(job.job.uuid)
    fail(NOBODY)
    entry = here.history(job)[-1]
    assert (entry["name"], entry["data"]) == ("fail", {"reason": "because", "code": "conflict"})
    assert entry.get("noted", False) is noted


def test_token_of_a_job_is_what_it_was_created_with(here: Memory):
    job = here.job()
    record = here.env.store.read(lambda work: work.records.get(job.job.uuid))
    assert token_of(record, here.env) == job.token
    assert (job.job.pipeline_uuid, job.job.data) == (here.pipeline, record.body["data"])


def test_links_of_a_job_to_its_pipeline_can_be_read_from_the_pipeline(here: Memory):
    job = here.job()
    links = here.env.store.read(lambda work: work.links.to(here.pipeline, Relation.GENERATED_BY))
    assert [link.source for link in links] == [job.job.uuid]
