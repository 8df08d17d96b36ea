"""Values as stores keep them: strict JSON text, and instants as whole microseconds since 1970 (UTC)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring
from typing import Any

from datacatalog.domain.documents import JsonObject, minified
from datacatalog.domain.errors import InvalidRecord

_TEXT = frozenset({str})

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)


def _make_to_json() -> Callable[[Any], str]:
    """Return what `_encoder.encode` does, without the making of a new C encoder each time, which costs a third of it."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return _encoder.encode
    quoted = json.encoder.encode_basestring
    chunks = make(None, _encoder.default, quoted, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


_to_json = _make_to_json()
_from_json = json.JSONDecoder().raw_decode


def encode(value: Any, what: str) -> str:
    """Return `value` as compact JSON text.

    Args:
        what: what it is part of, for the error, e.g. "pipelinejob".
    Raises:
        InvalidRecord: it holds something that not every store can keep: NaN or infinity, half a surrogate
            pair, an integer beyond 64 bits, or what is no JSON at all.
    """
    text = text_of(value, what)  # first, since it ends where a value contains itself
    check_integers(value, what)
    return text


def text_of(value: Any, what: str) -> str:
    """Do as `encode`, for a value whose integers were checked."""
    try:
        text = _to_json(value)
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRecord(what, [("", "half a surrogate pair is no text")]) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRecord(what, [("", str(error))]) from error
    return text


def texts_of_series(
    fields: Mapping[str, Sequence[str] | Sequence[int]], shared: JsonObject, what: str
) -> list[str]:
    """Return what `encode` makes of each of many objects that are alike; see domain.series.

    Raises:
        InvalidRecord: as `encode`; or the values of a field are not all texts or all integers.
    """
    # Every % of a text that stands in the template is doubled; the values are put in as they are.
    parts = [f"{_encoder.encode(name).replace('%', '%%')}:%s" for name in fields]
    parts += [encode({name: value}, what)[1:-1].replace("%", "%%") for name, value in shared.items()]
    template = f"{{{','.join(parts)}}}"
    columns = [_encoded_column(values, what) for values in fields.values()]
    return [template % row for row in zip(*columns, strict=True)]


def _encoded_column(values: Sequence[str] | Sequence[int], what: str) -> Iterable[Any]:
    texts = [value for value in values if type(value) is str]
    if len(texts) == len(values):
        try:
            "".join(texts).encode()
        except UnicodeEncodeError as error:
            raise InvalidRecord(what, [("", "half a surrogate pair is no text")]) from error
        return map(encode_basestring, texts)
    numbers = [value for value in values if type(value) is int]
    if len(numbers) == len(values) and min(numbers) >= INTEGER_MIN and max(numbers) <= INTEGER_MAX:
        return numbers
    raise InvalidRecord(what, [("", "the values of a field are neither texts nor integers of 64 bits")])


def check_integers(value: Any, what: str) -> None:
    """Raises InvalidRecord: there is an integer beyond 64 bits, or a field name that is no text, in `value`."""
    found = [value]
    for each in found:  # grows while it is walked
        kind = type(each)
        if kind is dict:
            if not _TEXT.issuperset(map(type, each)):
                raise InvalidRecord(what, [("", "the name of a field is no text")])
            found += [inner for inner in each.values() if type(inner) is not str]
        elif kind is list or kind is tuple:
            found += [inner for inner in each if type(inner) is not str]
        elif kind is int and not INTEGER_MIN <= each <= INTEGER_MAX:
            raise InvalidRecord(what, [("", f"{each} does not fit into 64 bits")])


def decode(text: str) -> Any:
    """Return what `encode` wrote."""
    return _from_json(text)[0]


def same_document(old: str, new: str) -> bool:
    """Tell whether two texts of `encode` are the same document; the order of its fields does not matter."""
    return old == new or minified(decode(old)) == minified(decode(new))


def micros(at: datetime) -> int:
    """Return an aware instant as microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def micros_or_none(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def instant(stored: int) -> datetime:
    """Return the instant that `micros` wrote, UTC."""
    return _EPOCH + timedelta(microseconds=stored)


def instant_or_none(stored: int | None) -> datetime | None:
    return None if stored is None else instant(stored)
