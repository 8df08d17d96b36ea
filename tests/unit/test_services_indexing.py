"""Indexing over the services: which records there are of what a job archived, and that once is enough."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datacatalog.domain.errors import NoSuchPath, StorageDown, UnknownRecord
from datacatalog.domain.identifiers.records import record_uuid
from datacatalog.domain.identifiers.typed import overlay
from datacatalog.domain.indexing import LEVELS, ArchiveIndexRequest
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Record
from datacatalog.interfaces.worker.loop import Worker
from datacatalog.ports.storage import FileInfo, Look
from datacatalog.services.access import make_admin_token
from datacatalog.services.finding import files_of
from datacatalog.services.indexing import INDEX_QUEUE, files_so_far, finding, index_now, writing
from datacatalog.services.indexing.plan import Plan
from datacatalog.services.jobs import Created
from datacatalog.services.records import put_record
from tests.unit.memory import SYSTEM, Memory, memory

CONTENT = b"a,b\n1,2\n"


@pytest.fixture
def here() -> Memory:
    return memory(max_tries=2)


def put(here: Memory, path: str, content: bytes = CONTENT) -> None:
    here.storage.put(SYSTEM, path, io.BytesIO(content))


def finished(here: Memory, *names: str, **plan: Any) -> Created:
    """Return a finished job that archived these files."""
    job = here.job(Event.RUN, Event.FINISH, **plan)
    for name in names:
        put(here, f"{job.job.archive_path}/{name}")
    return job


def work(here: Memory, *, to_the_end: bool = False) -> None:
    worker = Worker(here.app)
    for _ in range(6 if to_the_end else 1):
        while worker.work_once(["jobs-indexer", INDEX_QUEUE]):
            pass
        here.clock.move(minutes=10)


def index(here: Memory, job: Created, **asked: Any) -> None:
    """Have a job indexed anew, and nothing else done."""
    work(here)
    here.handle("jobs-indexer", {"uuid": job.job.uuid, "token": job.token, **asked})
    work(here)


def records(here: Memory, job: Created) -> dict[str, Any]:
    """Return the file records of a job, by their path below its archive path."""
    page = here.env.store.read(lambda w: files_of(job.job.uuid, w, limit=1000))
    return {r.body["name"].removeprefix(job.job.archive_path + "/"): r for r in page.records}


def links(here: Memory, uuid: TypedUuid, relation: Relation) -> list[str]:
    return [link.target for link in here.env.store.read(lambda w: w.links.of(uuid, relation))]


def fixity(here: Memory, uuid: TypedUuid) -> dict[str, Any] | None:
    found = here.env.store.read(lambda w: w.records.find(overlay(Kind.FIXITY, uuid)))
    return None if found is None else dict(found.body)


def test_every_file_is_recorded_at_level_one_with_its_checksum_and_its_maker(here: Memory):
    job = finished(here, "a.csv", "deep/er/b.png", "c")
    work(here)
    found = records(here, job)
    assert set(found) == {"a.csv", "deep/er/b.png", "c"}
    assert {r.body["level"] for r in found.values()} == {"1"}
    assert {r.body["storage_system"] for r in found.values()} == {SYSTEM}
    file = found["a.csv"]
    assert file.body["type"] == "CSV"
    assert links(here, file.uuid, Relation.GENERATED_BY) == [job.job.uuid]
    kept = fixity(here, file.uuid)
    assert kept is not None
    assert kept["checksum"] == f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    assert (kept["size"], kept["version"]) == (len(CONTENT), 1)
    last = here.history(job)[-1]
    assert (last["name"], last["data"]) == ("indexed", {"files": 3, "bytes": 3 * len(CONTENT)})


def test_indexing_again_writes_nothing_and_a_changed_file_counts_its_versions(here: Memory):
    job = finished(here, "a.csv", "b.csv")
    work(here)
    before = {name: (r.revision, r.modified) for name, r in records(here, job).items()}
    index(here, job)
    assert {name: (r.revision, r.modified) for name, r in records(here, job).items()} == before
    put(here, f"{job.job.archive_path}/a.csv", b"other")
    index(here, job)
    versions = {name: (fixity(here, r.uuid) or {})["version"] for name, r in records(here, job).items()}
    assert versions == {"a.csv": 2, "b.csv": 1}


def test_filters_and_level_pick_files_and_say_their_level(here: Memory):
    job = finished(here, "sample.1.csv", "sample-1.csv", "other.png")
    index(here, job, filters=["sample%5C.1", r"png$"], level="2")
    levels = {name: r.body["level"] for name, r in records(here, job).items()}
    assert levels == {"sample.1.csv": "2", "sample-1.csv": "1", "other.png": "2"}


def test_patterns_of_the_job_are_used_where_none_are_sent(here: Memory):
    extra = {"archive_patterns": [{"level": "3", "patterns": [r"\.csv$"]}]}
    job = finished(here, "a.csv", "b.png", extra=extra)
    work(here)
    assert {name: r.body["level"] for name, r in records(here, job).items()} == {"a.csv": "3"}
    index(here, job, level="0")
    assert records(here, job)["a.csv"].body["level"] == "0"


def test_products_say_what_they_came_from_however_it_is_named(here: Memory):
    env = here.env
    uploaded = env.store.transact(
        lambda w: put_record(Kind.FILE, {"name": "/uploads/a.csv"}, w, env)
    ).record.uuid
    named = env.store.transact(
        lambda w: put_record(Kind.FILE, {"name": "/uploads/b.csv", "file_id": "file.tacc.1"}, w, env)
    ).record.uuid
    put(here, "/uploads/new.csv")
    job = finished(here, "out.png", "raw.csv")
    request = {
        "patterns": [r"out\.png$"],
        "derived_from": [
            uploaded,
            "file.tacc.1",
            "/uploads/new.csv",
            f"agave://{SYSTEM}/uploads/a.csv",
            "./raw.csv",
        ],
        "derived_using": ["/uploads/b.csv"],
    }
    index(here, job, filters=[request])
    found = records(here, job)
    made = set(links(here, found["out.png"].uuid, Relation.DERIVED_FROM))
    assert {uploaded, named, found["raw.csv"].uuid} < made
    assert len(made) == 4
    assert links(here, found["out.png"].uuid, Relation.DERIVED_USING) == [named]
    assert links(here, found["raw.csv"].uuid, Relation.DERIVED_FROM) == []


def test_product_of_an_identifier_that_nothing_has_is_refused_at_once(here: Memory):
    job = finished(here, "out.png")
    work(here)
    known = here.history(job)
    with pytest.raises(UnknownRecord, match=r"file\.nobody"):
        index(here, job, filters=[{"patterns": ["x"], "derived_from": ["file.nobody"]}])
    assert here.history(job) == known


@pytest.mark.parametrize("source", ["/uploads/none.csv", "./none.csv", f"agave://{SYSTEM}/none"])
def test_product_of_something_unknown_records_nothing_and_leaves_the_job_to_be_indexed_again(
    here: Memory, source: str
):
    job = finished(here, "out.png")
    work(here)
    known = records(here, job)["out.png"]
    index(here, job, filters=[{"patterns": ["x"], "derived_from": [source]}])
    assert here.state(job) is State.FINISHED
    last = here.history(job)[-1]
    assert (last["name"], last["data"]["files"]) == ("indexed", 0)
    assert source.lstrip("./") in last["data"]["error"]["reason"]
    assert records(here, job) == {"out.png": known}


def test_archive_that_is_not_there_is_said_so_and_fails_nothing(here: Memory):
    job = here.job(Event.RUN, Event.FINISH)
    bare = here.rewired(storage=Missing(here.storage))
    assert index_now(job.job.uuid, bare.env) == []
    work(bare)
    assert here.state(job) is State.FINISHED
    assert here.history(job)[-1]["data"]["note"] == "the archive path does not exist"


class Missing:
    """A storage without a single directory."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage

    def walk(self, system: str, path: str, **more: Any) -> Iterator[FileInfo]:
        raise NoSuchPath(f"agave://{system}{path}")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)


