"""`datacatalog records`, `linked` and `log`: records of every kind at the command line."""

from __future__ import annotations

import getpass
import json
from typing import Any

import pytest

from tests.acceptance.cli import Shell, made

SAMPLE = {"sample_id": "sample.tacc.1", "strain": "x", "note": {"a": 1}}
E1 = "1022efa3-4480-538f-a581-f1810fb4e0c3"


@pytest.fixture
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return made(tmp_path_factory.mktemp("cli") / "catalog")


def load(shell: Shell, *documents: dict[str, Any]) -> None:
    for document in documents:
        shell.ok("load", "-", stdin=json.dumps(document))


def test_records_of_a_kind_are_listed_by_field_and_by_page(shell: Shell) -> None:
    load(shell, *({"sample_id": f"s{n}", "strain": "even" if n % 2 == 0 else "odd"} for n in range(5)))
    assert len(shell.ask("records", "list", "sample")) == 5
    even = shell.ask("records", "list", "sample", "--where", "strain=even")
    assert {row["sample_id"] for row in even} == {"s0", "s2", "s4"}
    both = ("--where", "strain=even", "--where", "sample_id=s2")
    assert [row["sample_id"] for row in shell.ask("records", "list", "sample", *both)] == ["s2"]
    first = shell.ask("records", "list", "sample", "--limit", "2")
    rest = shell.ask("records", "list", "sample", "--after", first[-1]["uuid"])
    assert len(first) + len(rest) == 5
    assert shell.ok("records", "list", "sample", *both).split("\t")[1] == "s2"
    assert shell.ask("records", "list", "dashboard") == []
    assert shell.fails("records", "list", "sample", "--where", "note=1") == (2, "invalid-field")
    assert shell.fails("records", "list", "sample", "--where", "strain") == (2, "usage")
    twice = ("--where", "strain=even", "--where", "strain=odd")
    assert shell.fails("records", "list", "sample", *twice) == (2, "usage")
    assert shell.fails("dump", "sample", *twice) == (2, "usage")
    assert shell.fails("records", "list", "leaf") == (2, "usage")


def test_kinds_are_also_called_by_their_collections(shell: Shell) -> None:
    load(shell, {"experiment_id": "experiment.e.1"})
    shell.ok(
        "load",
        "-",
        "--kind",
        "samples",
        stdin=json.dumps({"sample_id": "s1", "child_of": ["experiment.e.1"]}),
    )
    [sample] = shell.ask("records", "list", "samples")
    assert sample["child_of"] == [shell.ask("records", "show", "experiment.e.1")["uuid"]]
    assert json.loads(shell.ok("dump", "samples")) == sample
    assert shell.ask("linked", "experiment.e.1", "--to", "samples") == [
        {"uuid": sample["uuid"], "label": "s1"}
    ]
    nodes = shell.ask("lineage", "experiment.e.1", "--down", "--kind", "samples")["nodes"]
    assert [node["label"] for node in nodes] == ["experiment.e.1", "s1"]
    shell.ok("records", "delete", "s1")
    assert shell.ask("records", "list", "samples", "--all") == [{**sample, "hidden": True}]
    for words in (("undelete", "s1"), ("show", "s1", "--all")):
        assert "records list KIND --all" in shell.run("records", *words).err
    nodes = shell.ask("lineage", "experiment.e.1", "--down", "--all")["nodes"]
    assert [node["hidden"] for node in nodes] == [False, True]


def test_record_is_shown_changed_and_told_of(shell: Shell) -> None:
    load(shell, SAMPLE)
    document = shell.ask("records", "show", "sample.tacc.1")
    assert {k: document[k] for k in SAMPLE} == SAMPLE
    assert document["_properties"]["revision"] == 0
    done = shell.ask(
        "records", "set", "sample.tacc.1", "strain=wild type", 'note={"b": 2}', f'child_of=["{E1}"]', "replicate=3"
    )  # fmt: skip
    assert done == {"uuid": document["uuid"], "action": "updated", "revision": 1}
    changed = shell.ask("records", "show", document["uuid"])
    assert (changed["strain"], changed["note"], changed["replicate"]) == ("wild type", {"a": 1, "b": 2}, 3)
    assert changed["child_of"] == [E1]
    lines = shell.ask("log", "sample.tacc.1")
    assert [(line["seq"], line["action"], line["by"]) for line in lines] == [
        (1, "create", getpass.getuser()),
        (2, "update", getpass.getuser()),
    ]
    assert lines[1]["changed"]["strain"] == ["x", "wild type"]
    assert lines[1]["changed"]["child_of"] == [[], [E1]]
    assert shell.ask("log", document["uuid"], "--after", "1") == lines[1:]
    assert shell.ask("log", document["uuid"], "--limit", "1") == lines[:1]
    assert 'strain: "x" -> "wild type"' in shell.ok("log", "sample.tacc.1")


