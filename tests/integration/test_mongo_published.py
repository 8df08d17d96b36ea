"""A database of the published system is opened: its documents become records where they lie, and nothing of them is lost."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId
from bson.regex import Regex

from datacatalog.adapters.stores.mongo import published, schema
from datacatalog.adapters.stores.mongo.client import Server
from datacatalog.adapters.stores.mongo.store import MongoStore
from datacatalog.domain.errors import InvalidRecord, Misconfigured
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.ports.stores import Work
from tests.integration.mongo_databases import database, needs_mongodb

pytestmark = [needs_mongodb, pytest.mark.service]

REPOSITORY = Path(__file__).resolve().parents[2]
MADE = datetime(2019, 2, 8, 12, 0, 0, 250_000, tzinfo=UTC)
LATER = MADE + timedelta(hours=1)

PIPELINE = TypedUuid("106c46ff-8186-5756-a934-071f4497b58d")
SAMPLE = TypedUuid("103dfcc6-7dd8-54a1-b5d7-c36129511173")
EXPERIMENT = TypedUuid("102edd93-29d6-5483-b60b-8dfd4d094b9c")
JOB = TypedUuid("107596b8-25b2-557d-9702-853f0690c576")
FILE = TypedUuid("105723d4-b27e-55af-b053-63f702c4ad32")
FIXITY = TypedUuid("116723d4-b27e-55af-b053-63f702c4ad32")
EVENT = TypedUuid("10868d08-5f3c-5bd5-a8a5-6b0a1f0f4d01")


def around(**fields: Any) -> dict[str, Any]:
    """Return the private fields that the published system gave its documents."""
    return {
        "_salt": "c2FsdA==",
        "_admin": {"owner": "sd2eadm", "project": "SD2E-Community", "tenant": "sd2e"},
        "_properties": {
            "created_date": MADE,
            "modified_date": LATER,
            "revision": 3,
            "source": "testing",
            **fields,
        },
    }


def diff(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()


def catalog() -> dict[str, list[dict[str, Any]]]:
    """Return documents as the published system kept them, some of an older or a poorer form."""
    return {
        "experiments": [
            {"uuid": EXPERIMENT, "experiment_id": "experiment.lab.1", "title": "one", **around()}
        ],
        "samples": [
            {
                "uuid": Binary(bytes.fromhex(SAMPLE.replace("-", "")), 3),
                "sample_id": "sample.lab.1",
                "temperature": {"value": Decimal128("30.5"), "unit": "celsius"},
                "child_of": [EXPERIMENT],
                **around(),
            },
            {"uuid": "1031e39a-ac24-57b6-8fb3-b8fb65708654", "sample_id": "sample.lab.2"},
        ],
        "pipelines": [
            {
                "uuid": PIPELINE,
                "id": "lab/pipeline:1",
                "name": "one",
                "components": [{"id": "app-0.1", "image": "lab/app"}],
                "processing_levels": ["1"],
                "_visible": False,
                **around(),
            }
        ],
        "jobs": [
            {
                "uuid": JOB,
                "pipeline_uuid": PIPELINE,
                "archive_path": "/products/v2/a/b",
                "archive_system": "data-sd2e-community",
                "data": {"parameters": {"$threads": 8, "reads": 2**40}},
                "session": "casual-bass",
                "state": "FINISHED",
                "last_event": "finish",
                "updated": LATER,
                "child_of": [SAMPLE],
                "derived_from": [EXPERIMENT],
                "generated_by": [PIPELINE],
                "acted_on": [],
                "history": [
                    {"name": "create", "date": MADE, "data": {"parameters": {}}, "uuid": EVENT},
                    {"name": "RUN", "date": MADE, "data": None},
                    {
                        "name": "finish",
                        "date": "2019-02-08T13:00:00.000+0000",
                        "data": {"status": "FINISHED"},
                    },
                ],
                "_visible": True,
                **around(),
            }
        ],
        "files": [
            {
                "uuid": FILE,
                "name": "/a/b.csv",
                "generated_by": JOB,
                "level": "1",
                **around(),
                "_extra": {"x": 1},
            }
        ],
        "fixities": [
            {
                "uuid": FIXITY,
                "name": "/a/b.csv",
                "created": MADE,
                "modified": MADE,
                "fingerprint": -(2**62),
                "checksum": "00ff",
                "size": 12,
                "child_of": [FILE],
                **around(),
            }
        ],
        "updates": [
            {
                "uuid": FILE,
                "date": LATER,
                "action": "update",
                "diff": diff({"$update": {"level": "1"}}),
                "_admin": {},
            },
            {"uuid": FILE, "date": MADE, "action": "create", "diff": diff({"$insert": {"name": "/a/b.csv"}})},
            {"uuid": SAMPLE, "date": MADE, "action": "create", "diff": "no base64 at all"},
        ],
    }


def fill(server: Server, documents: dict[str, list[dict[str, Any]]]) -> None:
    for name, some in documents.items():
        server.collection(name).insert_many(some)
    server.collection("samples").create_index("sample_id", unique=True, sparse=True)


@pytest.fixture
def server() -> Iterator[Server]:
    with database() as url:
        server = Server(url)
        yield server
        server.close()


def opened(server: Server) -> MongoStore:
    return MongoStore(f"mongodb://{server_address(server)}/{server.name}", check=lambda record: None)


def server_address(server: Server) -> str:
    host, port = server.database.client.address or ("", 0)
    return f"{host}:{port}"


def contents(server: Server) -> dict[str, list[dict[str, Any]]]:
    names = sorted(server.database.list_collection_names())
    return {name: sorted(server.collection(name).find(), key=repr) for name in names}


def test_published_catalog_is_opened_and_its_records_are_what_they_were(server: Server) -> None:
    fill(server, catalog())
    with pytest.raises(Misconfigured, match="db migrate"):
        opened(server)
    schema.migrate(server)
    store = opened(server)

    def look(work: Work) -> None:
        sample = work.records.get(SAMPLE)
        assert sample.body == {"sample_id": "sample.lab.1", "temperature": {"value": 30.5, "unit": "celsius"}}
        assert (sample.created, sample.modified, sample.revision) == (MADE, LATER, 3)
        assert (sample.salt, sample.admin["tenant"], sample.visible) == ("c2FsdA==", "sd2e", True)
        assert work.records.identified(Kind.SAMPLE, "sample_id", "sample.lab.1") == sample
        assert not work.records.get(PIPELINE).visible
        file = work.records.get(FILE)
        assert file.body == {"name": "/a/b.csv", "level": "1"}
        assert work.records.get(FIXITY).body["created"] == "2019-02-08T12:00:00.250+0000"
        assert work.records.get(FIXITY).body["fingerprint"] == -(2**62)
        assert [(link.source, link.relation) for link in work.links.to(JOB)] == [
            (FILE, Relation.GENERATED_BY)
        ]
        assert [link.source for link in work.links.to(SAMPLE)] == [JOB]
        assert work.links.of(FIXITY) == []  # its UUID says so
        assert work.records.tenants() == {"sd2e", ""}

    store.read(look)
    store.close()


def test_document_that_lacks_fields_gets_what_its_key_tells(server: Server) -> None:
    fill(server, catalog())
    schema.migrate(server)
    store = opened(server)
    found = store.read(lambda work: work.records.get(TypedUuid("1031e39a-ac24-57b6-8fb3-b8fb65708654")))
    assert (found.revision, found.admin, found.visible) == (0, {}, True)
    assert found.created is not None
    assert datetime.now(UTC) - found.created < timedelta(minutes=5)
    assert found.salt
    store.close()


def test_history_of_a_job_moves_out_of_it_and_tells_states(server: Server) -> None:
    fill(server, catalog())
    schema.migrate(server)
    store = opened(server)
    job = store.read(lambda work: work.records.get(JOB))
    assert "history" not in job.body
    assert (job.body["state"], job.body["updated"]) == ("FINISHED", "2019-02-08T13:00:00.250+0000")
    assert job.body["data"] == {"parameters": {"$threads": 8, "reads": 2**40}}
    assert job.body["derived_from"] == [EXPERIMENT]  # which jobs carry no more
    history = store.read(lambda work: work.history.page(JOB))
    assert [(seq, each.name, each.state) for seq, each in history] == [
        (1, Event.CREATE, State.CREATED),
        (2, Event.RUN, State.RUNNING),
        (3, Event.FINISH, State.FINISHED),
    ]
    assert history[0][1].uuid == EVENT
    assert history[0][1].date == MADE
    assert history[1][1].uuid.startswith("108")
    assert history[2][1].data == {"status": "FINISHED"}
    assert "history" not in (server.collection("jobs").find_one() or {})
    store.close()


def test_update_log_is_numbered_by_its_dates_and_goes_on(server: Server) -> None:
    fill(server, catalog())
    schema.migrate(server)
    store = opened(server)
    lines = store.read(lambda work: work.records.changes(FILE))
    assert [(seq, line.action, line.diff) for seq, line in lines] == [
        (1, "create", {"$insert": {"name": "/a/b.csv"}}),
        (2, "update", {"$update": {"level": "1"}}),
    ]
    assert [line.date for _, line in lines] == [MADE, LATER]
    [(_, odd)] = store.read(lambda work: work.records.changes(SAMPLE))
    assert odd.diff == {"$base64": "no base64 at all"}

    def write(work: Work) -> None:
        file = work.records.get(FILE)
        work.records.put(type(file)(**{**_fields(file), "body": {**file.body, "level": "2"}}), at=LATER)

    store.transact(write)
    changed = store.read(lambda work: work.records.changes(FILE, after=2))
    assert [(seq, line.diff) for seq, line in changed] == [(3, {"level": ["1", "2"]})]
    document = server.collection("files").find_one({"uuid": FILE}) or {}
    assert isinstance(document["_id"], ObjectId)
    assert document["_others"] == {"_extra": {"x": 1}}
    assert document["_properties"]["source"] == "testing"
    store.close()


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "uuid of another kind": ("samples", {"uuid": FILE}, "/uuid"),
    "no uuid": ("files", {"name": "/x"}, "/uuid"),
    "link to nowhere": ("samples", {"uuid": SAMPLE[:-1] + "4", "child_of": ["nonsense"]}, "/child_of/0"),
    "link to itself": (
        "files",
        {"uuid": FILE[:-1] + "4", "derived_from": [FILE[:-1] + "4"]},
        "/derived_from/0",
    ),
    "what JSON has not": ("files", {"uuid": FILE[:-1] + "4", "notes": [{"a": Regex("x")}]}, "/notes/0/a"),
    "not a number": ("files", {"uuid": FILE[:-1] + "4", "size": float("nan")}, "/size"),
    "unknown event": (
        "jobs",
        {"uuid": JOB[:-1] + "4", "history": [{"name": "dance", "date": MADE}]},
        "/history/0/name",
    ),
    "event without date": ("jobs", {"uuid": JOB[:-1] + "4", "history": [{"name": "run"}]}, "/history/0/date"),
    "unknown state": ("jobs", {"uuid": JOB[:-1] + "4", "state": "DANCING"}, "/state"),
    "owner of no name": ("files", {"uuid": FILE[:-1] + "4", "_admin": {"owner": 3}}, "/_admin/owner"),
    "line of nothing": ("updates", {"action": "create", "date": MADE}, "/uuid"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_not_understood_is_told_with_its_place_and_nothing_is_changed(
    server: Server, what: str
) -> None:
    collection, document, place = BAD[what]
    fill(server, catalog())
    server.collection(collection).insert_one(document)
    before = contents(server)
    with pytest.raises(InvalidRecord) as caught:
        schema.migrate(server)
    [(told, reason)] = caught.value.found
    assert told == f"/{collection}/{document['_id']}{place}"
    assert reason
    assert repr(contents(server)) == repr(before)


def test_one_uuid_in_two_documents_is_told(server: Server) -> None:
    fill(server, catalog())
    server.collection("files").insert_one({"uuid": FILE, "name": "/other"})
    with pytest.raises(InvalidRecord, match=f"uuid '{FILE}' stands in 2 documents"):
        schema.migrate(server)


def test_what_was_converted_is_not_converted_again(server: Server) -> None:
    fill(server, catalog())
    assert sum(published.convert(server).values()) == 10
    before = contents(server)
    assert published.convert(server) == {}
    assert contents(server) == before


def test_identifier_may_move_between_records_of_a_published_catalog(server: Server) -> None:
    fill(server, catalog())
    schema.migrate(server)
    unique = [
        each for each in server.collection("samples").index_information().values() if each.get("unique")
    ]
    assert [each["key"] for each in unique if each["key"] != [("_id", 1)]] == [[("uuid", 1)]]


def test_conversion_that_was_killed_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    many = catalog()
    count = 600
    jobs = [f"107{number:05x}-25b2-557d-9702-853f0690c576" for number in range(count)]
    steps = [{"name": name, "date": MADE, "data": None} for name in ("create", "run", "finish")]
    many["jobs"] = [
        {
            "uuid": uuid,
            "pipeline_uuid": PIPELINE,
            "data": {},
            "history": steps,
            "generated_by": [PIPELINE],
            **around(),
        }
        for uuid in jobs
    ]
    many["updates"] += [
        {
            "uuid": uuid,
            "date": MADE + timedelta(seconds=n),
            "action": "update",
            "diff": diff({"$update": {"n": n}}),
        }
        for uuid in jobs
        for n in range(2)
    ]
    fill(server, many)
    url = f"mongodb://{server_address(server)}/{server.name}"
    program = (
        "import sys; from datacatalog.adapters.stores.mongo import schema;"
        "from datacatalog.adapters.stores.mongo.client import Server; schema.migrate(Server(sys.argv[1]))"
    )
    for collection, part in (("jobs", count // 3), ("jobs", 2 * count // 3), ("updates", count)):
        process = subprocess.Popen([sys.executable, "-c", program, url], cwd=REPOSITORY)
        try:
            while process.poll() is None and server.collection(collection).count_documents({"_n": 0}) < part:
                time.sleep(0.002)
        finally:
            os.kill(process.pid, signal.SIGKILL) if process.poll() is None else None
            process.wait()
    schema.migrate(server)
    store = opened(server)

    def look(work: Work) -> None:
        assert len(work.links.to(PIPELINE, limit=2 * count)) == count
        for uuid in map(TypedUuid, jobs[::50]):
            assert [each.name for _, each in work.history.page(uuid)] == [
                Event.CREATE,
                Event.RUN,
                Event.FINISH,
            ]
            assert [line.diff for _, line in work.records.changes(uuid)] == [
                {"$update": {"n": n}} for n in range(2)
            ]

    store.read(look)
    assert server.collection("history").count_documents({}) == 3 * count
    assert server.collection("updates").count_documents({}) == 2 * count + 3
    store.close()
