"""Going through whole trees without following links, running out of descriptors, or recursing."""

from __future__ import annotations

import errno
import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from stat import S_ISDIR, S_ISREG

from datacatalog.adapters.storage.descriptors import Trail, is_gone
from datacatalog.domain.paths import MAX_NAME_BYTES, MAX_PATH_BYTES, is_text
from datacatalog.ports.storage import Entry, FileInfo, Told

_LOG = logging.getLogger(__name__)

UNFINISHED = ".datacatalog-{}.part"
"""Name of a file while it is being put, with 16 hex digits; what a crash leaves of it is never listed."""

_UNFINISHED = re.compile(r"\.datacatalog-[0-9a-f]{16}\.part")


def info(path: str, found: os.stat_result) -> FileInfo:
    """Return a regular file as the ledger sees it."""
    return FileInfo(path, found.st_size, found.st_ctime_ns, found.st_mtime_ns, found.st_ino)


def files(
    trail: Trail, path: str, unreadable: Told | None = None, after: str | None = None
) -> Iterator[FileInfo]:
    """Yield the regular files below the trail's directory, in order of their path.

    Names are held only of the directories on the way down. What vanishes meanwhile is passed over.

    Args:
        path: of the trail's directory, without a slash at its end.
        unreadable: is told of what may not be looked into; without it, that is an OSError.
        after: only files whose path is greater.
    """
    pending = [_listed(trail.here(), path, after)]
    while True:
        if not pending[-1]:
            pending.pop()
            if not pending:
                return
            path = path.removesuffix(f"/{trail.leave()}")
            continue
        here = _reached(trail)
        if here is None:
            pending[-1].clear()
        elif not pending[-1][-1].endswith("/"):
            yield from _files_here(here, path, pending[-1], unreadable)
        else:
            name = pending[-1].pop()[:-1]
            below = f"{path}/{name}"
            try:
                if _entered(trail, name):
                    path = below
                    pending.append([])
                    pending[-1] += _listed(trail.here(), path, after)
            except OSError as error:
                _pass_over(below, error, unreadable)


def _files_here(directory: int, path: str, pending: list[str], unreadable: Told | None) -> Iterator[FileInfo]:
    """Yield the files that come next in a directory, up to a directory in it."""
    while pending and not (name := pending[-1]).endswith("/"):
        pending.pop()
        try:
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            continue
        except OSError as error:
            _pass_over(f"{path}/{name}", error, unreadable)
            continue
        if S_ISREG(found.st_mode):
            yield info(f"{path}/{name}", found)


def listed(directory: int, path: str, after: str | None = None) -> Iterator[Entry]:
    """Yield the regular files and directories in a directory, by path; each is looked at when it is asked for.

    Args:
        path: of the directory, without a slash at its end.
        after: only those whose path is greater.
    """
    names = [name.removesuffix("/") for name in _recordable(entries(directory), path)]
    for name in sorted(name for name in names if after is None or f"{path}/{name}" > after):
        with _passing_over():
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if S_ISDIR(found.st_mode):
                yield Entry(f"{path}/{name}", True, 0, found.st_mtime_ns)
            elif S_ISREG(found.st_mode):
                yield Entry(f"{path}/{name}", False, found.st_size, found.st_mtime_ns)


def sweep(trail: Trail) -> int:
    """Remove what is below the trail's directory; return how many files and links went.

    What is added or replaced meanwhile may stay.
    """
    removed = 0
    pending = [list(entries(trail.here()))]
    while True:
        if not pending[-1]:
            pending.pop()
            if not pending:
                return removed
            _remove_directory(trail, trail.leave())
            continue
        name = pending[-1].pop()
        here = _reached(trail)
        if here is None:
            pending[-1].clear()
        elif name.endswith("/"):
            if _entered(trail, name[:-1]):
                pending.append(list(entries(trail.here())))
        else:
            with _passing_over(errno.EISDIR):
                os.unlink(name, dir_fd=here)
                removed += 1


def entries(directory: int) -> Iterator[str]:
    """Yield all names in a directory, those of directories with a slash behind; nothing more once it is gone."""
    with _passing_over(), os.scandir(directory) as found:
        for entry in found:
            yield f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name


def _listed(directory: int, path: str, after: str | None) -> list[str]:
    """Return the names to look at, last one first; with the slash behind directories, they sort as paths do."""
    beyond = ""
    if after is not None and after > (top := f"{path}/"):
        if not after.startswith(top):
            return []
        beyond = after.removeprefix(top)
    names = [
        name
        for name in _recordable(entries(directory), path)
        if name > beyond or (name.endswith("/") and beyond.startswith(name))
    ]
    names.sort(reverse=True)
    return names


def _recordable(names: Iterable[str], path: str) -> Iterator[str]:
    """Yield the names that can be recorded, and warn of the others at the end.

    Args:
        path: of the directory they are in, without a slash at its end.
    """
    room = min(MAX_NAME_BYTES, MAX_PATH_BYTES - len(os.fsencode(path)) - 1)
    odd, example = 0, ""
    for name in names:
        if _is_recordable(name, room):
            yield name
        else:
            odd, example = odd + 1, name
    if odd:
        _LOG.warning(
            "passed over %d names below %s that are no UTF-8, too long, or of unfinished files, e.g. %s",
            odd, ascii(path), ascii(example),
        )  # fmt: skip


def _is_recordable(name: str, room_bytes: int) -> bool:
    size = len(name) if name.isascii() else len(os.fsencode(name))
    return size - name.endswith("/") <= room_bytes and is_text(name) and not is_unfinished(name)


def is_unfinished(name: str) -> bool:
    """Tell the name of a file that is being put."""
    return name[0] == "." and _UNFINISHED.fullmatch(name) is not None


def _reached(trail: Trail) -> int | None:
    """Return the trail's directory, or None where it is gone."""
    try:
        return trail.here()
    except OSError as error:
        if is_gone(error):
            return None
        raise


def _entered(trail: Trail, name: str) -> bool:
    with _passing_over():
        trail.enter(name)
        return True
    return False


def _remove_directory(trail: Trail, name: str) -> None:
    above = _reached(trail)
    if above is not None:
        with _passing_over(errno.ENOTEMPTY, errno.EEXIST):
            os.rmdir(name, dir_fd=above)


@contextmanager
def _passing_over(*codes: int) -> Iterator[None]:
    """Let an entry be that is gone by now, or fails with one of these codes."""
    try:
        yield
    except OSError as error:
        if not is_gone(error) and error.errno not in codes:
            raise


def _pass_over(path: str, error: OSError, unreadable: Told | None) -> None:
    """Tell of what may not be looked into; where nobody is to be told, raise the error."""
    if unreadable is None:
        raise error
    unreadable(path, error.strerror or str(error))
