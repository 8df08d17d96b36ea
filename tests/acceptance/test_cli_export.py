"""`datacatalog export`: provenance for other tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from prov.model import ProvDocument, ProvEntity
from rocrate.rocrate import ROCrate

from datacatalog.exports import FORMATS as KNOWN
from datacatalog.interfaces.cli.exporting import FORMATS
from tests.acceptance.cli import Shell, made


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return made(tmp_path_factory.mktemp("cli") / "catalog")


@pytest.fixture(scope="module")
def job(shell: Shell) -> str:
    """A finished job with two outputs, indexed."""
    uuid = shell.job(n=1)
    for event in ("run", "finish"):
        shell.ok("jobs", "event", uuid, event, "--token", shell.ok("jobs", "token", uuid).strip())
    archive = archive_of(shell, uuid)
    for name in ("a b.txt", "new\nline.txt"):
        (archive / name).write_text(name)
    shell.work()
    return uuid


def archive_of(shell: Shell, job: str) -> Path:
    """Return the directory that a job archives to."""
    below = archive_path(shell, job)
    (found,) = (path for path in shell.home.rglob(Path(below).name) if str(path).endswith(below))
    return found


def archive_path(shell: Shell, job: str) -> str:
    return str(shell.ask("jobs", "show", job)["archive_path"])


def test_command_knows_every_format() -> None:
    assert set(FORMATS) == set(KNOWN)


def test_prov_goes_to_standard_output(shell: Shell, job: str) -> None:
    document = ProvDocument.deserialize(content=shell.ok("export", job), format="json")
    files = {
        r.identifier.localpart
        for r in document.get_records(ProvEntity)
        if r.identifier.localpart.startswith("105")
    }
    assert len(files) == 2
    again = ProvDocument.deserialize(content=shell.ok("export", job, "--format", "prov-n"), format="provn")
    assert again == document


def test_events_go_to_a_file(shell: Shell, job: str, tmp_path: Path) -> None:
    target = tmp_path / "events.jsonl"
    said = shell.ask("export", job, "--format", "openlineage", "--output", str(target))
    lines = target.read_text().splitlines()
    assert said == {"output": str(target), "bytes": target.stat().st_size}
    assert [json.loads(line)["eventType"] for line in lines] == ["START", "COMPLETE"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("name", "options", "copied"),
    [("crate", (), 0), ("crate.zip", ("--payload",), 2), ("full", ("--payload",), 2)],
)
def test_crate_becomes_a_directory_or_a_zip_file(
    name: str, options: tuple[str, ...], copied: int, shell: Shell, job: str, tmp_path: Path
) -> None:
    target = tmp_path / name
    said = shell.ask("export", job, "--format", "ro-crate", "--output", str(target), *options)
    assert said == {"output": str(target), "files": copied}
    held = [e for e in ROCrate(target).data_entities if e.id.startswith("files/")]
    assert len(held) == copied
    assert {Path(e.source).read_text() for e in held} == ({"a b.txt", "new\nline.txt"} if copied else set())


def test_crate_metadata_alone_goes_to_standard_output(shell: Shell, job: str) -> None:
    graph = json.loads(shell.ok("export", job, "--format", "ro-crate"))["@graph"]
    assert sum(entity["@type"] == "CreateAction" for entity in graph) == 1


def test_output_of_a_job_is_found_by_its_path(shell: Shell, job: str) -> None:
    path = archive_path(shell, job) + "/a b.txt"
    found: Any = json.loads(shell.ok("export", path, "--depth", "2"))
    assert any(job in name for name in found["activity"])


def test_changed_file_is_named_and_nothing_is_written(shell: Shell, job: str, tmp_path: Path) -> None:
    file = archive_of(shell, job) / "a b.txt"
    file.write_text("other")
    try:
        ran = shell.run(
            "export", job, "--format", "ro-crate", "--payload", "--output", str(tmp_path / "x.zip")
        )
    finally:
        file.write_text("a b.txt")
    assert ran.status == 4
    assert "a b.txt has changed: its checksum is sha256:" in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--payload",), (2, "usage")),
        (("--payload", "--format", "ro-crate"), (2, "usage")),
        (("--format", "xml"), (2, "usage")),
        (("--depth", "0"), (2, "usage")),
        (("--output", "/proc/no/such/place.json"), (1, "io")),
    ],
)
def test_what_cannot_be_done_is_refused(
    words: tuple[str, ...], told: tuple[int, str], shell: Shell, job: str
) -> None:
    assert shell.fails("export", job, *words) == told


def test_unknown_record_is_unknown(shell: Shell) -> None:
    assert shell.fails("export", "sample.tacc.never") == (3, "unknown-record")
