"""Verification over the services: what is told of every file, and that nothing is written."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import pytest

from datacatalog.adapters.storage.memory import MemoryStorage
from datacatalog.domain.errors import InvalidField, NoSuchPath, StorageDown, UnknownRecord
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.verification import Content, Finding, What
from datacatalog.ports.storage import FileInfo, Look
from datacatalog.services import inventory
from datacatalog.services.records import put_record
from datacatalog.services.verification import Sample, verify
from tests.unit.memory import SYSTEM, Memory, memory

CONTENT = b"a,b\n1,2\n"


@pytest.fixture
def here() -> Memory:
    made = memory()
    return made.with_ports(storage=MemoryStorage(SYSTEM, "scratch"))


def put(here: Memory, path: str, content: bytes = CONTENT, system: str = SYSTEM) -> None:
    here.env.storage.put(system, path, io.BytesIO(content))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def record(
    here: Memory, path: str, content: bytes | None = CONTENT, system: str = SYSTEM, **more: Any
) -> TypedUuid:
    """Record a file; with content, its fixity too."""

    def body(work: Any) -> TypedUuid:
        place = {"name": path, "storage_system": system}
        file = put_record(Kind.FILE, {**place, "type": "CSV", "level": "1", **more}, work, here.env).record
        if content is not None:
            checksum = f"sha256:{sha256(content)}"
            fixity = {**place, "type": "CSV", "size": len(content), "checksum": checksum, "version": 1}
            dates = dict.fromkeys(("created", "modified"), "2024-05-01T12:00:00.000+0000")
            put_record(Kind.FIXITY, {**fixity, **dates}, work, here.env)
        return file.uuid

    return here.env.store.transact(body)


def both(here: Memory, *paths: str, content: bytes = CONTENT, **more: Any) -> None:
    for path in paths:
        put(here, path, content)
        record(here, path, content, **more)


def hide(here: Memory, uuid: TypedUuid) -> None:
    from dataclasses import replace

    def body(work: Any) -> None:
        work.records.put(replace(work.records.get(uuid), visible=False), at=here.clock.now())

    here.env.store.transact(body)


def told(here: Memory, target: str, sample: Sample | None = None) -> dict[str, str]:
    return {f.path: f.what.value for f in verify(target, here.env, sample)}


def the_one(here: Memory, target: str) -> Finding:
    (finding,) = verify(target, here.env)
    return finding


def test_every_file_of_a_directory_is_told_once_in_the_order_of_paths(here: Memory) -> None:
    both(here, "/d/ok", "/d/sub/ok", "/d.ok", "/d-ok", "/e")
    record(here, "/d/missing")
    record(here, "/d/sub/changed")
    put(here, "/d/sub/changed", b"a,b\n1,3\n")
    put(here, "/d/sub/unknown")
    both(here, "/d/void", content=b"")
    found = list(verify("/d", here.env))
    assert [(f.path, f.what.value) for f in found] == [
        ("/d/missing", "missing"),
        ("/d/ok", "ok"),
        ("/d/sub/changed", "changed"),
        ("/d/sub/ok", "ok"),
        ("/d/sub/unknown", "unknown"),
        ("/d/void", "ok"),
    ]
    assert sorted(told(here, "/")) == sorted([*(f.path for f in found), "/d-ok", "/d.ok", "/e"]), (
        "the root is a directory like any other"
    )


def test_change_of_content_alone_is_told_with_both_checksums(here: Memory) -> None:
    record(here, "/f")
    put(here, "/f", CONTENT[::-1])
    finding = the_one(here, "/f")
    assert finding.what is What.CHANGED
    assert finding.recorded == Content(size=8, checksum=f"sha256:{sha256(CONTENT)}")
    assert finding.found == Content(size=8, checksum=f"sha256:{sha256(CONTENT[::-1])}")


def test_file_without_a_checksum_is_unchecked_and_no_fault(here: Memory) -> None:
    record(here, "/f", None)
    put(here, "/f")
    assert (the_one(here, "/f").what, the_one(here, "/f").fault) == (What.UNCHECKED, False)


@pytest.mark.parametrize(
    ("checksum", "what"),
    [
        (sha256(CONTENT), What.OK),
        (f"sha256:{sha256(CONTENT)}", What.OK),
        (sha256(b"other"), What.CHANGED),
        (f"blake3:{sha256(CONTENT)}", What.UNCHECKED),
    ],
)
def test_checksums_are_compared_as_far_as_they_can_be_computed(
    here: Memory, checksum: str, what: What
) -> None:
    both(here, "/f")
    fixity = {"name": "/f", "storage_system": SYSTEM, "checksum": checksum}
    here.env.store.transact(lambda work: put_record(Kind.FIXITY, fixity, work, here.env))
    assert the_one(here, "/f").what is what


def test_size_is_compared_where_no_checksum_can_be(here: Memory) -> None:
    both(here, "/f")
    fixity = {"name": "/f", "storage_system": SYSTEM, "checksum": f"blake3:{'0' * 64}", "size": 9}
    here.env.store.transact(lambda work: put_record(Kind.FIXITY, fixity, work, here.env))
    assert the_one(here, "/f").what is What.CHANGED


def test_hidden_record_is_not_looked_for_and_its_file_is_unknown(here: Memory) -> None:
    hide(here, record(here, "/d/gone"))
    hide(here, record(here, "/d/there"))
    put(here, "/d/there")
    finding = the_one(here, "/d")
    assert (finding.path, finding.what, finding.reason) == (
        "/d/there", What.UNKNOWN, "its record was deleted",
    )  # fmt: skip


def test_files_of_other_systems_are_told_apart(here: Memory) -> None:
    both(here, "/d/f", "/d/g")
    record(here, "/d/f", system="scratch")
    put(here, "/d/g", system="scratch")
    assert told(here, "/d") == {"/d/f": "ok", "/d/g": "ok"}
    assert told(here, "agave://scratch/d") == {"/d/f": "missing", "/d/g": "unknown"}


def test_more_files_than_a_page_holds_are_all_told_once(
    here: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "PAGE", 3)
    names = [f"/d/{n:02}" for n in range(10)]
    both(here, *names)
    record(here, "/d/04", system="scratch")
    found = [f.path for f in verify("/d", here.env)]
    assert found == names


def test_single_file_is_verified_by_path_uri_or_uuid(here: Memory) -> None:
    put(here, "/d/f")
    uuid = record(here, "/d/f")
    for target in ("/d/f", f"agave://{SYSTEM}/d/f", uuid, "/d//f/"):
        assert told(here, target) == {"/d/f": "ok"}


def test_file_where_a_directory_was_expected_and_the_other_way_round(here: Memory) -> None:
    record(here, "/d")
    put(here, "/d/f")
    assert told(here, "/d") == {"/d": "missing", "/d/f": "unknown"}
    record(here, "/e/f")
    put(here, "/e")
    assert told(here, "/e") == {"/e": "unknown", "/e/f": "missing"}


def test_directory_that_is_gone_misses_all_its_files(here: Memory) -> None:
    record(here, "/d/f")
    assert told(here, "/d") == {"/d/f": "missing"}


def test_empty_directory_has_nothing_to_tell(here: Memory) -> None:
    here.env.storage.make_directory(SYSTEM, "/d")
    assert told(here, "/d") == {}


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("/nothing", NoSuchPath),
        ("relative/path", InvalidField),
        ("/a/../b", InvalidField),
        ("agave://nowhere/d", InvalidField),
        ("10743391-e6b0-5dd8-aa20-cd48d4a0a7ac", UnknownRecord),
        ("10543391-e6b0-5dd8-aa20-cd48d4a0a7ac", UnknownRecord),
        ("10343391-e6b0-5dd8-aa20-cd48d4a0a7ac", InvalidField),
    ],
)
def test_what_cannot_be_verified_is_told_before_anything_is(
    here: Memory, target: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        verify(target, here.env)


# ------------------------------------------------------------------------------------------------ jobs


def test_job_is_what_it_generated_and_what_lies_in_its_archive(here: Memory) -> None:
    job = here.job().job
    inside = f"{job.archive_path}/out.csv"
    both(here, inside, f"{job.archive_path}/noted.csv", generated_by=[job.uuid])
    both(here, "/elsewhere/f", generated_by=[job.uuid])
    record(here, "/far/f", system="scratch", generated_by=[job.uuid])
    put(here, f"{job.archive_path}/stray")
    both(here, "/elsewhere/not-of-this-job")
    assert told(here, job.uuid) == {
        inside: "ok",
        f"{job.archive_path}/noted.csv": "ok",
        f"{job.archive_path}/stray": "unknown",
        "/elsewhere/f": "ok",
        "/far/f": "missing",
    }


def test_files_that_a_jobs_own_patterns_pass_over_are_not_missed_in_the_catalog(here: Memory) -> None:
    job = here.job(extra={"archive_patterns": [{"patterns": [r"\.csv$"], "level": "1"}]}).job
    put(here, f"{job.archive_path}/new.csv")
    put(here, f"{job.archive_path}/scratch.tmp")
    assert told(here, job.uuid) == {f"{job.archive_path}/new.csv": "unknown"}


def test_job_that_archived_nothing_is_clean(here: Memory) -> None:
    assert told(here, here.job().job.uuid) == {}


# --------------------------------------------------------------------------------------------- samples


def test_sample_hashes_its_share_and_looks_at_the_rest(here: Memory) -> None:
    names = [f"/d/{n:04}" for n in range(1000)]
    both(here, *names)
    counts = Counter(told(here, "/d", Sample(share=0.2, seed="a")).values())
    assert set(counts) == {"ok", "skipped"}
    # 200 expected; five standard deviations of the binomial distribution are 63.
    assert abs(counts["ok"] - 200) < 64


def test_same_seed_takes_the_same_files_whatever_came_and_went(here: Memory) -> None:
    both(here, *(f"/d/{n}" for n in range(200)))

    def taken(seed: str) -> set[str]:
        return {p for p, what in told(here, "/d", Sample(share=0.3, seed=seed)).items() if what == "ok"}

    first = taken("x")
    both(here, *(f"/d/more{n}" for n in range(50)))
    assert {path for path in taken("x") if "more" not in path} == first
    assert taken("y") != taken("x")


def test_missing_unknown_and_resized_files_are_told_whatever_the_sample(here: Memory) -> None:
    record(here, "/d/missing")
    put(here, "/d/unknown")
    record(here, "/d/grown")
    put(here, "/d/grown", CONTENT * 2)
    assert told(here, "/d", Sample(share=1e-12, seed="s")) == {
        "/d/missing": "missing",
        "/d/unknown": "unknown",
        "/d/grown": "changed",
    }


@pytest.mark.parametrize("share", [0, -1, 1.1, float("nan")])
def test_share_that_is_none_is_refused(here: Memory, share: float) -> None:
    both(here, "/f")
    with pytest.raises(InvalidField, match="sample"):
        verify("/f", here.env, Sample(share=share))


# ----------------------------------------------------------------------------------------------- races


class Restless:
    """A storage where something happens between the walk and a look at a file."""

    def __init__(self, storage: Any, happens: Any) -> None:
        self._storage, self._happens = storage, happens

    def walk(self, system: str, path: str, **options: Any) -> Iterator[FileInfo]:
        yield from list(self._storage.walk(system, path, **options))
        self._happens()

    def stat(self, system: str, path: str) -> FileInfo:
        return self._storage.stat(system, path)  # type: ignore[no-any-return]

    def open(self, system: str, path: str) -> BinaryIO:
        return self._storage.open(system, path)  # type: ignore[no-any-return]

    def look(self, system: str, paths: Iterable[str]) -> Iterator[Look]:
        for look in self._storage.look(system, paths):
            busy = StorageDown(f"{look.path} keeps changing while it is read")
            yield Look(path=look.path, error=busy) if look.path == "/d/busy" else look


def test_file_that_goes_comes_or_is_recorded_meanwhile_is_told_as_it_is_then(here: Memory) -> None:
    put(here, "/d/indexed")
    both(here, "/d/removed", "/d/z")
    record(here, "/d/appears")
    storage = here.env.storage

    def happens() -> None:
        record(here, "/d/indexed")
        storage.clear(SYSTEM, "/d")
        put(here, "/d/appears")
        put(here, "/d/z")

    restless = here.with_ports(storage=Restless(storage, happens))
    assert told(restless, "/d") == {"/d/appears": "ok", "/d/removed": "missing", "/d/z": "ok"}


def test_file_that_is_indexed_anew_meanwhile_has_not_changed(here: Memory) -> None:
    both(here, "/d/f")
    storage, new = here.env.storage, b"new"

    class Reindexed(Restless):
        def look(self, system: str, paths: Iterable[str]) -> Iterator[Look]:
            for path in paths:
                put(here, path, new)
                record(here, path, new)
                yield from storage.look(system, [path])

    assert told(here.with_ports(storage=Reindexed(storage, lambda: None)), "/d") == {"/d/f": "ok"}


def test_file_that_cannot_be_read_is_told_with_the_reason(here: Memory) -> None:
    both(here, "/d/busy", "/d/calm")
    restless = here.with_ports(storage=Restless(here.env.storage, lambda: None))
    busy, calm = verify("/d", restless.env)
    assert (busy.what, busy.fault, calm.what) == (What.UNREADABLE, True, What.OK)
    assert "keeps changing" in busy.reason


def test_verifying_writes_nothing(here: Memory) -> None:
    record(here, "/d/missing")
    put(here, "/d/unknown")

    class ReadOnly:
        def __init__(self, store: Any) -> None:
            self.read = store.read

    assert len(told(here.with_ports(store=ReadOnly(here.env.store)), "/d")) == 2
