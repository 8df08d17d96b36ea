"""A running installation, with a certificate of its own, and its clients: agavepy as it is published, another installation."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from agavepy.agave import Agave

from datacatalog.adapters.outgoing.web import Policy, WebOutgoing
from datacatalog.adapters.platforms.agave import AgavePlatform
from datacatalog.adapters.remote.conversation import Conversation, Fixed
from datacatalog.adapters.storage.agave import AgaveTree
from datacatalog.adapters.storage.served import ServedSystem
from datacatalog.adapters.storage.systems import Systems
from datacatalog.domain.errors import NoSuchPath, UnknownRecord
from datacatalog.interfaces.cli.up import is_ready
from tests.acceptance.certificates import certificate
from tests.harness import SYSTEM, Catalog, install, until
from tests.integration.platform_bench import Receiver, receiving

APP: dict[str, Any] = {
    "name": "count",
    "version": "1.0",
    "executionSystem": "local",
    "deploymentSystem": SYSTEM,
    "deploymentPath": "apps/count-1.0",
    "templatePath": "wrapper.sh",
    "inputs": [{"id": "table", "value": {"required": True}}],
    "parameters": [
        {"id": "wait", "value": {"type": "number", "default": 0}},
        {"id": "fail", "value": {"type": "bool", "default": False}},
    ],
}
WRAPPER = b"""
sleep "$wait"
[ "$fail" = false ] || { echo "not today" >&2; exit 3; }
mkdir results
wc -l < "$table" > results/lines.txt
"""


@dataclass(slots=True)
class Running:
    """A running installation, and what speaks to it."""

    catalog: Catalog
    process: subprocess.Popen[bytes]
    agave: Agave
    token: str
    certificate: str
    receiver: Receiver

    def get(self, path: str, **query: str) -> Any:
        answer = requests.get(
            f"{self.catalog.url}{path}",
            params=query,
            headers={"Authorization": f"Bearer {self.token}"},
            verify=self.certificate,
            timeout=10,
        )
        answer.raise_for_status()
        return answer.json()["result"]

    def ended(self, job: str) -> str:
        """Wait for the end of a platform job; return its status."""
        until(lambda: self.agave.jobs.get(jobId=job).status in ("FINISHED", "FAILED", "STOPPED"))
        return str(self.agave.jobs.getStatus(jobId=job).status)

    def definition(self, **changes: Any) -> dict[str, Any]:
        return {
            "appId": "count-1.0",
            "name": "counting",
            "inputs": {"table": f"agave://{SYSTEM}/uploads/table.csv"},
            "archive": True,
            **changes,
        }

    def notification(self, event: str = "*") -> dict[str, Any]:
        url = f"{self.receiver.url}/hook?a=${{STATUS}}&b=${{JOB_STATUS}}&c=${{JOB_ERROR}}"
        return {"event": event, "url": url, "persistent": True}


def client(url: str, token: str, certificate_file: str) -> Agave:
    """Return a client as docs/how-to/use-agave-clients.md makes one."""
    agave = Agave(api_server=url, token=token, refresh_token="-", verify=certificate_file, proxies={})
    agave.host = urlsplit(url).hostname
    agave.refresh_aris()
    return agave


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("agavepy")
    certificate_file, key_file = certificate(home)
    with receiving() as receiver:
        catalog = install(
            home / "catalog",
            gateway={"tls_certificate_file": str(certificate_file), "tls_key_file": str(key_file)},
            platform={"registration": True, "callbacks_to": [receiver.url]},
            worker={"retry_base_s": 0.05},
        )
        try:
            yield started(catalog, receiver, str(certificate_file))
        finally:
            catalog.stop_all()
            catalog.app.close()


def started(catalog: Catalog, receiver: Receiver, certificate_file: str) -> Running:
    process = catalog.start("up")
    token = catalog.app.bearer.make("ada", level="UPDATE", at=datetime.now(UTC), lifetime=timedelta(hours=1))
    until(lambda: requests.get(f"{catalog.url}/readyz", verify=certificate_file, timeout=1).ok)
    assert is_ready(catalog.url)
    running = Running(
        catalog, process, client(catalog.url, token, certificate_file), token, certificate_file, receiver
    )
    deploy(running.agave)
    return running


def file_called(name: str, content: bytes) -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = name
    return file


def deploy(agave: Agave) -> None:
    """Upload an app's folder and an input, and register the app."""
    for path in ("apps/count-1.0", "uploads"):
        agave.files.manage(systemId=SYSTEM, filePath="/", body={"action": "mkdir", "path": path})
    put = agave.files.importData
    put(systemId=SYSTEM, filePath="apps/count-1.0", fileToUpload=file_called("wrapper.sh", WRAPPER))
    put(systemId=SYSTEM, filePath="uploads", fileToUpload=file_called("table.csv", b"1\n2\n3\n"))
    assert agave.apps.add(body=APP).id == "count-1.0"


