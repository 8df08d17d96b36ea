"""`datacatalog load`: records out of JSON, JSON Lines and CSV files, and what becomes of bad ones."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cli import PIPELINE, Shell, made
from tests.shared import shared

CHALLENGE = {"id": "TEST_CHALLENGE", "title": "A challenge"}
DESIGN = {"experiment_design_id": "Test-Design", "title": "A design", "uri": "https://example.org/design"}
EXPERIMENT = {"experiment_id": "experiment.tacc.10001", "title": "An experiment"}
SAMPLES = [{"sample_id": f"sample.tacc.2000{n}"} for n in range(3)]
FILE = {"name": "/uploads/leaf.csv", "type": "CSV", "level": "0"}


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return made(tmp_path_factory.mktemp("cli") / "catalog")


@pytest.fixture
def empty(tmp_path: Path) -> Shell:
    return made(tmp_path / "catalog")


def write(path: Path, value: Any) -> str:
    if isinstance(value, bytes):
        path.write_bytes(value)
    else:
        path.write_text(value if isinstance(value, str) else json.dumps(value))
    return str(path)


def counts(told: dict[str, Any]) -> tuple[int, int, int]:
    return told["created"], told["updated"], told["unchanged"]


def sample(shell: Shell, name: str) -> dict[str, Any]:
    [line] = shell.ok("dump", "sample", "--where", f"sample_id={name}").splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


# ---------------------------------------------------------------------------------------------- forms


def test_records_of_every_form_go_in_and_loading_again_changes_nothing(shell: Shell, tmp_path: Path) -> None:
    files = [
        write(tmp_path / "design.json", json.dumps(DESIGN, indent=2)),
        write(tmp_path / "samples.json", SAMPLES),
        write(tmp_path / "more.jsonl", f"{json.dumps(EXPERIMENT)}\n\n{json.dumps(FILE)}\n"),
        write(tmp_path / "pipeline.json", {**PIPELINE, "id": "tests/loaded:1"}),
        write(tmp_path / "nothing.jsonl", "\n"),
        write(tmp_path / "table.csv", "measurement_id,measurement_type\nm.1,RNA_SEQ\nm.2,FLOW\n"),
    ]
    first = shell.ask("load", *files)
    assert counts(first) == (9, 0, 0)
    assert [each["created"] for each in first["files"]] == [1, 3, 2, 1, 0, 2]
    again = shell.ask("load", *files)
    assert counts(again) == (0, 0, 9)
    assert shell.ok("load", files[1]).split("\t") == [files[1], "0", "0", "3\n"]


def test_standard_input_and_compressed_files_are_read_like_any_other(shell: Shell, tmp_path: Path) -> None:
    table = b"\xef\xbb\xbfsample_id,strain,replicate\r\nsample.tacc.gz,W303,4\r\n"
    name = write(tmp_path / "table.csv.gz", gzip.compress(table))
    assert counts(shell.ask("load", name)) == (1, 0, 0)
    assert counts(shell.ask("load", "-", stdin=table)) == (0, 0, 1)
    assert counts(shell.ask("load", "-", stdin=gzip.compress(table))) == (0, 0, 1)
    assert sample(shell, "sample.tacc.gz")["replicate"] == 4
    cut = write(tmp_path / "cut.csv.gz", gzip.compress(table)[:-12])
    ran = shell.run("load", cut)
    assert (ran.status, ran.err) == (2, f"error: {cut}: the compressed file is cut off or damaged\n")


def test_rows_become_the_same_record_as_its_json(shell: Shell) -> None:
    document = {
        "sample_id": "sample.tacc.row",
        "lab_sample_id": "7",
        "replicate": 2,
        "missing_pc": False,
        "temperature": {"value": 37.5, "unit": "celsius"},
        "contents": [{"name": "Kan"}],
        "strain": "007",
        "leaf_area_mm2": 412,
    }
    assert counts(shell.ask("load", "-", stdin=json.dumps(document))) == (1, 0, 0)
    table = (
        "sample_id,lab_sample_id,replicate,missing_pc,temperature.value,temperature.unit,contents,strain,leaf_area_mm2,barcode\n"
        'sample.tacc.row,7,2,false,37.5,celsius,"[{""name"": ""Kan""}]",007,412,\n'
    )
    assert counts(shell.ask("load", "-", stdin=table)) == (0, 0, 1)


def test_kind_may_be_said_for_a_whole_file_or_by_each_row(shell: Shell) -> None:
    assert shell.ask("load", "-", "--kind", "challenge_problem", stdin=json.dumps(CHALLENGE))["created"] == 1
    assert shell.fails("load", "-", "--kind", "sample", stdin=json.dumps(CHALLENGE)) == (2, "invalid-field")
    assert shell.fails("load", "-", "--kind", "something", stdin="{}") == (2, "usage")
    table = "kind,id,title,process_id,name\nchallenge_problem,C2,Second,,\nprocess,,,p2,By hand\n"
    assert counts(shell.ask("load", "-", stdin=table)) == (2, 0, 0)


def test_changed_record_is_merged_unless_another_strategy_is_asked_for(shell: Shell) -> None:
    first = {"sample_id": "sample.tacc.merge"}
    for document, options, action in [
        ({**first, "lab_sample_id": "a"}, (), "created"),
        ({**first, "lab_sample_id": "b"}, ("--strategy", "drop"), "unchanged"),
        ({**first, "lab_sample_id": "c"}, (), "updated"),
        (first, (), "unchanged"),
        (first, ("--strategy", "replace"), "updated"),
    ]:
        assert shell.ask("load", "-", *options, stdin=json.dumps(document))[action] == 1


# ---------------------------------------------------------------------------------------------- links


def test_links_are_said_by_identifier_path_or_uuid(shell: Shell) -> None:
    lines = [
        {"experiment_id": "experiment.tacc.linked"},
        {"sample_id": "sample.tacc.linked", "child_of": ["experiment.tacc.linked"]},
        {"name": "/uploads/linked.csv", "child_of": "sample.tacc.linked"},
        {"name": "/products/made.csv", "derived_from": ["/uploads/linked.csv"]},
    ]
    text = "\n".join(map(json.dumps, lines))
    assert counts(shell.ask("load", "-", stdin=text)) == (4, 0, 0)
    assert counts(shell.ask("load", "-", stdin=text)) == (0, 0, 4)
    table = "sample_id,child_of\nsample.tacc.linked2,experiment.tacc.linked; sample.tacc.linked\n"
    assert counts(shell.ask("load", "-", stdin=table)) == (1, 0, 0)
    one, two = sample(shell, "sample.tacc.linked"), sample(shell, "sample.tacc.linked2")
    assert two["child_of"] == [*one["child_of"], one["uuid"]]


def test_link_to_what_nobody_knows_is_refused_by_its_name(shell: Shell) -> None:
    ran = shell.run("load", "-", stdin="sample_id,child_of\nsample.tacc.1,experiment.tacc.nowhere\n")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == (
        "error: standard input: line 2: child_of: nothing here is called 'experiment.tacc.nowhere'\n"
    )


def test_file_without_its_file_id_keeps_the_one_it_has(shell: Shell) -> None:
    path = {"name": "/uploads/named.csv"}
    assert counts(shell.ask("load", "-", stdin=json.dumps(path))) == (1, 0, 0)
    named = {**path, "file_id": "file.tacc.named"}
    assert counts(shell.ask("load", "-", stdin=json.dumps(named))) == (0, 1, 0)
    assert counts(shell.ask("load", "-", stdin=json.dumps(path))) == (0, 0, 1)
    other = json.dumps({**path, "file_id": "file.tacc.other"})
    assert shell.fails("load", "-", stdin=other) == (4, "already-exists")
    assert counts(shell.ask("load", "-", "--strategy", "replace", stdin=other)) == (0, 1, 0)


# ---------------------------------------------------------------------------------------------- errors


def test_batch_with_one_bad_record_puts_nothing_in_and_names_the_place(shell: Shell, tmp_path: Path) -> None:
    name = write(tmp_path / "bad.jsonl", '{"sample_id": "sample.tacc.bad"}\n{"sample_id": ""}\n')
    ran = shell.run("load", name)
    assert ran.status == 2
    assert ran.err.startswith(f"error: {name}: line 2: sample_id: ")
    assert shell.fails("lineage", "sample.tacc.bad") == (3, "unknown-record")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (
            '[{"sample_id": "sample.tacc.1"}, 5]',
            "line 1 (record 2): not acceptable as JSON: /: an object is wanted",
        ),
        ('{"sample_id": "sample.tacc.1"}\n{"sample_id": \n', "line 2: not acceptable as JSON"),
        ('{"sample_id": "sample.tacc.1"', "at line 1"),
        ('{"sample_id": "a", "n": NaN}\n', "line 1: not acceptable as JSON: NaN is no JSON number"),
        ('{"sample_id": "a", "n": 99999999999999999999}\n', "does not fit into 64 bits"),
        ('[\n {"sample_id": "a"},\n\n {"sample_id": 5}\n]', "line 4 (record 2): sample_id: is missing"),
        ('[{"colour": "red"}]', "line 1 (record 1): kind: cannot be told"),
        ("kind,name\nfile,uploads/a.csv\n", "line 2: name: 'uploads/a.csv' is no absolute path"),
        (
            '[{"sample_id": "a", "child_of": "nobody"}]',
            "line 1 (record 1): child_of: nothing here is called 'nobody'",
        ),
        ('[{"sample_id": "a", "child_of": [5]}]', "line 1 (record 1): child_of: 5 is not a UUID"),
        ('[{"sample_id": "a", "_visible": 1}]', "line 1 (record 1): _visible: must be true or false"),
        ("sample_id,replicate\na,1\nb,x\n", "line 3: column replicate: 'x' is no integer"),
        ("sample_id,note\na\n", "line 2: has 1 cells, and the header 2 columns"),
        ("sample_id,sample_id\na,b\n", "line 1: sample_id: is the name of two columns"),
        ("kind,id\nwhat,b\n", "line 2: kind: 'what' is no kind of record"),
    ],
)
def test_load_says_where_a_file_is_wrong(text: str, place: str, shell: Shell) -> None:
    ran = shell.run("load", "-", stdin=text)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("error: standard input: ")
    assert place in ran.err


def test_batches_before_an_error_stay_and_loading_again_goes_on(empty: Shell, tmp_path: Path) -> None:
    lines = [f'{{"sample_id": "sample.tacc.{n}"}}\n' for n in range(9_999)]
    name = write(tmp_path / "long.jsonl", "".join([*lines, '{"sample_id": 7}\n']))
    ran = empty.run("load", name)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"error: {name}: line 10000 (9000 records of it are in): sample_id: ")
    write(tmp_path / "long.jsonl", "".join([*lines[-2000:], '{"sample_id": "sample.tacc.last"}\n']))
    assert counts(empty.ask("load", name)) == (1000, 0, 1001)


def test_several_errors_are_told_where_they_are_asked_for(shell: Shell, tmp_path: Path) -> None:
    rows = [f"sample.tacc.keep{n},{'x' if n in (3, 4, 25) else n}\n" for n in range(40)]
    name = write(tmp_path / "rows.csv", "sample_id,replicate\n" + "".join(rows))
    ran = shell.run("--json", "load", name, "--keep-going", "10", "--batch", "10")
    assert (ran.status, ran.out, ran.error["code"]) == (2, "", "not-loaded")
    assert [each["path"] for each in ran.error["errors"]] == [f"{name}: line {n}" for n in (5, 6, 27)]
    assert "20 records of the last file are in" in ran.error["message"]
    write(tmp_path / "rows.csv", "sample_id,replicate\n" + "".join(rows).replace(",x", ",5"))
    assert counts(shell.ask("load", name)) == (20, 0, 20)
    ran = shell.run("load", "-", "--keep-going", "2", stdin="sample_id,replicate\na,x\nb,x\nc,x\n")
    assert ran.err.splitlines() == [
        "error: 2 errors (0 records of the last file are in)",
        "  standard input: line 2: column replicate: 'x' is no integer",
        "  standard input: line 3: column replicate: 'x' is no integer",
    ]


# --------------------------------------------------------------------------------------------- dry run


def test_dry_run_tells_the_same_and_changes_nothing(empty: Shell, tmp_path: Path) -> None:
    parents = write(tmp_path / "parents.jsonl", json.dumps({"sample_id": "sample.tacc.parent"}))
    rows = "".join(f"m.{n},FLOW,sample.tacc.parent\n" for n in range(5))
    children = write(tmp_path / "children.csv", "measurement_id,measurement_type,child_of\n" + rows)
    words = ("load", parents, children, "--batch", "2")
    before = empty.ok("dump")
    told = empty.ask(*words, "--dry-run")
    assert (counts(told), told["dry_run"]) == ((6, 0, 0), True)
    assert empty.ok("dump") == before
    assert counts(empty.ask(*words)) == (6, 0, 0)
    assert counts(empty.ask(*words, "--dry-run")) == (0, 0, 6)
    assert counts(empty.ask("load", "-", "--dry-run", stdin=Path(children).read_text())) == (0, 0, 5)


def test_dry_run_finds_the_errors_that_loading_would(empty: Shell) -> None:
    table = "sample_id,child_of\na,\nb,a\nc,nobody\n"
    ran = empty.run("load", "-", "--dry-run", "--batch", "1", stdin=table)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "error: standard input: line 4: child_of: nothing here is called 'nobody'\n"
    ran = empty.run("load", "-", "--batch", "1", stdin=table)
    assert ran.err == (
        "error: standard input: line 4 (2 records of it are in): child_of: nothing here is called 'nobody'\n"
    )


# ---------------------------------------------------------------------------------------- the published


def test_published_catalog_loads_and_loading_it_again_changes_nothing(empty: Shell) -> None:
    root = shared("fixtures", "pipelinejobs")
    found = sorted(path for path in root.glob("catalog/**/*.json"))
    found += sorted([*root.glob("file/*.json"), *root.glob("pipeline/*.json")])
    contradictory = [path for path in found if path.name == "file5.json"]
    files = [str(path) for path in found if path not in contradictory]
    first = empty.ask("load", *files)
    assert (first["created"], first["updated"]) == (526, 0)
    again = empty.ask("load", *files)
    assert counts(again) == (0, 0, sum(counts(first)))
    for path in contradictory:
        ran = empty.run("load", str(path))
        assert ran.status == 4
        assert "is file.tacc.32768 here, and file.tacc.65536 in this document" in ran.err
    assert counts(empty.ask("load", *files)) == counts(again)
