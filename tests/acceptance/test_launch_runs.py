"""Launches, from the message to the indexed files: gateway, worker and local platform of a real installation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from datacatalog.domain.kinds import Kind, Relation
from datacatalog.services.records import put_record
from tests.acceptance.site import closed, opened
from tests.harness import SYSTEM, Catalog, install, until
from tests.integration.platform_bench import Receiver, receiving
from tests.shared import shared

FERN = "fern-counter-0.1.0"
PUBLISHED = "urrutia-novel_chassis_app-0.1.0"
PATHS = ("read1", "read2", "fasta", "gff", "interval_file", "ref_flat", "dict_file")

PROGRAM = """
import json, pathlib, sys
given = sys.argv[1:]
pathlib.Path("given.json").write_text(json.dumps(given))
pathlib.Path("table.tsv").write_text("\\t".join(given))
pathlib.Path("scratch.tmp").write_text("x")
"""
"""Leaves three files, one of which tells what it was given."""


@dataclass(frozen=True, slots=True)
class Running:
    """An installation whose gateway runs, and somebody else who is called back."""

    catalog: Catalog
    receiver: Receiver

    def launched(self, body: dict[str, Any]) -> str:
        """Launch a job, and do all that follows from it."""
        answer = self.catalog.post("agave-proxy", body)
        assert answer.status_code == 202, answer.text
        self.catalog.work()
        return str(answer.json()["result"]["outcome"]["uuid"])

    def job(self, uuid: str) -> dict[str, Any]:
        return dict(self.catalog.app.env.store.read(lambda w: w.records.get(uuid)).body)  # type: ignore[arg-type]

    def linked(self, uuid: str, relation: Relation) -> list[str]:
        env = self.catalog.app.env
        return [link.target for link in env.store.read(lambda w: w.links.of(uuid, relation))]  # type: ignore[arg-type]

    def files(self, uuid: str) -> dict[str, Any]:
        """Return what was indexed: name in the archive -> its record."""
        env, path = self.catalog.app.env, self.job(uuid)["archive_path"]

        def look(work: Any) -> list[Any]:
            made = work.links.to(uuid, Relation.GENERATED_BY, kind=Kind.FILE)
            return [work.records.get(link.source) for link in made]

        found = {record.body["name"]: record for record in env.store.read(look)}
        return {name.removeprefix(f"{path}/"): record for name, record in found.items()}

    def archived(self, uuid: str, name: str) -> str:
        job = self.job(uuid)
        return (self.catalog.home / "storage" / SYSTEM / job["archive_path"].strip("/") / name).read_text()

    def submitted(self, uuid: str) -> str:
        """Return all that the platform keeps of a job's definition."""
        [link] = [
            e["data"]["job_link"] for e in self.catalog.history(uuid) if "job_link" in (e["data"] or {})
        ]
        return (self.catalog.home / "platform" / link.rpartition("/")[2] / "job.json").read_text()

    def put(self, kind: Kind, **fields: Any) -> str:
        env = self.catalog.app.env
        return str(env.store.transact(lambda work: put_record(kind, fields, work, env)).record.uuid)


def installed(home: Path, apps: dict[str, tuple[str, ...]], **platform: Any) -> Catalog:
    """Make an installation with apps (name -> its parameters), each of them a pipeline."""
    (home / "apps").mkdir(parents=True)
    for app, parameters in apps.items():
        definition = {
            "id": app,
            "command": ["{python}", "-c", PROGRAM, *(f"{{parameters.{name}}}" for name in parameters)],
            "parameters": {name: {"type": "string"} for name in parameters},
            "max_run_time": "48:00:00",
        }
        (home / "apps" / f"{app}.yml").write_text(yaml.safe_dump(definition))
    catalog = install(home, platform=platform)
    catalog.hierarchy()
    for app in apps:
        catalog.pipeline(id=app, components=[{"id": app, "inputs": {}, "parameters": {}}])
    return catalog


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    names = {FERN: ("outname", "path_read1"), PUBLISHED: ("outname", *(f"path_{name}" for name in PATHS))}
    with receiving() as receiver:
        home = tmp_path_factory.mktemp("running") / "home"
        catalog = installed(home, names, callbacks_to=[receiver.url])
        catalog.start("serve")
        catalog.wait_ready()
        yield Running(catalog, receiver)
        catalog.stop_all()
        catalog.app.close()


