"""`datacatalog load`, `files`, `lineage` and `index`: what is in the catalog, and how it gets there."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.kinds import Kind
from datacatalog.interfaces.cli.loading import kind_of, read_items
from tests.acceptance.cli import PIPELINE, Shell, made

CHALLENGE = {"id": "TEST_CHALLENGE", "title": "A challenge"}
DESIGN = {"experiment_design_id": "Test-Design", "title": "A design", "uri": "https://example.org/design"}
EXPERIMENT = {"experiment_id": "experiment.tacc.10001", "title": "An experiment"}
SAMPLES = [{"sample_id": f"sample.tacc.2000{n}"} for n in range(3)]
FILE = {"name": "/uploads/leaf.csv", "type": "CSV", "level": "0"}


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return made(tmp_path_factory.mktemp("cli") / "catalog")


def write(path: Path, value: Any) -> str:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return str(path)


# --------------------------------------------------------------------------------------------- loading


def test_records_of_every_form_go_in_and_loading_again_changes_nothing(shell: Shell, tmp_path: Path) -> None:
    files = [
        write(tmp_path / "design.json", json.dumps(DESIGN, indent=2)),
        write(tmp_path / "samples.json", SAMPLES),
        write(tmp_path / "more.jsonl", f"{json.dumps(EXPERIMENT)}\n\n{json.dumps(FILE)}\n"),
        write(tmp_path / "pipeline.json", {**PIPELINE, "id": "tests/loaded:1"}),
        write(tmp_path / "nothing.jsonl", "\n"),
    ]
    first = shell.ask("load", *files)
    assert (first["created"], first["updated"], first["unchanged"]) == (7, 0, 0)
    assert [each["created"] for each in first["files"]] == [1, 3, 2, 1, 0]
    again = shell.ask("load", *files)
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 7)
    assert shell.ok("load", files[1]).split("\t") == [files[1], "0", "0", "3\n"]


def test_changed_record_is_merged_unless_another_strategy_is_asked_for(shell: Shell) -> None:
    sample = {"sample_id": "sample.tacc.merge"}
    for document, options, action in [
        ({**sample, "lab_sample_id": "a"}, (), "created"),
        ({**sample, "lab_sample_id": "b"}, ("--strategy", "drop"), "unchanged"),
        ({**sample, "lab_sample_id": "c"}, (), "updated"),
        (sample, (), "unchanged"),
        (sample, ("--strategy", "replace"), "updated"),
    ]:
        assert shell.ask("load", "-", *options, stdin=json.dumps(document))[action] == 1


def test_file_with_one_bad_record_puts_nothing_in_and_names_the_place(shell: Shell, tmp_path: Path) -> None:
    name = write(tmp_path / "bad.jsonl", '{"sample_id": "sample.tacc.bad"}\n{"sample_id": ""}\n')
    ran = shell.run("load", name)
    assert ran.status == 2
    assert ran.err.startswith(f"error: {name}: line 2: sample_id: ")
    assert shell.fails("lineage", "sample.tacc.bad") == (3, "unknown-record")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[{"sample_id": "sample.tacc.1"}, 5]', "/1: an object is wanted"),
        ('{"sample_id": "sample.tacc.1"}\n{"sample_id": \n', "line 2: not acceptable as JSON"),
        ('{"sample_id": "sample.tacc.1"', "at line 1"),
        ('[{"colour": "red"}]', "record 1: kind: cannot be told"),
        ('[{"sample_id": "sample.tacc.1", "child_of": "nobody"}]', "record 1: child_of: must be a list"),
    ],
)
def test_load_says_where_a_file_is_wrong(text: str, place: str, shell: Shell) -> None:
    ran = shell.run("load", "-", stdin=text)
    assert (ran.status, ran.out) == (2, "")
    assert place in ran.err


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (CHALLENGE, Kind.CHALLENGE_PROBLEM),
        (DESIGN, Kind.EXPERIMENT_DESIGN),
        (EXPERIMENT, Kind.EXPERIMENT),
        (SAMPLES[0], Kind.SAMPLE),
        ({"measurement_id": "m", "sample_id": "s"}, Kind.MEASUREMENT),
        ({"process_id": "p", "name": "n"}, Kind.PROCESS),
        ({"reference_id": "r", "uri": "u", "name": "n"}, Kind.REFERENCE),
        (PIPELINE, Kind.PIPELINE),
        (FILE, Kind.FILE),
        ({"name": "/uploads/leaf.csv", "checksum": "sha256:00"}, Kind.FIXITY),
        ({"uuid": "103246E1BCDF5B6EA8DC4C7E81B91141"}, Kind.SAMPLE),
    ],
)
def test_kind_of_a_record_is_told_by_its_uuid_or_its_fields(document: dict[str, Any], kind: Kind) -> None:
    assert kind_of(document) is kind


def test_record_that_could_be_anything_is_not_guessed() -> None:
    with pytest.raises(InvalidField):
        kind_of({"title": "?"})


def test_kind_may_be_said_for_a_whole_file(shell: Shell) -> None:
    assert shell.ask("load", "-", "--kind", "challenge_problem", stdin=json.dumps(CHALLENGE))["created"] == 1
    assert shell.fails("load", "-", "--kind", "sample", stdin=json.dumps(CHALLENGE)) == (2, "invalid-field")
    assert shell.fails("load", "-", "--kind", "pipelinejob", stdin="{}") == (2, "usage")


def test_one_line_is_a_record_whichever_form_it_has() -> None:
    assert [item.document for item in read_items(b'{"a": 1}')] == [{"a": 1}]
    assert [item.document for item in read_items(b' [{"a": 1}] ')] == [{"a": 1}]
    assert [item.place for item in read_items(b'{"a": 1}\n\n{"a": 2}')] == ["line 1", "line 3"]


# ----------------------------------------------------------------------------------- files and lineage


@pytest.fixture(scope="module")
def indexed(shell: Shell) -> str:
    """A job about a sample, whose two outputs are indexed."""
    sample = {"sample_id": "sample.tacc.indexed"}
    shell.ok("load", "-", stdin=json.dumps(sample))
    job = shell.job("--sample", "sample.tacc.indexed", indexed=True)
    archive = (
        shell.home
        / "storage/data-sd2e-community"
        / shell.ask("jobs", "show", job)["archive_path"].lstrip("/")
    )
    (archive / "deep").mkdir()
    (archive / "table.csv").write_bytes(b"a,b\n1,2\n")
    (archive / "deep" / "plot.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for event in ("run", "finish"):
        shell.ok("jobs", "event", job, event)
    shell.work()
    return job


def test_files_of_a_job_are_listed_with_their_checksums(indexed: str, shell: Shell) -> None:
    found = {Path(file["name"]).name: file for file in shell.ask("files", "list", "--job", indexed)}
    assert found.keys() == {"table.csv", "plot.png"}
    table = found["table.csv"]
    assert table["checksum"] == "sha256:" + hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert (table["size"], table["type"], table["level"]) == (8, "CSV", "1")
    assert shell.fails("files", "list", "--job", indexed[:-1] + "0") == (3, "unknown-record")


def test_files_are_listed_by_the_beginning_of_their_path(indexed: str, shell: Shell) -> None:
    archive = shell.ask("jobs", "show", indexed)["archive_path"]
    below = shell.ask("files", "list", "--path", f"{archive}/deep/")
    assert [Path(file["name"]).name for file in below] == ["plot.png"]
    first, second = shell.ask("files", "list", "--job", indexed)
    assert shell.ask("files", "list", "--job", indexed, "--limit", "1") == [first]
    assert shell.ask("files", "list", "--job", indexed, "--after", first["uuid"]) == [second]


def test_file_is_shown_with_its_fixity_and_its_links(indexed: str, shell: Shell) -> None:
    [png] = [f for f in shell.ask("files", "list", "--job", indexed) if f["type"] == "PNG"]
    document = shell.ask("files", "show", png["uuid"])
    assert document["generated_by"] == [indexed]
    assert document["fixity"]["checksum"] == png["checksum"]
    assert document["fixity"]["uuid"] == f"116{png['uuid'][3:]}"
    assert shell.ask("files", "show", png["name"]) == document
    assert shell.ask("files", "show", f"agave://data-sd2e-community{png['name']}") == document
    assert shell.ask("files", "show", document["file_id"]) == document
    assert shell.fails("files", "show", "/nowhere") == (3, "unknown-record")


def test_lineage_leads_from_a_file_to_what_it_came_from(indexed: str, shell: Shell) -> None:
    [png] = [f for f in shell.ask("files", "list", "--job", indexed) if f["type"] == "PNG"]
    start, *steps = shell.ask("lineage", png["name"])
    assert (start["depth"], start["kind"], start["label"]) == (0, "file", png["name"])
    found = {(step["depth"], step["relation"], step["kind"], step["label"]) for step in steps}
    assert (1, "generated_by", "pipelinejob") in {step[:3] for step in found}
    assert (2, "child_of", "sample", "sample.tacc.indexed") in found
    assert (2, "generated_by", "pipeline", "tests/taco:1") in found
    assert [step["depth"] for step in shell.ask("lineage", png["uuid"], "--depth", "1")] == [0, 1]


def test_lineage_is_shown_as_a_tree_in_which_children_follow_their_parent(indexed: str, shell: Shell) -> None:
    [png] = [f for f in shell.ask("files", "list", "--job", indexed) if f["type"] == "PNG"]
    lines = shell.ok("lineage", png["uuid"]).splitlines()
    assert lines[0] == f"file {png['name']}  {png['uuid']}"
    assert lines[1].startswith("  generated_by pipelinejob ")
    assert {line[:6] for line in lines[2:]} == {"    ch", "    ge"}


# --------------------------------------------------------------------------------------------- indexing


def test_index_asks_a_worker_to_index_and_waits_where_it_is_told_to(indexed: str, shell: Shell) -> None:
    words = ("index", indexed, "--filter", r"\.csv$", "--level", "2")
    asked = shell.ask(*words)
    assert (asked["state"], "token" in asked) == ("INDEXING", False)
    assert shell.run(*words, "--wait", "--timeout", "0").status == 75
    worker = threading.Thread(target=shell.work)
    worker.start()
    done = shell.ask(*words, "--wait", "--timeout", "20")
    worker.join()
    shell.work()
    assert done["done"] is True
    levels = {Path(f["name"]).name: f["level"] for f in shell.ask("files", "list", "--job", indexed)}
    assert levels == {"table.csv": "2", "plot.png": "1"}


def test_index_refuses_what_the_lifecycle_and_the_token_do_not_allow(indexed: str, shell: Shell) -> None:
    assert shell.fails("index", shell.job(unfinished=1)) == (4, "illegal-transition")
    assert shell.fails("index", indexed, "--token", "x" * 17) == (77, "invalid-token")
    assert shell.fails("index", indexed, "--filter", "(")[0] == 2