class Moody:
    """A storage that some files are taken from, or cannot be read from."""

    def __init__(self, storage: Any, gone: str = "", dark: str = "", down: int = 0) -> None:
        self._storage, self._gone, self._dark, self._down = storage, gone, dark, down

    def walk(self, system: str, path: str, **more: Any) -> Iterator[FileInfo]:
        if self._down:
            self._down -= 1
            raise StorageDown("away")
        return self._storage.walk(system, path, **more)  # type: ignore[no-any-return]

    def _look(self, path: str) -> None:
        if self._gone and path.endswith(self._gone):
            raise NoSuchPath(path)
        if self._dark and path.endswith(self._dark):
            raise StorageDown("cannot be read")

    def open(self, system: str, path: str) -> BinaryIO:
        self._look(path)
        return self._storage.open(system, path)  # type: ignore[no-any-return]

    def look(self, system: str, paths: Iterable[str]) -> Iterator[Look]:
        for path in paths:
            try:
                self._look(path)
            except (NoSuchPath, StorageDown) as error:
                yield Look(path, error=error)
            else:
                yield from self._storage.look(system, [path])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)


def test_file_that_cannot_be_read_is_recorded_without_checksum_and_counted(here: Memory):
    job = finished(here, "good.csv", "bad.csv")
    work(here.rewired(storage=Moody(here.storage, dark="bad.csv")))
    found = records(here, job)
    assert set(found) == {"good.csv", "bad.csv"}
    assert fixity(here, found["bad.csv"].uuid) is None
    data = here.history(job)[-1]["data"]
    assert (data["unreadable"], data["unreadable_paths"]) == (1, [f"{job.job.archive_path}/bad.csv"])


