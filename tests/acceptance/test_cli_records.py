"""`datacatalog files`, `lineage` and `index`: what is in the catalog."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path

import pytest

from tests.acceptance.cli import Shell, made


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return made(tmp_path_factory.mktemp("cli") / "catalog")


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
    start, *others = shell.ask("lineage", png["name"])["nodes"]
    assert (start["depth"], start["kind"], start["label"]) == (0, "file", png["name"])
    found = {(node["depth"], node["kind"], node["label"]) for node in others}
    assert (1, "pipelinejob") in {node[:2] for node in found}
    assert (1, "sample", "sample.tacc.indexed") in found
    assert (2, "pipeline", "tests/taco:1") in found
    near = shell.ask("lineage", png["uuid"], "--depth", "1")
    assert [node["depth"] for node in near["nodes"]] == [0, 1, 1]
    assert {"source": png["uuid"], "relation": "generated_by", "target": indexed} in near["edges"]


def test_lineage_is_shown_as_a_tree_in_which_children_follow_their_parent(indexed: str, shell: Shell) -> None:
    [png] = [f for f in shell.ask("files", "list", "--job", indexed) if f["type"] == "PNG"]
    lines = shell.ok("lineage", png["uuid"]).splitlines()
    assert lines[0] == f"file {png['name']}  {png['uuid']}"
    assert lines[1].startswith("  child_of sample sample.tacc.indexed ")
    assert lines[2].startswith("  generated_by pipelinejob ")
    assert {line[:6] for line in lines[3:]} == {"    ge"}


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
    assert (done["done"], done["state"], done["last_event"]) == (True, "FINISHED", "indexed")
    levels = {Path(f["name"]).name: f["level"] for f in shell.ask("files", "list", "--job", indexed)}
    assert levels == {"table.csv": "2", "plot.png": "1"}


def test_index_refuses_what_the_lifecycle_and_the_token_do_not_allow(indexed: str, shell: Shell) -> None:
    assert shell.fails("index", shell.job(unfinished=1)) == (4, "illegal-transition")
    assert shell.fails("index", indexed, "--token", "x" * 17) == (77, "invalid-token")
    assert shell.fails("index", indexed, "--filter", "(")[0] == 2
    assert shell.fails("index", indexed, "--level", "9") == (2, "usage")
