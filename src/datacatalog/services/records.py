"""Putting records into the catalog, changing them, taking them out of sight and bringing them back.

Jobs and pipelines have services of their own: jobs move by events, pipelines are registered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField, PreconditionFailed, UnknownRecord
from datacatalog.domain.identifiers.records import normal_body
from datacatalog.domain.identifiers.typed import overlay
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.records import (
    Change,
    Link,
    Record,
    check_strategy,
    combined,
    link_changes,
    patched,
)
from datacatalog.ports.stores import Work
from datacatalog.services import access
from datacatalog.services.describing import (
    Said,
    body_in,
    check_fields,
    check_identity,
    check_plain,
    check_same,
    links_of,
    naming_links,
    read_document,
)
from datacatalog.services.documents import document_of
from datacatalog.services.env import Env, new_salt

_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of a record.

    Attributes:
        record: as it is now, or as it was where it is gone.
        action: created, updated, unchanged, deleted (hidden), undeleted or purged.
    """

    record: Record
    action: str


def put_record(
    kind: Kind,
    document: JsonObject,
    work: Work,
    env: Env,
    *,
    strategy: str = "merge",
    if_revision: int | None = None,
    by: str | None = None,
    visible: bool = True,
) -> Written:
    """Add a record, or write its document over the one that is there.

    Linkage fields of the document (`child_of`, ...) become links. Private fields (`_...`) are passed over. A record that
    was deleted softly is visible again, and the fixity of a file with it, unless the strategy is `drop`.

    Args:
        document: as published; its `uuid`, where given, must be the one that its identifier makes.
        strategy: `merge` (objects field by field; links are added), `replace` (this document and these links alone),
            or `drop` (what is there stays as it is, hidden or not).
        if_revision: what is there must be of this revision.
        by: who writes; stands in the update log.
        visible: whether readers see it from now on; false is as if it were deleted right away.
    Raises:
        InvalidField: a uuid field is missing, or `uuid` is another record's; the kind has its own services.
        InvalidLink, InvalidRecord, Duplicate: nothing was written.
        AlreadyExists: what is there has this UUID of other values.
        PreconditionFailed: what is there is of another revision.
    """
    check_strategy(strategy)
    said = read_document(kind, document, env)
    old = work.records.find(said.uuid)
    _check_revision(said.uuid, old, if_revision)
    if old is None:
        made = _create(said, work, env, by)
        return made if visible else replace(made, record=_show(made.record, False, work, env, by))
    if strategy == "drop":
        return Written(record=old, action="unchanged")
    had = _stored_links(old.uuid, work) if said.links or strategy == "replace" else frozenset()
    check_same(old, said, had)
    links = said.links if strategy == "replace" else had | said.links
    body = _keeping_file_id(said.body, document, old) if strategy == "merge" else said.body
    new = replace(old, body=combined(old.body, body, strategy), visible=visible)
    written = _change(old, new, had, links, work, env, by, None if strategy == "merge" else strategy)
    if old.visible is not visible:
        _show_fixity(old, visible, work, env, by)
    return written


def _keeping_file_id(body: JsonObject, document: JsonObject, old: Record) -> JsonObject:
    """Return a body without the `file_id` that was minted for a file that has one of its provider's."""
    if document.get("file_id") or not old.body.get("file_id"):
        return body
    return {name: value for name, value in body.items() if name != "file_id"}


def patch_record(
    uuid: TypedUuid,
    patch: JsonObject,
    work: Work,
    env: Env,
    *,
    if_revision: int | None = None,
    by: str | None = None,
) -> Written:
    """Change a record by a JSON merge patch (RFC 7396) of its public document.

    Null removes a field; a list takes the place of the one that is there, so a linkage field replaces those links.

    Raises:
        UnknownRecord: it is not there, or hidden.
        InvalidField: a private field, `uuid`, or a field that makes the UUID would change; the kind has its own services.
        InvalidLink, InvalidRecord, Duplicate: nothing was written.
        PreconditionFailed: what is there is of another revision.
    """
    old = _present(uuid, work)
    _check_revision(uuid, old, if_revision)
    for name in patch:
        if name.startswith("_"):
            raise InvalidField(name, "is the catalog's own")
    check_fields(patch)
    before = document_of(old, work)
    after = patched(before, patch)
    if after.get("uuid") != uuid:
        raise InvalidField("uuid", "cannot change")
    body = normal_body(old.kind, body_in(after), env.rules.default_system, env.identity)
    private = {name: value for name, value in old.body.items() if name.startswith("_")}
    new = replace(old, body={**private, **body})
    had, links = _stored_links(uuid, work), links_of(old.kind, after, uuid)
    check_identity(old, body, had, links)
    return _change(old, new, had, links, work, env, by)


