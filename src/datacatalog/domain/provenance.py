"""How something came about, in the words of W3C PROV and in no format: entities, activities, agents, statements.

| in the ledger | here |
| --- | --- |
| a job | an activity |
| a process record; the actor or app that managed a job; the owner of a record | an agent |
| every other record | an entity; a pipeline is the plan that agents followed in its jobs |

A fixity is no entity of its own: it tells of its file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from datacatalog.domain.documents import JsonObject, minified
from datacatalog.domain.identifiers.typed import kind_of
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.labels import label
from datacatalog.domain.records import Link, Record
from datacatalog.domain.redaction import text_without_secrets, without_secrets


class Verb(StrEnum):
    """What one thing has to do with another, in the words of PROV."""

    USED = "used"
    GENERATED = "wasGeneratedBy"
    DERIVED = "wasDerivedFrom"
    MEMBER = "hadMember"
    INFORMED = "wasInformedBy"
    ASSOCIATED = "wasAssociatedWith"
    ATTRIBUTED = "wasAttributedTo"
    INFLUENCED = "wasInfluencedBy"


class Role(StrEnum):
    """What a record is in PROV."""

    ENTITY = "entity"
    ACTIVITY = "activity"
    AGENT = "agent"


class Outcome(StrEnum):
    """What became of a job's computing: it never began, goes on, ended well, or failed."""

    POTENTIAL = "potential"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A thing.

    Attributes:
        attributes: name -> text or number, without secrets. Files have `path` and `system`, and where they are known
            `checksum`, `size` [bytes] and `version`.
        owner: the account that its record belongs to; "" where none is known.
    """

    uuid: TypedUuid
    kind: Kind
    label: str
    attributes: Mapping[str, str | int]
    owner: str = ""

    @property
    def uri(self) -> str | None:
        """Where it is to be found, as a valid URI: `agave://system/path`, percent-encoded, or its own `uri`."""
        if "path" in self.attributes:
            return f"agave://{self.attributes['system']}{quote(str(self.attributes['path']))}"
        return str(self.attributes["uri"]) if "uri" in self.attributes else None

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of its content, in hex."""
        kind, _, digits = str(self.attributes.get("checksum", "")).rpartition(":")
        return digits if digits and kind in {"", "sha256"} else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """When a job computed last, and how that ended.

    Attributes:
        error: why it failed, in one line and without secrets; None where it did not.
    """

    started: datetime | None = None
    ended: datetime | None = None
    outcome: Outcome = Outcome.POTENTIAL
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """A job.

    Attributes:
        plan: its pipeline; None where the job itself is not in the catalog.
        attributes: name -> text, without secrets: state, session, archive, data (as JSON), ...
        tenant: whose installation it ran in; "" where that is not known.
    """

    uuid: TypedUuid
    label: str
    plan: TypedUuid | None
    run: Run
    created: datetime | None
    attributes: Mapping[str, str | int]
    tenant: str = ""


class AgentKind(StrEnum):
    ACCOUNT = "account"
    PLATFORM = "platform"
    PROCESS = "process"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Who or what was responsible.

    Attributes:
        uuid: typed, of a process record; made of its name, of an account or a platform's actor or app.
        uri: None: an account, or a process that gives none.
    """

    uuid: str
    kind: AgentKind
    label: str
    uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """`subject` <verb> `object`.

    Attributes:
        said: the ledger's word for it, e.g. `derived_using`.
        object: None: an association of which only the plan is known.
        plan: the pipeline that an associated agent followed.
    """

    verb: Verb
    subject: str
    object: str | None
    said: str
    plan: TypedUuid | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What the ledger says of how `start` came about.

    Attributes:
        base: URI that begins the names of the catalog's own terms.
        at: when this was read from the ledger.
        entities, activities, agents: by UUID.
        told: the records whose own links are all among the statements; others stand at the edge.
    """

    start: TypedUuid
    base: str
    at: datetime
    entities: Mapping[str, Entity]
    activities: Mapping[str, Activity]
    agents: Mapping[str, Agent]
    statements: tuple[Statement, ...]
    told: frozenset[TypedUuid]

    def collections(self) -> frozenset[str]:
        """Return the entities that have members."""
        return frozenset(s.subject for s in self.statements if s.verb is Verb.MEMBER)


# ------------------------------------------------------------------------------------- from the ledger


def role_of(uuid: TypedUuid) -> Role:
    """Tell what a record is in PROV, by its UUID."""
    return {Kind.PIPELINEJOB: Role.ACTIVITY, Kind.PROCESS: Role.AGENT}.get(kind_of(uuid), Role.ENTITY)


_E, _A, _G = Role.ENTITY, Role.ACTIVITY, Role.AGENT

_MEANING: Mapping[tuple[Relation, Role, Role], Verb] = {
    (Relation.GENERATED_BY, _E, _A): Verb.GENERATED,
    (Relation.GENERATED_BY, _E, _G): Verb.ATTRIBUTED,
    (Relation.GENERATED_BY, _A, _G): Verb.ASSOCIATED,
    (Relation.GENERATED_BY, _A, _A): Verb.INFORMED,
    (Relation.ACTED_ON, _A, _E): Verb.USED,
    (Relation.ACTED_USING, _A, _E): Verb.USED,
    # What a job belongs to is what it computes upon: the measurements were read, even where no file of theirs is named.
    (Relation.CHILD_OF, _A, _E): Verb.USED,
    # A sample is a part of its experiment, not a closer look at it; so this is no specializationOf.
    (Relation.CHILD_OF, _E, _E): Verb.MEMBER,
    (Relation.CHILD_OF, _A, _A): Verb.INFORMED,
    (Relation.DERIVED_FROM, _E, _E): Verb.DERIVED,
    (Relation.DERIVED_USING, _E, _E): Verb.DERIVED,
}
"""What a link means; one that is not here says that there was an influence, and no more."""