def fern(n: int, **changes: Any) -> dict[str, Any]:
    """Return a message of the published shape."""
    definition = {
        "name": f"fern {n}",
        "appId": FERN,
        "archive": "true",
        "archiveSystem": SYSTEM,
        "archivePath": "",
        "maxRunTime": "48:00:00",
        "inputs": {},
        "parameters": {"path_read1": f"/uploads/fern/{n}.fastq.gz", "outname": f"fern_{n}_time_5:hours"},
    }
    return {"parameters": {"sample_id": "sample.tacc.20001"}, "job_definition": definition, **changes}


def check_went_well(running: Running, uuid: str) -> None:
    """The history is the documented one, told by the platform alone, and the job is finished and indexed."""
    entries = running.catalog.history(uuid)
    names = [entry["name"] for entry in entries if entry["name"] not in ("resource", "update")]
    assert names == ["create", "run", "finish", "index", "indexed"], entries
    assert running.catalog.state(uuid) == "FINISHED"
    assert not any(entry.get("noted") or entry.get("implied") for entry in entries)


@pytest.mark.parametrize("n", range(1, 5))
def test_published_message_runs_from_end_to_end(running: Running, n: int):
    body = json.loads(shared("fixtures", "pipelinejobs", "agave-proxy", f"message0{n}.json").read_text())
    experiment = running.put(
        Kind.EXPERIMENT, experiment_id="experiment.uw_biofab.17016", title="Novel Chassis"
    )
    uuid = running.launched(body)
    check_went_well(running, uuid)
    given = body["job_definition"]["parameters"]
    wanted = [given["outname"], *(given[f"path_{name}"] for name in PATHS)]
    assert json.loads(running.archived(uuid, "given.json")) == wanted
    assert {"given.json", "table.tsv", "scratch.tmp"} < running.files(uuid).keys()
    assert running.linked(uuid, Relation.CHILD_OF) == [experiment]
    check_submitted_holds_nothing_of_ours(running, uuid, body)


def check_submitted_holds_nothing_of_ours(running: Running, uuid: str, body: dict[str, Any]) -> None:
    """Beyond the definition the platform is told where to archive and whom to notify, and no linkage."""
    text = running.submitted(uuid)
    job = running.job(uuid)
    assert job["archive_path"] in text
    for name, value in body.get("parameters", {}).items():
        assert name not in text
        assert not any(each in text for each in ([value] if isinstance(value, str) else value))
    assert not {"index_patterns", "processing_level", "instanced"} & set(text.split('"'))


@pytest.mark.parametrize(
    "parameters",
    [
        {"sample_id": ["sample.tacc.20001"]},
        {"measurement_id": ["measurement.tacc.0xDEADBEEF"], "experiment_id": "experiment.tacc.10001"},
        None,
    ],
)
def test_message_of_that_shape_runs_from_end_to_end_whatever_it_is_linked_to(
    running: Running, parameters: dict[str, Any] | None
):
    body = fern(1)
    del body["parameters"]
    if parameters is not None:
        body["parameters"] = parameters
    uuid = running.launched(body)
    check_went_well(running, uuid)
    assert json.loads(running.archived(uuid, "given.json")) == [
        "fern_1_time_5:hours",
        "/uploads/fern/1.fastq.gz",
    ]
    measurement = running.catalog.hierarchy()[Kind.MEASUREMENT]
    assert running.linked(uuid, Relation.CHILD_OF) == ([measurement] if parameters else [])
    check_submitted_holds_nothing_of_ours(running, uuid, body)


def test_every_control_of_a_message_does_what_it_says(running: Running):
    body = fern(
        2,
        instanced=False,
        data={"season": "spring"},
        index_patterns=["%5C.tsv$", "^given"],
        processing_level="2",
        archive_path=f"agave://{SYSTEM}/products/v2/ferns/2",
    )
    uuid = running.launched(body)
    check_went_well(running, uuid)
    job = running.job(uuid)
    assert job["archive_path"] == "/products/v2/ferns/2"
    assert job["data"] == {**body["job_definition"], **body["parameters"], "season": "spring"}
    files = running.files(uuid)
    assert {name: record.body["level"] for name, record in files.items()} == {
        "table.tsv": "2",
        "given.json": "2",
    }
    assert "spring" not in running.submitted(uuid)


def test_without_patterns_every_output_is_indexed_at_level_one(running: Running):
    files = running.files(running.launched(fern(3, index_patterns=[])))
    assert {"given.json", "table.tsv", "scratch.tmp"} < files.keys()
    assert {record.body["level"] for record in files.values()} == {"1"}


