"""Paths on storage systems: absolute, POSIX, and taken apart before anything is opened.

A path is a sequence of names. None of them is empty, `.` or `..`, so no path leads upwards, whatever it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable

from datacatalog.domain.errors import UnsafePath

MAX_NAME_BYTES = 255
MAX_PATH_BYTES = 16_384


def components(path: str, field: str = "path") -> tuple[str, ...]:
    """Take an absolute path apart; repeated and trailing slashes count for nothing, `/` has no names.

    Args:
        field: what the path is called where it came from; complaints name it.
    Raises:
        UnsafePath: not absolute, too long, or with a name that no file may have here (see `check_name`).
    """
    if not path.startswith("/"):
        raise UnsafePath(field, f"{shown(path)} is not an absolute path")
    names = tuple(name for name in path.split("/") if name)
    for name in names:
        check_name(name, field)
    if _size(path) > MAX_PATH_BYTES:
        raise UnsafePath(field, f"{shown(path)} is longer than {MAX_PATH_BYTES} bytes")
    return names


def normalised(path: str, field: str = "path") -> str:
    """Return an absolute path in its one form.  Raises UnsafePath as `components` does."""
    return joined(components(path, field))


def joined(names: Iterable[str]) -> str:
    """Return the absolute path of these names."""
    return "/" + "/".join(names)


def check_name(name: str, field: str = "path") -> None:
    """Refuse a name that no file may have here.

    Raises:
        UnsafePath: `.`, `..`, with a NUL, not UTF-8, or longer than 255 bytes.
    """
    if name in {".", ".."}:
        raise UnsafePath(field, f"'{name}' is not allowed in a path")
    if "\0" in name:
        raise UnsafePath(field, f"{shown(name)} has a NUL in it")
    if not is_text(name):
        raise UnsafePath(field, f"{shown(name)} is not UTF-8")
    if _size(name) > MAX_NAME_BYTES:
        raise UnsafePath(field, f"{shown(name)} is longer than {MAX_NAME_BYTES} bytes")


def is_text(name: str) -> bool:
    """Tell whether a name, as the operating system gave it, is UTF-8 (and not bytes that were escaped)."""
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def below(base: str, path: str, field: str = "path") -> str:
    """Return the absolute path that a relative one means; `.` and `..` are followed as far as they stay below.

    Raises:
        UnsafePath: it leaves `base`, or names `base` itself.
    """
    names: list[str] = []
    for name in path.split("/"):
        if name == "..":
            if not names:
                raise UnsafePath(field, f"{shown(path)} leaves {base}")
            names.pop()
        elif name not in {"", "."}:
            names.append(name)
    if not names:
        raise UnsafePath(field, f"{shown(path)} names no file below {base}")
    return normalised("/".join((base, *names)), field)


def relative(path: str, base: str) -> str:
    """Return `path` without `base` before it and without a leading slash; whole where it is not below `base`."""
    top = base.rstrip("/") + "/"
    return path.removeprefix(top).lstrip("/")


def shown(text: str) -> str:
    """Return untrusted text as it may stand in a message: quoted, in ASCII, and short."""
    return ascii(text if len(text) <= 120 else f"{text[:117]}...")


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))
