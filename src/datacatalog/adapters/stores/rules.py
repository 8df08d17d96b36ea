"""What every store does alike: which kind a UUID is, which fields are looked up, what goes to the update log."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from datacatalog.adapters.stores.codec import check_integers, decode, same_document, text_of
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField, InvalidLink, InvalidRecord, StaleWrite
from datacatalog.domain.jobs.job import LIFECYCLE_FIELDS
from datacatalog.domain.kinds import PREFIXES, SPECS, Kind, KindSpec
from datacatalog.domain.records import Change, Link, Record, check_link, diff_of

CheckRecord = Callable[[Record], None]
"""Raises InvalidRecord: a record does not fit its schema."""

# A product is a file with derivations, and lives among the files.
_KIND_OF: Mapping[str, Kind] = {
    **{PREFIXES[kind]: kind for kind in SPECS},
    PREFIXES[Kind.PRODUCT]: Kind.FILE,
}
_PREFIXES_OF: Mapping[Kind, Sequence[str]] = {
    **{kind: (prefix,) for kind, prefix in PREFIXES.items()},
    Kind.FILE: tuple(prefix for prefix, kind in _KIND_OF.items() if kind is Kind.FILE),
}
_is_uuid = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_NOT_LOGGED: Mapping[Kind, frozenset[str]] = {Kind.PIPELINEJOB: LIFECYCLE_FIELDS}


def is_uuid(text: str) -> bool:
    """Tell whether a text is a UUID as this catalog writes them: lower-case, with dashes."""
    return _is_uuid(text) is not None


def check_uuid(text: str) -> None:
    """Raises InvalidField: a text is no UUID as this catalog writes them."""
    if not is_uuid(text):
        raise InvalidField("uuid", f"{text!r} is no UUID")


def check_cursor(after: str | None) -> None:
    """Raises InvalidField: a page cannot begin after this."""
    if after is not None and not is_uuid(after):
        raise InvalidField("after", f"{after!r} is no UUID")


def kind_of(uuid: str) -> Kind | None:
    """Return the kind whose records carry such UUIDs, or None where records of that kind are not kept."""
    return _KIND_OF.get(uuid[:3])


def prefixes_of(kind: Kind) -> Sequence[str]:
    """Return the UUID prefixes of a kind's records."""
    return _PREFIXES_OF[kind]


def spec_of(kind: Kind) -> KindSpec:
    """Raises InvalidField: records of this kind are not kept."""
    try:
        return SPECS[kind]
    except KeyError:
        raise InvalidField("kind", f"there are no records of kind {kind}") from None


def check_kind(record: Record) -> None:
    """Raises InvalidRecord: the UUID is not one of the record's kind."""
    if kind_of(record.uuid) is not record.kind or not is_uuid(record.uuid):
        raise InvalidRecord(record.kind, [("/uuid", f"{record.uuid} is no UUID of this kind")])


def text_of_new(record: Record, check: CheckRecord) -> str:
    """Return the body of a record that may be inserted as JSON.  Raises InvalidRecord."""
    check_kind(record)
    text = text_of(record.body, record.kind)
    check_integers(record.body, record.kind)
    check(record)
    return text


def only_new(records: Iterable[Record]) -> Iterator[Record]:
    """Yield records that were never stored.  Raises StaleWrite: one was."""
    for record in records:
        if record.revision is not None:
            raise StaleWrite(record.uuid)
        yield record


def check_searchable(spec: KindSpec, where: Mapping[str, str]) -> None:
    """Raises InvalidField: a field is not declared for searching."""
    for name in where:
        if name not in spec.searchable:
            raise InvalidField(name, f"cannot be searched; one of {', '.join(spec.searchable) or 'none'}")


def check_kept(spec: KindSpec, fields: Iterable[str]) -> None:
    """Raises InvalidField: a field is not kept beside the body."""
    for name in fields:
        if name not in spec.kept:
            raise InvalidField(name, f"is not kept at hand; one of {', '.join(spec.kept) or 'none'}")


def check_identifier(spec: KindSpec, field: str) -> None:
    """Raises InvalidField: a field does not identify records of this kind."""
    if field not in spec.identifiers:
        raise InvalidField(field, f"identifies no {spec.kind}")


def check_links(links: Iterable[Link]) -> list[Link]:
    """Return links that their sources may carry.  Raises InvalidLink."""
    checked = list(links)
    prefix, relation = "", None
    for link in checked:
        source, target = link.source, link.target
        if link.relation is not relation or not source.startswith(prefix) or source == target:
            kind = kind_of(source)
            if kind is None:
                raise InvalidLink(link.relation, f"{source} is no record that carries links")
            check_link(kind, link)
            # What holds for one link holds for those like it, and they come in long rows.
            prefix, relation = source[:3], link.relation
        if not (_is_uuid(source) and _is_uuid(target)):
            raise InvalidLink(link.relation, f"{source} and {target} are not both UUIDs")
    return checked