def test_value_is_text_where_the_schema_wants_text(shell: Shell) -> None:
    load(shell, {"name": "/uploads/a.csv", "level": "0", "file_id": "file.a.1"})
    shell.ok("records", "set", "/uploads/a.csv", "level=1", "note=1", 'type="CSV"', "lab_label=null")
    document = shell.ask("records", "show", "/uploads/a.csv")
    assert (document["level"], document["note"], document["type"]) == ("1", 1, "CSV")
    assert shell.fails("records", "set", "/uploads/a.csv", "level=9")[0] == 2


def test_dot_leads_into_an_object_as_in_tables(shell: Shell) -> None:
    load(shell, SAMPLE)
    shell.ok("records", "set", "sample.tacc.1", "note.b.c=2", "note.a=null", r"a\.b=3")
    document = shell.ask("records", "show", "sample.tacc.1")
    assert (document["note"], document["a.b"]) == ({"b": {"c": 2}}, 3)
    for wrong in (("note.a=1", 'note={"b": 2}'), ("note..a=1",), ("Child-Of=[]",)):
        assert shell.fails("records", "set", "sample.tacc.1", *wrong) == (2, "invalid-field")


def test_field_is_removed_by_null(shell: Shell) -> None:
    load(shell, SAMPLE)
    shell.ok("records", "set", "sample.tacc.1", "strain=null")
    assert "strain" not in shell.ask("records", "show", "sample.tacc.1")


def test_stale_revision_is_refused_with_a_status_of_its_own(shell: Shell) -> None:
    load(shell, SAMPLE)
    shell.ok("records", "set", "sample.tacc.1", "--if-revision", "0", "strain=y")
    for words in (("set", "sample.tacc.1", "strain=z"), ("delete", "sample.tacc.1")):
        assert shell.fails("records", *words, "--if-revision", "0") == (4, "precondition-failed")
    assert shell.ask("records", "show", "sample.tacc.1")["strain"] == "y"


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("sample_id=other", "invalid-field"),
        ("_salt=mine", "invalid-field"),
        ("replicate=one", "invalid-record"),
        ("note={", "invalid-json"),
        ("strain", "usage"),
    ],
)
def test_change_that_cannot_be_is_refused(shell: Shell, field: str, code: str) -> None:
    load(shell, SAMPLE)
    assert shell.fails("records", "set", "sample.tacc.1", field) == (2, code)
    assert shell.ask("records", "show", "sample.tacc.1")["_properties"]["revision"] == 0


def test_deleted_record_is_hidden_until_it_is_brought_back_or_removed(shell: Shell) -> None:
    load(shell, SAMPLE)
    uuid = shell.ask("records", "delete", "sample.tacc.1")["uuid"]
    assert shell.ask("records", "list", "sample") == []
    [hidden] = shell.ask("records", "list", "sample", "--all")
    assert (hidden["uuid"], hidden["hidden"]) == (uuid, True)
    assert shell.fails("records", "show", uuid) == (3, "unknown-record")
    assert shell.fails("records", "delete", uuid) == (3, "unknown-record")
    assert shell.ask("records", "show", uuid, "--all")["_visible"] is False
    assert shell.ask("records", "undelete", uuid)["action"] == "undeleted"
    assert shell.ask("records", "undelete", "sample.tacc.1")["action"] == "unchanged"
    assert shell.ask("records", "delete", uuid, "--force")["action"] == "purged"
    assert shell.fails("records", "show", uuid, "--all") == (3, "unknown-record")
    assert [line["action"] for line in shell.ask("log", uuid)] == ["create", "delete", "undelete", "purge"]
    assert shell.fails("log", E1) == (3, "unknown-record")


def test_jobs_and_pipelines_are_shown_and_not_changed(shell: Shell) -> None:
    pipeline = shell.pipeline()
    job = shell.job()
    assert shell.ask("records", "show", job)["pipeline_uuid"] == pipeline
    for uuid in (job, pipeline):
        assert shell.fails("records", "set", uuid, "name=x") == (2, "invalid-field")
        assert shell.fails("records", "delete", uuid) == (2, "invalid-field")
        assert shell.ask("log", uuid)[0]["action"] == "create"


def test_what_belongs_to_records_is_told(shell: Shell) -> None:
    load(shell, {"sample_id": "s1"}, {"sample_id": "s2"})
    s1, s2 = (shell.ask("records", "show", name)["uuid"] for name in ("s1", "s2"))
    measured = [
        {"measurement_id": f"m{n}", "measurement_type": "FLOW", "child_of": [s]}
        for n, s in enumerate((s1, s1, s2))
    ]
    load(shell, *measured)
    assert {row["label"] for row in shell.ask("linked", "s1", "--to", "measurement")} == {"m0", "m1"}
    assert len(shell.ask("linked", "s1", s2, "--to", "measurement")) == 3
    assert shell.ask("linked", "m2", "--to", "sample") == [{"uuid": s2, "label": "s2"}]
    assert shell.ask("linked", "s1", "--to", "pipelinejob") == []
    shell.ok("records", "delete", "m0")
    assert [row["label"] for row in shell.ask("linked", "s1", "--to", "measurement")] == ["m1"]
    assert shell.fails("linked", "nobody", "--to", "file") == (3, "unknown-record")
