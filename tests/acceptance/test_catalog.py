"""`from datacatalog import Catalog`: what a notebook asks, against a real installation."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datacatalog import Catalog
from datacatalog.catalog import Entries, Entry
from datacatalog.catalog import records as catalog_records
from datacatalog.domain.errors import (
    InvalidField,
    InvalidRecord,
    Misconfigured,
    MixedLinkage,
    NoSuchPath,
    PreconditionFailed,
    UnknownRecord,
)
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import SPECS, Kind
from datacatalog.services.indexing import index_now
from datacatalog.services.jobs import job_for, move
from tests import harness

SERIES = "/uploads/series.csv"
CONTENT = b"year,volume\n1871,1120\n"


class Study:
    """An installation with a study in it: metadata, a file, a job that worked on it and what it made."""

    def __init__(self, installation: harness.Catalog) -> None:
        self.installation = installation
        self.env = installation.app.env
        self.uuids = {kind.value: uuid for kind, uuid in installation.hierarchy().items()}
        self.storage = installation.home / "storage" / self.env.rules.default_system
        self.write(SERIES, CONTENT)
        with self.open() as catalog:
            file = {"name": SERIES, "type": "CSV", "level": "0", "child_of": [self.uuids["measurement"]]}
            self.file = catalog.put("file", file).uuid
        self.pipeline = installation.pipeline()
        self.job = self.add_job("a.csv", "b.csv", acted_on=[self.file])

    def open(self) -> Catalog:
        return Catalog(self.installation.home)

    def write(self, path: str, content: bytes) -> Path:
        place = self.storage / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return place

    def add_job(self, *names: str, **plan: Any) -> str:
        """Add a job that finished, whose outputs are indexed; return its UUID."""
        plan = {"parameters": {"measurement_id": self.uuids["measurement"]}, **plan}
        job = self.installation.job(self.pipeline, **plan).job
        for name in names:
            self.write(f"{job.archive_path}/{name}", name.encode())
        for event in (Event.RUN, Event.FINISH):
            self.env.store.transact(
                lambda work, event=event: move(job_for(job.uuid, work), event, None, work, self.env)
            )
        index_now(job.uuid, self.env)
        return job.uuid


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    installation = harness.install(tmp_path_factory.mktemp("catalog") / "home")
    yield Study(installation)
    installation.app.close()


@pytest.fixture
def catalog(study: Study) -> Iterator[Catalog]:
    with study.open() as opened:
        yield opened


# --------------------------------------------------------------------------------------------- opening


def test_catalog_opens_by_folder_by_file_or_by_environment(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = study.installation.home
    monkeypatch.setenv("DATACATALOG_CONFIG", str(home / "config.yml"))
    for config in (
        home,
        str(home),
        home / "config.yml",
        str(home / "config.yml"),
        study.installation.app,
        None,
    ):
        with Catalog(config) as catalog:
            assert study.job in catalog.jobs


def test_catalog_that_is_not_there_is_misconfigured(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        Catalog(tmp_path / "config.yml")


def test_closed_catalog_answers_nothing_and_closes_again(study: Study) -> None:
    catalog = study.open()
    assert repr(catalog) == f"<catalog of {study.installation.home}>"
    catalog.close()
    catalog.close()
    assert repr(catalog) == "<closed catalog>"
    with pytest.raises(RuntimeError, match="closed"):
        len(catalog.jobs)


@pytest.mark.parametrize("kind", SPECS)
def test_every_kind_has_its_name_and_that_of_its_collection(catalog: Catalog, kind: Kind) -> None:
    for name in (kind.value, SPECS[kind].collection):
        assert kind.value in repr(getattr(catalog, name))
    assert SPECS[kind].collection in dir(catalog)


def test_other_names_are_told_as_errors_of_python(catalog: Catalog) -> None:
    with pytest.raises(AttributeError, match="it has challenges, "):
        catalog.sampels  # noqa: B018


def test_importing_the_package_loads_nothing_and_the_catalog_no_ways_in() -> None:
    code = """