def statement_of(link: Link) -> Statement:
    """Return what a link says, in the words of PROV."""
    verb = _MEANING.get((link.relation, role_of(link.source), role_of(link.target)), Verb.INFLUENCED)
    ends = (link.target, link.source) if verb is Verb.MEMBER else (link.source, link.target)
    return Statement(verb=verb, subject=ends[0], object=ends[1], said=link.relation.value)


_FIELDS = (
    "title", "description", "type", "level", "file_id", "reference_id", "id", "experiment_design_id", "experiment_id",
    "sample_id", "measurement_id", "measurement_type", "lab_sample_id", "lab_label", "status", "pipeline_type", "uri", "url",
)  # fmt: skip
_FIXITY_FIELDS = ("checksum", "size", "version", "modified")
_JOB_FIELDS = ("state", "session", "task", "agent")


def entity_of(uuid: TypedUuid, record: Record | None, fixity: Record | None, default_system: str) -> Entity:
    """Return a record as an entity; of one that is not in the catalog, the UUID alone is known.

    Args:
        fixity: what is known of a file's content.
        default_system: the storage system of files that name none.
    """
    kind = kind_of(uuid)
    if record is None:
        return Entity(uuid=uuid, kind=kind, label=uuid, attributes={})
    attributes: dict[str, str | int] = {}
    if kind is Kind.FILE:
        attributes["system"] = str(record.body.get("storage_system") or default_system)
        attributes["path"] = str(record.body["name"])
    attributes |= _said(record.body, _FIELDS)
    if fixity is not None:
        attributes |= _said(fixity.body, _FIXITY_FIELDS)
    return Entity(
        uuid=uuid,
        kind=kind,
        label=label(record) if kind is Kind.FILE else text_without_secrets(label(record)),
        attributes=attributes,
        owner=record.admin.get("owner", "") if kind in _OWNED else "",
    )


_OWNED = frozenset({Kind.FILE, Kind.REFERENCE, Kind.PIPELINE})
"""What accounts make; metadata describes what laboratories made."""


def activity_of(uuid: TypedUuid, record: Record | None, run: Run) -> Activity:
    """Return a job as an activity; of one that is not in the catalog, the UUID alone is known."""
    if record is None:
        return Activity(uuid=uuid, label=uuid, plan=None, run=run, created=None, attributes={})
    body = record.body
    system, path = body.get("archive_system"), str(body["archive_path"])
    archive = {} if system is None else {"archive": f"agave://{system}{quote(path)}"}
    return Activity(
        uuid=uuid,
        label=label(record),
        plan=TypedUuid(body["pipeline_uuid"]),
        run=run,
        created=record.created,
        attributes={
            **_said(body, _JOB_FIELDS),
            **archive,
            "data": minified(without_secrets(body["data"])),
        },
        tenant=record.admin.get("tenant", ""),
    )


def process_of(uuid: TypedUuid, record: Record | None) -> Agent:
    """Return a process record as an agent."""
    if record is None:
        return Agent(uuid=uuid, kind=AgentKind.PROCESS, label=uuid)
    uri = _said(record.body, ("uri",)).get("uri")
    name = text_without_secrets(label(record))
    return Agent(uuid=uuid, kind=AgentKind.PROCESS, label=name, uri=None if uri is None else str(uri))


def run_of(entries: Iterable[HistoryEntry], run: int, *, failed: bool) -> Run:
    """Return what the history of a job says of its last run. It is read only as far as need be.

    Args:
        entries: all of it, oldest first.
        run: which run is the last (Job.run): there were so many resets, and one less.
        failed: whether the job's state is one that a failure may have led to; else its first end is all.
    """
    started: datetime | None = None
    ended: HistoryEntry | None = None
    resets = 0
    for entry in entries:
        if entry.noted:
            continue
        if entry.name is Event.RESET:
            resets, started, ended = resets + 1, None, None
        elif entry.name is Event.RUN:
            started = started or entry.date
        elif entry.name is Event.FAIL or (entry.name is Event.FINISH and ended is None):
            ended = entry
        if ended is not None and resets >= run - 1 and (ended.name is Event.FAIL or not failed):
            break
    if ended is None:
        return Run(started=started, outcome=Outcome.ACTIVE if started else Outcome.POTENTIAL)
    if ended.name is Event.FAIL:
        return Run(started=started, ended=ended.date, outcome=Outcome.FAILED, error=_reason(ended.data or {}))
    return Run(started=started, ended=ended.date, outcome=Outcome.COMPLETED)


def _reason(data: JsonObject) -> str:
    told = next(
        (data[key] for key in ("reason", "error", "message", "note", "status") if data.get(key)), data
    )
    shown = without_secrets(told)
    text = shown if isinstance(shown, str) else minified(shown)
    return text if text != "{}" else "no reason was given"


def _said(body: JsonObject, fields: Iterable[str]) -> dict[str, str | int]:
    """Return those of the fields that are texts or numbers, without secrets."""
    found: dict[str, Any] = {name: body[name] for name in fields if isinstance(body.get(name), str | int)}
    return {
        name: text_without_secrets(value) if isinstance(value, str) else int(value)
        for name, value in found.items()
    }