def test_file_that_went_away_meanwhile_is_passed_over(here: Memory):
    job = finished(here, "good.csv", "gone.csv")
    work(here.rewired(storage=Moody(here.storage, gone="gone.csv")))
    assert set(records(here, job)) == {"good.csv"}
    assert here.state(job) is State.FINISHED


@pytest.mark.parametrize(("times", "given_up"), [(1, False), (9, True)])
def test_storage_that_is_away_is_tried_again_and_at_last_given_up(here: Memory, times: int, given_up: bool):
    job = finished(here, "a.csv")
    work(here.rewired(storage=Moody(here.storage, down=times)), to_the_end=True)
    assert here.state(job) is State.FINISHED
    last = here.history(job)[-1]
    assert (last["name"], "error" in last["data"]) == ("indexed", given_up)
    assert here.env.transport.dead() == []


def test_files_are_written_in_batches_that_each_last(here: Memory, monkeypatch):
    monkeypatch.setattr(finding, "FIRST_CHUNK", 3)
    job = finished(here, *(f"{n}.csv" for n in range(8)))
    work(here)
    assert len(records(here, job)) == 8
    assert here.history(job)[-1]["data"]["files"] == 8


def test_indexing_in_the_callers_own_time_moves_nothing(here: Memory):
    job = finished(here, "a.csv", "b.png")
    known = here.names(job)
    paths = index_now(job.job.uuid, here.env, filters=[r"png$"], level="2")
    assert paths == [f"{job.job.archive_path}/b.png"]
    assert (here.names(job), set(records(here, job))) == (known, {"b.png"})


@pytest.mark.parametrize("event", ["reset", "fail"])
def test_indexing_of_a_job_that_moved_on_is_only_noted(here: Memory, event: str):
    job = finished(here, "a.csv")
    work(here)
    here.handle("jobs-indexer", {"uuid": job.job.uuid, "token": job.token})
    token = make_admin_token("a" * 32, here.env)
    here.handle("jobs-manager", {"uuid": job.job.uuid, "name": event, "token": token})
    state = here.state(job)
    work(here)
    assert here.state(job) is state
    assert here.history(job)[-1]["noted"] is True


