"""Verification of real files: what may happen to an archive, and what is told of it then."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from datacatalog.domain.verification import Finding, What
from datacatalog.services.indexing import index_now
from datacatalog.services.verification import Sample, verify
from tests.harness import Catalog, install
from tests.privileges import without_privileges

NAMES = ("a.csv", "b.csv", "deep/er/c.csv", "deep/d.csv", "ü\n.csv")


class Archive:
    """The indexed archive of a job, and what the storage has in it."""

    def __init__(self, catalog: Catalog, *names: str) -> None:
        self.env = catalog.app.env
        job = catalog.job().job
        self.uuid, self.path = job.uuid, job.archive_path
        self.root = catalog.home / "storage" / job.archive_system / job.archive_path.lstrip("/")
        for name in names or NAMES:
            self.write(name, f"this is {name}\n")
        index_now(job.uuid, self.env)

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def verify(self, sample: Sample | None = None) -> dict[str, Finding]:
        return {f.path.removeprefix(f"{self.path}/"): f for f in verify(self.uuid, self.env, sample)}

    def faults(self) -> dict[str, str]:
        return {name: f.what.value for name, f in self.verify().items() if f.fault}


@pytest.fixture(scope="module")
def catalog() -> Iterator[Catalog]:
    # Where nobody may look in, too: pytest's own folders are for their owner alone.
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        made = install(Path(folder) / "catalog")
        yield made
        made.app.close()


@pytest.fixture
def archive(catalog: Catalog) -> Archive:
    return Archive(catalog)


def test_indexed_archive_is_clean(archive: Archive) -> None:
    assert {name: f.what for name, f in archive.verify().items()} == dict.fromkeys(NAMES, What.OK)


def test_content_that_was_swapped_is_told_though_size_and_times_are_the_same(archive: Archive) -> None:
    file = archive.root / "a.csv"
    before = file.stat()
    file.write_text(file.read_text()[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = file.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert archive.faults() == {"a.csv": "changed"}


def touch(archive: Archive) -> None:
    os.utime(archive.root / "a.csv")


def copy_over(archive: Archive) -> None:
    archive.write("copy", (archive.root / "a.csv").read_text())
    os.rename(archive.root / "copy", archive.root / "a.csv")


@pytest.mark.parametrize("harmless", [touch, copy_over])
def test_same_content_is_the_same_file(archive: Archive, harmless: Callable[[Archive], None]) -> None:
    harmless(archive)
    assert archive.faults() == {}


def test_deleted_and_added_files_are_told(archive: Archive) -> None:
    (archive.root / "deep/er/c.csv").unlink()
    (archive.root / "deep/er").rmdir()
    archive.write("deep/er.csv", "new")
    archive.write("new/one", "")
    assert archive.faults() == {
        "deep/er/c.csv": "missing", "deep/er.csv": "unknown", "new/one": "unknown",
    }  # fmt: skip


def test_link_in_place_of_a_file_is_not_followed_and_its_file_is_missing(archive: Archive) -> None:
    elsewhere = archive.root.parent / "elsewhere"
    os.rename(archive.root / "a.csv", elsewhere)
    (archive.root / "a.csv").symlink_to(elsewhere)
    assert archive.faults() == {"a.csv": "missing"}
    assert "symbolic link" in archive.verify()["a.csv"].reason
    elsewhere.unlink()


def test_link_in_place_of_a_directory_is_not_followed(archive: Archive) -> None:
    os.rename(archive.root / "deep", archive.root.parent / "moved")
    (archive.root / "deep").symlink_to(archive.root.parent / "moved")
    assert archive.faults() == {"deep/d.csv": "missing", "deep/er/c.csv": "missing"}
    (archive.root / "deep").unlink()
    os.rename(archive.root.parent / "moved", archive.root / "deep")
    assert archive.faults() == {}


def test_link_that_leads_out_is_nobodys_file(archive: Archive) -> None:
    (archive.root / "passwd").symlink_to("/etc/passwd")
    os.mkfifo(archive.root / "pipe")
    assert archive.faults() == {}


def test_what_may_not_be_read_is_told_and_the_rest_is_verified(archive: Archive) -> None:
    archive.write("z", "unknown")
    (archive.root / "a.csv").chmod(0)
    (archive.root / "deep/er").chmod(0)
    try:
        with without_privileges():
            found = archive.verify()
    finally:
        (archive.root / "deep/er").chmod(0o755)
    told = {name: f.what.value for name, f in found.items() if f.fault}
    assert told == {
        "a.csv": "unreadable",
        "deep/er": "unreadable",
        "deep/er/c.csv": "unreadable",
        "z": "unknown",
    }
    assert "Permission denied" in found["a.csv"].reason
    assert found["deep/er"].reason == "Permission denied"
    assert found["b.csv"].what is What.OK


def test_files_that_change_all_the_time_end_in_a_verdict_each(archive: Archive) -> None:
    """Whatever a writer does meanwhile: no file is told twice, and those that nobody touches are well."""
    going = threading.Event()

    def churn() -> None:
        number = 0
        while not going.is_set():
            number += 1
            archive.write("a.csv", "x" * (number % 50_000))
            archive.write(f"new-{number % 7}", "x")
            (archive.root / f"new-{(number + 3) % 7}").unlink(missing_ok=True)

    archive.write("a.csv", "changed before anybody looks")
    writer = threading.Thread(target=churn)
    writer.start()
    try:
        for _ in range(20):
            found = [f for f in verify(archive.uuid, archive.env) if f.path.startswith(archive.path)]
            assert len({f.path for f in found}) == len(found)
            whats = {f.path.removeprefix(f"{archive.path}/"): f.what.value for f in found}
            assert {whats[name] for name in NAMES[1:]} == {"ok"}
            assert whats["a.csv"] in {"changed", "unreadable"}
    finally:
        going.set()
        writer.join()


def test_archive_of_many_files_is_told_once_each_across_pages_and_batches(catalog: Catalog) -> None:
    names = [f"{n % 13:x}/{n:04}" for n in range(2500)]
    archive = Archive(catalog, *names)
    (archive.root / names[7]).unlink()
    archive.write(names[8], "changed")
    archive.write("unknown", "")
    counts = Counter(f.what.value for f in archive.verify().values())
    assert counts == {"ok": 2498, "missing": 1, "changed": 1, "unknown": 1}
    counts = Counter(f.what.value for f in archive.verify(Sample(share=0.1, seed="1")).values())
    assert counts["missing"] == counts["unknown"] == 1
    assert 150 < counts["ok"] < 350
