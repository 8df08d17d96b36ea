"""POSIX paths and `agave://system/path`: one reading of both, so that no two parts of the catalog disagree.

These are names, not doors: whoever opens a path confines it again, link by link.
"""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple

from datacatalog.domain.errors import InvalidField, UnsafePath

DEFAULT_SYSTEM = "data-sd2e-community"
"""The storage system of paths that name none."""

_SCHEME = "agave://"
_SYSTEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Control characters, line and paragraph separators, and halves of surrogate pairs.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LONGEST_NAME_BYTES = 255
_LONGEST_PATH_BYTES = 4095


class AgaveUri(NamedTuple):
    """A file or directory on a named storage system; `str()` gives the URI.

    Attributes:
        path: absolute and normalised.
    """

    system: str
    path: str

    def __str__(self) -> str:
        return f"{_SCHEME}{self.system}{self.path}"

    @classmethod
    def parse(cls, text: str, field: str = "uri") -> AgaveUri:
        """Read a URI. Repeated slashes and a trailing one are mended, since platforms write them.

        Raises:
            InvalidField: it is no `agave://system/path`.
            UnsafePath: the path goes upwards, or has characters that cannot be shown.
        """
        system, slash, rest = text.removeprefix(_SCHEME).partition("/")
        if not (text.startswith(_SCHEME) and slash and _SYSTEM.fullmatch(system)):
            raise InvalidField(field, f"{text!r:.80} is not agave://system/path")
        return cls(system, normalised(confined("/" + rest, field)))


def normalised(path: str) -> str:
    """Return the one spelling of a path: no repeated or trailing slashes, no `.`, no `..` that can be undone."""
    # normpath leaves exactly two leading slashes standing, which POSIX allows to mean something else.
    return posixpath.normpath("/" + path.lstrip("/") if path.startswith("/") else path)


def confined(path: str, field: str = "path") -> str:
    """Return an absolute path that does not go upwards, as it is.

    Raises:
        UnsafePath: it is relative, has a `..`, unprintable characters, or is longer than a file system takes.
    """
    if not path.startswith("/"):
        raise UnsafePath(field, f"{path!r:.80} is not absolute")
    names = path.split("/")
    if ".." in names:
        raise UnsafePath(field, f"{path!r:.80} goes upwards")
    if _UNPRINTABLE.search(path):
        raise UnsafePath(field, f"{path!r:.80} has characters that cannot be shown")
    if len(path.encode()) > _LONGEST_PATH_BYTES or any(len(n.encode()) > _LONGEST_NAME_BYTES for n in names):
        raise UnsafePath(field, f"{path!r:.80} is too long")
    return path


def is_below(path: str, directory: str) -> bool:
    """Tell whether a normalised absolute path is strictly below a directory, name by name."""
    return path != directory and path.startswith(directory.rstrip("/") + "/")