def test_files_are_uploaded_listed_and_downloaded(running: Running):
    agave = running.agave
    listed = agave.files.list(systemId=SYSTEM, filePath="uploads")
    assert [(each.name, each.type, each.length) for each in listed] == [
        (".", "dir", 0),
        ("table.csv", "file", 6),
    ]
    assert agave.files.download(systemId=SYSTEM, filePath="uploads/table.csv").content == b"1\n2\n3\n"
    assert [each.name for each in agave.files.listOnDefaultSystem(filePath="/", limit=2)] == [".", "apps"]
    with pytest.raises(requests.HTTPError, match="404"):
        agave.files.list(systemId="elsewhere", filePath="/")


def test_commands_of_agavepy_for_files_work_too(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", running.certificate)
    agave = client(running.catalog.url, running.token, running.certificate)
    agave.token = running.token
    (tmp_path / "local.txt").write_bytes(b"mine")
    agave.files_mkdir(f"{SYSTEM}/commands/sub")
    agave.files_upload(str(tmp_path / "local.txt"), f"{SYSTEM}/commands/remote.txt")
    agave.files_copy(f"{SYSTEM}/commands/remote.txt", f"{SYSTEM}/commands/sub/copy.txt")
    agave.files_import(f"agave://{SYSTEM}/commands/sub/copy.txt", f"{SYSTEM}/commands")
    agave.files_download(f"{SYSTEM}/commands/copy.txt", str(tmp_path / "back.txt"))
    assert (tmp_path / "back.txt").read_bytes() == b"mine"
    capsys.readouterr()
    agave.files_list(f"{SYSTEM}/commands", long_format=True)
    assert {line.split()[-1] for line in capsys.readouterr().out.splitlines()[1:]} == {
        "./", "copy.txt", "remote.txt", "sub/",
    }  # fmt: skip
    with pytest.raises(Exception, match="not-clearable"):
        agave.files_delete(f"{SYSTEM}/commands/copy.txt")


def test_apps_systems_and_oneself_are_known(running: Running):
    agave = running.agave
    assert [app.id for app in agave.apps.list()] == ["count-1.0"]
    assert agave.apps.get(appId="count-1.0").templatePath == "wrapper.sh"
    assert {(system.id, system.type) for system in agave.systems.list()} == {
        (SYSTEM, "STORAGE"),
        ("local", "EXECUTION"),
    }
    assert agave.systems.get(systemId=SYSTEM).default is True
    assert agave.profiles.get().username == "ada"


def test_job_is_submitted_watched_and_its_outputs_downloaded(running: Running, tmp_path: Path):
    agave = running.agave
    job = agave.jobs.submit(body=running.definition())
    assert running.ended(job.id) == "FINISHED"
    assert [step.status for step in agave.jobs.getHistory(jobId=job.id)][-3:] == [
        "ARCHIVING", "ARCHIVING_FINISHED", "FINISHED",
    ]  # fmt: skip
    assert [each.name for each in agave.jobs.listOutputs(jobId=job.id, filePath="results")] == [
        ".",
        "lines.txt",
    ]
    assert "results" in [each.name for each in agave.jobs.listOutputs(jobId=job.id, filePath="/")]
    # What downloadOutput of the resource is given, it reads as JSON; the operation below it returns what was sent.
    whole = agave.all.jobs.downloadOutput(jobId=job.id, filePath="results/lines.txt", proxies={})
    assert whole.content == b"3\n"
    agave.download_uri(
        f"{running.catalog.url}/jobs/v2/{job.id}/outputs/media/results/lines.txt", str(tmp_path / "x")
    )
    assert (tmp_path / "x").read_bytes() == b"3\n"
    assert job.id in [each.id for each in agave.jobs.list(limit=5)]
    assert job.id in [each.id for each in agave.jobs.search(attribute="status", value="FINISHED")]


def test_job_that_takes_long_is_stopped(running: Running):
    job = running.agave.jobs.submit(body=running.definition(parameters={"wait": 600}))
    until(lambda: running.agave.jobs.get(jobId=job.id).status == "RUNNING")
    running.agave.jobs.manage(jobId=job.id, body={"action": "stop"})
    assert running.ended(job.id) == "STOPPED"


def test_notifications_are_filled_in_and_sent_again_until_they_are_taken(running: Running):
    running.receiver.received.clear()
    running.receiver.answers[:] = [500, 500]
    notifications = [running.notification("FAILED")]
    job = running.agave.jobs.submit(
        body=running.definition(parameters={"fail": True}, notifications=notifications)
    )
    assert running.ended(job.id) == "FAILED"
    until(lambda: len(running.receiver.received) == 3)
    assert {one.path for one in running.receiver.received} == {
        "/hook?a=FAILED&b=FAILED&c=the%20command%20ended%20with%20exit%20code%203%3A%20not%20today"
    }
    assert len({one.delivery for one in running.receiver.received}) == 1
    told = running.agave.notifications.list(associatedUuid=job.id)
    assert [(each.event, each.url) for each in told] == [("FAILED", notifications[0]["url"])]


def test_definition_sent_to_the_proxy_becomes_a_job_of_the_ledger(running: Running):
    agave, catalog = running.agave, running.catalog
    catalog.hierarchy()
    catalog.pipeline(id="count-1.0", components=[{"id": "count-1.0", "inputs": {}, "parameters": {}}])
    sent = agave.actors.sendMessage(
        actorId="agave-proxy",
        body={
            "message": {
                "job_definition": {
                    "appId": "count-1.0",
                    "name": "managed",
                    "inputs": {"table": f"agave://{SYSTEM}/uploads/table.csv"},
                },
                "parameters": {"sample_id": "sample.tacc.20001"},
            }
        },
    )
    execution = agave.actors.getExecution(actorId="agave-proxy", executionId=sent.executionId)
    assert (execution.id, execution.status) == (sent.executionId, "COMPLETE")
    assert sent.executionId in [
        each["id"] for each in agave.actors.listExecutions(actorId="agave-proxy").executions
    ]
    assert agave.actors.getExecutionLogs(actorId="agave-proxy", executionId=sent.executionId).logs
    uuid = sent.outcome["uuid"]
    until(lambda: running.get(f"/catalog/v1/jobs/{uuid}")["history"][-1]["name"] == "indexed", 30)
    job = running.get(f"/catalog/v1/jobs/{uuid}")
    archived = agave.files.list(systemId=job["archive_system"], filePath=f"{job['archive_path']}/results")
    assert [each.name for each in archived] == [".", "lines.txt"]
    nodes = running.get(f"/catalog/v1/jobs/{uuid}/lineage", direction="both")["nodes"]
    assert {f"{job['archive_path']}/results/lines.txt", "sample.tacc.20001"} <= {
        node["label"] for node in nodes
    }


def test_nonces_are_made_listed_and_revoked(running: Running):
    agave = running.agave
    assert {"agave-proxy", "jobs-manager"} <= {actor.name for actor in agave.actors.list()}
    made = agave.actors.addNonce(actorId="agave-proxy", body={"level": "READ", "maxUses": 2})
    assert agave.actors.listNonces(actorId="agave-proxy")[-1].level == "READ"
    by_nonce = Agave(api_server=running.catalog.url, use_nonce=True, verify=running.certificate, proxies={})
    assert by_nonce.actors.get(actorId="agave-proxy", nonce=made.id).name == "agave-proxy"
    shown = agave.actors.getNonce(actorId="agave-proxy", nonceId=made.id)
    assert (shown.maxUses, shown.remainingUses, shown.level) == (2, 1, "READ")
    assert shown.lastUseTime
    agave.actors.deleteNonce(actorId="agave-proxy", nonceId=made.id)
    with pytest.raises(requests.HTTPError, match="401"):
        by_nonce.actors.get(actorId="agave-proxy", nonce=made.id)


# --------------------------------------------------------------- another installation as a client


def asking(running: Running) -> Conversation:
    url = running.catalog.url
    outgoing = WebOutgoing(Policy(origins=[url], trusted={url: running.certificate}))
    return Conversation(outgoing, url, Fixed(running.token), header="Authorization", scheme="Bearer")


@pytest.fixture
def elsewhere(running: Running) -> AgavePlatform:
    """What another installation asks, whose platform is an Agave tenant: this one."""
    return AgavePlatform(asking(running), owned_by="elsewhere", registration=True)


def test_another_installation_computes_here(running: Running, elsewhere: AgavePlatform):
    definition = running.definition(archive=False)
    job = elsewhere.submit(definition, key="a launch")
    assert elsewhere.submit(definition, key="a launch").id == job.id
    assert running.ended(job.id) == "FINISHED"
    assert elsewhere.history(job.id)[-1].status == elsewhere.job(job.id).status == "FINISHED"
    assert [entry.path for entry in elsewhere.outputs(job.id)][-1] == "/results"
    assert [entry.path for entry in elsewhere.outputs(job.id, "/results")] == ["/results/lines.txt"]
    with elsewhere.output(job.id, "/results/lines.txt") as file:
        assert file.read() == b"3\n"
    assert [each.id for each in elsewhere.jobs(tenant="elsewhere")] == [job.id]
    long = elsewhere.submit(running.definition(parameters={"wait": 600}), key="a long one")
    elsewhere.cancel(long.id)
    assert running.ended(long.id) == "STOPPED"
    assert "count-1.0" in elsewhere.apps()
    assert elsewhere.app("count-1.0")["templatePath"] == "wrapper.sh"
    with pytest.raises(UnknownRecord):
        elsewhere.job("1234567890123456789-242ac11b-0001-007")
    with pytest.raises(NoSuchPath):
        elsewhere.output(job.id, "/none")


def test_another_installation_keeps_files_here(running: Running):
    storage = Systems(
        {"there": ServedSystem("there", AgaveTree(asking(running), SYSTEM))}, clearable=["/products/v2"]
    )
    storage.make_directory("there", "/products/v2/kept/sub")
    storage.put("there", "/products/v2/kept/a.txt", io.BytesIO(b"old"))
    storage.put("there", "/products/v2/kept/a.txt", io.BytesIO(b"new"))
    storage.put("there", "/elsewhere/b.txt", io.BytesIO(b"b"))
    assert storage.stat("there", "/products/v2/kept/a.txt").size_bytes == 3
    storage.move("there", "/products/v2/kept/a.txt", "/products/v2/kept/sub/c.txt")
    with storage.open("there", "/products/v2/kept/sub/c.txt") as file:
        assert file.read() == b"new"
    assert [entry.path for entry in storage.list("there", "/products/v2/kept")] == ["/products/v2/kept/sub"]
    assert [info.path for info in storage.walk("there", "/products/v2/kept")] == [
        "/products/v2/kept/sub/c.txt"
    ]
    assert storage.delete("there", "/products/v2/kept") == 1
    with pytest.raises(NoSuchPath):
        storage.stat("there", "/products/v2/kept/sub/c.txt")


def test_upload_takes_no_memory_whatever_its_size(running: Running):
    gateway = next(
        child for child in psutil.Process(running.process.pid).children() if "serve" in child.cmdline()
    )
    before, size = gateway.memory_info().rss, 48 << 20
    running.agave.files.importData(
        systemId=SYSTEM, filePath="uploads", fileToUpload=file_called("large", bytes(size))
    )
    listed = running.agave.files.list(systemId=SYSTEM, filePath="uploads/large")
    assert [each.length for each in listed] == [size]
    assert gateway.memory_info().rss - before < size // 4