def test_finished_job_that_moved_on_before_its_indexing_began_is_only_noted(here: Memory):
    job = finished(here, "a.csv")
    here.handle("jobs-manager", {"uuid": job.job.uuid, "name": "validate", "token": job.token})
    work(here)
    assert here.state(job) is State.VALIDATING
    assert [entry["name"] for entry in here.history(job) if entry.get("noted")] == ["index"]
    assert records(here, job) == {}


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_indexing_of_a_job_that_was_deleted_ends_quietly(here: Memory, when: str):
    job = finished(here, "a.csv")
    work(here)
    here.handle("jobs-indexer", {"uuid": job.job.uuid, "token": job.token})

    def purge() -> None:
        here.env.store.transact(lambda w: w.records.purge(job.job.uuid, at=here.clock.now()))

    class Purging(Missing):
        def walk(self, system: str, path: str, **more: Any) -> Iterator[FileInfo]:
            purge()
            yield from ()

    if when == "before":
        purge()
        work(here)
    else:
        work(here.rewired(storage=Purging(here.storage)))
    assert here.env.transport.dead() == []
    assert here.env.transport.depth() == {}
    with pytest.raises(UnknownRecord):
        here.state(job)


# ------------------------------------------------------------------------------ being cut off, going on


class Counting:
    """A storage that counts what is read, and that breaks at a path."""

    def __init__(self, storage: Any, breaks_at: str = "") -> None:
        self._storage, self._breaks_at = storage, breaks_at
        self.read: list[str] = []

    def look(self, system: str, paths: Iterable[str]) -> Iterator[Look]:
        for path in paths:
            if self._breaks_at and path.endswith(self._breaks_at):
                raise StorageDown("away")
            self.read.append(path.rpartition("/")[2])
            yield from self._storage.look(system, [path])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)


def long_after(here: Memory) -> None:
    """Let every file be old enough that nothing changes unseen."""
    here.clock.at = datetime.now(UTC) + timedelta(days=1)


