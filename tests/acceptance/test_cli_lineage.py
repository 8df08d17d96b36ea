"""`datacatalog lineage`: ancestors and descendants, in every form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.acceptance.cli import Ran, Shell, made

HOSTILE = '/uploads/"a"; <b>&amp;\u202e\u2028.csv'


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return made(tmp_path_factory.mktemp("catalog"))


@pytest.fixture(scope="module")
def uuids(shell: Shell) -> dict[str, str]:
    """An experiment with a sample of two measurements; a table about one of them, two plots of the table, a page of both."""

    def load(*documents: dict[str, Any]) -> None:
        shell.ok("load", "-", stdin=json.dumps(list(documents)))

    def uuid(name: str) -> str:
        return str(shell.ask("lineage", name)["start"])

    load({"experiment_id": "experiment.tacc.1"})
    found = {"experiment": uuid("experiment.tacc.1")}
    load({"sample_id": "sample.tacc.1", "child_of": [found["experiment"]]})
    found["sample"] = uuid("sample.tacc.1")
    for n in (1, 2):
        measurement = {"measurement_id": f"measurement.tacc.{n}", "measurement_type": "PLATE_READER"}
        load({**measurement, "child_of": [found["sample"]]})
        found[f"m{n}"] = uuid(f"measurement.tacc.{n}")
    load({"name": HOSTILE, "child_of": [found["m1"]]})
    found["table"] = uuid(HOSTILE)
    for n in (1, 2):
        load({"name": f"/products/plot{n}.png", "derived_from": [found["table"]]})
        found[f"plot{n}"] = uuid(f"/products/plot{n}.png")
    load({"name": "/products/page.html", "derived_from": [found["plot1"], found["plot2"]]})
    found["page"] = uuid("/products/page.html")
    return found


def names(uuids: dict[str, str], lines: str) -> list[str]:
    """Return which records a list names."""
    known = {uuid: name for name, uuid in uuids.items()}
    return [known[line.split("\t")[0]] for line in lines.splitlines()]


def test_ancestors_are_shown_as_a_tree(uuids: dict[str, str], shell: Shell) -> None:
    lines = shell.ok("lineage", uuids["plot1"]).splitlines()
    assert lines == shell.ok("lineage", "/products/plot1.png", "--up").splitlines()
    assert lines == [
        f"file /products/plot1.png  {uuids['plot1']}",
        f'  derived_from file /uploads/"a"; <b>&amp;\\u202e\\u2028.csv  {uuids["table"]}',
        f"    child_of measurement measurement.tacc.1  {uuids['m1']}",
        f"      child_of sample sample.tacc.1  {uuids['sample']}",
        f"        child_of experiment experiment.tacc.1  {uuids['experiment']}",
    ]


def test_descendants_are_shown_as_a_tree_against_the_links(uuids: dict[str, str], shell: Shell) -> None:
    lines = shell.ok("lineage", uuids["plot2"], "--both").splitlines()
    assert lines[1].startswith("  derived_from file ")
    assert lines[-1] == f"  <- derived_from file /products/page.html  {uuids['page']}"
    lines = shell.ok("lineage", "sample.tacc.1", "--down").splitlines()
    assert len(lines) == 7
    assert sum(line.startswith("  <- child_of measurement ") for line in lines) == 2


def test_everything_derived_from_a_sample_and_every_input_of_a_file_are_listed(
    uuids: dict[str, str], shell: Shell
) -> None:
    outputs = shell.ok("lineage", "sample.tacc.1", "--outputs")
    assert names(uuids, outputs) == ["table", *sorted(["plot1", "plot2"], key=lambda n: uuids[n]), "page"]
    assert outputs.splitlines()[-1] == f"{uuids['page']}\tfile\t4\t/products/page.html"
    assert set(names(uuids, shell.ok("lineage", uuids["page"], "--inputs"))) == {"plot1", "plot2", "table"}
    assert shell.ok("lineage", uuids["experiment"], "--inputs") == ""


def test_relations_kinds_and_depth_narrow_what_is_shown(uuids: dict[str, str], shell: Shell) -> None:
    down = ("lineage", "sample.tacc.1", "--down", "--format", "list")
    assert set(names(uuids, shell.ok(*down, "--relation", "child_of"))) == {"m1", "m2", "table"}
    assert set(names(uuids, shell.ok(*down, "--depth", "1"))) == {"m1", "m2"}
    assert set(names(uuids, shell.ok(*down, "--kind", "file", "--depth", "3"))) == {"table", "plot1", "plot2"}
    assert set(names(uuids, shell.ok("lineage", uuids["page"], "--inputs", "--kind", "measurement"))) == {
        "m1"
    }
    skipping = shell.ok("lineage", uuids["table"], "--kind", "experiment").splitlines()
    assert skipping[1:] == [f"  ... experiment experiment.tacc.1  {uuids['experiment']}"]


def test_what_is_more_than_was_asked_for_is_told_and_read_page_by_page(
    uuids: dict[str, str], shell: Shell
) -> None:
    whole = shell.ok("lineage", "sample.tacc.1", "--down", "--format", "list").splitlines()
    read, after = list[str](), tuple[str, ...]()
    while True:
        ran = shell.run("lineage", "sample.tacc.1", "--down", "--format", "list", "--limit", "4", *after)
        read += ran.out.splitlines()
        if not ran.err:
            break
        assert ran.err == f"there is more: go on with --after {read[-1][:36]}, or raise --limit\n"
        after = ("--after", read[-1][:36])
    assert read == whole
    ran = shell.run("lineage", uuids["table"], "--both", "--limit", "1")
    assert (len(ran.out.splitlines()), ran.err) == (3, "there is more: raise --limit\n")
    page = shell.ask("lineage", "sample.tacc.1", "--down", "--limit", "4")
    assert (len(page["nodes"]), page["more"], page["next"]) == (5, True, page["nodes"][-1]["uuid"])


def test_json_has_every_link_between_what_it_shows(uuids: dict[str, str], shell: Shell) -> None:
    graph = shell.ask("lineage", uuids["table"], "--down")
    assert graph == json.loads(shell.ok("lineage", uuids["table"], "--down", "--format", "json"))
    assert graph["nodes"][-1] == {
        "uuid": uuids["page"],
        "kind": "file",
        "label": "/products/page.html",
        "depth": 2,
        "direction": "descendants",
        "hidden": False,
    }
    diamond = [("plot1", "table"), ("plot2", "table"), ("page", "plot1"), ("page", "plot2")]
    assert sorted((edge["source"], edge["target"]) for edge in graph["edges"]) == sorted(
        (uuids[source], uuids[target]) for source, target in diamond
    )
    assert {edge["relation"] for edge in graph["edges"]} == {"derived_from"}
    assert (graph["more"], graph["next"]) == (False, None)


def test_it_is_drawn(uuids: dict[str, str], shell: Shell, tmp_path: Path) -> None:
    dot = shell.ok("lineage", uuids["table"], "--both", "--format", "dot")
    assert dot.count(" -> ") == 7
    assert r'label="file\n/uploads/\"a\"; <b>&amp;amp;\\u202e\\u2028.csv"' in dot
    mermaid = shell.ok("lineage", uuids["table"], "--both", "--format", "mermaid").splitlines()
    assert mermaid[0] == "flowchart RL"
    assert '  n0["file<br/>/uploads/#34;a#34;#59; #60;b#62;#38;amp#59;#92;u202e#92;u2028.csv"]' in mermaid
    picture = tmp_path / "lineage.svg"
    assert shell.ok("lineage", uuids["table"], "--both", "--format", "svg", "-o", str(picture)) == ""
    root = ElementTree.parse(picture).getroot()
    assert root.findtext("{*}title") == 'Lineage of file /uploads/"a"; <b>&amp;\\u202e\\u2028.csv'
    assert len(root.findall(".//{*}rect")) == 7


def test_a_list_is_written_to_a_file_whole_or_not_at_all(
    uuids: dict[str, str], shell: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "list.tsv"
    shell.ok("lineage", uuids["table"], "--outputs", "--output", str(file))
    assert set(names(uuids, file.read_text())) == {"plot1", "plot2", "page"}
    before = file.read_text()
    words = ("lineage", uuids["table"], "--outputs", "--output", str(file))
    assert usage(shell.run(*words, "--after", uuids["experiment"]))
    assert [*tmp_path.iterdir()] == [file]
    assert file.read_text() == before


def usage(ran: Ran) -> bool:
    return ran.status == 2 and ran.out == "" and ran.err.startswith("error: ")


def test_what_makes_no_sense_is_refused(uuids: dict[str, str], shell: Shell) -> None:
    assert shell.fails("lineage", "sample.tacc.nobody") == (3, "unknown-record")
    assert shell.fails("lineage", uuids["table"], "--both", "--after", uuids["page"]) == (2, "invalid-field")
    assert shell.fails("lineage", uuids["table"], "--after", "nonsense") == (2, "invalid-field")
    assert usage(shell.run("lineage", uuids["table"], "--both", "--format", "list"))
    assert usage(shell.run("lineage", uuids["table"], "--kind", "fixity"))
    assert usage(shell.run("lineage", uuids["table"], "--kind", "product"))
    assert usage(shell.run("lineage", uuids["table"], "--up", "--outputs"))
    assert shell.ok("lineage", uuids["table"], "--up", "--ancestors") == shell.ok("lineage", uuids["table"])
    assert usage(shell.run("lineage", uuids["table"], "--relation", "cousin_of"))
    assert usage(shell.run("lineage", uuids["table"], "--depth", "0"))
