"""What is gathered from the ledger: all of it, nothing hidden, no secrets."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from datacatalog.domain.errors import InvalidField, UnknownRecord
from datacatalog.domain.identifiers.typed import overlay
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.provenance import Outcome, Provenance, Verb
from datacatalog.services.provenance import provenance_of
from tests.integration.studies import AGENT, HOSTILE, OWNER, TOKEN, Study, study

FINISHED = (Event.RUN, Event.FINISH)


@pytest.fixture
def lab() -> Study:
    return study()


def told(lab: Study, uuid: str, depth: int | None = None) -> Provenance:
    return lab.env.store.read(lambda work: provenance_of(TypedUuid(uuid), work, lab.env, depth=depth))  # type: ignore[no-any-return]


def said(provenance: Provenance, verb: Verb) -> set[tuple[str, str | None]]:
    return {(s.subject, s.object) for s in provenance.statements if s.verb is verb}


def test_job_is_told_with_inputs_outputs_pipeline_and_agents(lab: Study) -> None:
    job = lab.job(*FINISHED, names=HOSTILE)
    found = told(lab, job)
    outputs = set(lab.outputs(job))
    assert len(outputs) == len(HOSTILE)
    used = {lab.raw, lab.genome, lab.levels[Kind.MEASUREMENT]}
    assert said(found, Verb.USED) == {(job, uuid) for uuid in used}
    assert said(found, Verb.GENERATED) == {(uuid, job) for uuid in outputs}
    assert found.entities.keys() == outputs | used | {lab.memory.pipeline}
    assert found.activities.keys() == {job}
    assert {agent.label for agent in found.agents.values()} == {AGENT, OWNER}
    associated = {s.plan for s in found.statements if s.verb is Verb.ASSOCIATED}
    assert associated == {lab.memory.pipeline}
    run = found.activities[job].run
    assert run.outcome is Outcome.COMPLETED
    assert run.started < run.ended  # type: ignore[operator]


def test_every_page_of_outputs_is_read(lab: Study) -> None:
    job = lab.job(*FINISHED, names=[f"{n}.txt" for n in range(1500)])
    assert len(said(told(lab, job), Verb.GENERATED)) == 1500


def test_hidden_outputs_and_inputs_are_named_nowhere(lab: Study) -> None:
    job = lab.job(*FINISHED, names=["a.txt", "b.txt"])
    hidden = lab.outputs(job)[0]
    lab.hide(hidden)
    lab.hide(lab.raw)
    text = json.dumps(asdict(told(lab, job)), default=str)
    assert hidden not in text
    assert lab.raw not in text
    assert lab.outputs(job)[1] in text


def test_pipeline_out_of_service_is_still_the_plan(lab: Study) -> None:
    job = lab.job(*FINISHED)
    lab.hide(lab.memory.pipeline)
    assert told(lab, job).entities[lab.memory.pipeline].label == "tests/taco-1"


def test_no_secret_leaves(lab: Study) -> None:
    job = lab.job(Event.RUN, Event.FAIL, failure={"reason": f"no answer from https://x.org/?token={TOKEN}"})
    text = json.dumps(asdict(told(lab, job)), default=str)
    record = lab.env.store.read(lambda work: work.records.get(job))
    for secret in (TOKEN, "TACC_abc", record.salt):
        assert secret not in text
    assert "event=finish" in text


def test_file_is_told_with_everything_it_came_from(lab: Study) -> None:
    first = lab.job(*FINISHED, names=["counts.csv"])
    counts = lab.outputs(first)[0]
    second = lab.job(*FINISHED, names=["plot.png"], data={"second": True})
    plot = lab.outputs(second)[0]
    lab.link(second, Relation.ACTED_ON, counts)
    lab.link(plot, Relation.DERIVED_FROM, counts)
    found = told(lab, plot)
    assert found.activities.keys() == {first, second}
    assert set(lab.levels.values()) | {lab.raw, lab.genome, counts, plot} <= found.entities.keys()
    assert lab.process in found.agents
    assert (lab.levels[Kind.SAMPLE], lab.levels[Kind.MEASUREMENT]) in said(found, Verb.MEMBER)
    assert (lab.raw, lab.process) in said(found, Verb.ATTRIBUTED)
    near = told(lab, plot, depth=1)
    assert near.activities.keys() == {second}
    assert near.told == {plot}
    assert lab.raw not in near.entities


def test_depth_of_a_job_reaches_what_its_inputs_came_from(lab: Study) -> None:
    job = lab.job(*FINISHED)
    assert lab.process not in told(lab, job).agents
    assert lab.process in told(lab, job, depth=2).agents


def test_cycles_end(lab: Study) -> None:
    job = lab.job(*FINISHED, names=["a.txt", "b.txt"])
    one, two = lab.outputs(job)
    lab.link(one, Relation.DERIVED_FROM, two)
    lab.link(two, Relation.DERIVED_FROM, one)
    assert {(one, two), (two, one)} <= said(told(lab, one), Verb.DERIVED)
    assert {(one, two), (two, one)} <= said(told(lab, job), Verb.DERIVED)


def test_link_into_the_unknown_is_told_by_its_uuid(lab: Study) -> None:
    job = lab.job(*FINISHED, names=["a.txt"])
    output, nothing = lab.outputs(job)[0], lab.env.identity.uuid(Kind.FILE, "never seen")
    nowhere = lab.env.identity.uuid(Kind.PIPELINEJOB, "never seen")
    lab.link(output, Relation.DERIVED_FROM, nothing)
    lab.link(output, Relation.GENERATED_BY, nowhere)
    found = told(lab, job)
    assert (found.entities[nothing].label, found.entities[nothing].attributes) == (nothing, {})
    assert found.activities[nowhere].run.outcome is Outcome.POTENTIAL


def test_fixity_stands_for_its_file(lab: Study) -> None:
    job = lab.job(*FINISHED, names=["a.txt"])
    file = lab.outputs(job)[0]
    found = told(lab, overlay(Kind.FIXITY, file))
    assert found.start == file
    assert found.entities[file].attributes["size"] == len(b"content 0")


@pytest.mark.parametrize("hidden", [True, False])
def test_what_is_not_there_is_unknown(lab: Study, hidden: bool) -> None:
    uuid: str = lab.raw if hidden else lab.env.identity.uuid(Kind.FILE, "never seen")
    if hidden:
        lab.hide(uuid)
    with pytest.raises(UnknownRecord):
        told(lab, uuid)


@pytest.mark.parametrize("depth", [0, -1, 101])
def test_there_is_no_such_depth(lab: Study, depth: int) -> None:
    with pytest.raises(InvalidField, match="between 1 and 100"):
        told(lab, lab.raw, depth)
