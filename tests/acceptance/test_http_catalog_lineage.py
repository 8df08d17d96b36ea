"""Lineage and exports over HTTP."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import tempfile
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from datacatalog.domain.jobs.lifecycle import State
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.services.records import delete_record, put_record
from tests.acceptance.site import Site, refused
from tests.harness import SYSTEM

BASE = "/catalog/v1"
DRAWINGS = {"dot": "text/vnd.graphviz", "mermaid": "text/plain", "svg": "image/svg+xml"}
FORMATS = {
    "prov-json": "application/json",
    "prov-n": "text/provenance-notation",
    "ro-crate": "application/ld+json",
    "openlineage": "application/x-ndjson",
}


def put(site: Site, kind: Kind, **document: Any) -> str:
    env = site.app.env
    return str(env.store.transact(lambda w: put_record(kind, document, w, env)).record.uuid)


class Study:
    """A sample, measured; a job on the measurement; a file that came out, with its fixity; one derived from it."""

    def __init__(self, site: Site, content: bytes = b"taco\n") -> None:
        mark = secrets.token_hex(6)
        parent = site.catalog.hierarchy()[Kind.EXPERIMENT]
        self.sample = put(site, Kind.SAMPLE, sample_id=f"sample.{mark}", child_of=[parent])
        self.measurement = put(
            site,
            Kind.MEASUREMENT,
            measurement_id=f"measurement.{mark}",
            measurement_type="AUTOMATED_TEST",
            child_of=[self.sample],
        )
        created = site.job(State.FINISHED, parameters={"measurement_id": self.measurement})
        self.job = str(created.job.uuid)
        name = f"{created.job.record.body['archive_path']}/out.txt"
        root = site.app.settings.path(site.app.settings.config["storage"]["systems"][SYSTEM]["root"])
        place = root / name.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        self.file = put(site, Kind.FILE, name=name, generated_by=[self.job], child_of=[self.measurement])
        put(
            site,
            Kind.FIXITY,
            name=name,
            size=len(content),
            checksum=f"sha256:{hashlib.sha256(content).hexdigest()}",
        )
        self.derived = put(site, Kind.FILE, name=f"/products/v2/{mark}/derived.txt", derived_from=[self.file])


def lineage(site: Site, of: str, uuid: str, **query: str) -> httpx.Response:
    return site.get(f"{BASE}/{of}/{uuid}/lineage", **query)


def graph(site: Site, of: str, uuid: str, **query: str) -> dict[str, Any]:
    answer = lineage(site, of, uuid, **query)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()["result"]
    return result


def named(found: dict[str, Any]) -> list[str]:
    return [node["uuid"] for node in found["nodes"]]


def test_ancestors_descendants_and_both_are_answered_nearest_first(site: Site):
    study = Study(site)
    up = graph(site, "files", study.derived)
    assert up["start"] == study.derived
    assert named(up)[:2] == [study.derived, study.file]
    assert {study.job, study.measurement, study.sample, site.pipeline} <= {*named(up)}
    assert [node["depth"] for node in up["nodes"]] == sorted(node["depth"] for node in up["nodes"])
    assert {"source": study.derived, "relation": "derived_from", "target": study.file} in up["edges"]
    down = graph(site, "samples", study.sample, direction="descendants")
    assert {*named(down)} == {study.sample, study.measurement, study.job, study.file, study.derived}
    both = graph(site, "jobs", study.job, direction="both")
    assert {*named(both)} >= {study.sample, study.job, study.derived}


def test_lineage_keeps_to_relations_kinds_and_depth(site: Site):
    study = Study(site)
    assert named(graph(site, "files", study.derived, relation="derived_from")) == [study.derived, study.file]
    assert study.job in named(graph(site, "files", study.derived, relation="derived_from,generated_by"))
    assert {*named(graph(site, "files", study.derived, kind="samples"))} == {study.derived, study.sample}
    assert {*named(graph(site, "files", study.derived, kind="sample,jobs"))} == {
        study.derived,
        study.sample,
        study.job,
    }
    assert named(graph(site, "files", study.derived, depth="1")) == [study.derived, study.file]


def test_lineage_is_read_page_by_page(site: Site):
    study = Study(site)
    whole = named(graph(site, "samples", study.sample, direction="descendants"))
    walked, after = [study.sample], None
    while True:
        query = {"after": after} if after else {}
        page = graph(site, "samples", study.sample, direction="descendants", limit="1", **query)
        walked += named(page)[1:]
        after = page["next"]
        if after is None:
            break
    assert walked == whole


@pytest.mark.parametrize("shape", DRAWINGS)
def test_lineage_is_drawn(site: Site, shape: str):
    study = Study(site)
    answer = lineage(site, "files", study.derived, format=shape)
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == DRAWINGS[shape]
    assert answer.headers["content-disposition"].startswith(f'inline; filename="{study.derived}.')
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "derived.txt" in answer.text
    if shape == "svg":
        ElementTree.fromstring(answer.text)
    assert "link" not in answer.headers


def test_drawing_that_is_cut_leads_to_the_next_one_and_tells_no_nonce(site: Site):
    study = Study(site)
    answer = lineage(site, "files", study.derived, format="dot", limit="1", depth="9")
    link = answer.headers["link"]
    assert link.endswith('; rel="next"')
    assert "depth=9" in link
    assert "nonce" not in link
    assert (
        site.client.get(link[1 : link.index(">")], params={"x-nonce": site.catalog.nonce}).status_code == 200
    )


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"direction": "up"}, "direction"),
        ({"relation": "likes"}, "relation"),
        ({"relation": ""}, "relation"),
        ({"kind": "taco"}, "kind"),
        ({"depth": "0"}, "depth"),
        ({"depth": "101"}, "depth"),
        ({"limit": "0"}, "limit"),
        ({"format": "png"}, "format"),
        ({"after": "x"}, "after"),
        ({"after": "103246e1-bcdf-5b6e-a8dc-4c7e81b91141", "direction": "both"}, "after"),
        ({"nothing": "x"}, "nothing"),
    ],
)
def test_lineage_that_cannot_be_asked_for_is_refused(site: Site, query: dict[str, str], field: str):
    answer = lineage(site, "pipelines", site.pipeline, **query)
    assert refused(answer, 400)["errors"][0]["path"] == field


@pytest.mark.parametrize("part", ["lineage", "export"])
def test_hidden_and_unknown_records_have_no_lineage(site: Site, part: str):
    study = Study(site)
    refused(site.get(f"{BASE}/files/{study.sample}/{part}"), 404)
    refused(site.get(f"{BASE}/files/105246e1-bcdf-5b6e-a8dc-000000000000/{part}"), 404)
    env = site.app.env
    env.store.transact(lambda w: delete_record(TypedUuid(study.file), w, env))
    refused(site.get(f"{BASE}/files/{study.file}/{part}"), 404)


def test_hidden_records_are_in_a_lineage_where_that_is_asked(site: Site):
    study = Study(site)
    env = site.app.env
    env.store.transact(lambda w: delete_record(TypedUuid(study.file), w, env))
    assert study.file not in named(graph(site, "files", study.derived))
    assert study.file in named(graph(site, "files", study.derived, hidden="true"))
    assert graph(site, "files", study.file, hidden="true")["start"] == study.file


# ---------------------------------------------------------------------------------------------- exports


@pytest.mark.parametrize("format", FORMATS)
def test_provenance_of_a_job_is_exported(site: Site, format: str):
    pytest.importorskip("prov")
    study = Study(site)
    answer = site.get(f"{BASE}/jobs/{study.job}/export", format=format)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == FORMATS[format]
    kept_as = answer.headers["content-disposition"]
    assert kept_as.startswith("attachment; filename=")
    assert study.job in kept_as
    assert "out.txt" in answer.text
    if format != "prov-n":
        for line in answer.text.splitlines() if format == "openlineage" else [answer.text]:
            json.loads(line)


def test_prov_json_is_what_is_exported_where_nothing_is_said(site: Site):
    pytest.importorskip("prov")
    study = Study(site)
    answer = site.get(f"{BASE}/files/{study.derived}/export")
    assert "entity" in answer.json()
    assert answer.content == site.get(f"{BASE}/files/{study.derived}/export", format="prov-json").content


def crates() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("datacatalog-crate-*"))


def test_crate_is_packed_with_its_files_and_leaves_nothing_behind(site: Site):
    pytest.importorskip("rocrate")
    study, before = Study(site, b"seven\n"), crates()
    answer = site.get(f"{BASE}/jobs/{study.job}/export", format="ro-crate", payload="true")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert f'filename="{study.job}-ro-crate.zip"' in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as crate:
        names = crate.namelist()
        assert any(name.endswith("ro-crate-metadata.json") for name in names)
        (packed,) = [name for name in names if name.endswith("out.txt")]
        assert crate.read(packed) == b"seven\n"
    assert crates() <= before


def test_crate_with_a_file_that_changed_is_refused_and_leaves_nothing_behind(site: Site):
    pytest.importorskip("rocrate")
    study, before = Study(site), crates()
    record = site.app.env.store.read(lambda w: w.records.get(TypedUuid(study.file)))
    root = site.app.settings.path(site.app.settings.config["storage"]["systems"][SYSTEM]["root"])
    (root / record.body["name"].lstrip("/")).write_bytes(b"other")
    answer = site.get(f"{BASE}/jobs/{study.job}/export", format="ro-crate", payload="true")
    assert refused(answer, 409)["code"] == "changed-content"
    assert crates() <= before


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"format": "png"}, "format"),
        ({"depth": "0"}, "depth"),
        ({"depth": "x"}, "depth"),
        ({"payload": "true"}, "payload"),
        ({"payload": "1", "format": "ro-crate"}, "payload"),
        ({"limit": "1"}, "limit"),
    ],
)
def test_export_that_cannot_be_asked_for_is_refused(site: Site, query: dict[str, str], field: str):
    answer = site.get(f"{BASE}/jobs/{site.job().job.uuid}/export", **query)
    assert refused(answer, 400)["errors"][0]["path"] == field
