"""The libraries of the standard formats are an extra: those who export nothing need not install them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from datacatalog.domain.errors import MissingExtra


@contextmanager
def importing(module: str) -> Iterator[None]:
    """Tell who misses a library what to install.

    Raises:
        MissingExtra: the imports within need `module`, and it is not there.
    """
    try:
        yield
    except ModuleNotFoundError as e:
        if (e.name or "").partition(".")[0] != module:
            raise
        raise MissingExtra(module, "prov") from e