def delete_record(
    uuid: TypedUuid,
    work: Work,
    env: Env,
    *,
    force: bool = False,
    if_revision: int | None = None,
    by: str | None = None,
) -> Written:
    """Hide a record, or with `force` remove it for good, hidden or not. A file takes its fixity with it.

    What else points at a record that is removed loses that link, and its revision and log tell. Only what makes the UUID of
    a job or an association goes on pointing at it: without, these would be others.

    Raises:
        UnknownRecord: it is not there, or (without `force`) hidden already.
        InvalidField: the kind has its own services.
        PreconditionFailed: what is there is of another revision.
    """
    record = _known(uuid, work) if force else _present(uuid, work)
    _check_revision(uuid, record, if_revision)
    if force:
        for each in (_fixity_of(record, work), record):
            if each is not None:
                _purge(each.uuid, work, env, by)
        return Written(record=record, action="purged")
    _show_fixity(record, False, work, env, by)
    return Written(record=_show(record, False, work, env, by), action="deleted")


def undelete_record(uuid: TypedUuid, work: Work, env: Env, *, by: str | None = None) -> Written:
    """Bring a hidden record back, and the fixity of a file with it; one that is visible stays as it is.

    Raises:
        UnknownRecord.
        InvalidField: the kind has its own services.
    """
    record = _known(uuid, work)
    if record.visible:
        return Written(record=record, action="unchanged")
    _show_fixity(record, True, work, env, by)
    return Written(record=_show(record, True, work, env, by), action="undeleted")


def changes_of(
    uuid: TypedUuid, work: Work, *, after: int = 0, limit: int = 100
) -> Sequence[tuple[int, Change]]:
    """Return the update log of a record, hidden or removed ones included, oldest first, as (sequence number, change).

    Raises:
        UnknownRecord: there is no such record, and there never was.
    """
    changes = work.records.changes(uuid, after=after, limit=limit)
    if not changes and work.records.find(uuid) is None and not work.records.changes(uuid, limit=1):
        raise UnknownRecord(uuid)
    return changes


def revoke_token(uuid: TypedUuid, token: str, env: Env) -> Record:
    """Give a document another update token; the one it had is worth nothing from then on.

    Args:
        token: an administrative token.
    Raises:
        UnknownRecord, InvalidAdminToken.
    """

    def body(work: Work) -> Record:
        record = work.records.get(uuid)
        access.check_admin_token(token, work, env)
        return work.records.put(access.rotate_token(record, new_salt()), at=env.clock.now())

    return env.store.transact(body)


# ------------------------------------------------------------------------------------------- checking


def _check_revision(uuid: TypedUuid, record: Record | None, wanted: int | None) -> None:
    found = None if record is None else record.revision
    if wanted is not None and found != wanted:
        there = "not there" if found is None else f"of revision {found}"
        raise PreconditionFailed(uuid, f"of revision {wanted}", there)


def _known(uuid: TypedUuid, work: Work) -> Record:
    record = work.records.get(uuid)
    check_plain(record.kind)
    return record


def _present(uuid: TypedUuid, work: Work) -> Record:
    record = _known(uuid, work)
    if not record.visible:
        raise UnknownRecord(uuid, record.kind)
    return record


def _stored_links(uuid: TypedUuid, work: Work) -> frozenset[Link]:
    return frozenset(work.links.of(uuid))


# ------------------------------------------------------------------------------------------- writing


def _create(said: Said, work: Work, env: Env, by: str | None) -> Written:
    record = Record(kind=said.kind, uuid=said.uuid, body=said.body, salt=new_salt(), admin=env.rules.admin)
    stored = work.records.put(record, at=env.clock.now(), beside=link_changes(None, said.links), by=by)
    work.links.add(said.links)
    return Written(record=stored, action="created")


def _change(
    old: Record,
    new: Record,
    had: frozenset[Link],
    links: frozenset[Link],
    work: Work,
    env: Env,
    by: str | None,
    action: str | None = None,
) -> Written:
    """Write a record and its links over what is there; `had` may be left out where no link goes."""
    stored = work.records.put(new, at=env.clock.now(), beside=link_changes(had, links), by=by, action=action)
    work.links.add(links - had)
    work.links.remove(had - links)
    return Written(record=stored, action="unchanged" if stored.revision == old.revision else "updated")


def _show(record: Record, visible: bool, work: Work, env: Env, by: str | None) -> Record:
    return work.records.put(replace(record, visible=visible), at=env.clock.now(), by=by)


def _show_fixity(file: Record, visible: bool, work: Work, env: Env, by: str | None) -> None:
    fixity = _fixity_of(file, work)
    if fixity is not None:
        _show(fixity, visible, work, env, by)


def _fixity_of(record: Record, work: Work) -> Record | None:
    if record.kind is not Kind.FILE:
        return None
    return work.records.find(overlay(Kind.FIXITY, record.uuid))


def _purge(uuid: TypedUuid, work: Work, env: Env, by: str | None) -> None:
    """Remove a record, and before that what others say of it, page by page."""
    kept = naming_links(uuid, work)
    after: TypedUuid | None = None
    while links := work.links.to(uuid, after=after, limit=_PAGE):
        for source, found in groupby(links, lambda link: link.source):
            after = source
            if lost := frozenset(found) - kept:
                had, record = _stored_links(source, work), work.records.get(source)
                _change(record, record, had, had - lost, work, env, by)
    work.records.purge(uuid, at=env.clock.now(), by=by)
    work.links.add(kept)
