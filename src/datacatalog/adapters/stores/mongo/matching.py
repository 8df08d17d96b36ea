"""The small filter language of views, answered here as the server answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from datacatalog.adapters.stores.mongo.view import Document, Filter

_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda found, asked: found > asked,
    "$gte": lambda found, asked: found >= asked,
    "$lt": lambda found, asked: found < asked,
    "$lte": lambda found, asked: found <= asked,
}


def fits(document: Document, where: Filter) -> bool:
    """Tell whether a document fits a filter."""
    return all(_holds(document, field, asked) for field, asked in where.items())


def _holds(document: Document, field: str, asked: Any) -> bool:
    if field == "$or":
        return any(fits(document, each) for each in asked)
    found = document.get(field)
    if not isinstance(asked, Mapping) or not _is_operators(asked):
        return _equal(found, asked)
    return all(_answer(found, operator, value) for operator, value in asked.items())


def _is_operators(asked: Mapping[str, Any]) -> bool:
    return next(iter(asked), "").startswith("$")


def _answer(found: Any, operator: str, asked: Any) -> bool:
    if operator == "$ne":
        return not _equal(found, asked)
    if operator == "$in":
        return any(_equal(found, each) for each in asked)
    order = _ORDERS[operator]
    if asked is None:
        return found is None and operator in ("$gte", "$lte")
    candidates = found if isinstance(found, list) else [found]
    return any(_rank(each) == _rank(asked) and order(each, asked) for each in candidates)


def _equal(found: Any, asked: Any) -> bool:
    if _same(found, asked):
        return True
    return isinstance(found, list) and any(_same(each, asked) for each in found)


def _same(one: Any, other: Any) -> bool:
    return _rank(one) == _rank(other) and bool(one == other)


def _rank(value: Any) -> int:
    """Return where values of this type stand in the server's order; only values of the same rank are compared."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return 6
    if isinstance(value, int | float):
        return 1
    if isinstance(value, str):
        return 2
    if isinstance(value, Mapping):
        return 3
    if isinstance(value, list):
        return 4
    if isinstance(value, bytes):
        return 5
    return 7 if isinstance(value, datetime) else 8


def in_order(documents: Iterable[Document], sort: Sequence[tuple[str, int]]) -> list[Document]:
    """Return documents in the order that the server would give them.

    Args:
        sort: (field, 1 or -1); the fields hold no lists.
    """
    found = list(documents)
    for field, direction in reversed(sort):
        found.sort(key=lambda each: _place(each.get(field)), reverse=direction < 0)
    return found


def _place(value: Any) -> tuple[int, Any]:
    rank = _rank(value)
    return (rank, 0) if value is None else (rank, value)
