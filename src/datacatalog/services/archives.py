"""Whose a directory is that outputs go to: one job's, of the ledger or of the platform alone, and so is all below it.

Storage systems are shared between tenants, so whose job that is makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from datacatalog.domain.archive import AgaveUri
from datacatalog.domain.errors import AlreadyExists
from datacatalog.domain.kinds import Kind
from datacatalog.domain.paths import components, joined
from datacatalog.ports.stores import Work
from datacatalog.services.tenancy import unconfined


def check_unclaimed(system: str, path: str, work: Work, *, key: str | None = None) -> None:
    """Refuse an archive that is, or lies within, that of another job.

    Args:
        path: absolute and normalised.
        key: of the platform's job that it is for, whose own claim counts for nothing.
    Raises:
        AlreadyExists.
    """
    everything = unconfined(work)
    for above in _from_the_top(path):
        records = everything.records.page(Kind.PIPELINEJOB, {"archive_path": above}, hidden=True).records
        claim = work.progress.get(_name(system, above))
        if any(record.body["archive_system"] == system for record in records) or (
            claim is not None and claim["key"] != key
        ):
            raise AlreadyExists(f"archive_path {path} lies in {above}, which is another job's")


def claim(system: str, path: str, key: str, work: Work, *, at: datetime) -> None:
    """Take a directory for a job that the ledger knows nothing of, whose outputs show there only when it is over."""
    work.progress.put(_name(system, path), {"key": key}, at=at)


def release(system: str, path: str, work: Work) -> None:
    """Take back a claim of a job that there will not be."""
    work.progress.drop(_name(system, path))


def _name(system: str, path: str) -> str:
    return f"archive:{AgaveUri(system, path)}"


def _from_the_top(path: str) -> Iterator[str]:
    """Yield the directories that lead to a path, the root's excepted, and the path itself."""
    names = components(path)
    yield from (joined(names[:depth]) for depth in range(1, len(names) + 1))
