"""What is in the repository: the files git keeps, read as text."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from tests.shared import REPOSITORY


@cache
def _listing() -> tuple[str, ...] | None:
    try:
        found = subprocess.run(
            ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return tuple(found.stdout.strip("\0").split("\0"))


def tracked_paths(*patterns: str) -> list[Path]:
    """Return tracked files that still exist, relative to the repository; with patterns, those that match one.

    A pattern is of a whole path, where `*` goes through folders too, or of a file's name.

    The test that asks is skipped, by its name, outside of a git checkout.
    """
    names = _listing()
    if names is None:
        pytest.skip("this is no git checkout, so what is tracked is not known")
    paths = [Path(name) for name in names if (REPOSITORY / name).is_file()]
    return [path for path in paths if not patterns or any(_fits(path, p) for p in patterns)]


def _fits(path: Path, pattern: str) -> bool:
    # Before Python 3.13, Path.match takes `**` for one folder.
    return fnmatchcase(path.as_posix(), pattern) or fnmatchcase(path.name, pattern)


def tracked_lines() -> Iterator[tuple[str, str]]:
    """Yield ("file:line", text) for every line of every tracked text file that was written here."""
    for path in tracked_paths():
        if "vendor" in path.parts:
            continue
        try:
            text = (REPOSITORY / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            yield f"{path}:{number}", line
