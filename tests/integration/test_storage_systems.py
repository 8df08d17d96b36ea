"""Storage systems elsewhere, from the configuration to a job whose outputs lie there."""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from datacatalog.adapters.storage.memory import MemorySystem
from datacatalog.domain.errors import AlreadyExists, Misconfigured, NoSuchPath
from datacatalog.domain.identifiers.typed import overlay
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import Kind
from datacatalog.domain.messages import JobEvent
from datacatalog.interfaces.cli.checks import Finding, examine
from datacatalog.interfaces.cli.context import Cli
from datacatalog.ports.storage import Storage
from datacatalog.services import dispatch
from datacatalog.services.finding import files_of
from datacatalog.services.jobs import Created
from tests.contracts.files_service import TOKEN
from tests.contracts.s3_server import KEYS
from tests.contracts.sftp_server import PASSWORD, USER, sftp_server
from tests.contracts.storages import Servers, running_servers
from tests.harness import Catalog, install

HERE = {"root": "storage/here"}
CONTENT = b"a,b\n1,2\n"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with running_servers(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


def sftp(servers: Servers) -> tuple[dict[str, Any], dict[str, Any]]:
    root = servers.fresh()
    (servers.sftp.root / root).mkdir()
    server = servers.sftp
    config = {
        "kind": "sftp",
        "host": server.host,
        "port": server.port,
        "user": USER,
        "root": f"/{root}",
        "known_hosts_file": str(server.known_hosts),
    }
    return config, {"storage": {"far": {"password": PASSWORD}}}


def s3(servers: Servers) -> tuple[dict[str, Any], dict[str, Any]]:
    bucket = servers.fresh()
    servers.s3.bucket(bucket)
    config = {
        "kind": "s3",
        "bucket": bucket,
        "prefix": "deep/er",
        "endpoint_url": servers.s3.url,
        "region": "us-east-1",
    }
    return config, {"storage": {"far": KEYS}}


def files(kind: str, servers: Servers) -> tuple[dict[str, Any], dict[str, Any]]:
    system = servers.fresh()
    servers.files.systems[system] = MemorySystem(system)
    return {"kind": kind, "url": servers.files.url, "system": system}, {"platform_token": TOKEN}


def agave(servers: Servers) -> tuple[dict[str, Any], dict[str, Any]]:
    return files("agave", servers)


def tapis(servers: Servers) -> tuple[dict[str, Any], dict[str, Any]]:
    return files("tapis", servers)


KINDS: dict[str, Callable[[Servers], tuple[dict[str, Any], dict[str, Any]]]] = {
    "sftp": sftp,
    "s3": s3,
    "agave": agave,
    "tapis": tapis,
}


def catalog_with(home: Path, system: Mapping[str, Any], hidden: Mapping[str, Any]) -> Catalog:
    """Install a catalog with the systems `here`, a directory, and `far`."""
    home.mkdir(exist_ok=True)
    keys = home / "secrets.json"
    keys.touch(mode=0o600)
    made = {name: secrets.token_urlsafe(48) for name in ("token_key", "administrator_key", "bearer_key")}
    keys.write_text(json.dumps(made | dict(hidden)))
    storage = {
        "default_system": "here",
        "systems": {"here": HERE, "far": dict(system)},
        "clearable": ["/products/v2", "/scratch"],
    }
    return install(home, storage=storage)


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_on_a_system_elsewhere_are_indexed_with_their_checksums(
    kind: str, servers: Servers, tmp_path: Path
) -> None:
    catalog = catalog_with(tmp_path / "home", *KINDS[kind](servers))
    try:
        env = catalog.app.env
        job = catalog.job(archive_system="far")
        outputs = {"table.csv": CONTENT, "logs/run 1.log": b"", "large.bin": os.urandom(1024) * 1500}
        for name, content in outputs.items():
            env.storage.put("far", f"{job.job.archive_path}/{name}", io.BytesIO(content))
        for event in (Event.RUN, Event.FINISH):
            move(catalog, job, event)
        catalog.work()
        assert catalog.state(job.job.uuid) == "FINISHED"
        page = env.store.read(lambda work: files_of(job.job.uuid, work, limit=10))
        found = {
            record.body["name"]: env.store.read(
                lambda work, uuid=record.uuid: work.records.get(overlay(Kind.FIXITY, uuid))
            )
            for record in page.records
        }
        assert {name: record.body["checksum"] for name, record in found.items()} == {
            f"{job.job.archive_path}/{name}": f"sha256:{hashlib.sha256(content).hexdigest()}"
            for name, content in outputs.items()
        }
        assert {record.body["storage_system"] for record in page.records} == {"far"}
    finally:
        catalog.app.close()


def move(catalog: Catalog, job: Created, event: Event) -> None:
    env = catalog.app.env
    message = JobEvent(uuid=job.job.uuid, name=event, token=job.token)
    env.store.transact(lambda work: dispatch.handle(message, work, env))


@pytest.mark.parametrize(
    ("system", "hidden", "says"),
    [
        (
            {"kind": "nfs", "root": "/x"},
            {},
            "storage.systems.far.kind: 'nfs' is none of local, sftp, s3, agave, tapis",
        ),
        ({}, {}, "storage.systems.far: 'root' is a required property"),
        (
            {"kind": "sftp", "host": "x", "user": "u", "root": "/r"},
            {},
            "storage.systems.far: 'known_hosts_file' is",
        ),
        (
            {"kind": "sftp", "host": "x", "user": "u", "root": "r", "known_hosts_file": "k"},
            {},
            "systems.far.root: 'r'",
        ),
        ({"kind": "s3"}, {}, "storage.systems.far: 'bucket' is a required property"),
        ({"kind": "s3", "bucket": "b", "key": "k"}, {}, "storage.systems.far: Additional properties"),
        ({"kind": "agave"}, {}, "storage.systems.far: 'url' is a required property"),
        (
            {"kind": "sftp", "host": "x", "user": "u", "root": "/r", "known_hosts_file": "nowhere"},
            {"storage": {"far": {"password": "p"}}},
            "storage.systems.far.known_hosts_file: ",
        ),
        (
            {"kind": "sftp", "host": "x", "user": "u", "root": "/r", "known_hosts_file": "config.yml"},
            {},
            "storage.systems.far: wants key_file, or storage.far.password in secrets.json",
        ),
        (
            {"kind": "s3", "bucket": "b"},
            {"storage": {"far": {"access_key_id": "i"}}},
            "secrets.json: storage.far wants access_key_id and secret_access_key, or neither",
        ),
        (
            {"kind": "s3", "bucket": "b"},
            {"storage": {"far": {"password": "hidden"}}},
            "'password' is none of access_key_id",
        ),
        ({"kind": "tapis", "url": "https://example.org"}, {}, "platform_token"),
        (HERE, {"storage": {"elsewhere": {}}}, "storage.elsewhere is none of storage.systems"),
        (HERE, {"storage": "text"}, "storage must be an object of storage systems"),
        (HERE, {"storage": {"far": "hidden"}}, "far must be an object of names and secrets"),
    ],
)
def test_a_system_that_cannot_be_made_is_told_by_its_key(
    tmp_path: Path, system: dict[str, Any], hidden: dict[str, Any], says: str
) -> None:
    with pytest.raises(Misconfigured) as refused:
        catalog_with(tmp_path, system, hidden)
    assert says in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_a_key_opens_the_way_where_there_is_no_password(tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    with sftp_server(tmp_path, trusted=key) as server:
        key.write_private_key(tmp_path / "key", passphrase="made up", rounds=1, ignore_few_rounds=True)
        (server.root / "data").mkdir()
        config = {
            "kind": "sftp",
            "host": server.host,
            "port": server.port,
            "user": USER,
            "root": "/data",
            "key_file": str(tmp_path / "key"),
            "known_hosts_file": str(server.known_hosts),
        }
        catalog = catalog_with(tmp_path / "home", config, {"storage": {"far": {"key_passphrase": "made up"}}})
        try:
            assert catalog.app.env.storage.put("far", "/f", io.BytesIO(b"1")).size_bytes == 1
        finally:
            catalog.app.close()


def test_the_doctor_asks_every_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sftp_server(tmp_path) as server:
        (server.root / "data").mkdir()
        config = {
            "kind": "sftp",
            "host": server.host,
            "port": server.port,
            "user": USER,
            "root": "/data",
            "known_hosts_file": str(server.known_hosts),
        }
        catalog = catalog_with(tmp_path / "home", config, {"storage": {"far": {"password": PASSWORD}}})
        catalog.app.close()
        monkeypatch.setenv("DATACATALOG_CONFIG", str(catalog.home / "config.yml"))
        assert examined().well
        (server.root / "data").rmdir()
        assert "agave://far/" in examined().found
    found = examined()
    assert (found.well, PASSWORD in found.found) == (False, False)
    assert found.found.startswith("far: sftp: ")
    assert "storage.systems.far" in found.do


def examined() -> Finding:
    """Return what the doctor finds of storage."""
    return next(each for each in examine(Cli(), offline=True) if each.check == "storage")


def test_a_library_that_is_missing_is_told_with_its_extra() -> None:
    program = """
import sys
from pathlib import Path
sys.modules |= {"paramiko": None, "botocore": None}
from datacatalog.adapters.storage.s3_bucket import Bucket
from datacatalog.adapters.storage.sftp_connections import Connections, Server
from datacatalog.domain.errors import MissingExtra
for make in (
    lambda: Bucket("b"),
    lambda: Connections(Server(host="h", port=22, user="u", known_hosts=Path("k"))),
):
    try:
        make()
    except MissingExtra as e:
        print(e)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert [line.rpartition("pip install ")[2] for line in ran.stdout.splitlines()] == [
        "'datacatalog[s3]'",
        "'datacatalog[sftp]'",
    ]


def test_a_catalog_keeps_files_in_another_catalog_over_files_v2(tmp_path: Path) -> None:
    storage = {"default_system": "theirs", "systems": {"theirs": HERE}, "clearable": ["/scratch"]}
    there = install(tmp_path / "there", storage=storage)
    now = there.app.env.clock.now()
    token = there.app.bearer.make("ada", level="UPDATE", at=now, lifetime=timedelta(hours=1))
    there.start("serve")
    try:
        there.wait_ready()
        config = {"kind": "agave", "url": there.url, "system": "theirs"}
        catalog = catalog_with(tmp_path / "here", config, {"platform_token": token})
        keep_files(catalog.app.env.storage)
        many = [f"/products/v2/many/{number:03}" for number in range(230)]
        for name in many:
            there.app.env.storage.put("theirs", name, io.BytesIO(b""))
        assert [info.path for info in catalog.app.env.storage.walk("far", "/products/v2/many")] == many
        catalog.app.close()
    finally:
        there.stop_all()
        there.app.close()


def keep_files(storage: Storage) -> None:
    """Write, list, read, move and delete over a gateway that allows removing below `/scratch` alone."""
    names = [f"/scratch/d/{number}.csv" for number in range(3)]
    for name in names:
        storage.put("far", name, io.BytesIO(name.encode()))
    storage.put("far", "/scratch/d/é +%2F.csv", io.BytesIO(b"odd"))
    assert [info.path for info in storage.walk("far", "/")] == [*names, "/scratch/d/é +%2F.csv"]
    with storage.open("far", names[0]) as file:
        assert file.read() == names[0].encode()
    assert storage.fixity("far", "/scratch/d/é +%2F.csv")[1] == f"sha256:{hashlib.sha256(b'odd').hexdigest()}"
    storage.make_directory("far", "/scratch/empty", exclusive=True)
    with pytest.raises(AlreadyExists):
        storage.make_directory("far", "/scratch/empty", exclusive=True)
    storage.move("far", names[1], "/scratch/e/moved.csv")
    with pytest.raises(NoSuchPath):
        storage.stat("far", names[1])
    assert [entry.path for entry in storage.list("far", "/scratch")] == [
        "/scratch/d",
        "/scratch/e",
        "/scratch/empty",
    ]
    assert storage.delete("far", "/scratch/d") == 3
    assert [info.path for info in storage.walk("far", "/")] == ["/scratch/e/moved.csv"]