def test_try_goes_on_after_the_last_file_that_was_written(here: Memory, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(finding, "FIRST_CHUNK", 2)
    monkeypatch.setattr(finding, "LAST_CHUNK", 2)
    job = finished(here, *(f"{n}.csv" for n in range(8)))
    first = Counting(here.storage, breaks_at="5.csv")
    work(here.rewired(storage=first))
    assert first.read == [f"{n}.csv" for n in range(5)]
    assert here.state(job) is State.INDEXING
    second = Counting(here.storage)
    work(here.rewired(storage=second))
    assert second.read == [f"{n}.csv" for n in range(4, 8)]
    assert here.history(job)[-1]["data"] == {"files": 8, "bytes": 8 * len(CONTENT)}
    assert len(records(here, job)) == 8


def test_indexing_that_comes_further_with_each_try_is_not_given_up(
    here: Memory, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(finding, "FIRST_CHUNK", 1)
    monkeypatch.setattr(finding, "LAST_CHUNK", 1)
    job = finished(here, *(f"{n}.csv" for n in range(6)))
    for n in range(1, 6):
        work(here.rewired(storage=Counting(here.storage, breaks_at=f"{n}.csv")))
        assert here.state(job) is State.INDEXING
    work(here)
    assert here.history(job)[-1]["data"] == {"files": 6, "bytes": 6 * len(CONTENT)}


def test_indexing_that_comes_no_further_is_given_up_with_what_it_had(
    here: Memory, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(finding, "FIRST_CHUNK", 1)
    job = finished(here, "1.csv", "2.csv")
    work(here.rewired(storage=Counting(here.storage, breaks_at="2.csv")), to_the_end=True)
    data = here.history(job)[-1]["data"]
    assert (data["files"], data["error"]["code"]) == (1, "storage-down")
    assert here.state(job) is State.FINISHED


def test_progress_is_kept_while_it_is_needed_and_no_longer(here: Memory, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(finding, "FIRST_CHUNK", 1)
    job = finished(here, "1.csv", "2.csv")
    key = f"index:{job.job.uuid}:4"

    def progress() -> Any:
        return here.env.store.read(lambda w: w.progress.get(key))

    work(here.rewired(storage=Counting(here.storage, breaks_at="2.csv")))
    assert progress()["last"] == f"{job.job.archive_path}/1.csv"
    assert files_so_far(job.job.uuid, 4, here.env) == 1
    work(here)
    assert progress() is None
    assert files_so_far(job.job.uuid, 4, here.env) == 0


# ------------------------------------------------------------------------------------ being as it was


def test_what_is_as_it_was_is_not_read_again(here: Memory):
    job = finished(here, "a.csv", "b.csv", "c.csv")
    long_after(here)
    work(here)
    put(here, f"{job.job.archive_path}/b.csv", b"changed")
    again = Counting(here.storage)
    long_after(here)
    index(here.rewired(storage=again), job)
    assert again.read == ["b.csv"]
    versions = {name: (fixity(here, r.uuid) or {})["version"] for name, r in records(here, job).items()}
    assert versions == {"a.csv": 1, "b.csv": 2, "c.csv": 1}
    assert here.history(job)[-1]["data"]["files"] == 3


def test_what_changed_a_moment_before_it_was_read_is_read_again(here: Memory):
    job = finished(here, "a.csv")
    here.clock.at = datetime.now(UTC) + timedelta(seconds=1)
    again = Counting(here.storage)
    looked = here.rewired(storage=again)
    while Worker(looked.app).work_once(["jobs-indexer", INDEX_QUEUE]):
        pass
    for _ in range(2):
        long_after(here)
        index(looked, job)
    assert again.read == ["a.csv", "a.csv"]
    file = records(here, job)["a.csv"]
    assert file.revision == 1  # it is known to be settled since the second time
    log = here.env.store.read(lambda w: w.records.changes(file.uuid))
    assert len(log) <= 1


@pytest.mark.parametrize("change", ["edit", "delete", "level", "note"])
def test_file_that_something_else_is_said_of_is_looked_at_again(here: Memory, change: str):
    job = finished(here, "a.csv")
    long_after(here)
    work(here)
    file = records(here, job)["a.csv"]
    asked: dict[str, Any] = {}
    if change == "edit":
        edited = {"name": file.body["name"], "level": "3"}
        here.env.store.transact(lambda w: put_record(Kind.FILE, edited, w, here.env))
    elif change == "delete":
        here.env.store.transact(lambda w: w.records.put(replace(file, visible=False), at=here.clock.now()))
    elif change == "level":
        asked = {"level": "2"}
    else:
        asked = {"filters": [{"patterns": [], "level": "1", "note": "seen"}]}
    index(here, job, **asked)
    now = records(here, job)["a.csv"]
    assert now.visible
    assert now.body["level"] == ("2" if change == "level" else "1")
    assert now.body.get("notes") == (["seen"] if change == "note" else None)


def test_several_requests_on_one_job_add_up(here: Memory):
    job = finished(here, "a.csv", "b.png", "c.csv")
    long_after(here)
    work(here)
    index(here, job, filters=[r"png$"], level="2")
    index(here, job, filters=[{"patterns": ["a"], "derived_from": ["./c.csv"], "note": "n", "fixity": True}])
    index(here, job, filters=[{"patterns": ["a"], "level": "3", "note": "m"}])
    found = records(here, job)
    assert {name: r.body["level"] for name, r in found.items()} == {"a.csv": "3", "b.png": "2", "c.csv": "1"}
    assert found["a.csv"].body["notes"] == ["n", "m"]
    assert links(here, found["a.csv"].uuid, Relation.DERIVED_FROM) == [found["c.csv"].uuid]
    assert links(here, found["a.csv"].uuid, Relation.GENERATED_BY) == [job.job.uuid]


def test_file_that_somebody_else_records_meanwhile_is_written_over_that(here: Memory):
    job = finished(here, "a.csv", "b.csv")
    name = f"{job.job.archive_path}/b.csv"

    class Overtaken(Counting):
        def look(self, system: str, paths: Iterable[str]) -> Iterator[Look]:
            known = {"name": name, "lab_label": ["theirs"]}
            here.env.store.transact(lambda w: put_record(Kind.FILE, known, w, here.env))
            return super().look(system, paths)

    work(here.rewired(storage=Overtaken(here.storage)))
    file = records(here, job)["b.csv"]
    assert (file.body["lab_label"], file.body["level"], file.revision) == (["theirs"], "1", 1)
    assert fixity(here, file.uuid) is not None
    assert here.history(job)[-1]["data"]["files"] == 2


# ------------------------------------------------------------------------------------- what is written


def test_files_are_children_of_what_their_job_is_a_child_of(here: Memory):
    sample = {"sample_id": "sample.tacc.20001"}
    known = here.env.store.transact(lambda w: put_record(Kind.SAMPLE, sample, w, here.env)).record.uuid
    job = finished(here, "a.csv", parameters=sample)
    work(here)
    assert links(here, records(here, job)["a.csv"].uuid, Relation.CHILD_OF) == [known]


def test_source_that_is_recorded_on_the_way_has_its_checksum_and_is_a_child_of_the_job(here: Memory):
    put(here, "/uploads/new.csv", b"new")
    job = finished(here, "out.png")
    index(here, job, filters=[{"patterns": [], "derived_from": ["/uploads/new.csv"]}])
    [source] = links(here, records(here, job)["out.png"].uuid, Relation.DERIVED_FROM)
    assert links(here, TypedUuid(source), Relation.CHILD_OF) == [job.job.uuid]
    kept = fixity(here, TypedUuid(source))
    assert kept is not None
    assert kept["checksum"] == f"sha256:{hashlib.sha256(b'new').hexdigest()}"


NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=6
).filter(lambda name: name not in {".", ".."} and not name[-1].isspace())


@settings(max_examples=40, deadline=None)
@given(
    name=NAMES, system=st.sampled_from([SYSTEM, "other"]), level=st.sampled_from(LEVELS), noted=st.booleans()
)
def test_new_record_is_what_the_general_rules_make_of_it(name: str, system: str, level: str, noted: bool):
    here = memory(systems=(SYSTEM, "other"))
    job = here.job(Event.RUN, Event.FINISH, archive_system=system)
    here.storage.put(system, f"{job.job.archive_path}/{name}", io.BytesIO(CONTENT))
    request = ArchiveIndexRequest((), level=level, note="n" if noted else None)
    plan = Plan(job=job.job, requests=[request], sources={}, parents=(), env=here.env)
    [batch] = finding.batches(plan, None)
    general = here.env.store.transact(lambda w: _merged(plan, [*batch.new, *batch.known], w))
    records = [record for series in writing.new_series(plan, batch.new) for record in series.records()]
    # Names that end in spaces go the general way.
    assert [(r.uuid, r.body) for r in records] in ([], [(r.uuid, r.body) for r in general])
    assert bool(records) is not name[-1].isspace()
    document = {"name": f"{job.job.archive_path}/{name}", "storage_system": system}
    assert general[0].uuid == record_uuid(Kind.FILE, document, here.env.identity, SYSTEM)


def _merged(plan: Plan, found: Sequence[finding.Found], w: Any) -> list[Record]:
    """Return what the general way wrote of one file, the file first."""
    writing.merge(plan, found, w, plan.env.clock.now())
    file = plan.uuid(found[0].info.path)
    return [w.records.get(file), w.records.get(overlay(Kind.FIXITY, file))]


def test_file_that_its_own_request_picks_does_not_come_from_itself(here: Memory):
    job = finished(here, "a.csv", "b.csv")
    request = {"patterns": [], "derived_from": ["./a.csv"]}
    for _ in range(2):
        index(here, job, filters=[request])
        found = records(here, job)
        assert links(here, found["a.csv"].uuid, Relation.DERIVED_FROM) == []
        assert links(here, found["b.csv"].uuid, Relation.DERIVED_FROM) == [found["a.csv"].uuid]
