"""The metadata of an RO-Crate, made by the `rocrate` library.

Files are data entities: in the crate where they were copied into it, else at `agave://system/path`. Jobs are CreateActions;
pipelines are the instrument, whoever was responsible the agent. The version is 1.1, which every reader knows.
"""

from __future__ import annotations

import json
import mimetypes
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from datacatalog.adapters.exports.extra import importing
from datacatalog.domain.documents import instant
from datacatalog.domain.kinds import Kind
from datacatalog.domain.provenance import (
    Activity,
    Agent,
    AgentKind,
    Entity,
    Outcome,
    Provenance,
    Statement,
    Verb,
)

if TYPE_CHECKING:
    from rocrate.rocrate import ROCrate

METADATA = "ro-crate-metadata.json"
VERSION = "1.1"

_STATUS: Mapping[Outcome, str] = {
    Outcome.POTENTIAL: "http://schema.org/PotentialActionStatus",
    Outcome.ACTIVE: "http://schema.org/ActiveActionStatus",
    Outcome.COMPLETED: "http://schema.org/CompletedActionStatus",
    Outcome.FAILED: "http://schema.org/FailedActionStatus",
}
_TYPES: Mapping[Kind, str] = {Kind.PIPELINE: "SoftwareApplication", Kind.REFERENCE: "CreativeWork"}
_AGENT_TYPES: Mapping[AgentKind, str] = {
    AgentKind.ACCOUNT: "Person",
    AgentKind.PLATFORM: "SoftwareApplication",
    AgentKind.PROCESS: "SoftwareApplication",
}
_LINKED: Mapping[Verb, str] = {
    Verb.DERIVED: "isBasedOn",
    Verb.MEMBER: "isPartOf",
    Verb.ATTRIBUTED: "author",
    Verb.INFLUENCED: "mentions",
}
"""What a statement of an entity is here; of MEMBER, it is said of the member."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A file that lies in the crate.

    Attributes:
        path: where, relative to the crate.
        sha256: of what was copied, in hex.
    """

    path: str
    size_bytes: int
    sha256: str


def ro_crate(provenance: Provenance, copies: Mapping[str, Copied] | None = None) -> bytes:
    """Return the text of `ro-crate-metadata.json`, in ASCII.

    Args:
        copies: the files that lie in the crate, by UUID.
    Raises:
        MissingExtra.
    """
    crate = crate_of(provenance, copies or {})
    return (json.dumps(crate.metadata.generate(), indent=1, sort_keys=True) + "\n").encode()


def crate_of(provenance: Provenance, copies: Mapping[str, Copied]) -> ROCrate:
    """Return the provenance as a crate of the `rocrate` library, for its metadata.  Raises MissingExtra."""
    with importing("rocrate"):
        from rocrate.model.contextentity import ContextEntity
        from rocrate.model.file import File
        from rocrate.rocrate import ROCrate

    crate = ROCrate(version=VERSION)
    _describe_root(crate, provenance)
    names = _names(provenance, copies)
    said = _said_of_entities(provenance, names)
    for entity in provenance.entities.values():
        copy = copies.get(entity.uuid)
        properties = _entity(entity, copy) | said[entity.uuid]
        name = names[entity.uuid]
        if entity.kind is Kind.FILE and entity.uri is not None:
            place = {"dest_path": copy.path} if copy is not None else {"source": name}
            crate.add(File(crate, **place, properties=properties))
        else:
            crate.add(ContextEntity(crate, name, properties=properties))
    for agent in provenance.agents.values():
        crate.add(ContextEntity(crate, names[agent.uuid], properties=_agent(agent)))
    done = _said_of_jobs(provenance, names)
    for activity in provenance.activities.values():
        properties = _action(activity) | done[activity.uuid]
        crate.add(ContextEntity(crate, names[activity.uuid], properties=properties))
    if provenance.activities:
        crate.root_dataset["mentions"] = [_ref(names[uuid]) for uuid in provenance.activities]
    return crate


def _describe_root(crate: ROCrate, provenance: Provenance) -> None:
    start = provenance.start
    told = provenance.activities.get(start) or provenance.entities.get(start) or provenance.agents[start]
    crate.root_dataset["name"] = f"Provenance of {told.label}"
    crate.root_dataset["description"] = f"What the catalog knew of {start} and where it came from."
    crate.root_dataset["datePublished"] = _instant(provenance.at)