def identifiers_of(record: Record) -> list[tuple[str, str]]:
    """Return what identifies a record, as (field, value)."""
    fields = SPECS[record.kind].identifiers
    values = texts_of(record.body, fields)
    return [(field, value) for field, value in zip(fields, values, strict=True) if value is not None]


def texts_of(body: JsonObject, fields: Iterable[str]) -> tuple[str | None, ...]:
    """Return the values of these fields that are texts; None for the others."""
    get = body.get
    return tuple([value if isinstance(value := get(name), str) else None for name in fields])


def diff_for_log(old_text: str, new: Record, new_text: str) -> Mapping[str, Any] | None:
    """Return which body fields differ, or None where nothing does.

    Lifecycle fields of a job are left out, so that an event leaves an empty difference; private fields, too.
    Texts decide, since 1, 1.0 and True are equal to Python and a body may have been changed in place.

    Raises:
        InvalidRecord: a new value cannot be kept.
    """
    if old_text == new_text:
        return None
    diff = diff_of(decode(old_text), new.body)
    if diff:
        check_integers([pair[1] for pair in diff.values()], new.kind)
    else:
        check_integers(new.body, new.kind)
        if same_document(old_text, new_text):
            return None
    return _for_readers(new.kind, diff)


def diff_of_new(record: Record) -> Mapping[str, Any]:
    """Return what the update log says of a record that was created."""
    return _for_readers(record.kind, diff_of({}, record.body))


def _for_readers(kind: Kind, diff: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out lifecycle fields of jobs, which their history tells, and private fields, which nobody is told."""
    left_out = _NOT_LOGGED.get(kind, ())
    return {n: pair for n, pair in diff.items() if n not in left_out and not n.startswith("_")}


def change_of(
    old: Record | None,
    new: Record,
    diff: Mapping[str, Any],
    *,
    at: datetime,
    by: str | None = None,
    action: str | None = None,
) -> Change | None:
    """Return the line for the update log, or None where the change is not logged.

    Args:
        old: what was stored before; None: `new` was created.
        new: as stored, with its revision.
        diff: of the bodies, without lifecycle fields.
        by: who wrote it.
        action: what to call an update.
    """
    if not SPECS[new.kind].logged:
        return None
    done = _action(old, new)
    if done == "update" and not diff and old is not None and same_outside(old, new):
        return None
    revision = 0 if new.revision is None else new.revision
    return Change(
        uuid=new.uuid,
        date=at,
        action=(action or done) if done == "update" else done,
        revision=revision,
        diff=diff,
        admin=_signed(new, by),
    )


def is_logged(kind: Kind) -> bool:
    """Tell whether changes of this kind go to the update log."""
    return SPECS[kind].logged


def created_line(record: Record) -> Change:
    """Return what the log says of the creation of a record to which nothing was done since that the log tells."""
    if record.created is None:
        raise ValueError(f"{record.uuid} was never stored")
    return Change(
        uuid=record.uuid,
        date=record.created,
        action="create",
        revision=0,
        diff=diff_of_new(record),
        admin=record.admin,
    )


def purge_line(record: Record, *, at: datetime, by: str | None = None) -> Change:
    """Return what the update log keeps of a record that is removed for good: that it was there, and no content."""
    revision = 0 if record.revision is None else record.revision
    return Change(
        uuid=record.uuid, date=at, action="purge", revision=revision, diff={}, admin=_signed(record, by)
    )


def _signed(record: Record, by: str | None) -> Mapping[str, str]:
    """Return whose record it is and, where that is known, who changed it."""
    return record.admin if by is None else {**record.admin, "by": by}


def _action(old: Record | None, new: Record) -> str:
    if old is None:
        return "create"
    if old.visible != new.visible:
        return "undelete" if new.visible else "delete"
    return "update"


def same_outside(old: Record, new: Record) -> bool:
    """Tell whether two records agree in everything that is kept beside their bodies."""
    return old.visible == new.visible and old.salt == new.salt and old.admin == new.admin


def ordered_links(found: Iterable[Link]) -> list[Link]:
    """Return links by source, relation and target."""
    return sorted(found, key=lambda link: (link.source, link.relation, link.target))


def page_of_links(found: Iterable[Link], limit: int) -> list[Link]:
    """Return the first links by source, cut between two sources: what is left of one source stays with it."""
    ordered = sorted(found, key=lambda link: (link.source, link.relation))
    page = ordered[:limit]
    rest = ordered[limit:]
    return page + [link for link in rest if page and link.source == page[-1].source]
