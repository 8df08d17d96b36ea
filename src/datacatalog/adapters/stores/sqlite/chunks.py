"""Many values in few statements.

A statement for every count of values would fill the cache of statements; so there are a few counts, and what is left over is
filled up (lists) or goes in smaller statements (rows).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

LIST_SIZES = (1, 10, 100, 500)
ROW_SIZES = (1000, 100, 10, 1)

_MARKS: Mapping[int, str] = {size: ", ".join("?" * size) for size in LIST_SIZES}


def lists(keys: Sequence[bytes]) -> Iterator[tuple[str, tuple[bytes | None, ...]]]:
    """Yield (marks, values) for `IN (marks)`, a list at a time; NULL, which equals nothing, fills the last one up."""
    for start in range(0, len(keys), LIST_SIZES[-1]):
        some = keys[start : start + LIST_SIZES[-1]]
        size = next(size for size in LIST_SIZES if size >= len(some))
        yield _MARKS[size], (*some, *[None] * (size - len(some)))


def repeated(statement: str, row: str) -> Mapping[int, str]:
    """Return {rows: statement that inserts so many}.

    Args:
        statement: up to and with VALUES.
        row: marks for one row, in brackets.
    """
    return {size: f"{statement} {', '.join([row] * size)}" for size in ROW_SIZES}