def _names(provenance: Provenance, copies: Mapping[str, Copied]) -> dict[str, str]:
    """Return what everything is called in the crate: a path in it, the URI of a file, or a UUID."""
    uuids = (*provenance.entities, *provenance.activities, *provenance.agents)
    names = {uuid: f"urn:uuid:{uuid}" for uuid in uuids}
    for entity in provenance.entities.values():
        if entity.kind is Kind.FILE and entity.uri is not None:
            names[entity.uuid] = entity.uri
    return names | {uuid: quote(copy.path) for uuid, copy in copies.items()}


def _entity(entity: Entity, copy: Copied | None) -> dict[str, Any]:
    """Return the properties of an entity; what was copied is told as it was found."""
    said: dict[str, Any] = {
        "@type": "File" if entity.kind is Kind.FILE and entity.uri else _TYPES.get(entity.kind, "Thing"),
        "name": entity.label,
        "identifier": f"urn:uuid:{entity.uuid}",
        "additionalType": str(entity.attributes.get("type", entity.kind.value)),
        "description": entity.attributes.get("description"),
        "version": None if "version" not in entity.attributes else str(entity.attributes["version"]),
        "url": None if entity.kind is Kind.FILE else entity.uri,
    }
    if entity.kind is Kind.FILE:
        size = copy.size_bytes if copy is not None else entity.attributes.get("size")
        said["contentUrl"] = entity.uri
        said["contentSize"] = None if size is None else str(size)
        said["sha256"] = copy.sha256 if copy is not None else entity.sha256
        said["encodingFormat"] = mimetypes.guess_type(entity.label)[0]
        said["dateModified"] = _modified(entity)
    return _given(said)


def _modified(entity: Entity) -> str | None:
    try:
        return _instant(instant(str(entity.attributes["modified"])))
    except (KeyError, ValueError):
        return None


def _agent(agent: Agent) -> dict[str, Any]:
    return _given({"@type": _AGENT_TYPES[agent.kind], "name": agent.label, "url": agent.uri})


def _action(activity: Activity) -> dict[str, Any]:
    run = activity.run
    return _given(
        {
            "@type": "CreateAction",
            "name": activity.label,
            "identifier": f"urn:uuid:{activity.uuid}",
            "description": activity.attributes.get("data"),
            "startTime": None if run.started is None else _instant(run.started),
            "endTime": None if run.ended is None else _instant(run.ended),
            "actionStatus": _ref(_STATUS[run.outcome]),
            "error": run.error,
        }
    )


def _said_of_entities(provenance: Provenance, names: Mapping[str, str]) -> Mapping[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for statement in provenance.statements:
        word = _LINKED.get(statement.verb)
        if word is None or statement.object is None:
            continue
        ends = (statement.subject, statement.object)
        of, other = ends[::-1] if statement.verb is Verb.MEMBER else ends
        _append(found[of], word, _ref(names[other]))
    return found


def _said_of_jobs(provenance: Provenance, names: Mapping[str, str]) -> Mapping[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for statement in provenance.statements:
        for of, word, other in _parts(statement):
            _append(found[of], word, _ref(names[other]))
    return found


def _parts(said: Statement) -> Iterable[tuple[str, str, str]]:
    """Yield what a statement says of a job: (job, property, other)."""
    match said.verb:
        case Verb.USED if said.object is not None:
            yield said.subject, "object", said.object
        case Verb.GENERATED if said.object is not None:
            yield said.object, "result", said.subject
        case Verb.ASSOCIATED:
            if said.object is not None:
                yield said.subject, "agent", said.object
            if said.plan is not None:
                yield said.subject, "instrument", said.plan
        case Verb.INFORMED if said.object is not None:
            yield said.subject, "mentions", said.object


def _append(properties: dict[str, Any], word: str, value: Any) -> None:
    # A dict keeps the order and drops what is said twice (a plan, with each agent).
    values = properties.setdefault(word, [])
    if word != "instrument" or value not in values:
        values.append(value)


def _ref(name: str) -> dict[str, str]:
    return {"@id": name}


def _given(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value is not None}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
