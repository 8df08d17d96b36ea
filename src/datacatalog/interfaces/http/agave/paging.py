"""Pages by number, as Agave has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple, TypeVar

from datacatalog.domain.errors import InvalidField
from datacatalog.interfaces.http.reading import limit, number

T = TypeVar("T")

PAGING = ("limit", "offset")


class Page(NamedTuple):
    limit: int
    offset: int

    def of(self, items: Iterable[T]) -> list[T]:
        return list(islice(items, self.offset, self.offset + self.limit))


def page(asked: Mapping[str, str]) -> Page:
    """Read which items are asked for.  Raises InvalidField."""
    if (offset := number(asked.get("offset", "0"))) < 0:
        raise InvalidField("offset", "must be a number, 0 or more")
    return Page(limit(asked.get("limit", "100")), offset)
