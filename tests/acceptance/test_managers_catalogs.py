"""Which catalog a manager opens, what configures it, and how reactors and tokens find it."""

from __future__ import annotations

import base64
import importlib
import logging
import os
import re
import secrets
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pymongo
import pytest

from datacatalog import tokens
from datacatalog.domain.errors import Misconfigured, StoreDown
from datacatalog.domain.kinds import Kind
from datacatalog.managers import mongodb
from datacatalog.managers.common import Manager
from datacatalog.managers.pipelinejobs import (
    ManagedPipelineJob,
    ManagedPipelineJobError,
    ManagedPipelineJobInstance,
    ReactorManagedPipelineJob,
)
from datacatalog.managers.pipelinejobs.config import (
    CorePipelinesConfig,
    PipelineJobsConfig,
    PipelinesConfig,
)
from datacatalog.services.access import authenticate
from datacatalog.services.reading import Request
from datacatalog.services.reception import Envelope, receive
from tests.harness import Catalog, install
from tests.shared import REPOSITORY

SERVER = os.environ.get("DATACATALOG_TEST_MONGODB")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog for all tests of this module; each closes the managers that it opens."""
    made = install(tmp_path_factory.mktemp("catalog"))
    yield made
    made.app.close()


@pytest.fixture
def installed(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """A catalog that is the configured installation."""
    monkeypatch.setenv("DATACATALOG_CONFIG", str(catalog.home / "config.yml"))
    return catalog


# --------------------------------------------------------------------------------------- import paths


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("pipelinejobs", "ManagedPipelineJob ReactorManagedPipelineJob ManagedPipelineJobInstance ManagedPipelineJobError"),
        ("pipelinejobs.config", "CorePipelinesConfig PipelineJobsConfig PipelinesConfig"),
        ("pipelinejobs.exceptions", "ManagedPipelineJobError"),
        ("pipelinejobs.indexer", "Indexer"),
        ("pipelinejobs.indexrequest", "ArchiveIndexRequest ProductIndexRequest IndexRequest IndexType IndexingError InvalidIndexingRequest"),
        ("pipelinejobs.instanced", "ManagedPipelineJobInstance"),
        ("pipelinejobs.jobmanager", "JobManager"),
        ("pipelinejobs.reactor", "ReactorManagedPipelineJob"),
        ("pipelinejobs.store", "ManagedPipelineJob"),
        ("common", "Manager"),
    ],
)  # fmt: skip
def test_published_import_paths_lead_to_classes(module: str, names: str) -> None:
    found = importlib.import_module(f"datacatalog.managers.{module}")
    assert all(isinstance(getattr(found, name), type) for name in names.split())


# --------------------------------------------------------------------------------- opening and closing


@pytest.mark.parametrize("said", [None, {}])
def test_nothing_said_opens_the_configured_installation(installed: Catalog, said: Any) -> None:
    uuid = installed.hierarchy()[Kind.SAMPLE]
    with Manager(said) as manager:
        assert manager.get_by_identifier("sample.tacc.20001")["uuid"] == uuid
        assert manager.get_by_uuid(uuid)["sample_id"] == "sample.tacc.20001"
        assert manager.get_uuid_from_identifier("sample.tacc.20001") == uuid
        with pytest.raises(ValueError):
            manager.get_by_identifier("sample.tacc.none")


def test_a_configuration_or_a_store_can_be_named(
    catalog: Catalog, installed: Catalog, tmp_path: Path
) -> None:
    catalog.hierarchy()
    with Manager({"config": str(catalog.home / "config.yml")}) as manager:
        assert manager.get_uuid_from_identifier("sample.tacc.20001")
    with Manager({"url": f"sqlite:///{tmp_path}/other.db"}) as manager, pytest.raises(ValueError):
        manager.get_uuid_from_identifier("sample.tacc.20001")
    assert (tmp_path / "other.db").exists()


def _authn(url: str) -> str:
    return base64.urlsafe_b64encode(url.encode()).decode()


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ({"authn": _authn("mongodb://db.example.org"), "database": "c"}, "mongodb://db.example.org/c"),
        ({"authn": _authn("mongodb://a,b/c?replicaSet=r")}, "mongodb://a,b/c?replicaSet=r"),
        ({"authn": _authn("mongodb://a/admin"), "database": "c"}, "mongodb://a/c?authSource=admin"),
        ({"database": "c"}, "mongodb://localhost:27017/c"),
        ({"host": "h", "port": "27018", "database": "c"}, "mongodb://h:27018/c"),
        (
            {"host": "h", "username": "u@x", "password": "secret", "database": "c", "auth_source": "admin"},
            "mongodb://u%40x:secret@h:27017/c?authSource=admin",
        ),
        ({"host": "h", "database": "c", "replica_set": "r"}, "mongodb://h:27017/c?replicaSet=r"),
    ],
)
def test_published_settings_of_mongodb_are_the_url_of_a_store(said: dict[str, Any], url: str) -> None:
    assert mongodb.url_of(said) == url


@pytest.mark.parametrize(
    "said",
    [
        {"authn": "bW9uZ29kYjovLw==", "database": ""},
        {"authn": None, "database": "canary"},
        {"authn": _authn("https://canary.example.org/"), "database": "c"},
        {"host": "h", "port": "canary", "database": "c"},
        {"host": "h", "username": "u", "database": "c"},
        {"host": "h", "password": "canary"},
        {"url": "mongodb://h/c", "database": "c"},
        {"url": "mongodb://h"},
    ],
)
def test_settings_of_mongodb_that_lead_nowhere_are_refused(installed: Catalog, said: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured) as refused:
        ManagedPipelineJob(said, {})
    assert "canary" not in str(refused.value)


@pytest.mark.service
@pytest.mark.skipif(SERVER is None, reason="$DATACATALOG_TEST_MONGODB names no MongoDB server")
def test_managers_open_a_catalog_in_mongodb_by_its_published_settings(installed: Catalog) -> None:
    name = f"t{secrets.token_hex(6)}"
    try:
        with Manager({"authn": _authn(str(SERVER)), "database": name}) as manager:
            assert manager.env.store.check()["engine"] == "mongodb"
            with pytest.raises(ValueError):
                manager.get_uuid_from_identifier("sample.tacc.20001")
    finally:
        with pymongo.MongoClient[Any](SERVER) as client:
            client.drop_database(name)


@pytest.mark.parametrize(
    "said",
    [
        {"colour": "red"},
        {"url": "postgresql://db/catalog"},
        "sqlite:///x.db",
        {"config": "/nowhere/config.yml"},
    ],
)
def test_what_opens_no_catalog_is_refused(installed: Catalog, said: Any) -> None:
    with pytest.raises(Misconfigured):
        Manager(said)


def test_managers_of_one_configuration_share_a_catalog_until_the_last_one_closes(
    installed: Catalog,
) -> None:
    first, second = Manager(), Manager({"config": str(installed.home / "config.yml")})
    assert first.env is second.env
    first.close()
    first.close()
    with pytest.raises(RuntimeError):
        _ = first.env
    assert second.env.store.check()
    before = second.env
    second.close()
    with Manager() as third:
        assert third.env is not before


def test_many_threads_open_one_catalog(installed: Catalog) -> None:
    found, ready = [], threading.Barrier(4)

    def open_one() -> None:
        ready.wait()
        found.append(Manager())

    threads = [threading.Thread(target=open_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(manager.env) for manager in found}) == 1
    for manager in found:
        manager.close()


def test_a_forked_process_opens_a_catalog_of_its_own(installed: Catalog) -> None:
    with Manager() as parent:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with Manager() as own:
                    status = 0 if own.env is not parent.env and own.env.store.check() else 1
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert parent.env.store.check()


def test_a_store_that_is_down_keeps_an_error_of_its_own(tmp_path: Path) -> None:
    catalog = install(tmp_path / "home")
    job = ManagedPipelineJob(catalog.app, pipeline_uuid=catalog.pipeline()).setup()
    catalog.app.close()
    with pytest.raises(StoreDown):
        job.run()


def test_a_catalog_that_was_passed_in_stays_open(catalog: Catalog) -> None:
    with Manager(catalog.app) as manager:
        assert manager.env is catalog.app.env
    assert catalog.app.env.store.check()


def test_a_job_that_cannot_be_described_leaves_no_catalog_open(installed: Catalog) -> None:
    with pytest.raises(ManagedPipelineJobError):
        ManagedPipelineJob({}, {})
    with pytest.raises(ManagedPipelineJobError):
        ManagedPipelineJobInstance({}, "meep")
    with Manager() as alone, Manager() as other:
        before = alone.env
        assert other.env is before
    with Manager() as later:
        assert later.env is not before


# ---------------------------------------------------------------------------------------- configuration


def test_configuration_names_every_required_key_that_is_missing() -> None:
    with pytest.raises(ManagedPipelineJobError, match="job_manager_id, job_indexer_id") as raised:
        PipelineJobsConfig(job_manager_nonce="TACC_abc", job_indexer_id="")
    assert isinstance(raised.value, ValueError)
    with pytest.raises(ManagedPipelineJobError, match="pipeline_manager_nonce"):
        PipelinesConfig(pipeline_manager_id="a")


def test_configuration_can_be_read_by_key_and_by_attribute() -> None:
    config = PipelineJobsConfig(job_manager_id="a", job_manager_nonce="b", job_indexer_id="c", more=1)
    assert config["job_manager_id"] == config.job_manager_id == "a"
    assert (config.pipeline_uuid, config["more"]) == (None, 1)
    assert not hasattr(config, "colour")
    assert CorePipelinesConfig().api_server is None


def test_a_configuration_is_what_jobs_take_as_pipelines(catalog: Catalog) -> None:
    config = PipelineJobsConfig(
        job_manager_id="manager",
        job_manager_nonce="TACC_abc",
        job_indexer_id="indexer",
        pipeline_uuid=catalog.pipeline(),
    )
    job = ManagedPipelineJob(catalog.app, config).setup()
    assert "/actors/v2/manager/messages?" in str(job.callback)


# -------------------------------------------------------------------------------------------- reactors


class Settings(dict[str, Any]):
    """Settings that can be read by attribute, too."""

    __getattr__ = dict.__getitem__


def settings_in_every_form(pipeline: str) -> list[Any]:
    sections: dict[str, Any] = {"mongodb": {}, "pipelines": {"pipeline_uuid": pipeline}}
    by_attribute = {name: SimpleNamespace(**section) for name, section in sections.items()}
    return [sections, Settings(sections), SimpleNamespace(**sections), SimpleNamespace(**by_attribute)]


def test_a_reactor_gives_its_job_settings_names_and_client(installed: Catalog) -> None:
    catalog = installed
    catalog.hierarchy()
    for settings in settings_in_every_form(catalog.pipeline()):
        reactor = SimpleNamespace(
            settings=settings,
            uid="G46vjoAVzGkkz",
            execid="Myp6wvklV0zgQ",
            nickname="casual-bass",
            client=SimpleNamespace(api_server="https://api.example.org"),
        )
        with ReactorManagedPipelineJob(reactor, {"n": 1}, sample_id="sample.tacc.20001") as job:
            job.setup()
            agent = "https://api.example.org/actors/v2/G46vjoAVzGkkz"
            assert (job.agent, job.task) == (agent, f"{agent}/executions/Myp6wvklV0zgQ")
            assert (job.session, job.data) == ("casual-bass", {"n": 1})
            assert "/casual-bass-" in str(job.archive_path)
            assert str(job.callback).startswith(f"{catalog.url}/actors/v2/")


def test_a_reactor_may_lack_everything_and_arguments_go_before_it(catalog: Catalog) -> None:
    job = ReactorManagedPipelineJob(
        SimpleNamespace(nickname="casual-bass"),
        {"n": 2},
        mongodb=catalog.app,
        pipeline_uuid=catalog.pipeline(),
        session="other-animal",
    ).setup()
    assert (job.agent, job.task, job.session) == (None, None, "other-animal")


def test_settings_may_hold_an_open_catalog(catalog: Catalog) -> None:
    settings = {"mongodb": catalog.app, "pipelines": {"pipeline_uuid": catalog.pipeline()}}
    job = ReactorManagedPipelineJob(SimpleNamespace(settings=settings), {"n": 3}).setup()
    assert job.env is catalog.app.env


def code_of(page: str, language: str) -> list[str]:
    text = (REPOSITORY / "docs" / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run_documented_reactor(catalog: Catalog, data: dict[str, Any], submit: Any) -> str:
    """Run the reactor of the how-to page as it stands there; return its job's UUID."""
    [source] = code_of("how-to/write-a-reactor.md", "python")
    namespace: dict[str, Any] = {"__name__": "documented"}
    exec(compile(source, "docs/how-to/write-a-reactor.md", "exec"), namespace)
    reactor = SimpleNamespace(
        settings={"mongodb": {}, "pipelines": {"pipeline_uuid": catalog.pipeline()}},
        uid="G46vjoAVzGkkz",
        execid="Myp6wvklV0zgQ",
        nickname="casual-bass",
        client=SimpleNamespace(jobs=SimpleNamespace(submit=submit)),
        logger=logging.getLogger("reactor"),
    )
    return str(namespace["handle"](reactor, {"data": data, "sample_id": "sample.tacc.20001"}))


