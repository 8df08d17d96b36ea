"""The writing side: what was found becomes records and links, in one commit a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from datacatalog.domain.errors import Duplicate, StaleWrite
from datacatalog.domain.identifiers.records import normal_body
from datacatalog.domain.indexed import file_body, file_facts, next_fixity, remembered, states_in, told
from datacatalog.domain.kinds import PREFIXES, Kind, TypedUuid
from datacatalog.domain.records import Link, Record, link_changes
from datacatalog.domain.series import Series
from datacatalog.ports.stores import Prepared, Work
from datacatalog.services.indexing.finding import Batch, Found
from datacatalog.services.indexing.plan import Plan
from datacatalog.services.indexing.sources import Transact

_NO_SALT = ""
"""Tokens of files are derived from their UUIDs; there is nothing to shuffle until one is revoked."""


def prepare(plan: Plan, new: Iterable[Found]) -> Prepared:
    """Make the records and links of new files ready to be written, outside of any transaction."""
    return plan.env.store.prepare(series=new_series(plan, new))


def new_series(plan: Plan, new: Iterable[Found]) -> Iterator[Series]:
    """Yield what the ledger is to have of files that it has no record of."""
    alike: dict[tuple[str, bool, bool], list[Found]] = defaultdict(list)
    for found in new:
        alike[found.choice.digest, found.seen is None, found.checksum == ""].append(found)
    for group in alike.values():
        yield from _series(plan, group)


def _series(plan: Plan, group: Sequence[Found]) -> Iterator[Series]:
    """Yield the records of files of which the same is said: the same as the general way below gives; tests hold them together."""
    choice = group[0].choice
    paths = [found.info.path for found in group]
    types = [found.type for found in group]
    uuids = list(map(plan.uuid, paths))
    fields: dict[str, Sequence[str] | Sequence[int]] = {
        "name": paths,
        "type": types,
        "file_id": list(map(plan.file_id, paths)),
    }
    if group[0].seen is not None:
        fields["_seen"] = [f"{found.seen} 0" for found in group]
    where = {"storage_system": plan.system}
    admin = plan.env.rules.admin
    yield Series(
        kind=Kind.FILE,
        uuids=uuids,
        fields=fields,
        shared={**where, **choice.said},
        salt=_NO_SALT,
        admin=admin,
        targets=choice.targets,
    )
    if not group[0].checksum:
        return
    infos = [found.info for found in group]
    yield Series(
        kind=Kind.FIXITY,
        uuids=list(map(_fixity_of, uuids)),
        fields={
            "name": paths,
            "type": types,
            "created": [told(info.changed_ns) for info in infos],
            "modified": [told(info.modified_ns) for info in infos],
            "size": [info.size_bytes for info in infos],
            "checksum": [found.checksum for found in group],
        },
        shared={**where, "version": 1},
        salt=_NO_SALT,
        admin=admin,
    )


def merge(plan: Plan, known: Iterable[Found], work: Work, at: datetime) -> None:
    """Write files over whatever the ledger has of them; what says nothing new is not written.

    Raises:
        Duplicate: an identifier of one is another record's.
    """
    for group in _groups(plan, known):
        _merge(plan, group, work, at)


def _groups(plan: Plan, known: Iterable[Found]) -> Iterator[Mapping[TypedUuid, Found]]:
    """Yield files by their UUIDs; names that differ in spaces at their ends may share one, and follow each other."""
    group: dict[TypedUuid, Found] = {}
    for found in known:
        uuid = plan.uuid(found.info.path)
        if uuid in group:
            yield group
            group = {}
        group[uuid] = found
    if group:
        yield group


def _merge(plan: Plan, group: Mapping[TypedUuid, Found], work: Work, at: datetime) -> None:
    files = work.records.find_many(group)
    fixities = work.records.find_many([_fixity_of(uuid) for uuid, found in group.items() if found.checksum])
    said: Mapping[TypedUuid, set[Link]] = defaultdict(set)
    for link in work.links.step(files, up=True):
        said[link.source].add(link)
    records: list[Record] = []
    for uuid, found in group.items():
        had = said[uuid]
        # A pattern may pick the very file that its finds come from; that one comes from itself only in words.
        targets = [(relation, target) for relation, target in found.choice.targets if target != uuid]
        wanted = {Link(source=uuid, relation=relation, target=target) for relation, target in targets}
        old = files.get(uuid)
        record = _file_of(plan, uuid, found, old, linked=wanted <= had)
        if record is not None and old is not None and not wanted <= had:
            work.records.put(record, at=at, beside=link_changes(had, had | wanted))
        elif record is not None:
            records.append(record)
        work.links.add(wanted - had)
        if found.checksum:
            record = _fixity(plan, _fixity_of(uuid), found, fixities.get(_fixity_of(uuid)))
            if record is not None:
                records.append(record)
    work.records.put_many(records, at=at)


def _file_of(plan: Plan, uuid: TypedUuid, found: Found, old: Record | None, *, linked: bool) -> Record | None:
    """Return the record of a file as it is to be; None where it is so already.

    Args:
        linked: it has all its links; a record that gets one is written, be it only for its revision.
    """
    said = {} if old is None else {name: value for name, value in old.body.items() if name != "_seen"}
    body: dict[str, Any] = dict(said)
    for request in found.choice.requests:
        body = file_body(
            body, name=found.info.path, storage_system=plan.system, type=found.type, request=request
        )
    body = normal_body(Kind.FILE, body, plan.env.rules.default_system, plan.env.identity)
    if old is None:
        seen = {} if found.seen is None else {"_seen": f"{found.seen} 0"}
        return Record(
            kind=Kind.FILE, uuid=uuid, body={**body, **seen}, salt=_NO_SALT, admin=plan.env.rules.admin
        )
    revision = old.revision or 0
    memory = old.body.get("_seen", "")
    kept = body == said and old.visible and linked
    if kept and (found.seen is None or found.seen in states_in(memory, revision)):
        return None
    if found.seen is not None:
        body["_seen"] = remembered(memory, found.seen, revision, kept=kept)
    return replace(old, body=body, visible=True)


def _fixity(plan: Plan, uuid: TypedUuid, found: Found, old: Record | None) -> Record | None:
    """Return the fixity of a file as it is to be; None where it is so already."""
    body = next_fixity(
        None if old is None else old.body,
        name=found.info.path,
        storage_system=plan.system,
        type=found.type,
        **_facts(found),
    )
    body = normal_body(Kind.FIXITY, body, plan.env.rules.default_system, plan.env.identity)
    if old is None:
        return Record(kind=Kind.FIXITY, uuid=uuid, body=body, salt=_NO_SALT, admin=plan.env.rules.admin)
    return None if body == old.body and old.visible else replace(old, body=body, visible=True)


def _facts(found: Found) -> dict[str, Any]:
    info = found.info
    return file_facts(info.size_bytes, info.changed_ns, info.modified_ns, found.checksum)


def _fixity_of(file: TypedUuid) -> TypedUuid:
    """Return the UUID of a file's fixity: `overlay(Kind.FIXITY, file)`, for a UUID that is a file's for certain."""
    return TypedUuid(PREFIXES[Kind.FIXITY] + file[3:])


# ------------------------------------------------------------------------------------------- the batch


@dataclass(frozen=True, slots=True)
class Ready:
    """A batch, and what was made of it outside of its transaction."""

    batch: Batch
    prepared: Prepared


def write(plan: Plan, ready: Ready, transact: Transact, beside: Callable[[Work], None]) -> None:
    """Write a batch in one commit, whatever others write at the same time.

    Args:
        beside: writes what else belongs into that commit.
    Raises:
        Duplicate: an identifier of a file is another record's.
    """
    batch = ready.batch

    def as_prepared(work: Work) -> None:
        at = plan.env.clock.now()
        work.insert(ready.prepared, at=at)
        merge(plan, batch.known, work, at)
        beside(work)

    def anew(work: Work) -> None:
        merge(plan, [*batch.new, *batch.known], work, plan.env.clock.now())
        beside(work)

    try:
        transact(as_prepared)
    except (StaleWrite, Duplicate):
        # Somebody has recorded one of them since the ledger was asked.
        transact(anew)
