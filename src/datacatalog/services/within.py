"""A store within a piece of work: what takes a store then takes part in that piece, and in its commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from datacatalog.domain.records import Link, Record
from datacatalog.domain.series import Series
from datacatalog.ports.stores import Prepared, Store, Work

T = TypeVar("T")


class StoreWithin:
    """Implements ports.stores.Store on a piece of work that is running: nothing is durable before that has ended."""

    __slots__ = ("_whole", "_work")

    def __init__(self, work: Work, whole: Store) -> None:
        self._work, self._whole = work, whole

    def transact(self, body: Callable[[Work], T]) -> T:
        return body(self._work)

    def read(self, body: Callable[[Work], T]) -> T:
        return body(self._work)

    def prepare(
        self, records: Iterable[Record] = (), links: Iterable[Link] = (), series: Iterable[Series] = ()
    ) -> Prepared:
        return self._whole.prepare(records, links, series)

    def prune(self, *, before: datetime) -> Mapping[str, int]:
        raise RuntimeError("a piece of work is running")

    def check(self) -> Mapping[str, Any]:
        return self._whole.check()

    def close(self) -> None:
        raise RuntimeError("a piece of work is running")
