"""`datacatalog db check`: what cannot be right is found, on any engine, and mended where nothing is lost by it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Link
from datacatalog.ports.stores import Execution, Work
from datacatalog.ports.stores.copying import Copyable
from datacatalog.services.checking import examine
from datacatalog.services.copying import UNFINISHED
from datacatalog.services.jobs import job_for, move
from datacatalog.services.records import put_record
from tests.acceptance.cli import Shell
from tests.contracts.ledgers import Gatekeeper, uuid_of
from tests.harness import Catalog, install

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = install(tmp_path / "home")
    yield catalog
    catalog.app.close()


@pytest.fixture
def shell(catalog: Catalog) -> Shell:
    return Shell(catalog.home)


def check(shell: Shell, *words: str) -> dict[str, dict[str, Any]]:
    """Run the check; return what it told of each thing, and make sure that its exit status fits."""
    ran = shell.run("db", "check", "--json", *words)
    assert ran.status == (0 if ran.json["well"] else 1)
    return {each["check"]: each for each in ran.json["checks"]}


def write(catalog: Catalog, body: Callable[[Work], Any]) -> Any:
    return catalog.app.env.store.transact(body)


def put(catalog: Catalog, kind: Kind, document: dict[str, Any]) -> TypedUuid:
    written = write(catalog, lambda work: put_record(kind, document, work, catalog.app.env))
    return cast(TypedUuid, written.record.uuid)


def step(catalog: Catalog, uuid: TypedUuid, event: Event, data: Any = None) -> None:
    write(catalog, lambda work: move(job_for(uuid, work), event, data, work, catalog.app.env))


def load(catalog: Catalog, table: str, **row: Any) -> None:
    cast(Copyable, catalog.app.env.store).load(table, [row])


# ------------------------------------------------------------------------------ what is wrong, and mended


def fixity_of_nothing(catalog: Catalog) -> str:
    put(catalog, Kind.FILE, {"name": "/a/b.csv", "type": "CSV", "level": "1"})
    uuid = put(catalog, Kind.FIXITY, {"name": "/a/b.csv", "checksum": "a" * 64, "size": 1})
    fixity = write(catalog, lambda work: work.records.get(uuid))
    lost = replace(fixity, uuid=uuid_of(Kind.FIXITY, 77), revision=None)
    write(catalog, lambda work: work.records.put(lost, at=LONG_AGO))
    return lost.uuid


def link_to_what_was_removed(catalog: Catalog) -> str:
    made = catalog.hierarchy()
    sample, measurement = made[Kind.SAMPLE], made[Kind.MEASUREMENT]

    def remove(work: Work) -> None:
        work.records.purge(TypedUuid(sample), at=LONG_AGO)
        work.links.add(
            [Link(source=TypedUuid(measurement), relation=Relation.CHILD_OF, target=TypedUuid(sample))]
        )

    write(catalog, remove)
    return measurement


def link_from_nowhere(catalog: Catalog) -> str:
    made = catalog.hierarchy()
    source = uuid_of(Kind.SAMPLE, 78)
    link = Link(source=source, relation=Relation.CHILD_OF, target=TypedUuid(made[Kind.EXPERIMENT]))
    write(catalog, lambda work: work.links.add([link]))
    return source


def link_from_nowhere_to_a_file(catalog: Catalog) -> str:
    file = put(catalog, Kind.FILE, {"name": "/a/b.csv", "type": "CSV", "level": "1"})
    source = uuid_of(Kind.PIPELINEJOB, 79)
    write(
        catalog, lambda work: work.links.add([Link(source=source, relation=Relation.ACTED_ON, target=file)])
    )
    return source


def state_that_the_history_does_not_have(catalog: Catalog) -> str:
    job = catalog.job().job
    wrong = replace(job.record, body={**job.record.body, "state": "FINISHED", "last_event": "finish"})
    write(catalog, lambda work: work.records.put(wrong, at=LONG_AGO))
    return job.uuid


def indexing_without_a_task(catalog: Catalog) -> str:
    uuid = catalog.job().job.uuid
    for event in (Event.RUN, Event.FINISH, Event.INDEX):
        step(catalog, uuid, event)
    return uuid


def execution_without_a_message(catalog: Catalog) -> str:
    lost = Execution(id="lost-1", actor="jobs-manager", status="SUBMITTED", received=LONG_AGO)
    write(catalog, lambda work: work.executions.put(lost))
    return lost.id


MENDED = {
    fixity_of_nothing: "fixities",
    link_to_what_was_removed: "links",
    link_from_nowhere: "links",
    link_from_nowhere_to_a_file: "links",
    state_that_the_history_does_not_have: "histories",
    indexing_without_a_task: "stuck jobs",
    execution_without_a_message: "executions",
}


@pytest.mark.parametrize("spoil", MENDED)
def test_fault_is_found_named_and_mended(
    spoil: Callable[[Catalog], str], catalog: Catalog, shell: Shell
) -> None:
    subject, name = spoil(catalog), MENDED[spoil]
    found = check(shell)
    assert [each["check"] for each in found.values() if not each["well"]] == [name]
    assert (found[name]["found"], found[name]["mended"]) == (1, 0)
    assert found[name]["examples"][0]["subject"] == subject
    assert found[name]["do"]
    assert check(shell)[name] == found[name], "looking changes nothing"
    mended = check(shell, "--fix")[name]
    assert (mended["found"], mended["mended"], mended["well"]) == (1, 1, True)
    assert mended["examples"][0]["done"]
    assert all(each["found"] == 0 for each in check(shell).values())


def test_update_log_tells_what_was_mended(catalog: Catalog, shell: Shell) -> None:
    job = TypedUuid(state_that_the_history_does_not_have(catalog))
    sample = TypedUuid(link_to_what_was_removed(catalog))
    check(shell, "--fix")
    for uuid, field in ((job, "state"), (sample, "child_of")):
        [*_, (_, line)] = write(catalog, lambda work, uuid=uuid: work.records.changes(uuid))
        assert (line.action, line.admin["by"]) == ("mend", "db check")
        assert field in line.diff
    assert catalog.state(job) == "CREATED"


def test_job_that_nobody_indexes_is_indexed_as_it_was_asked_for(catalog: Catalog, shell: Shell) -> None:
    uuid = catalog.job().job.uuid
    for event, data in ((Event.RUN, None), (Event.FINISH, None), (Event.INDEX, {"level": "2"})):
        step(catalog, uuid, event, data)
    check(shell, "--fix")
    catalog.work()
    assert catalog.state(uuid) == "FINISHED"
    [asked] = [each["data"] for each in catalog.history(uuid) if each["name"] == "index"][1:2]
    assert asked == {"level": "2"}


# --------------------------------------------------------------------------- what takes a person to mend


def document_that_does_not_fit(catalog: Catalog) -> str:
    uuid = TypedUuid(catalog.hierarchy()[Kind.SAMPLE])
    row = {
        "uuid": uuid,
        "kind": "sample",
        "body": {"sample_id": 7},
        "revision": 3,
        "visible": True,
        "salt": "s",
    }
    load(catalog, "records", **row, admin={}, created=0, modified=0)
    return uuid


def gap_in_a_history(catalog: Catalog) -> str:
    uuid = catalog.job().job.uuid
    row = {"job": uuid, "seq": 3, "uuid": uuid_of(Kind.PIPELINEJOB_EVENT, 1), "name": "update", "date": 0}
    load(catalog, "history", **row, state="CREATED", implied=False, noted=False, data=None)
    return uuid


def step_that_the_lifecycle_does_not_have(catalog: Catalog) -> str:
    uuid = catalog.job().job.uuid
    row = {"job": uuid, "seq": 2, "uuid": uuid_of(Kind.PIPELINEJOB_EVENT, 1), "name": "finalize", "date": 0}
    load(catalog, "history", **row, state="FINALIZED", implied=False, noted=False, data=None)
    return uuid


def history_that_cannot_be_read(catalog: Catalog) -> str:
    uuid = catalog.job().job.uuid
    row = {"job": uuid, "seq": 2, "uuid": uuid_of(Kind.PIPELINEJOB_EVENT, 1), "name": "nonsense", "date": 0}
    load(catalog, "history", **row, state="NONSENSE", implied=False, noted=False, data=None)
    return uuid


def launch_that_is_lost(catalog: Catalog) -> str:
    job = catalog.job().job
    managed = replace(job.record, body={**job.record.body, "agent": "https://example.org/actors/v2/abc"})
    write(catalog, lambda work: work.records.put(managed, at=LONG_AGO))
    return job.uuid


def platform_that_is_asked_no_more(catalog: Catalog) -> str:
    uuid = catalog.job().job.uuid
    step(catalog, uuid, Event.RESOURCE, {"job_link": "x", "job_id": "gone-007", "status": "QUEUED"})
    return uuid


def message_that_nobody_takes(catalog: Catalog) -> str:
    write(catalog, lambda work: work.outbox.send("jobs-manager", {}, id="m", at=LONG_AGO))
    return "jobs-manager"


def message_in_a_queue_that_nobody_knows(catalog: Catalog) -> str:
    write(catalog, lambda work: work.outbox.send("jobs-manger", {}, id="m", at=datetime.now(UTC)))
    return "jobs-manger"


def copy_that_was_cut_off(catalog: Catalog) -> str:
    write(catalog, lambda work: work.progress.put(UNFINISHED, {"from": "elsewhere"}, at=LONG_AGO))
    return UNFINISHED


TOLD = {
    document_that_does_not_fit: "documents",
    gap_in_a_history: "histories",
    step_that_the_lifecycle_does_not_have: "histories",
    history_that_cannot_be_read: "histories",
    launch_that_is_lost: "stuck jobs",
    platform_that_is_asked_no_more: "stuck jobs",
    message_that_nobody_takes: "waiting messages",
    message_in_a_queue_that_nobody_knows: "waiting messages",
    copy_that_was_cut_off: "copy",
}


@pytest.mark.parametrize("spoil", TOLD)
def test_fault_that_takes_a_person_is_told_and_left(
    spoil: Callable[[Catalog], str], catalog: Catalog, shell: Shell
) -> None:
    subject, name = spoil(catalog), TOLD[spoil]
    for words in ((), ("--fix",)):
        found = check(shell, *words)
        assert [each["check"] for each in found.values() if not each["well"]] == [name]
        assert found[name]["examples"][0]["subject"] == subject
        assert found[name]["mended"] == 0


@pytest.mark.skipif(bool(os.environ.get("DATACATALOG_TEST_STORE")), reason="spoils an SQLite file")
@pytest.mark.parametrize(
    ("spoil", "wrong"),
    [
        ("UPDATE samples SET body = '{}'", {"documents"}),
        ("UPDATE jobs SET body = '{}'", {"documents", "histories", "stuck jobs"}),
        ("UPDATE samples SET body = 'spilt'", {"documents", "identifiers", "links"}),
        ("UPDATE executions SET outcome = 'spilt', finished = NULL, received = 5", {"executions"}),
    ],
)
def test_rows_that_somebody_spoilt_do_not_end_the_check(
    spoil: str, wrong: set[str], catalog: Catalog, shell: Shell
) -> None:
    catalog.hierarchy()
    catalog.job()
    execution_without_a_message(catalog)
    with sqlite3.connect(catalog.home / "catalog.db") as ledger:
        assert ledger.execute(spoil).rowcount
    ledger.close()
    for words in ((), ("--fix",)):
        found = check(shell, *words)
        assert {name for name, each in found.items() if not each["well"]} - {"executions"} == wrong - {
            "executions"
        }
        assert found["executions"]["well"] is ("--fix" in words and "executions" not in wrong)


def test_two_records_with_one_identifier_are_found(catalog: Catalog) -> None:
    from datacatalog.adapters.stores.memory import MemoryStore

    store = MemoryStore(check=Gatekeeper())
    one, two = sorted(uuid_of(Kind.SAMPLE, number) for number in (501, 502))
    for uuid in (one, two):
        row = {"uuid": uuid, "kind": "sample", "body": {"sample_id": "s"}, "revision": 0, "visible": True}
        store.load("records", [{**row, "salt": "", "admin": {}, "created": 0, "modified": 0}])
    results = examine(replace(catalog.app.env, store=store), ["jobs-manager"])
    [result] = [result for result in results if result.check == "identifiers"]
    assert (result.found, result.examples[0]["subject"]) == (1, two)


# ------------------------------------------------------------------------------------- what is all right


def test_catalog_at_work_has_no_faults(catalog: Catalog, shell: Shell) -> None:
    made, pipeline = catalog.hierarchy(), catalog.pipeline()
    for number in range(3):
        job = catalog.job(pipeline, parameters={"sample_id": made[Kind.SAMPLE]})
        for event in (Event.RUN, Event.UPDATE, Event.FINISH)[: number + 1]:
            step(catalog, job.job.uuid, event)
    step(catalog, job.job.uuid, Event.RESET)
    step(catalog, job.job.uuid, Event.READY)
    catalog.work()
    assert all(each["found"] == 0 for each in check(shell).values())


def test_what_is_named_and_was_never_there_is_noticed_and_kept(catalog: Catalog, shell: Shell) -> None:
    made = catalog.hierarchy()
    link = Link(
        source=TypedUuid(made[Kind.SAMPLE]), relation=Relation.CHILD_OF, target=uuid_of(Kind.EXPERIMENT, 5)
    )
    write(catalog, lambda work: work.links.add([link]))
    found = check(shell, "--fix")["links"]
    assert (found["well"], found["found"], found["noticed"]) == (True, 0, 1)
    assert link in write(catalog, lambda work: work.links.of(link.source))


def test_what_names_a_job_by_what_it_was_about_stays(catalog: Catalog, shell: Shell) -> None:
    made = catalog.hierarchy()
    job = catalog.job(parameters={"sample_id": made[Kind.SAMPLE]}).job
    [about] = write(catalog, lambda work: work.links.of(job.uuid, Relation.CHILD_OF))
    shell.ok("records", "delete", about.target, "--force")
    assert about in write(catalog, lambda work: work.links.of(job.uuid))
    assert check(shell)["links"]["found"] == 0


def test_dead_letters_are_noticed(catalog: Catalog, shell: Shell) -> None:
    write(catalog, lambda work: work.outbox.send("jobs-manager", {}, id="m", at=LONG_AGO))
    delivery = catalog.app.env.transport.claim(["jobs-manager"], lease=timedelta(minutes=1))
    assert delivery is not None
    catalog.app.env.transport.bury(delivery, reason="poison")
    found = check(shell)["dead letters"]
    assert (found["well"], found["noticed"]) == (True, 1)
    assert "jobs-manager 1 dead letters" in shell.ok("db", "check")


def test_dead_letters_are_pruned_by_age_and_where_it_is_asked_for_only(
    catalog: Catalog, shell: Shell
) -> None:
    write(catalog, lambda work: work.outbox.send("jobs-manager", {}, id="m", at=LONG_AGO))
    delivery = catalog.app.env.transport.claim(["jobs-manager"], lease=timedelta(minutes=1))
    assert delivery is not None
    catalog.app.env.transport.bury(delivery, reason="poison")
    assert shell.ask("db", "prune", "--older-than", "1h", "--dead-letters")["dead letters"] == 0
    assert "dead letters" not in shell.ask("db", "prune", "--older-than", "0s")
    assert len(catalog.app.env.transport.dead()) == 1
    assert shell.ask("db", "prune", "--older-than", "0s", "--dead-letters")["dead letters"] == 1
    assert catalog.app.env.transport.dead() == []
