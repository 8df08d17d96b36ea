"""Files on their way in and out: from storage systems into an attempt's folder, and back from there."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

from datacatalog.domain.archive import AgaveUri
from datacatalog.domain.errors import NoSuchPath
from datacatalog.domain.paths import components, is_text
from datacatalog.ports.storage import Storage

_PIECE_BYTES = 1 << 20

_LOG = logging.getLogger(__name__)


def staged(uri: AgaveUri, into: Path) -> Path:
    """Return where `stage` puts a copy."""
    return into / components(uri.path)[-1]


def stage(storage: Storage, uri: AgaveUri, into: Path, heed: Callable[[], object]) -> None:
    """Copy a file, or a directory with everything below it, to `staged(uri, into)`.

    Args:
        heed: called now and then; what it raises ends the copying.
    Raises:
        NoSuchPath, UnsafePath, InvalidField, StorageDown: as the storage says.
        OSError: the copy cannot be written.
    """
    into.mkdir(parents=True)
    target = staged(uri, into)
    try:
        source = storage.open(uri.system, uri.path)
    except NoSuchPath:
        _stage_directory(storage, uri, target, heed)
    else:
        _copy(source, target, heed)


def outputs(folder: Path) -> Iterator[tuple[str, BinaryIO]]:
    """Yield every regular file below a folder, in order, as (path below it, file opened for reading).

    Links, special files and names that are not UTF-8 are passed over; nothing outside of the folder is opened. Each file is
    open until the next one.

    Raises:
        OSError: something in there cannot be read.
    """
    for place, directories, names, descriptor in os.fwalk(folder, onerror=_raise):
        below = Path(place).relative_to(folder)
        directories[:] = sorted(name for name in directories if _is_kept(name))
        for name in sorted(name for name in names if _is_kept(name)):
            if stat.S_ISREG(os.lstat(name, dir_fd=descriptor).st_mode):
                opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
                with os.fdopen(opened, "rb") as file:
                    yield str(below / name), file


def _is_kept(name: str) -> bool:
    if is_text(name):
        return True
    _LOG.warning("output %a is passed over: its name is not UTF-8", name)
    return False


def settle(folder: Path) -> None:
    """Wait until the outputs in a folder are on disk.  Raises OSError."""
    for _, file in outputs(folder):
        os.fsync(file.fileno())
    for _, _, _, descriptor in os.fwalk(folder, onerror=_raise):
        os.fsync(descriptor)


def _stage_directory(storage: Storage, uri: AgaveUri, target: Path, heed: Callable[[], object]) -> None:
    depth = len(components(uri.path))
    for info in storage.walk(uri.system, uri.path):
        copy = target.joinpath(*components(info.path)[depth:])
        copy.parent.mkdir(parents=True, exist_ok=True)
        _copy(storage.open(uri.system, info.path), copy, heed)
    target.mkdir(exist_ok=True)


def _copy(source: BinaryIO, target: Path, heed: Callable[[], object]) -> None:
    with source, target.open("xb") as copy:
        heed()
        while piece := source.read(_PIECE_BYTES):
            copy.write(piece)
            heed()


def _raise(error: OSError) -> NoReturn:
    raise error
