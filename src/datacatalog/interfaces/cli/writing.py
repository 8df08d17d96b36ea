"""Files that commands write: complete under their names, or not there at all."""

from __future__ import annotations

import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NoReturn

_SIGNALED = 128
"""A process that a signal ended has this and the signal's number as its status."""


@contextmanager
def undone_when_ended() -> Iterator[None]:
    """Let SIGTERM and SIGHUP undo what is half done, as Ctrl-C does, before they end the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: object) -> NoReturn:
        raise SystemExit(_SIGNALED + number)

    ending = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]
    for number in ending:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ending:
            signal.signal(number, signal.SIG_DFL)


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
    with undone_when_ended():
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
