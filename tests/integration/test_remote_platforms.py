"""Launches on platforms of other sites: from the message to the index, with a real gateway that is called back."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from datacatalog.adapters.platforms.agave import AgavePlatform
from datacatalog.adapters.remote.conversation import Conversation, Fixed
from datacatalog.domain.errors import NoSuchPath, UnknownRecord
from datacatalog.domain.kinds import Kind
from datacatalog.interfaces.http.gateway import asgi
from datacatalog.ports.outgoing import Reply, Stream
from tests.contracts import fake_agave, fake_tapis
from tests.contracts.fake_site import Trouble, serving
from tests.harness import SYSTEM, Catalog, free_port, install, until

APP = "tacobot9000-0.1.0u1"
TOKEN = secrets.token_hex(16)
PRODUCT = "result.txt"


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def installed(home: Path, cleanup: ExitStack, token: str = "", **sections: Any) -> Catalog:
    """Make an installation whose storage others may share."""
    home.mkdir(parents=True)
    keys = {name: secrets.token_urlsafe(48) for name in ("token_key", "administrator_key", "bearer_key")}
    (home / "secrets.json").touch(mode=0o600)
    (home / "secrets.json").write_text(json.dumps({**keys, **({"platform_token": token} if token else {})}))
    catalog = install(home, **sections)
    cleanup.callback(catalog.app.close)
    cleanup.callback(catalog.stop_all)
    return catalog


def served(catalog: Catalog) -> Catalog:
    """Let the gateway of an installation answer, in a process of its own."""
    catalog.start("serve")
    catalog.wait_ready()
    return catalog


def shared_storage(tmp_path: Path) -> dict[str, Any]:
    return {"systems": {SYSTEM: {"root": str(tmp_path / "storage")}}}


def at_platform(
    tmp_path: Path, cleanup: ExitStack, kind: str, url: str, token: str = TOKEN, **sections: Any
) -> Catalog:
    """Make an installation that computes elsewhere, with what launches name."""
    sections |= {"platform": {"kind": kind, "url": url}, "storage": shared_storage(tmp_path)}
    catalog = installed(tmp_path / "catalog", cleanup, token, **sections)
    catalog.hierarchy()
    catalog.pipeline(id=APP, components=[{"id": APP, "inputs": {}, "parameters": {}}])
    return catalog


def launch(**message: Any) -> dict[str, Any]:
    """Return a message to the proxy."""
    definition = {
        "appId": APP,
        "name": "TACObot job",
        "inputs": {},
        "parameters": {},
        "maxRunTime": "00:01:00",
        **message.pop("job_definition", {}),
    }
    return {"job_definition": definition, "parameters": {"sample_id": "sample.tacc.20001"}, **message}


def launched(answer: Any) -> dict[str, Any]:
    """Return what the proxy says of a job that was launched."""
    assert answer.status_code == 202, answer.text
    outcome: dict[str, Any] = answer.json()["result"]["outcome"]
    return outcome


def archived(tmp_path: Path, outcome: dict[str, Any], name: str, content: str) -> None:
    """Leave a file where a job archives, as its platform does."""
    folder = tmp_path / "storage" / outcome["archive_uri"].removeprefix(f"agave://{SYSTEM}/")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content)


def events(catalog: Catalog, uuid: str) -> list[str]:
    """Return what happened to a job, without what a platform said on the way."""
    names = [entry["name"] for entry in catalog.history(uuid)]
    return [name for name in names if name not in ("resource", "update")]


def files(catalog: Catalog) -> int:
    """Return how many files are indexed."""
    return catalog.app.env.store.read(lambda work: work.records.count(Kind.FILE))


TAPIS_APP = fake_tapis.app("tacobot9000", "0.1.0u1")


def fake(kind: str) -> Any:
    if kind == "agave":
        return fake_agave.fake_agave(TOKEN, fake_agave.app(APP))
    return fake_tapis.fake_tapis(TOKEN, TAPIS_APP)


WAYS = {"agave": fake_agave.GOOD_WAY, "tapis": fake_tapis.GOOD_WAY}


@pytest.mark.parametrize("kind", WAYS)
def test_launch_runs_elsewhere_calls_back_and_is_indexed(
    tmp_path: Path, cleanup: ExitStack, kind: str
) -> None:
    there = cleanup.enter_context(serving(fake(kind)))
    catalog = at_platform(tmp_path, cleanup, kind, there.url)
    gateway = TestClient(asgi(catalog.app))
    cleanup.callback(gateway.app.state.gateway.close)  # type: ignore[attr-defined]
    there.deliver = lambda url, body, headers: answers.append(
        gateway.post(url, content=body, headers=headers)
    )
    answers: list[Any] = []
    outcome = launched(
        gateway.post("/actors/v2/agave-proxy/messages", params={"x-nonce": catalog.nonce}, json=launch())
    )
    submission = "/v3/jobs/submit" if kind == "tapis" else "/jobs/v2"
    there.trouble.append(Trouble("POST", submission, answer=None))

    # The answer to the submission is lost, and the launch tried again.
    until(lambda: catalog.work() >= 0 and catalog.history(outcome["uuid"])[-1]["name"] == "resource")
    (job_id,) = there.jobs
    archived(tmp_path, outcome, PRODUCT, "42")
    there.move(job_id, *WAYS[kind])
    catalog.work()

    assert there.broken == []
    assert {answer.status_code for answer in answers} == {200}
    assert events(catalog, outcome["uuid"])[:5] == ["create", "run", "finish", "index", "indexed"]
    assert catalog.state(outcome["uuid"]) == "FINISHED"
    assert files(catalog) == 1
    assert TOKEN not in json.dumps(catalog.history(outcome["uuid"]))
    [job] = gateway.get("/jobs/v2", params={"x-nonce": catalog.nonce}).json()["result"]
    for link in job["_links"].values():
        path = link["href"].removeprefix(catalog.app.settings.api_url)
        assert gateway.get(path, params={"x-nonce": catalog.nonce}).status_code == 200, path


def test_launch_runs_at_another_installation_of_this_gateway(tmp_path: Path, cleanup: ExitStack) -> None:
    port = free_port()
    there = served(computing(tmp_path, cleanup, callbacks_to=f"http://127.0.0.1:{port}"))
    bearer = there.app.bearer.make(
        "catalog", level="EXECUTE", at=there.app.env.clock.now(), lifetime=timedelta(hours=1)
    )
    catalog = served(at_platform(tmp_path, cleanup, "agave", there.url, bearer, gateway={"port": port}))
    message = launch(archive_path=f"agave://{SYSTEM}/archive/of-a-launch")
    outcome = launched(catalog.post("agave-proxy", message))

    def indexed() -> bool:
        catalog.work()
        there.work()
        return "indexed" in events(catalog, outcome["uuid"])

    until(indexed, 40)
    assert events(catalog, outcome["uuid"])[:5] == ["create", "run", "finish", "index", "indexed"]
    # What the app wrote, and what it printed.
    assert files(catalog) == 3


def computing(tmp_path: Path, cleanup: ExitStack, callbacks_to: str) -> Catalog:
    """Make the installation that computes; its storage is the other one's, too."""
    (tmp_path / "apps").mkdir()
    app = {"id": APP, "command": ["{python}", "-c", f"open('{PRODUCT}', 'w').write('42')"]}
    (tmp_path / "apps" / f"{APP}.yml").write_text(yaml.safe_dump(app))
    return installed(
        tmp_path / "computing",
        cleanup,
        storage=shared_storage(tmp_path),
        platform={"apps": str(tmp_path / "apps"), "callbacks_to": [callbacks_to]},
    )


