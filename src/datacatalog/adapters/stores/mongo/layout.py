"""Which collections there are, what their documents are known by, and along which fields they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from datacatalog.domain.kinds import SPECS, Kind, KindSpec

UUID = "uuid"


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection.

    Attributes:
        key: the field that documents are known by, unique; the shard key.
        indexes: lists of fields, all ascending, besides the key's own; none of them unique.
    """

    name: str
    key: str
    indexes: tuple[tuple[str, ...], ...] = ()


def _of_records(spec: KindSpec) -> Collection:
    searched = tuple((name, UUID) for name in spec.searchable)
    linked = tuple((relation.value, UUID) for relation in sorted(spec.relations))
    return Collection(spec.collection, UUID, searched + linked)


COLLECTION_OF: Mapping[Kind, str] = {kind: spec.collection for kind, spec in SPECS.items()}
"""Where the records of a kind are."""

HISTORY, UPDATES, MESSAGES, EXECUTIONS = "history", "updates", "messages", "executions"
ANSWERS, PROGRESS, CREDENTIALS, GRANTS = "answers", "progress", "credentials", "grants"
SUBSCRIPTIONS, TENANTS = "subscriptions", "tenants"

_OTHERS = (
    Collection(HISTORY, "_id", (("job", "seq"),)),
    Collection(UPDATES, "_id", (("uuid", "seq"),)),
    Collection(
        MESSAGES,
        "_id",
        (("queue", "due", "order"), ("died", "order"), ("carry", "order"), ("handled",)),
    ),
    Collection(EXECUTIONS, "_id", (("actor", "id"), ("ended",))),
    Collection(ANSWERS, "_id", (("at",),)),
    Collection(PROGRESS, "_id", (("at",),)),
    Collection(CREDENTIALS, "_id", (("kind", "created"), ("expires",))),
    Collection(GRANTS, "_id", (("to_tenant",),)),
    Collection(SUBSCRIPTIONS, "_id", (("subject",),)),
    Collection(TENANTS, "_id"),
)

COLLECTIONS: Mapping[str, Collection] = {
    each.name: each for each in (*map(_of_records, SPECS.values()), *_OTHERS)
}
"""All collections that hold the ledger, by name; the log's own are not among them."""
