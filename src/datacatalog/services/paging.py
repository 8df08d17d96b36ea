"""Going through what is read page by page, each page in a piece of work of its own, so that there may be any number of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from datacatalog.ports.stores import Store, Work

T = TypeVar("T")


def pages(
    read: Callable[[str | None, Work], tuple[T, str | None]], store: Store, *, after: str | None = None
) -> Iterator[T]:
    """Yield pages until there is no next one; what changes meanwhile may be in them or not.

    Args:
        read: returns the page after a cursor (None: the first page), and the cursor of the next one (None: there is none).
    """
    while True:
        page, after = store.read(partial(read, after))
        yield page
        if after is None:
            return