def post_callback(catalog: Catalog, definition: dict[str, Any], status: str) -> None:
    """Post what the platform would to the URL of its notification."""
    [url] = [n["url"] for n in definition["notifications"] if n["event"] == status]
    query = dict(parse_qsl(urlsplit(url.replace("${JOB_STATUS}", status)).query))
    nonce = query.pop("x-nonce")
    principal = authenticate(catalog.app.env, actor="jobs-manager", level="EXECUTE", nonce=nonce, bearer=None)
    request = Request(actor="jobs-manager", context=query)
    receive(Envelope(request=request, principal=principal), catalog.app.env)


def test_the_documented_reactor_launches_work_that_then_reports_by_itself(installed: Catalog) -> None:
    installed.hierarchy()
    submitted: list[dict[str, Any]] = []

    def submit(body: dict[str, Any]) -> dict[str, str]:
        submitted.append(body)
        return {"id": "7381691026605150696-242ac11b-0001-007"}

    uuid = run_documented_reactor(installed, {"key1": "value 1"}, submit)
    [definition] = submitted
    assert installed.state(uuid) == "RUNNING"
    archived = installed.home / "storage" / definition["archiveSystem"] / definition["archivePath"][1:]
    (archived / "counts.csv").write_text("word,count")
    (archived / "noise.log").write_text("...")
    post_callback(installed, definition, "RUNNING")
    post_callback(installed, definition, "FINISHED")
    installed.work()
    assert [entry["name"] for entry in installed.history(uuid)] == [
        "create", "run", "run", "finish", "index", "indexed",
    ]  # fmt: skip
    with Manager() as manager:
        counted = manager.get_by_identifier(f"{definition['archivePath']}/counts.csv")
        assert counted["generated_by"] == [uuid]
        with pytest.raises(ValueError):
            manager.get_by_identifier(f"{definition['archivePath']}/noise.log")


