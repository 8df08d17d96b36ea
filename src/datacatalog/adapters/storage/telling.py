"""What goes wrong on a storage system, in the catalog's words."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from datacatalog.adapters.storage.descriptors import InTheWay
from datacatalog.domain.errors import AlreadyExists, NoSuchPath, NotSupported, StorageDown, UnsafePath
from datacatalog.domain.paths import joined


def uri_of(system: str, names: Iterable[str]) -> str:
    """Return how a path is called in messages."""
    return f"agave://{system}{joined(names)}"


@contextmanager
def told(system: str, names: Iterable[str]) -> Iterator[None]:
    """Raise what an OSError means for a path instead of it."""
    try:
        yield
    except InTheWay as error:
        raise UnsafePath("path", f"{uri_of(system, names)}: {error}") from error
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise NoSuchPath(uri_of(system, names)) from error
    except FileExistsError as error:
        raise AlreadyExists(f"{uri_of(system, names)}: {error.strerror}") from error
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise NotSupported(f"{uri_of(system, names)} is on another file system") from error
        where = f" ({error.filename})" if error.filename else ""
        raise StorageDown(f"{uri_of(system, names)}: {error.strerror or error}{where}") from error


def told_of(system: str, names: Iterable[str], pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces of a file; what goes wrong on the way is told as `told` tells it."""
    with told(system, names):
        yield from pieces
