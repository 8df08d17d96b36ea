"""What the ledger's words mean in PROV, and when a job ran."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from datacatalog.domain.identifiers.typed import IDENTITY
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.provenance import Entity, Outcome, Run, Verb, run_of, statement_of
from datacatalog.domain.records import Link

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def uuid(kind: Kind, text: str = "x") -> TypedUuid:
    return IDENTITY.uuid(kind, text)


@pytest.mark.parametrize(
    ("source", "relation", "target", "verb"),
    [
        (Kind.FILE, Relation.GENERATED_BY, Kind.PIPELINEJOB, Verb.GENERATED),
        (Kind.FILE, Relation.GENERATED_BY, Kind.PROCESS, Verb.ATTRIBUTED),
        (Kind.FILE, Relation.DERIVED_FROM, Kind.FILE, Verb.DERIVED),
        (Kind.FILE, Relation.DERIVED_USING, Kind.REFERENCE, Verb.DERIVED),
        (Kind.PIPELINEJOB, Relation.ACTED_ON, Kind.FILE, Verb.USED),
        (Kind.PIPELINEJOB, Relation.ACTED_USING, Kind.REFERENCE, Verb.USED),
        (Kind.PIPELINEJOB, Relation.CHILD_OF, Kind.MEASUREMENT, Verb.USED),
        (Kind.FILE, Relation.GENERATED_BY, Kind.PIPELINE, Verb.INFLUENCED),
    ],
)
def test_link_says_the_same_in_prov(source: Kind, relation: Relation, target: Kind, verb: Verb) -> None:
    said = statement_of(Link(source=uuid(source), relation=relation, target=uuid(target, "y")))
    assert (said.verb, said.subject, said.object) == (verb, uuid(source), uuid(target, "y"))
    assert said.said == relation.value


def test_parent_has_its_children_as_members() -> None:
    sample, experiment = uuid(Kind.SAMPLE), uuid(Kind.EXPERIMENT)
    said = statement_of(Link(source=sample, relation=Relation.CHILD_OF, target=experiment))
    assert (said.verb, said.subject, said.object) == (Verb.MEMBER, experiment, sample)


def test_every_link_means_something() -> None:
    for source, relation, target in product(Kind, Relation, Kind):
        assert (
            statement_of(Link(source=uuid(source), relation=relation, target=uuid(target, "y"))).verb in Verb
        )


# ------------------------------------------------------------------------------------------------ runs


def history(*names: str) -> list[HistoryEntry]:
    """Return entries a minute apart; `(fail)` is one that was only noted."""
    return [
        HistoryEntry(
            uuid=uuid(Kind.PIPELINEJOB_EVENT, str(n)),
            name=Event(name.strip("()")),
            date=at(n),
            data={"reason": f"token=secret {n}"} if "fail" in name else None,
            state=State.CREATED,
            noted=name.startswith("("),
        )
        for n, name in enumerate(names)
    ]


def at(minute: int) -> datetime:
    return BEGIN + timedelta(minutes=minute)


@pytest.mark.parametrize(
    ("names", "run", "expected"),
    [
        ("create", 1, Run()),
        ("create run", 1, Run(started=at(1), outcome=Outcome.ACTIVE)),
        ("create run run finish finish", 1, Run(started=at(1), ended=at(3), outcome=Outcome.COMPLETED)),
        ("create run finish index indexed", 1, Run(started=at(1), ended=at(2), outcome=Outcome.COMPLETED)),
        ("create fail", 1, Run(ended=at(1), outcome=Outcome.FAILED, error="token=*** 1")),
        (
            "create run finish validate fail retire",
            1,
            Run(started=at(1), ended=at(4), outcome=Outcome.FAILED, error="token=*** 4"),
        ),
        ("create run finish (fail)", 1, Run(started=at(1), ended=at(2), outcome=Outcome.COMPLETED)),
        ("create run fail reset ready", 2, Run()),
        (
            "create run fail reset ready run finish",
            2,
            Run(started=at(5), ended=at(6), outcome=Outcome.COMPLETED),
        ),
        (
            "create run finish reset ready run finish",
            2,
            Run(started=at(5), ended=at(6), outcome=Outcome.COMPLETED),
        ),
    ],
)
def test_history_tells_the_last_run(names: str, run: int, expected: Run) -> None:
    assert run_of(history(*names.split()), run, failed="fail" in names) == expected


def test_history_is_read_only_as_far_as_need_be() -> None:
    entries = iter(history("create", "run", "finish", "index", "indexed"))
    run_of(entries, 1, failed=False)
    assert [entry.name for entry in entries] == [Event.INDEX, Event.INDEXED]


def test_failure_without_a_reason_says_so() -> None:
    failed = HistoryEntry(
        uuid=uuid(Kind.PIPELINEJOB_EVENT), name=Event.FAIL, date=BEGIN, data=None, state=State.FAILED
    )
    assert run_of([failed], 1, failed=True).error == "no reason was given"


# -------------------------------------------------------------------------------------------- entities


def test_place_of_a_file_is_a_valid_uri() -> None:
    file = Entity(
        uuid=uuid(Kind.FILE),
        kind=Kind.FILE,
        label="",
        attributes={"system": "s", "path": "/a b/100%\n'é\".csv"},
    )
    assert file.uri == "agave://s/a%20b/100%25%0A%27%C3%A9%22.csv"


@pytest.mark.parametrize(
    ("checksum", "digits"), [("sha256:ab", "ab"), ("ab", "ab"), ("md5:ab", None), ("", None)]
)
def test_only_sha256_is_taken_for_sha256(checksum: str, digits: str | None) -> None:
    file = Entity(uuid=uuid(Kind.FILE), kind=Kind.FILE, label="", attributes={"checksum": checksum})
    assert file.sha256 == digits
