"""What a job made: in its archive once it is there, until then (or without one) in the folder it was made in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from datacatalog.adapters.platforms.local.jobs import ARCHIVED, Job
from datacatalog.adapters.storage.local import LocalStorage
from datacatalog.domain.errors import NoSuchPath
from datacatalog.domain.paths import components, joined
from datacatalog.ports.storage import Entry, Storage

_HERE = "outputs"
_PAGE = 100_000
"""Each page costs a look at the whole directory."""


class Outputs(NamedTuple):
    """The output directory of one job.

    Attributes:
        base: its path on the storage system, without a slash at its end.
        there: whether it is there; a job that never began has none, and made nothing.
    """

    storage: Storage
    system: str
    base: str
    there: bool = True

    @classmethod
    def of(cls, job: Job, storage: Storage) -> Outputs:
        """Return where the outputs of a job lie now."""
        state, archive = job.state(), job.accepted.order.archive
        if archive and state.status in ARCHIVED:
            return cls(storage, archive.system, archive.path)
        folder = job.attempt_folder(state.attempt) / "work"
        return cls(LocalStorage({_HERE: folder}), _HERE, "", folder.is_dir())

    def list(self, path: str) -> Iterator[Entry]:
        """Yield what is in a directory; paths begin at the output directory.  Raises as the storage does."""
        names, after = components(path), None
        if not self.there:
            if names:
                raise NoSuchPath(path)
            return
        whole = self.base + joined(names) if names else self.base or "/"
        while page := self.storage.list(self.system, whole, after=after, limit=_PAGE):
            for entry in page:
                yield entry._replace(path=entry.path.removeprefix(self.base))
            after = page[-1].path

    def open(self, path: str) -> BinaryIO:
        """Open a file.  Raises as the storage does."""
        names = components(path)
        if not names:
            raise NoSuchPath("/ of the outputs, which is no file")
        if not self.there:
            raise NoSuchPath(path)
        return self.storage.open(self.system, self.base + joined(names))
