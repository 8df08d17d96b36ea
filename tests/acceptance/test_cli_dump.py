"""`datacatalog dump`: what is in the catalog leaves it complete, in order, and can be loaded again."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from datacatalog.services import dumping
from tests.acceptance.cli import Shell, made
from tests.shared import shared


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A catalog with metadata, a hidden job, and a job whose output is indexed."""
    shell = made(tmp_path_factory.mktemp("cli") / "catalog")
    rows = (
        "sample_id,child_of,strain\nsample.tacc.a,experiment.tacc.1,W303\nsample.tacc.b,experiment.tacc.1,\n"
    )
    shell.ok("load", "-", stdin='{"experiment_id": "experiment.tacc.1", "title": "é, \\"quoted\\"\\nfolded"}')
    shell.ok("load", "-", stdin=rows)
    job = shell.job("--sample", "sample.tacc.a", part=1)
    path = shell.ask("jobs", "show", job)["archive_path"].lstrip("/")
    (shell.home / "storage/data-sd2e-community" / path / "table.csv").write_text("a,b\n1,2\n")
    for event in ("run", "finish"):
        shell.ok("jobs", "event", job, event)
    shell.work()
    shell.ok("jobs", "delete", shell.job(part=2), "--token", shell.admin())
    return shell


@pytest.fixture
def empty(tmp_path: Path) -> Shell:
    return made(tmp_path / "copy")


def test_dump_of_everything_loads_into_an_empty_catalog_byte_for_byte(shell: Shell, empty: Shell) -> None:
    text = shell.ok("dump", "--all")
    kinds = [json.loads(line)["uuid"][:3] for line in text.splitlines()]
    assert kinds == ["102", "103", "103", "106", "107", "107", "105", "116"]
    told = empty.ask("load", "-", stdin=text)
    assert (told["created"], told["updated"], told["unchanged"]) == (8, 0, 0)
    assert empty.ok("dump", "--all") == text
    told = empty.ask("load", "-", stdin=text)
    assert (told["created"], told["updated"], told["unchanged"]) == (0, 0, 8)
    assert empty.ok("dump", "--all") == text
    assert len(empty.ok("dump").splitlines()) == 7


def test_tables_of_every_kind_load_byte_for_byte(shell: Shell, empty: Shell, tmp_path: Path) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    for kind in ("experiment", "sample", "pipeline", "pipelinejob", "file", "fixity", "process"):
        words = ("dump", kind, "--format", "csv", "--all", "--output")
        shell.ok(*words, str(first))
        assert first.read_bytes().startswith(b"uuid")
        assert first.read_bytes().endswith(b"\r\n")
        empty.ok("load", str(first))
        empty.ok(*words, str(second))
        assert second.read_bytes() == first.read_bytes()
    assert empty.ok("dump", "--all") == shell.ok("dump", "--all")


def test_published_catalog_loads_again_from_its_dump(tmp_path: Path, empty: Shell) -> None:
    first = made(tmp_path / "first")
    root = shared("fixtures", "pipelinejobs", "catalog")
    files = [str(path) for path in sorted(root.rglob("*.json")) if path.name != "file5.json"]
    first.ok("load", *files)
    name = str(tmp_path / "dump.jsonl")
    assert first.ask("dump", "--output", name) == {"file": name, "records": 526}
    assert empty.ask("load", name)["created"] == 526
    assert empty.ok("dump") == Path(name).read_text()


def test_dump_is_a_query(shell: Shell) -> None:
    [line] = shell.ok("dump", "sample", "--where", "strain=W303").splitlines()
    assert json.loads(line)["sample_id"] == "sample.tacc.a"
    table = shell.ok("dump", "sample", "--format", "csv", "--where", "sample_id=sample.tacc.b")
    [row] = csv.DictReader(io.StringIO(table, newline=""))
    assert (row["sample_id"], "strain" in row) == ("sample.tacc.b", False)
    assert shell.ok("dump", "process", "reference") == ""
    assert shell.ok("dump", "process", "--format", "csv") == "uuid\n"
    assert shell.fails("dump", "sample", "--where", "colour=red") == (2, "invalid-field")
    assert shell.fails("dump", "sample", "--where", "colour") == (2, "usage")
    assert shell.fails("dump", "nothing") == (2, "usage")
    assert shell.fails("dump", "--format", "csv") == (2, "usage")
    assert shell.fails("dump", "sample", "file", "--format", "csv") == (2, "usage")


def test_output_appears_when_it_is_complete(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "out" / "dump.jsonl"
    assert shell.run("dump", "--output", str(place)).status == 1
    place.parent.mkdir()
    shell.ok("dump", "--output", str(place))
    whole = place.read_bytes()
    assert whole.decode() == shell.ok("dump")
    assert os.stat(place).st_mode & 0o777 == 0o666 & ~_umask()

    def interrupted(*_: object, **__: object) -> Iterator[str]:
        yield "half\n" * 100_000
        raise KeyboardInterrupt

    monkeypatch.setattr(dumping, "json_lines", interrupted)
    assert shell.run("dump", "--output", str(place)).status == 130
    assert place.read_bytes() == whole
    assert os.listdir(place.parent) == ["dump.jsonl"]


def test_output_may_be_a_device_or_stand_behind_a_link(shell: Shell, tmp_path: Path) -> None:
    shell.ok("dump", "--output", os.devnull)
    assert not os.path.isfile(os.devnull)
    (tmp_path / "link").symlink_to(tmp_path / "there")
    shell.ok("dump", "--output", str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there").read_text() == shell.ok("dump")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
