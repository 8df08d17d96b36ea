"""How many commands run at a time, whoever runs them: files of which each is held by one process at most."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from datacatalog.adapters.platforms.local import disk


class Slots:
    """A number of places for commands. A process that dies gives up its places, once the command is gone, too.

    Args:
        folder: the same for all workers of an installation; made when it is first needed.
        runs: tells whether anything of a job runs here, whoever started it; a command outlives a worker that was killed
            by a moment.
    """

    def __init__(self, folder: Path, count: int, runs: Callable[[str], bool] = lambda job: False) -> None:
        self._folder, self.count, self._runs = folder, count, runs

    @contextmanager
    def taken(self, job: str) -> Iterator[bool]:
        """Hold a place for a job; False: all are taken.

        A place that an earlier worker still holds for the same job, being suspended, is the job's.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = False
        for number in range(self.count):
            descriptor = os.open(self._folder / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                locked, last = disk.lock(descriptor), os.pread(descriptor, 100, 0).decode()
                if locked and (last in ("", job) or not self._runs(last)):
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, job.encode(), 0)
                    yield True
                    return
                own = own or last == job
            finally:
                os.close(descriptor)
        yield own