def test_the_documented_reactor_fails_its_job_when_nothing_could_be_launched(installed: Catalog) -> None:
    installed.hierarchy()
    submitted: list[dict[str, Any]] = []

    def submit(body: dict[str, Any]) -> dict[str, str]:
        submitted.append(body)
        raise ConnectionError("the platform is down")

    with pytest.raises(ConnectionError):
        run_documented_reactor(installed, {"key1": "value 2"}, submit)
    query = dict(parse_qsl(urlsplit(submitted[0]["notifications"][0]["url"]).query))
    assert installed.state(query["uuid"]) == "FAILED"
    assert installed.history(query["uuid"])[-1]["data"] == {"reason": "the platform is down"}


# ---------------------------------------------------------------------------------------------- tokens


@pytest.fixture(scope="module")
def job(catalog: Catalog) -> ManagedPipelineJob:
    return ManagedPipelineJob(catalog.app, pipeline_uuid=catalog.pipeline()).setup()


def test_a_documents_token_is_the_one_its_job_holds(installed: Catalog, job: ManagedPipelineJob) -> None:
    assert tokens.get_token(str(job.uuid)) == tokens.get_token(str(job.uuid), installed.app) == job.token
    assert tokens.validate_token(job.token, str(job.uuid)) is True


@pytest.mark.parametrize("wrong", [None, "", "A" * 17])
def test_a_wrong_token_is_told(installed: Catalog, job: ManagedPipelineJob, wrong: str | None) -> None:
    assert tokens.validate_token(wrong, str(job.uuid), permissive=True) is False
    assert tokens.validate_admin_token(wrong, permissive=True) is False
    with pytest.raises(tokens.InvalidToken):
        tokens.validate_token(wrong, str(job.uuid))
    with pytest.raises(tokens.InvalidAdminToken) as raised:
        tokens.validate_admin_token(wrong)
    assert isinstance(raised.value, ValueError)


