"""Records and links: whether documents fit, whether what they name is there, whether what identifies them is theirs alone.

Records are read some hundred at a time, each page in a look of its own, so that no reader holds up the ledger's house-keeping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from datacatalog.domain.documents import public_fields
from datacatalog.domain.kinds import SPECS, Kind, Relation, TypedUuid
from datacatalog.domain.records import Link, Record, implied_links, link_changes
from datacatalog.ports.stores import Work
from datacatalog.services.checking.faults import Fault
from datacatalog.services.env import Env

PAGE = 500
LINKS_PAGE = 1000
KNOWN_MAX = 50_000
BY = "db check"
"""Who mends, as the update log tells it."""

_BEHIND = "\U0010ffff"
"""Comes after every text that is an identifier."""

_LITTLE_NAMED = frozenset({Kind.FILE, Kind.FIXITY, Kind.REFERENCE})
"""Kinds with many records, of which few others say something each: asked for together. All others are asked for one by one."""

_NAMING = frozenset({Relation.CONNECTS_FROM, Relation.CONNECTS_TO})


def pages(env: Env, kind: Kind, size: int = PAGE) -> Iterator[Sequence[Record]]:
    """Yield all records of a kind, hidden ones included, some at a time."""
    after: str | None = None
    while True:
        page = env.store.read(
            lambda work, after=after: work.records.page(kind, after=after, limit=size, hidden=True)  # type: ignore[misc]
        )
        if page.records:
            yield page.records
        if page.next is None:
            return
        after = page.next


def unfit(env: Env) -> Iterator[Fault]:
    """Documents that do not fit their schema."""
    for kind in SPECS:
        schema = f"{kind.value}_document"
        for records in pages(env, kind):
            for record in records:
                document = {**public_fields(record.body), "uuid": record.uuid}
                if not env.schemas.valid(schema, document):
                    path, reason = env.schemas.complaints(schema, document)[0]
                    yield Fault(
                        subject=record.uuid,
                        text=f"{path or '/'}: {reason}",
                        still=partial(_unchanged, record),
                    )


def _unchanged(record: Record, work: Work) -> bool:
    found = work.records.find(record.uuid)
    return found is not None and found.revision == record.revision


def ambiguous(env: Env) -> Iterator[Fault]:
    """Identifiers that two records have."""
    for kind, spec in SPECS.items():
        for field in spec.identifiers:
            last: tuple[str, TypedUuid] | None = None
            for value, uuid in _values(env, kind, field):
                if last is not None and last[0] == value and last[1] != uuid:
                    yield Fault(subject=uuid, text=f"{field} '{value}' is that of {last[1]}, too")
                last = value, uuid


def _values(env: Env, kind: Kind, field: str) -> Iterator[tuple[str, TypedUuid]]:
    """Yield the values of an identifier, in their order."""
    low, seen = "", set[TypedUuid]()
    while True:
        found = env.store.read(
            lambda work, low=low: work.records.between(kind, field, low, _BEHIND, limit=PAGE, hidden=True)  # type: ignore[misc]
        )
        # One that does not fit its schema may lack the field, whatever it was found by.
        said = [(str(record.body[field]), record.uuid) for record in found if field in record.body]
        yield from (each for each in said if each[1] not in seen)
        high = max((value for value, _ in said), default=low)
        if len(found) < PAGE or high <= low:
            return
        low, seen = high, {uuid for value, uuid in said if value == high}


def orphans(env: Env) -> Iterator[Fault]:
    """Fixities of files that are not there."""
    known = _Known()
    for records in pages(env, Kind.FIXITY):
        files = {implied_links(record.uuid)[0].target: record for record in records}
        lost = env.store.read(lambda work, files=files: known.lost(files, work))  # type: ignore[misc]
        for file in lost:
            fixity = files[file]
            yield Fault(
                subject=fixity.uuid,
                text=f"there is no file {file}",
                still=partial(_orphaned, fixity.uuid, file),
                mend=partial(_purge, fixity.uuid, env),
            )


def _orphaned(fixity: TypedUuid, file: TypedUuid, work: Work) -> bool:
    return work.records.find(file) is None and work.records.find(fixity) is not None


def _purge(uuid: TypedUuid, env: Env, work: Work) -> str:
    work.records.purge(uuid, at=env.clock.now(), by=BY)
    return "removed"


def dangling(env: Env) -> Iterator[Fault]:
    """Links from records that are not there, or to such.

    A document may name what is loaded later, so what was never there is only noticed. What was there, and was removed for good, is
    named no more, but for what UUIDs are made of.
    """
    known = _Known()
    for kind in SPECS:
        for records in pages(env, kind):
            uuids = [record.uuid for record in records]
            said = env.store.read(lambda work, uuids=uuids: _lost_ends(uuids, work, known, up=True))  # type: ignore[misc]
            for link in said:
                yield from _of_target(link, env)
            for sources in _named_by(kind, uuids):
                lost = env.store.read(lambda work, sources=sources: sources(work, known))  # type: ignore[misc]
                for link in lost:
                    yield _of_source(link)


def _of_target(link: Link, env: Env) -> Iterator[Fault]:
    removed = env.store.read(lambda work: _was_removed(link.target, work))
    naming = link.relation in _NAMING or (
        link.relation is Relation.CHILD_OF and link.source.startswith(_JOBS)
    )
    if removed and naming:
        return
    text = f"is {link.relation} {link.target}, which "
    text += "was removed" if removed else "is not there (yet)"
    yield Fault(
        subject=link.source,
        text=text,
        still=lambda work: work.records.find(link.target) is None and link in work.links.of(link.source),
        mend=partial(_unlink, link, env) if removed else None,
        grave=removed,
    )


_JOBS = "107"


def _was_removed(uuid: TypedUuid, work: Work) -> bool:
    return any(change.action == "purge" for _, change in work.records.changes(uuid))


def _unlink(link: Link, env: Env, work: Work) -> str:
    had = frozenset(work.links.of(link.source))
    work.links.remove([link])
    record = work.records.get(link.source)
    beside = link_changes(had, had - {link})
    work.records.put(record, at=env.clock.now(), beside=beside, by=BY, action="mend")
    return "removed the link"


def _of_source(link: Link) -> Fault:
    def mend(work: Work) -> str:
        work.links.remove([link])
        return "removed the link"

    return Fault(
        subject=link.source,
        text=f"is not there, and {link.relation} {link.target}",
        still=lambda work: work.records.find(link.source) is None and link in work.links.of(link.source),
        mend=mend,
    )


def _named_by(kind: Kind, uuids: Sequence[TypedUuid]) -> Iterator[Callable[[Work, _Known], list[Link]]]:
    """Yield looks at what is said of records, each at some of it."""
    if kind in _LITTLE_NAMED:
        yield lambda work, known: _lost_ends(uuids, work, known, up=False)
        return
    for uuid in uuids:
        yield lambda work, known, uuid=uuid: _lost_sources(uuid, work, known)  # type: ignore[misc]


def _lost_ends(uuids: Iterable[TypedUuid], work: Work, known: _Known, *, up: bool) -> list[Link]:
    links = work.links.step(uuids, up=up)
    lost = known.lost([link.target if up else link.source for link in links], work)
    return [link for link in links if (link.target if up else link.source) in lost]


def _lost_sources(uuid: TypedUuid, work: Work, known: _Known) -> list[Link]:
    found: list[Link] = []
    after: TypedUuid | None = None
    while links := work.links.to(uuid, after=after, limit=LINKS_PAGE):
        lost = known.lost([link.source for link in links], work)
        found += [link for link in links if link.source in lost]
        after = links[-1].source
    return found


class _Known:
    """Remembers records that were found to be there: most links lead to a few of them."""

    def __init__(self) -> None:
        self._there: set[TypedUuid] = set()

    def lost(self, uuids: Iterable[TypedUuid], work: Work) -> set[TypedUuid]:
        """Return those of which there is no record, hidden ones included."""
        unknown = set(uuids) - self._there
        if not unknown:
            return unknown
        there = set(work.records.visible(unknown))
        # Hidden records are few; only they need to be read.
        there |= set(work.records.find_many(unknown - there))
        if len(self._there) > KNOWN_MAX:
            self._there.clear()
        self._there |= there
        return unknown - there