@pytest.mark.parametrize("own", [None, ["FINISHED"]])
def test_notifications_of_the_sender_are_kept_and_the_catalogs_are_added(
    running: Running, own: list[str] | None
):
    body = fern(5 + len(own or ()))
    if own is not None:
        url = f"{running.receiver.url}/mine?s=${{JOB_STATUS}}"
        body["job_definition"]["notifications"] = [{"event": each, "url": url} for each in own]
    before = len(running.receiver.received)
    uuid = running.launched(body)
    check_went_well(running, uuid)
    told = [one.path for one in running.receiver.received[before:]]
    assert told == (["/mine?s=FINISHED"] if own else [])
    kept = json.loads(running.submitted(uuid))
    urls = [each["url"] for each in notifications_in(kept)]
    assert len(urls) == len(own or ()) + 1
    check_callback(running, uuid, urls[-1])


def notifications_in(kept: Any) -> list[dict[str, Any]]:
    """Find the notifications in whatever form the platform keeps them."""
    if isinstance(kept, dict):
        if isinstance(kept.get("notifications"), list):
            return list(kept["notifications"])
        kept = list(kept.values())
    found = [notifications_in(each) for each in kept] if isinstance(kept, list) else []
    return next((each for each in found if each), [])


def check_callback(running: Running, uuid: str, url: str) -> None:
    """The callback names job, run and session, shows token and nonce, and leaves the platform to fill in the rest."""
    parts, job = urlsplit(url), running.job(uuid)
    said = {name: value for name, [value] in parse_qs(parts.query).items()}
    assert f"{parts.scheme}://{parts.netloc}" == running.catalog.url
    assert said.keys() == {"uuid", "token", "run", "session", "x-nonce", "status", "note"}
    assert (said["uuid"], said["run"], said["session"]) == (uuid, "1", job["session"])
    assert (said["status"], said["note"]) == ("${JOB_STATUS}", "${JOB_ERROR}")
    assert (len(said["token"]), said["x-nonce"][:5]) == (17, "TACC_")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"parameters": {"outname": "x"}}, "parameters/path_read1"),
        ({"parameters": {"outname": "x", "path_read1": "y", "path_read9": "z"}}, "path_read9"),
        ({"maxRunTime": "49:00:00"}, "maxRunTime"),
        ({"notifications": [{"event": "*", "url": "https://elsewhere.example.org/"}]}, "notifications/0/url"),
        ({"inputs": {"reads": "/uploads/none"}}, "reads"),
    ],
)
def test_definition_that_the_platform_refuses_leaves_a_failed_job_with_the_reason(
    running: Running, changes: dict[str, Any], reason: str
):
    body = fern(10)
    body["job_definition"] |= changes
    uuid = running.launched(body)
    assert running.catalog.state(uuid) == "FAILED"
    last = running.catalog.history(uuid)[-1]
    assert (last["name"], reason in last["data"]["reason"]) == ("fail", True), last
    assert running.files(uuid) == {}


def test_published_message_of_the_older_form_is_refused_and_nothing_is_written(running: Running):
    body = json.loads(shared("fixtures", "pipelinejobs", "agave-proxy", "message11.json").read_text())
    storage = running.catalog.home / "storage"
    before = ledger(running), sorted(storage.rglob("*"))
    answer = running.catalog.post("agave-proxy", body)
    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["result"]["errors"]] == ["/", "/collection"]
    assert (ledger(running), sorted(storage.rglob("*"))) == before


def ledger(running: Running) -> list[str]:
    """Return every job, and how many messages wait."""

    def look(work: Any) -> list[str]:
        return [record.uuid for record in work.records.page(Kind.PIPELINEJOB, limit=1000).records]

    store = running.catalog.app.env
    return [*store.store.read(look), str(dict(store.transport.depth()))]


def test_job_of_which_no_callback_gets_through_is_found_finished_and_is_indexed(tmp_path: Path):
    catalog = installed(tmp_path / "home", {FERN: ("outname", "path_read1")}, poll_interval_s=0.2)
    site = opened(catalog)  # Its gateway takes no connections: nobody can call back.
    try:
        uuid = site.send("agave-proxy", fern(1)).json()["result"]["outcome"]["uuid"]

        def indexed() -> bool:
            catalog.work("launch-job", "platform-jobs", "watch-job", "jobs-indexer", "index-archive")
            return catalog.history(uuid)[-1]["name"] == "indexed"

        until(indexed, 20)
        told = {entry["name"]: entry for entry in catalog.history(uuid)}
        assert told["run"]["implied"] is True
        assert told["finish"]["data"].items() >= {"status": "FINISHED", "polled": True}.items()
        assert told["indexed"]["data"]["files"] == 5
        assert catalog.state(uuid) == "FINISHED"
    finally:
        closed(site)
