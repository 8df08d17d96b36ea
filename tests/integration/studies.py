"""A small study in memory, for tests of what is told about it to others."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Link
from datacatalog.services.env import Env
from datacatalog.services.indexing import index_now
from datacatalog.services.jobs import job_for, move
from datacatalog.services.records import put_record
from tests.unit.memory import SYSTEM, Memory, memory

HOSTILE = (
    "plain.csv",
    "two words.csv",
    "quote ' and \" double.txt",
    "new\nline.txt",
    "return\r\nboth.txt",
    "100%.txt",
    "%41 encoded.txt",
    "naïve-Ω-🧬.fastq",
    "back\\slash.txt",
    "escape\x1b[31m.txt",
    "tab\tand\x7f.txt",
    'ends with quote"',
    'three """ quotes\n".txt',
    "[brackets](and) {braces} <angles>.txt",
    "?query=1&token=of a file#fragment.txt",
    "\u2028separator\u202e.txt",
    "~dots..and...more",
)
AGENT = "https://api.example.org/actors/v2/taco-actor"
TOKEN = "0123456789abcdef0"
DATA: Mapping[str, Any] = {
    "inputs": [],
    "parameters": {"smoke": True, "n": 3},
    "callback": f"https://api.example.org/actors/v2/jobs/messages?x-nonce=TACC_abc&token={TOKEN}&event=finish",
}
OWNER = "tests"

HIERARCHY = (
    (Kind.CHALLENGE_PROBLEM, {"id": "STUDY", "title": "A challenge"}),
    (
        Kind.EXPERIMENT_DESIGN,
        {"experiment_design_id": "Design", "title": "A design", "uri": "https://example.org/d"},
    ),
    (Kind.EXPERIMENT, {"experiment_id": "experiment.tacc.1", "title": "An experiment"}),
    (Kind.SAMPLE, {"sample_id": "sample.tacc.1"}),
    (Kind.MEASUREMENT, {"measurement_id": "measurement.tacc.1", "measurement_type": "RNA_SEQ"}),
)


@dataclass(frozen=True)
class Study:
    """An application in memory, its metadata by kind, and a raw file and a reference to work on."""

    memory: Memory
    levels: Mapping[Kind, TypedUuid]
    raw: TypedUuid
    genome: TypedUuid
    process: TypedUuid

    @property
    def env(self) -> Env:
        return self.memory.env

    def put(self, kind: Kind, document: Mapping[str, Any]) -> TypedUuid:
        env = self.env
        return env.store.transact(lambda work: put_record(kind, document, work, env)).record.uuid

    def link(self, source: str, relation: Relation, *targets: str) -> None:
        links = [Link(source=TypedUuid(source), relation=relation, target=TypedUuid(t)) for t in targets]
        self.env.store.transact(lambda work: work.links.add(links))

    def hide(self, uuid: str) -> None:
        def body(work: Any) -> None:
            work.records.put(replace(work.records.get(uuid), visible=False), at=self.memory.clock.now())

        self.env.store.transact(body)

    def job(
        self, *events: Event, names: Sequence[str] = (), failure: Mapping[str, Any] | None = None, **plan: Any
    ) -> TypedUuid:
        """Create a job on the raw file; it moves on a minute at a time, and its outputs are indexed."""
        plan.setdefault("data", dict(DATA))
        plan.setdefault("parameters", {"measurement_id": self.levels[Kind.MEASUREMENT]})
        created = self.memory.job(
            acted_on=[self.raw],
            acted_using=[self.genome],
            extra={"agent": AGENT, "task": f"{AGENT}/executions/1"},
            **plan,
        ).job
        for event in events:
            self.memory.clock.move(minutes=1)
            data = failure if event is Event.FAIL else None
            self.env.store.transact(
                lambda w, e=event, d=data: move(job_for(created.uuid, w), e, d, w, self.env)
            )
        for number, name in enumerate(names):
            content = io.BytesIO(b"content %d" % number)
            self.memory.storage.put(SYSTEM, f"{created.archive_path}/{name}", content)
        if names:
            index_now(created.uuid, self.env)
        return created.uuid

    def outputs(self, job: str) -> list[TypedUuid]:
        def body(work: Any) -> list[TypedUuid]:
            return [link.source for link in work.links.to(job, Relation.GENERATED_BY, limit=10**6)]

        return self.env.store.read(body)


def study() -> Study:
    made = Study(memory=memory(), levels={}, raw=TypedUuid(""), genome=TypedUuid(""), process=TypedUuid(""))
    levels: dict[Kind, TypedUuid] = {}
    parent: list[TypedUuid] = []
    for kind, fields in HIERARCHY:
        levels[kind] = made.put(kind, {**fields, **({"child_of": parent} if parent else {})})
        parent = [levels[kind]]
    process = made.put(
        Kind.PROCESS, {"process_id": "sequencing", "name": "Sequencing", "uri": "https://example.org/seq"}
    )
    made.memory.storage.put(SYSTEM, "/uploads/raw data.fastq", io.BytesIO(b"ACGT"))
    raw = made.put(
        Kind.FILE,
        {
            "name": "/uploads/raw data.fastq",
            "type": "FASTQ",
            "level": "0",
            "child_of": parent,
            "generated_by": [process],
        },
    )
    genome = made.put(
        Kind.REFERENCE,
        {"reference_id": "genome", "name": "Genome", "uri": f"agave://{SYSTEM}/reference/genome.fa"},
    )
    return replace(made, levels=levels, raw=raw, genome=genome, process=process)