def test_an_administrative_token_opens_every_document(installed: Catalog, job: ManagedPipelineJob) -> None:
    admin = tokens.get_admin_token(installed.app.settings.secrets.administrator_key)
    assert tokens.validate_admin_token(admin) is True
    assert tokens.validate_token(admin, str(job.uuid)) is True
    assert tokens.validate_admin_token(job.token, permissive=True) is False


def test_an_administrative_token_is_refused_after_30_seconds(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = catalog.app.env
    admin = tokens.get_admin_token(catalog.app.settings.secrets.administrator_key, catalog.app)
    now = env.clock.now()
    monkeypatch.setattr(type(env.clock), "now", lambda _: now + timedelta(seconds=29))
    assert tokens.validate_admin_token(admin, catalog.app)
    monkeypatch.setattr(type(env.clock), "now", lambda _: now + timedelta(seconds=31))
    assert not tokens.validate_admin_token(admin, catalog.app, permissive=True)


@pytest.mark.parametrize("key", [None, "", "not the key"])
def test_an_administrative_token_needs_the_administrator_key(catalog: Catalog, key: str | None) -> None:
    with pytest.raises(ValueError):
        tokens.get_admin_token(key, catalog.app)


@pytest.mark.parametrize("uuid", ["meep", "107acb4d-1f93-553a-9e1c-b7b58125bc89"])
def test_there_is_no_token_for_a_document_that_is_not_there(catalog: Catalog, uuid: str) -> None:
    with pytest.raises(ValueError):
        tokens.get_token(uuid, catalog.app)
    with pytest.raises(ValueError):
        tokens.validate_token("A" * 17, uuid, catalog.app)
