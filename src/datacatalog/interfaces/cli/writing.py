"""Files that commands write: complete under their names, or not there at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def complete_file(target: Path) -> Iterator[BinaryIO]:
    """Give a file that takes the place of `target` when all of it is on disk; what ends early leaves nothing behind.

    A link is followed. What is no file, such as /dev/stdout or a pipe, is written to as it is.
    """
    place = Path(os.path.realpath(target))
    if place.exists() and not place.is_file():
        with open(place, "wb") as device:
            yield device
        return
    unfinished = place.with_name(f".{place.name[:200]}.{secrets.token_hex(6)}.partial")
    try:
        with open(unfinished, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, place)
    except BaseException:
        with suppress(FileNotFoundError):
            unfinished.unlink()
        raise
