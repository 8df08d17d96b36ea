"""Which marks answers stand under, and which marks writes touch: as few as tell them apart.

| Mark | Is touched when |
| --- | --- |
| r:UUID | a record, or what it says of others, changes, comes or goes; lines of its update log are written with it |
| o:UUID | something else is said of this record |
| k:KIND, k:first five digits of a UUID | a record of this kind, or with such a UUID, comes, goes, is hidden or shown |
| v:KIND:FIELD:VALUE | a record with this value comes, goes, is hidden or shown, or a record gets or loses the value |
| d:KIND:FIELD:START | the same, of all values that begin so; `START` is empty or ends with "/" |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from datacatalog.adapters.stores import rules
from datacatalog.domain.kinds import SPECS, Kind, Relation
from datacatalog.domain.records import Record

_DIGITS = 5
"""Records of a kind are told apart by the first two digits of their UUIDs that are their own."""

_MANY = 32
"""So many of those groups are looked at one by one; more of them as the whole kind."""

_LEVELS = 16
"""So many folders of a path are told apart."""


def record(uuid: str) -> str:
    return f"r:{uuid}"


def said_of(uuid: str) -> str:
    return f"o:{uuid}"


def kind(kind: Kind) -> str:
    return f"k:{kind}"


def value(kind: Kind, field: str, value: str) -> str:
    return f"v:{kind}:{field}:{value}"


def records_between(kind: Kind, after: str, last: str | None) -> list[str]:
    """Return the marks of a part of a kind, by UUID.

    Args:
        after: "" for the beginning.
        last: None for the end.
    """
    marks: list[str] = []
    for prefix in rules.prefixes_of(kind):
        low, high = max(f"{prefix}00", after[:_DIGITS]), f"{prefix}ff"
        if last is not None:
            high = min(high, last[:_DIGITS])
        first, end = int(low, 16), int(high, 16)
        if end - first >= _MANY:
            return [f"k:{kind}"]
        marks += [f"k:{number:05x}" for number in range(first, end + 1)]
    return marks


def values_between(kind: Kind, field: str, low: str, high: str) -> str:
    """Return the mark of all values from `low` to before `high`."""
    return _starting(kind, field, _folder(_start_of_all(low, high)))


def of_record(new: Record | None, old: Record | None = None) -> set[str]:
    """Return what is touched when a record becomes another, comes (no `old`) or goes (no `new`)."""
    known = new or old
    if known is None:
        return set()
    marks = {record(known.uuid)}
    whole = new is None or old is None or new.visible != old.visible
    if whole:
        marks |= {kind(known.kind), f"k:{known.uuid[:_DIGITS]}"}
    fields = SPECS[known.kind].searchable
    for each in (old, new):
        values = (None,) * len(fields) if each is None else rules.texts_of(each.body, fields)
        others = old if each is new else new
        same = (None,) * len(fields) if others is None else rules.texts_of(others.body, fields)
        for field, text, other in zip(fields, values, same, strict=True):
            if text is not None and (whole or text != other):
                marks |= of_value(known.kind, field, text)
    return marks


def of_value(kind: Kind, field: str, text: str) -> set[str]:
    """Return what is touched when a record gets or loses a value."""
    return {value(kind, field, text), *(_starting(kind, field, each) for each in _folders(text))}


def of_links(targets: Mapping[Relation, Iterable[str]]) -> set[str]:
    """Return what is touched when links to these come or go."""
    return {said_of(target) for each in targets.values() for target in each}


def _starting(kind: Kind, field: str, start: str) -> str:
    return f"d:{kind}:{field}:{start}"


def _folders(text: str) -> Iterator[str]:
    """Yield the beginnings of a text up to its slashes, the empty one first."""
    yield ""
    place = -1
    for _ in range(_LEVELS):
        place = text.find("/", place + 1)
        if place < 0:
            return
        yield text[: place + 1]


def _folder(start: str) -> str:
    """Return the longest of the `_folders` that all texts have which begin so."""
    return list(_folders(start))[-1]


def _start_of_all(low: str, high: str) -> str:
    """Return what all texts from `low` to before `high` begin with."""
    if high and ord(high[-1]) > 0:
        before = ord(high[-1]) - 1
        start = high[:-1] + chr(0xD7FF if before == 0xDFFF else before)
        if low.startswith(start):
            return start
    length = next(
        (i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high))
    )
    return low[:length]


def history(job: str) -> str:
    return f"h:{job}"


def message(key: str) -> str:
    return f"m:{key}"


def execution(key: str) -> str:
    return f"e:{key}"


def executions(actor: str, tenant: str | None = None) -> str:
    """Of all executions of an actor, or those of one tenant."""
    return f"x:{actor}" if tenant is None else f"x:{actor}:{tenant}"


def answer(key: str) -> str:
    return f"a:{key}"


def progress(task: str) -> str:
    return f"p:{task}"


def credential(digest: str) -> str:
    return f"c:{digest}"


def credentials(kind: str) -> str:
    return f"cs:{kind}"


def grant(id: str) -> str:
    return f"g:{id}"


def grants(tenant: str | None = None) -> str:
    """Of all grants, or of those to one tenant."""
    return "gs:" if tenant is None else f"gt:{tenant}"


def subscription(id: str) -> str:
    return f"b:{id}"


def subscriptions(subject: str | None = None) -> str:
    """Of all subscriptions, or of those to one subject."""
    return "bs:" if subject is None else f"bt:{subject}"


def tenant(tenant: str) -> str:
    return f"t:{tenant}"


TENANTS = "ts:"