import sys
before = set(sys.modules)
import datacatalog
assert "Catalog" in dir(datacatalog)
print(sorted(name for name in set(sys.modules) - before if not name.startswith("datacatalog")))
print(sorted(name for name in sys.modules if name.startswith("datacatalog")))
from datacatalog import Catalog
heavy = {"click", "rich", "starlette", "uvicorn", "pandas", "prov", "rocrate", "pymongo"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['datacatalog']", "[]"]


# --------------------------------------------------------------------------------------------- finding


def test_jobs_are_found_by_state_and_pipeline(study: Study, catalog: Catalog) -> None:
    found = catalog.jobs.find(state="FINISHED", pipeline="tests/taco:1")
    assert study.job in [job.uuid for job in found]
    assert found == catalog.jobs.find(state="FINISHED", pipeline=study.pipeline)
    assert catalog.jobs.find(state="FAILED") == []
    assert catalog.jobs.count(state="FINISHED", pipeline=study.pipeline) == len(found)
    assert catalog.jobs.first(state="FAILED") is None
    job = catalog.jobs.get(study.job)
    assert (job.state, job["state"], job.kind) == ("FINISHED", "FINISHED", "pipelinejob")
    assert job.generated_by == [study.pipeline]


def test_what_cannot_be_searched_is_refused_with_what_can(catalog: Catalog) -> None:
    with pytest.raises(InvalidField, match="sample_id, lab_sample_id, strain"):
        catalog.samples.find(colour="red")
    with pytest.raises(InvalidField, match="one of CREATED"):
        catalog.jobs.find(state="DONE")
    with pytest.raises(UnknownRecord):
        catalog.jobs.find(pipeline="nobody/knows:1")
    with pytest.raises(InvalidField):
        catalog.pipelines.find(_fingerprint="x")
    with pytest.raises(InvalidField):
        catalog.jobs.count(colour="red")


def test_records_are_gone_through_page_by_page(
    study: Study, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_records, "BATCH", 3)
    catalog.load([{"sample_id": f"sample.tacc.page{n}"} for n in range(10)])
    uuids = [sample.uuid for sample in catalog.samples]
    assert len(uuids) == len(set(uuids)) == len(catalog.samples) >= 11
    assert uuids == sorted(uuids)
    assert [s.uuid for s in catalog.samples.find(limit=4)] == uuids[:4]
    assert next(iter(catalog.samples.each(sample_id="sample.tacc.page7"))).sample_id == "sample.tacc.page7"
    files = [file.uuid for file in catalog.jobs.each_file(study.job)]
    assert len(files) == len(set(files)) == 2


def test_records_are_got_by_anything_that_names_them(study: Study, catalog: Catalog) -> None:
    for reference in (study.file, SERIES, f"agave://{study.env.rules.default_system}{SERIES}"):
        assert catalog.files[reference].name == SERIES
        assert catalog.find(reference).uuid == study.file
    assert catalog.sample["sample.tacc.20001"].uuid == study.uuids["sample"]
    assert "sample.tacc.20001" in catalog.samples
    assert "sample.tacc.20001" not in catalog.files
    assert catalog.find("sample.tacc.20001", kinds="samples").kind == "sample"
    for ask in (catalog.find, catalog.samples.get, catalog.lineage, catalog.inputs, catalog.log):
        with pytest.raises(UnknownRecord):
            ask("sample.tacc.nobody")


def test_entry_stands_for_its_record_wherever_one_is_named(study: Study, catalog: Catalog) -> None:
    job = catalog.jobs[study.job]
    output = catalog.jobs.files(job)[0]
    assert output.generated_by == [job.uuid]
    assert catalog.jobs.history(job) == catalog.jobs.history(job.uuid)
    assert job in catalog.jobs
    assert output not in catalog.jobs
    assert catalog.find(catalog.lineage(output)[0]).uuid in {
        step.uuid for step in catalog.lineage(output.uuid)
    }
    assert [file.uuid for file in catalog.inputs(job)] == [study.file]
    assert output in catalog.outputs(catalog.files[SERIES]) or catalog.outputs(catalog.files[SERIES])
    samples = catalog.samples.find(sample_id="sample.tacc.20001")
    assert catalog.linked(samples, to="jobs") == catalog.linked(samples[0], to="jobs") != []
    assert catalog.verify(job) == []
    assert catalog.log(job) == catalog.log(job.uuid)
    assert job in catalog.jobs.find(pipeline=catalog.pipelines[study.pipeline], state="finished")
    with pytest.raises(InvalidField, match="no uuid"):
        catalog.find(Entry({}))


def test_limit_below_one_is_refused(catalog: Catalog) -> None:
    for limit in (0, -1):
        with pytest.raises(InvalidField, match="limit"):
            catalog.samples.find(limit=limit)


# ---------------------------------------------------------------------------------------------- asking


def test_files_of_a_job_come_with_size_and_checksum(study: Study, catalog: Catalog) -> None:
    files = {file.name.rpartition("/")[2]: file for file in catalog.jobs.files(study.job)}
    assert sorted(files) == ["a.csv", "b.csv"]
    assert files["a.csv"].size == 5
    assert files["a.csv"].checksum == f"sha256:{hashlib.sha256(b'a.csv').hexdigest()}"
    assert files["a.csv"].generated_by == [study.job]


def test_history_of_a_job_is_told_oldest_first(study: Study, catalog: Catalog) -> None:
    assert [entry.name for entry in catalog.jobs.history(study.job)][:3] == ["create", "run", "finish"]


def test_every_input_of_a_file_and_everything_that_came_of_a_sample_are_one_question_each(
    study: Study, catalog: Catalog
) -> None:
    output = catalog.jobs.files(study.job)[0]
    assert [file.name for file in catalog.inputs(output.uuid)] == [SERIES]
    made = {file.name.rpartition("/")[2] for file in catalog.outputs("sample.tacc.20001")}
    assert {"series.csv", "a.csv", "b.csv"} <= made
    assert {f.uuid for f in catalog.linked("sample.tacc.20001", to="files")} >= {study.file}
    assert study.job in [job.uuid for job in catalog.linked("sample.tacc.20001", to="jobs")]
    assert catalog.linked([], to="file") == []
    with pytest.raises(MixedLinkage):
        catalog.linked("sample.tacc.20001", to="process")
    with pytest.raises(InvalidField, match="no kind of record"):
        catalog.linked("sample.tacc.20001", to="thing")


def test_lineage_tells_steps_and_draws_them(study: Study, catalog: Catalog) -> None:
    output = catalog.jobs.files(study.job)[0]
    up = catalog.lineage(output.uuid)
    made = next(step for step in up if step.uuid == study.job)
    assert made.to_dict() == {
        "depth": 1, "uuid": study.job, "kind": "pipelinejob", "label": catalog.jobs[study.job].archive_path,
        "source": output.uuid, "relation": "generated_by", "target": study.job, "hidden": False,
    }  # fmt: skip
    assert {"SAMPLE", "Test-Design", SERIES} <= {s.label for s in up} | {"SAMPLE"}
    assert [s.kind for s in catalog.lineage(output.uuid, kinds=["samples"])] == ["sample"]
    assert {s.relation for s in catalog.lineage(output.uuid, relations="generated_by")} == {"generated_by"}
    assert {s.depth for s in catalog.lineage(output.uuid, depth=1)} == {1}
    down = catalog.lineage("sample.tacc.20001", "descendants")
    assert output.uuid in {step.uuid for step in down}
    both = catalog.lineage(study.job, "both")
    assert {study.uuids["sample"], output.uuid} <= {step.uuid for step in both}
    graph = both.graph()
    assert {node.uuid for node in graph.nodes} == {study.job, *(step.uuid for step in both)}
    assert both.tree().startswith("pipelinejob ")
    assert "digraph" in both.dot()
    assert "flowchart" in both.mermaid() or "graph" in both.mermaid()
    assert both.svg()._repr_svg_().startswith("<svg")
    assert both.dot()._repr_svg_() is None


def test_drawing_that_is_cut_warns(study: Study, catalog: Catalog) -> None:
    down = catalog.lineage("sample.tacc.20001", "descendants")
    with pytest.warns(UserWarning, match="nearest 1 record"):
        assert len(down.tree(limit=1).splitlines()) == 2
    assert len(down.graph().nodes) == len(down) + 1
    with pytest.raises(InvalidField, match="limit"):
        down.svg(limit=0)


@pytest.mark.parametrize(
    "asked", [{"direction": "sideways"}, {"depth": 0}, {"relations": "likes"}, {"kinds": ["thing"]}]
)
def test_question_that_makes_no_sense_is_refused(
    study: Study, catalog: Catalog, asked: dict[str, Any]
) -> None:
    with pytest.raises(InvalidField):
        catalog.lineage(study.job, **asked)


def test_verification_tells_faults_alone_or_everything(study: Study, catalog: Catalog) -> None:
    job = study.add_job("x.csv", "y.csv")
    assert catalog.verify(job) == []
    (study.storage / catalog.jobs[job].archive_path.lstrip("/") / "x.csv").write_bytes(b"other")
    (finding,) = catalog.verify(job)
    assert (finding.what, finding.recorded["size"]) == ("changed", 5)
    assert [f.what for f in catalog.verify(job, everything=True)] == ["changed", "ok"]
    assert catalog.verify(job, sample=1e-9, seed=7) == []
    with pytest.raises(NoSuchPath):
        catalog.verify("/nothing")


def test_provenance_is_exported_in_every_format(study: Study, catalog: Catalog) -> None:
    pytest.importorskip("prov")
    pytest.importorskip("rocrate")
    assert study.job in json.dumps(json.loads(catalog.export(study.job)))
    assert catalog.export(study.job, "prov-n").startswith(b"document")
    assert json.loads(catalog.export(study.job, "ro-crate"))["@graph"]
    with pytest.raises(InvalidField, match="prov-json"):
        catalog.export(study.job, "word")


# --------------------------------------------------------------------------------------------- writing


def test_record_is_put_patched_hidden_and_brought_back_and_its_log_tells(catalog: Catalog) -> None:
    made = catalog.put("sample", {"sample_id": "sample.tacc.put", "strain": "A"}, by="ada")
    assert (made.strain, made.revision) == ("A", 0)
    changed = catalog.patch("sample.tacc.put", {"strain": "B"}, if_revision=0)
    assert (changed.strain, changed.revision) == ("B", 1)
    with pytest.raises(PreconditionFailed):
        catalog.patch("sample.tacc.put", {"strain": "C"}, if_revision=0)
    catalog.delete("sample.tacc.put")
    assert "sample.tacc.put" not in catalog.samples
    assert [s.uuid for s in catalog.samples.find(sample_id="sample.tacc.put", hidden=True)] == [made.uuid]
    assert catalog.undelete(made.uuid).strain == "B"
    log = catalog.log(made.uuid)
    assert [entry.action for entry in log] == ["create", "update", "delete", "undelete"]
    assert log[1].diff == {"strain": ["A", "B"]}
    catalog.delete(made.uuid, force=True)
    assert catalog.log(made.uuid)[-1].action == "purge"


def test_update_log_names_the_user_of_the_machine_unless_somebody_else_is_named(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "grace")
    made = catalog.put("sample", {"sample_id": "sample.tacc.by"})
    catalog.patch(made, {"strain": "A"}, by="ada")
    catalog.delete(made)
    catalog.undelete(made)
    catalog.load([{"sample_id": "sample.tacc.by", "strain": "B"}])
    assert [entry.admin["by"] for entry in catalog.log(made)] == ["grace", "ada", "grace", "grace", "grace"]


def test_what_is_no_list_of_documents_is_not_loaded(catalog: Catalog, tmp_path: Path) -> None:
    for odd in ("samples.csv", tmp_path / "samples.csv", {"sample_id": "sample.tacc.one"}):
        with pytest.raises(InvalidField, match="several documents"):
            catalog.load(odd)  # type: ignore[arg-type]


def test_documents_of_any_kind_are_loaded_and_loading_again_changes_nothing(catalog: Catalog) -> None:
    documents = [
        {"experiment_id": "experiment.tacc.load"},
        {"sample_id": "sample.tacc.load", "child_of": ["experiment.tacc.load"]},
        {
            "measurement_id": "measurement.tacc.load",
            "measurement_type": "FLOW",
            "child_of": ["sample.tacc.load"],
        },
    ]
    assert catalog.load(iter(documents)) == {"created": 3, "updated": 0, "unchanged": 0}
    assert catalog.load(documents) == {"created": 0, "updated": 0, "unchanged": 3}
    assert catalog.load([{"id": "A_CHALLENGE", "title": "A"}], kind="challenge")["created"] == 1
    assert [m.measurement_id for m in catalog.linked("experiment.tacc.load", "measurements")] == [
        "measurement.tacc.load"
    ]


def test_bad_document_is_named_by_its_number_and_its_batch_is_not_written(catalog: Catalog) -> None:
    with pytest.raises((InvalidField, InvalidRecord)) as refused:
        catalog.load([{"sample_id": "sample.tacc.good"}, {"sample_id": 5}])
    assert refused.value.__notes__ == ["document 2"]
    assert "sample.tacc.good" not in catalog.samples
    with pytest.raises(InvalidField, match="JSON"):
        catalog.put("sample", {"sample_id": "sample.tacc.odd", "strain": {1, 2}})
    with pytest.raises(InvalidField, match="no kind of record"):
        catalog.put("thing", {})


# --------------------------------------------------------------------------------------------- entries


def test_entry_is_a_mapping_whose_fields_are_attributes(study: Study, catalog: Catalog) -> None:
    job = catalog.jobs[study.job]
    assert isinstance(job, Entry)
    assert dict(job) == job.to_dict()
    assert "state" in job
    assert "state" in dir(job)
    assert job.get("nothing") is None
    with pytest.raises(AttributeError, match="no field 'stat'; it has uuid, "):
        job.stat  # noqa: B018
    with pytest.raises(KeyError):
        job["stat"]
    with pytest.raises(AttributeError):
        job.state = "FAILED"
    job.to_dict()["data"]["n"] = "changed"
    assert job.data != {"n": "changed"}
    assert repr(job).startswith(f"<pipelinejob uuid='{study.job}'")
    assert pickle.loads(pickle.dumps(job)) == job


def test_foreign_text_is_no_markup_in_notebooks() -> None:
    entries = Entries([Entry({"title": "<script>alert(1)</script>", "n": n}) for n in range(30)])
    for html in (entries[0]._repr_html_(), entries._repr_html_()):
        assert "<script>" not in html
        assert "&lt;script&gt;" in html
    assert "10 more" in entries._repr_html_()
    assert Entries()._repr_html_() == "<p>nothing</p>"
    assert "more" not in entries[:5]._repr_html_()
    assert entries[-1].n == 29


def test_lists_become_data_frames_where_pandas_is(study: Study, catalog: Catalog) -> None:
    pandas = pytest.importorskip("pandas")
    frame = catalog.jobs.files(study.job).to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["size"]) == [5, 5]
    assert {"uuid", "name", "type", "checksum"} <= set(frame.columns)
    assert catalog.jobs.find(state="FAILED").to_pandas().empty
    assert min(catalog.lineage(study.job).to_pandas()["depth"]) == 1
    assert catalog.jobs.files(study.job).to_dicts()[0]["size"] == 5


def test_without_pandas_the_error_says_what_to_do(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        catalog.samples.find().to_pandas()


def test_threads_share_a_catalog(catalog: Catalog) -> None:
    counts, errors = list[int](), list[BaseException]()

    def ask(number: int) -> None:
        try:
            catalog.put("sample", {"sample_id": f"sample.tacc.thread{number}"})
            counts.append(len(list(catalog.samples)))
            catalog.lineage(f"sample.tacc.thread{number}")
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert max(counts) == len(catalog.samples)
