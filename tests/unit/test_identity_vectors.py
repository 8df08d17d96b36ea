"""Every published UUID, hash id and archive path that has been collected, each through the rule that made it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from datacatalog.domain.archive import AgaveUri, archive_path
from datacatalog.domain.identifiers.records import UUID_FIELDS, record_uuid
from datacatalog.domain.identifiers.typed import IDENTITY
from datacatalog.domain.jobs.identity import job_text, job_uuid
from datacatalog.domain.jobs.older import archive_path_v1, job_text_j1
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.pipelines.identity import pipeline_text, pipeline_uuid
from tests.shared import shared

_JOB_TEXT = re.compile(r"(?P<pipeline>106[0-9a-f-]{33}):(?:\[(?P<linked>[^]]*)\]:)?(?P<data>\{.*\})", re.S)
_PIPELINE_TEXT = re.compile(r"(?P<id>.+?):(?P<components>\[\{.*\}\])", re.S)


def _vectors() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shared("vectors", "uuids.json").read_text())
    assert found
    return found


def _extra(section: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shared("vectors", "extra.json").read_text())[section]
    assert found
    return found


def _mismatches(made: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(ours, theirs) for ours, theirs in made if ours != theirs]


def test_every_published_text_gives_its_uuid() -> None:
    made = [(IDENTITY.uuid(Kind(v["kind"]), v["text"]), v["uuid"]) for v in _vectors()]
    assert _mismatches(made) == []


def test_every_published_record_gives_its_uuid() -> None:
    made = []
    for vector in _vectors():
        if "field" not in vector:
            continue
        kind = Kind(vector["kind"])
        assert UUID_FIELDS.get(kind, ("name",)) == (vector["field"],)
        made.append((record_uuid(kind, {vector["field"]: vector["text"]}), vector["uuid"]))
    assert made
    assert _mismatches(made) == []


def test_every_published_pipeline_text_is_written_from_its_components() -> None:
    made = []
    for vector in _vectors():
        if vector["kind"] != "pipeline" or vector["text"].startswith("Why did"):
            continue
        match = _PIPELINE_TEXT.fullmatch(vector["text"])
        assert match, vector["text"]
        made.append((pipeline_text(match["id"], json.loads(match["components"])), vector["text"]))
    assert made
    assert _mismatches(made) == []


def test_every_published_job_text_is_written_from_its_parts() -> None:
    made = []
    for vector in _vectors():
        if vector["kind"] != "pipelinejob" or vector["text"].startswith("Why did"):
            continue
        match = _JOB_TEXT.fullmatch(vector["text"])
        assert match, vector["text"]
        pipeline, data = TypedUuid(match["pipeline"]), json.loads(match["data"])
        if match["linked"] is None:
            made.append((job_text_j1(pipeline, data), vector["text"]))
            continue
        linked = [TypedUuid(uuid) for uuid in re.findall(r"'([^']*)'", match["linked"])]
        made.append((job_text(pipeline, linked, data), vector["text"]))
        made.append((job_uuid(pipeline, linked, data), vector["uuid"]))
    assert made
    assert _mismatches(made) == []


def _documents() -> dict[str, Path]:
    pipelines = shared("fixtures", "pipelinejobs", "pipeline")
    return {path.name: path for path in pipelines.glob("*.json")}


def test_every_published_pipeline_document_gives_its_uuid() -> None:
    published = {
        "demo-01.json": "106c46ff-8186-5756-a934-071f4497b58d",
        "manual-upload.json": "106a1208-c416-5d0f-9df1-f047e1589895",
        "metadata_capture.json": "10621aa4-57fc-5ed9-ac10-03354f71fa3b",
        "novel_chassis_rnaseq.json": "106bd127-e2d2-57ac-b9be-11ed06042e68",
        "platereader.json": "106865e3-98e3-5a14-896c-841db46f3692",
        "rnaseq.json": "10675194-f4d2-5a0c-9ce1-578670999e9c",
        "tacobot.json": "10650844-1baa-55c5-a481-5e945b19c065",
        "tasbe.json": "10617824-df0d-56c7-bdba-7829f6d3a86f",
        "urrutia-aggregation.json": "106231a1-0c78-5067-b53b-11a33f4e1495",
        "urrutia-multiqc.json": "106cfa30-c4b5-56c2-8eaa-9c67a0d1eb62",
    }
    made = {}
    for name, path in _documents().items():
        document = json.loads(path.read_text())
        made[name] = pipeline_uuid(document["id"], document["components"])
    assert made == published


def test_every_published_job_document_gives_its_uuid() -> None:
    published = {
        "tacobot.json": "107b93f3-1eae-5e79-8a18-0a480f8aa3a5",
        "tacobot-2.json": "107bb52d-6469-54c3-b977-0c22adcae020",
    }
    for name, uuid in published.items():
        document = json.loads(shared("fixtures", "pipelinejobs", "pipelinejob", name).read_text())
        assert job_uuid(document["pipeline_uuid"], document["child_of"], document["data"]) == uuid


def test_every_published_untyped_uuid_is_reproduced() -> None:
    made = [(IDENTITY.untyped(vector["text"]), vector["uuid"]) for vector in _extra("untyped")]
    assert _mismatches(made) == []


def test_every_published_hashid_is_reproduced_and_read_back() -> None:
    for vector in _extra("hashids"):
        assert IDENTITY.hashid(vector["uuid"]) == vector["hashid"]
        assert IDENTITY.from_hashid(vector["hashid"]) == vector["uuid"]


def test_every_published_archive_path_is_reproduced() -> None:
    for vector in _extra("archive_paths"):
        match vector["generation"]:
            case "D":
                assert _path_of(vector) == vector["archive_path"]
                uri = AgaveUri.parse(vector["archive_uri"])
                assert (uri.path, str(uri)) == (vector["archive_path"], vector["archive_uri"])
            case "v1":
                assert _older_path_of(vector) == vector["archive_path"]
            case other:
                pytest.fail(f"no rule for archive paths of generation {other}")


def _path_of(vector: dict[str, Any]) -> str:
    arguments = vector["pipeline_uuid"], vector["child_of"], vector["data"]
    assert job_uuid(*arguments) == vector["job_uuid"]
    return archive_path(*arguments, session=None, at=datetime(2019, 2, 15, tzinfo=UTC))


def _older_path_of(vector: dict[str, Any]) -> str:
    inputs = vector["inputs"]
    names = [
        inputs[name] for name in ("lab_name", "experiment_reference", "measurement_id") if name in inputs
    ]
    at = datetime.strptime(vector["timestamp"] + "+0000", "%Y%m%dT%H%M%SZ%z")
    return archive_path_v1(names, inputs["pipeline_uuid"], vector["session"], at)
