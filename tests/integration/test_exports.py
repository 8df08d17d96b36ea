"""Exports are read back by the libraries of their formats, and say what the ledger says."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prov.model import ProvActivity, ProvAgent, ProvDocument, ProvEntity, ProvRelation
from rocrate.rocrate import ROCrate

from datacatalog import exports
from datacatalog.adapters.exports.prov import document_of
from datacatalog.domain.errors import AlreadyExists, ChangedContent, InvalidField, MissingExtra, NoSuchPath
from datacatalog.domain.identifiers.typed import kind_of, overlay
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from tests.integration.studies import HOSTILE, TOKEN, Study, study
from tests.unit.memory import SYSTEM

WAYS: Mapping[str, tuple[Event, ...]] = {
    "never ran": (),
    "running": (Event.RUN,),
    "finished": (Event.RUN, Event.FINISH),
    "failed": (Event.RUN, Event.FAIL),
    "failed before it ran": (Event.FAIL,),
    "reset": (Event.RUN, Event.FINISH, Event.RESET, Event.READY),
}
FINISHED = WAYS["finished"]
FAILURE = {"reason": "no space left"}


@pytest.fixture
def lab() -> Study:
    return study()


def text(format: str, uuid: str, lab: Study, **options: Any) -> str:
    return exports.export(format, uuid, lab.env, **options).content.decode()


# ------------------------------------------------------------------- the ledger, looked at on its own


@dataclass(frozen=True)
class Ledger:
    """Whom the ledger names around a job, collected record by record."""

    entities: set[str]
    activities: set[str]
    agents: set[str]
    times: tuple[datetime | None, datetime | None]


def ledger_of(job: TypedUuid, lab: Study) -> Ledger:
    def look(work: Any) -> Ledger:
        record = work.records.get(job)
        outputs = [
            each.uuid
            for kind in (Kind.FILE, Kind.REFERENCE)
            for each in work.records.page(kind, limit=10**6).records
            if any(link.target == job for link in work.links.of(each.uuid, Relation.GENERATED_BY))
        ]
        named = {job, record.body["pipeline_uuid"], *outputs}
        named |= {link.target for uuid in (job, *outputs) for link in work.links.of(uuid)}
        found = {uuid: work.records.find(uuid) for uuid in named}
        shown = {u for u, r in found.items() if r is None or r.visible or r.kind is Kind.PIPELINE}
        agents = {found[uuid].body["name"] for uuid in shown if kind_of(uuid) is Kind.PROCESS}
        agents |= {record.body["agent"], record.admin["owner"]}
        entries = [entry for _, entry in work.history.page(job, limit=1000)]
        since = max((n for n, e in enumerate(entries) if e.name is Event.RESET), default=0)
        ran = [e.date for e in entries[since:] if e.name is Event.RUN]
        ended = [e.date for e in entries[since:] if e.name in (Event.FINISH, Event.FAIL)]
        return Ledger(
            entities={u for u in shown if kind_of(u) not in (Kind.PIPELINEJOB, Kind.PROCESS)},
            activities={u for u in shown if kind_of(u) is Kind.PIPELINEJOB},
            agents=agents,
            times=(ran[0] if ran else None, ended[0] if ended else None),
        )

    return lab.env.store.read(look)  # type: ignore[no-any-return]


# ------------------------------------------------------------------------------------------------ PROV


def read_json(content: str) -> ProvDocument:
    return ProvDocument.deserialize(content=content, format="json")


def read_notation(content: str) -> ProvDocument:
    return ProvDocument.deserialize(content=content, format="provn", profile="strict")


READERS: Mapping[str, Callable[[str], ProvDocument]] = {"prov-json": read_json, "prov-n": read_notation}


def names(document: ProvDocument, kind: type) -> set[str]:
    return {record.identifier.localpart for record in document.get_records(kind)}


@pytest.mark.parametrize("format", READERS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("outputs", [0, 2])
def test_prov_of_a_job_names_whom_the_ledger_names(format: str, way: str, outputs: int, lab: Study) -> None:
    job = lab.job(*WAYS[way], names=HOSTILE[:outputs], failure=FAILURE)
    ledger, document = ledger_of(job, lab), READERS[format](text(format, job, lab))
    assert names(document, ProvEntity) == ledger.entities
    assert names(document, ProvActivity) == ledger.activities
    agents = document.get_records(ProvAgent)
    assert {str(agent.label) for agent in agents} == ledger.agents
    (activity,) = document.get_records(ProvActivity)
    assert (activity.get_startTime(), activity.get_endTime()) == ledger.times
    named = names(document, ProvEntity) | names(document, ProvActivity) | names(document, ProvAgent)
    ends = {
        v.localpart
        for r in document.get_records(ProvRelation)
        for _, v in r.formal_attributes
        if hasattr(v, "localpart")
    }
    assert ends <= named


@pytest.mark.parametrize("format", READERS)
def test_prov_of_a_job_with_1500_outputs_names_them_all(format: str, lab: Study) -> None:
    job = lab.job(*FINISHED, names=[f"{n}.txt" for n in range(1500)])
    lab.hide(lab.outputs(job)[7])
    ledger, document = ledger_of(job, lab), READERS[format](text(format, job, lab))
    assert names(document, ProvEntity) == ledger.entities
    assert len(ledger.entities) == 1499 + 4


@pytest.mark.parametrize("format", READERS)
def test_prov_is_read_back_as_it_was_whatever_files_are_called(format: str, lab: Study) -> None:
    job = lab.job(*FINISHED, names=HOSTILE)
    one, two, *_ = lab.outputs(job)
    lab.link(one, Relation.DERIVED_FROM, two)
    lab.link(two, Relation.DERIVED_USING, one)
    lab.link(one, Relation.GENERATED_BY, lab.process)
    written = document_of(exports.gathered(job, lab.env))
    found = READERS[format](text(format, job, lab))
    assert found == written
    paths = {
        str(v).rsplit("/", 1)[1]
        for e in found.get_records(ProvEntity)
        for v in e.get_attribute("datacatalog:path")
    }
    assert paths == {*HOSTILE, "raw data.fastq"}


@given(
    name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40)
)
@settings(max_examples=60, deadline=None)
def test_no_file_name_is_lost_in_prov(name: str) -> None:
    lab = study()
    file = lab.put(Kind.FILE, {"name": f"/uploads/x{name}"})
    written = document_of(exports.gathered(file, lab.env))
    for each, read in READERS.items():
        assert read(text(each, file, lab)) == written


def test_notation_steers_no_terminal(lab: Study) -> None:
    content = text("prov-n", lab.job(*FINISHED, names=HOSTILE), lab)
    assert {c for c in content if not c.isprintable()} == {"\n"}
    assert text("prov-json", lab.raw, lab).isascii()


# -------------------------------------------------------------------------------------------- RO-Crate


def action_of(crate: ROCrate, job: str) -> Mapping[str, Any]:
    found = crate.get(f"urn:uuid:{job}")
    assert found.type == "CreateAction"
    return found  # type: ignore[no-any-return]


def ids(value: Any) -> set[str]:
    return {each if isinstance(each, str) else each.id for each in value or []}


@pytest.mark.parametrize("way", WAYS)
def test_crate_tells_of_the_job_what_the_ledger_does(way: str, lab: Study, tmp_path: Path) -> None:
    job = lab.job(*WAYS[way], names=HOSTILE, failure=FAILURE)
    exports.export_crate(job, lab.env, tmp_path / "crate")
    crate, ledger = ROCrate(tmp_path / "crate"), ledger_of(job, lab)
    assert crate.version == "1.1"
    assert {entity.get("identifier") for entity in crate.data_entities} == {
        f"urn:uuid:{uuid}" for uuid in ledger.entities if kind_of(uuid) is Kind.FILE
    }
    action = action_of(crate, job)
    assert {uuid_of(entity) for entity in action["result"]} == set(lab.outputs(job))
    assert {uuid_of(entity) for entity in action["object"]} == {
        lab.raw, lab.genome, lab.levels[Kind.MEASUREMENT]
    }  # fmt: skip
    assert [uuid_of(entity) for entity in action["instrument"]] == [lab.memory.pipeline]
    assert {agent["name"] for agent in action["agent"]} == ledger.agents
    assert tuple(map(moment, (action.get("startTime"), action.get("endTime")))) == ledger.times
    status = {
        "finished": "Completed",
        "running": "Active",
        "failed": "Failed",
        "failed before it ran": "Failed",
    }
    assert action["actionStatus"] == f"http://schema.org/{status.get(way, 'Potential')}ActionStatus"
    assert action.get("error") == ("no space left" if way.startswith("failed") else None)


def uuid_of(entity: Any) -> str:
    return str(entity["identifier"]).removeprefix("urn:uuid:")


def moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


@pytest.mark.parametrize("target", ["crate", "crate.zip"])
def test_crate_with_payload_holds_the_files(target: str, lab: Study, tmp_path: Path) -> None:
    job = lab.job(*FINISHED, names=HOSTILE)
    assert exports.export_crate(job, lab.env, tmp_path / target, payload=True) == len(HOSTILE)
    crate = ROCrate(tmp_path / target)
    held = [entity for entity in crate.data_entities if entity.id.startswith("files/")]
    assert {unquote(entity.id).rsplit("/", 1)[1] for entity in held} == set(HOSTILE)
    for entity in held:
        content = Path(entity.source).read_bytes()
        assert entity["sha256"] == hashlib.sha256(content).hexdigest()
        assert entity["contentSize"] == str(len(content))
        assert entity["contentUrl"].startswith(f"agave://{SYSTEM}/products/")
    assert ids(action_of(crate, job)["result"]) == {entity.id for entity in held}
    assert sorted(each.name for each in tmp_path.iterdir()) == [target]


def test_crate_of_a_file_holds_that_file(lab: Study, tmp_path: Path) -> None:
    assert exports.export_crate(lab.raw, lab.env, tmp_path / "new" / "crate", payload=True) == 1
    (entity,) = ROCrate(tmp_path / "new" / "crate").data_entities
    assert Path(entity.source).read_bytes() == b"ACGT"


@pytest.mark.parametrize("target", ["crate", "crate.zip"])
@pytest.mark.parametrize("trouble", ["changed", "missing"])
def test_trouble_with_a_file_leaves_nothing(target: str, trouble: str, lab: Study, tmp_path: Path) -> None:
    job = lab.job(*FINISHED, names=["a b.txt", "b.txt"])
    file = lab.outputs(job)[1]
    if trouble == "changed":
        fixity = overlay(Kind.FIXITY, file)
        body = dict(lab.env.store.read(lambda w: w.records.get(fixity)).body)
        lab.put(Kind.FIXITY, {**body, "checksum": "sha256:" + "0" * 64})
    else:
        lab.memory.storage.clear(
            SYSTEM, lab.env.store.read(lambda w: w.records.get(job)).body["archive_path"]
        )
    (tmp_path / "crate.zip").write_bytes(b"as it was")
    error = ChangedContent if trouble == "changed" else NoSuchPath
    with pytest.raises(error) as told:
        exports.export_crate(job, lab.env, tmp_path / target, payload=True)
    assert ".txt" in str(told.value)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("crate.zip", b"as it was")]


@pytest.mark.parametrize("target", ["nowhere", "empty-link", "directory.zip"])
def test_what_cannot_be_replaced_is_left_alone(lab: Study, tmp_path: Path, target: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "directory.zip").mkdir()
    (tmp_path / "nowhere").symlink_to("nothing")
    (tmp_path / "empty-link").symlink_to("empty")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(AlreadyExists, match=target):
        exports.export_crate(lab.raw, lab.env, tmp_path / target)
    assert sorted(tmp_path.iterdir()) == before


def test_directory_with_files_is_left_alone(lab: Study, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(AlreadyExists):
        exports.export_crate(lab.raw, lab.env, tmp_path)
    with pytest.raises(AlreadyExists):
        exports.export_crate(lab.raw, lab.env, tmp_path / "mine")
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]


def test_zip_is_the_same_each_time(lab: Study, tmp_path: Path) -> None:
    job = lab.job(*FINISHED, names=HOSTILE)
    for name in ("one.zip", "two.zip"):
        exports.export_crate(job, lab.env, tmp_path / name, payload=True)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert zipfile.ZipFile(tmp_path / "one.zip").testzip() is None


# ----------------------------------------------------------------------------------------- in general


@pytest.mark.parametrize("format", exports.FORMATS)
def test_every_format_tells_of_every_kind_of_record(format: str, lab: Study) -> None:
    job = lab.job(*FINISHED, names=["a.txt"])
    starts = (
        job,
        *lab.outputs(job),
        lab.raw,
        lab.genome,
        lab.process,
        lab.memory.pipeline,
        *lab.levels.values(),
    )
    for start in starts:
        found = exports.export(format, start, lab.env)
        assert TOKEN.encode() not in found.content
        assert start in found.filename
        assert found.media_type


@pytest.mark.parametrize("format", exports.FORMATS)
def test_cycles_are_told_once(format: str, lab: Study) -> None:
    job = lab.job(*FINISHED, names=["a.txt", "b.txt"])
    one, two = lab.outputs(job)
    lab.link(one, Relation.DERIVED_FROM, two)
    lab.link(two, Relation.DERIVED_FROM, one)
    assert exports.export(format, one, lab.env).content


def test_there_is_no_such_format(lab: Study) -> None:
    with pytest.raises(InvalidField, match="prov-json, prov-n, ro-crate, openlineage"):
        exports.export("prov-xml", lab.raw, lab.env)


@pytest.fixture
def without_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] in {"prov", "rocrate", "openlineage"}:
            monkeypatch.delitem(sys.modules, name)
    for name in ("prov", "rocrate", "openlineage"):
        monkeypatch.setitem(sys.modules, name, None)  # type: ignore[arg-type]


@pytest.mark.usefixtures("without_libraries")
@pytest.mark.parametrize("format", exports.FORMATS)
def test_missing_library_is_told_with_what_to_install(format: str, lab: Study, tmp_path: Path) -> None:
    job = lab.job(*FINISHED)
    with pytest.raises(MissingExtra, match=r"pip install 'datacatalog\[prov\]'"):
        exports.export(format, job, lab.env)
    with pytest.raises(MissingExtra):
        exports.export_crate(job, lab.env, tmp_path / "crate")
    assert list(tmp_path.iterdir()) == []


def test_export_of_more_than_is_wanted_is_refused_before_it_is_made(lab: Study) -> None:
    job = lab.job(*FINISHED, names=[f"{n}.txt" for n in range(30)])
    whole = text("prov-json", job, lab)
    for most in (1, 29, 30):
        with pytest.raises(InvalidField, match=f"more than {most} records"):
            text("prov-json", job, lab, most=most)
    assert text("prov-json", job, lab, most=1000) == whole