@dataclass
class InProcess:
    """Implements ports.outgoing.Outgoing: speaks to a gateway in this process."""

    client: TestClient

    def check(self, url: str, place: str) -> None:
        pass

    def send(self, method: str, url: str, *, headers: Any = None, body: Any = None) -> Reply:
        answer = self.client.request(method, url, headers=dict(headers or {}), content=body)
        return Reply(status=answer.status_code, headers=dict(answer.headers), body=answer.content)

    @contextmanager
    def open(self, method: str, url: str, *, headers: Any = None) -> Iterator[Stream]:
        reply = self.send(method, url, headers=headers)
        yield Stream(status=reply.status, headers=reply.headers, chunks=iter([reply.body]))


def test_gateway_answers_all_that_the_agave_platform_asks(tmp_path: Path, cleanup: ExitStack) -> None:
    there = computing(tmp_path, cleanup, callbacks_to="http://127.0.0.1:9")
    gateway = TestClient(asgi(there.app), base_url=there.url)
    cleanup.callback(gateway.app.state.gateway.close)  # type: ignore[attr-defined]
    bearer = there.app.bearer.make(
        "catalog", level="EXECUTE", at=there.app.env.clock.now(), lifetime=timedelta(hours=1)
    )
    tenant = Conversation(
        InProcess(gateway), there.url, Fixed(bearer), header="Authorization", scheme="Bearer"
    )
    platform = AgavePlatform(tenant, owned_by="default")
    definition = {"appId": APP, "name": "TACObot job", "archive": True, "archivePath": "/archive/one"}

    assert platform.app(APP)["id"] == APP
    assert platform.apps() == [APP]
    job = platform.submit(definition, key="k")
    assert platform.submit(definition, key="k").id == job.id
    assert [one.id for one in platform.jobs(tenant="default")] == [job.id]
    there.work()
    assert platform.job(job.id).status == "FINISHED"
    assert [step.status for step in platform.history(job.id)][-1] == "FINISHED"
    assert f"/{PRODUCT}" in [entry.path for entry in platform.outputs(job.id)]
    with platform.output(job.id, f"/{PRODUCT}") as file:
        assert file.read() == b"42"

    stopped = platform.submit({**definition, "archivePath": "/archive/two"}, key="other")
    platform.cancel(stopped.id)
    there.work()
    assert platform.job(stopped.id).status == "STOPPED"
    platform.cancel(stopped.id)
    with pytest.raises(UnknownRecord):
        platform.job("7381691026605150696-242ac11b-0001-007")
    with pytest.raises(UnknownRecord):
        platform.app("no-such-app-1.0")
    with pytest.raises(NoSuchPath):
        platform.output(job.id, "/nothing")
