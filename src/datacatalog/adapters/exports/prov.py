"""W3C PROV documents, in JSON and in the PROV notation, written by the `prov` library.

Records are named `urn:uuid:<uuid>`, which means the same in every document; the catalog's own terms are below the base
of the provenance. Instants are UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from datacatalog.adapters.exports.extra import importing
from datacatalog.domain.kinds import Kind
from datacatalog.domain.provenance import (
    Activity,
    Agent,
    AgentKind,
    Entity,
    Provenance,
    Statement,
    Verb,
)

if TYPE_CHECKING:
    from prov.identifier import Namespace, QualifiedName
    from prov.model import ProvDocument

Attributes = list[tuple[Any, Any]]

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def prov_json(provenance: Provenance) -> bytes:
    """Return a PROV-JSON document, in ASCII.  Raises MissingExtra."""
    return str(document_of(provenance).serialize(format="json")).encode()


def prov_n(provenance: Provenance) -> bytes:
    """Return a document in PROV-N, in UTF-8; control characters in names are written as escapes.  Raises MissingExtra."""
    text = document_of(provenance).get_provn()
    # They stand in strings alone, where the notation knows these escapes; raw ones could steer a terminal.
    return (_CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n").encode()


def document_of(provenance: Provenance) -> ProvDocument:
    """Return the provenance as a document of the `prov` library.  Raises MissingExtra."""
    with importing("prov"):
        from prov.model import ProvDocument

    document = ProvDocument()
    uuids = document.add_namespace("uuid", "urn:uuid:")
    terms = document.add_namespace("datacatalog", f"{provenance.base}#")
    collections = provenance.collections()
    for entity in provenance.entities.values():
        said = _entity(entity, terms, collection=entity.uuid in collections)
        document.entity(uuids[entity.uuid], said)
    for activity in provenance.activities.values():
        run = activity.run
        document.activity(
            uuids[activity.uuid], _utc(run.started), _utc(run.ended), _activity(activity, terms)
        )
    for agent in provenance.agents.values():
        document.agent(uuids[agent.uuid], _agent(agent, terms))
    for statement in provenance.statements:
        _state(document, statement, uuids, terms)
    return document


def _entity(entity: Entity, terms: Namespace, *, collection: bool) -> Attributes:
    from prov.constants import PROV, PROV_LABEL, PROV_LOCATION, PROV_TYPE
    from prov.identifier import Identifier

    said: Attributes = [(PROV_LABEL, entity.label), (PROV_TYPE, terms[entity.kind])]
    if entity.kind is Kind.PIPELINE:
        said.append((PROV_TYPE, PROV["Plan"]))
    if collection:
        said.append((PROV_TYPE, PROV["Collection"]))
    if entity.uri is not None:
        said.append((PROV_LOCATION, Identifier(entity.uri)))
    return said + _named(entity.attributes, terms)


def _activity(activity: Activity, terms: Namespace) -> Attributes:
    from prov.constants import PROV_LABEL, PROV_TYPE

    said: Attributes = [(PROV_LABEL, activity.label), (PROV_TYPE, terms[Kind.PIPELINEJOB])]
    said.append((terms["outcome"], activity.run.outcome.value))
    if activity.run.error is not None:
        said.append((terms["error"], activity.run.error))
    return said + _named(activity.attributes, terms)


def _agent(agent: Agent, terms: Namespace) -> Attributes:
    from prov.constants import PROV, PROV_LABEL, PROV_LOCATION, PROV_TYPE
    from prov.identifier import Identifier

    person = agent.kind is AgentKind.ACCOUNT
    said: Attributes = [
        (PROV_LABEL, agent.label),
        (PROV_TYPE, PROV["Person" if person else "SoftwareAgent"]),
        (PROV_TYPE, terms[agent.kind]),
    ]
    if agent.uri is not None:
        said.append((PROV_LOCATION, Identifier(agent.uri)))
    return said


def _named(attributes: Mapping[str, str | int], terms: Namespace) -> Attributes:
    return [(terms[name], value) for name, value in attributes.items()]


def _state(document: ProvDocument, statement: Statement, uuids: Namespace, terms: Namespace) -> None:
    from prov.constants import PROV_ROLE, PROV_TYPE

    subject = uuids[statement.subject]
    object_ = None if statement.object is None else uuids[statement.object]
    plan = None if statement.plan is None else uuids[statement.plan]
    said = terms[statement.said]
    write: Mapping[Verb, Callable[[], object]] = {
        Verb.USED: lambda: document.used(subject, object_, other_attributes=[(PROV_ROLE, said)]),
        Verb.GENERATED: lambda: document.wasGeneratedBy(subject, object_),
        Verb.DERIVED: lambda: document.wasDerivedFrom(
            subject, _there(object_), other_attributes=[(PROV_TYPE, said)]
        ),
        Verb.MEMBER: lambda: document.hadMember(subject, _there(object_)),
        Verb.INFORMED: lambda: document.wasInformedBy(subject, _there(object_)),
        Verb.ASSOCIATED: lambda: document.wasAssociatedWith(subject, object_, plan),
        Verb.ATTRIBUTED: lambda: document.wasAttributedTo(subject, _there(object_)),
        Verb.INFLUENCED: lambda: document.wasInfluencedBy(
            subject, _there(object_), other_attributes=[(PROV_TYPE, said)]
        ),
    }
    write[statement.verb]()


def _there(name: QualifiedName | None) -> QualifiedName:
    assert name is not None  # noqa: S101  only associations may lack it
    return name


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)
