"""Whose a directory is that outputs go to: one job's, of the ledger or of the platform alone, and so is all below it.

Storage systems are shared between tenants, so whose job that is makes no difference to where others may archive. What lies in
the archive of a job of the ledger is its tenant's, as the job is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from datacatalog.domain.archive import AgaveUri
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import AlreadyExists, InvalidField, NoSuchPath, UnknownRecord, UnsafePath
from datacatalog.domain.kinds import Kind
from datacatalog.domain.paths import components, joined
from datacatalog.domain.records import Record
from datacatalog.ports.stores import Work
from datacatalog.services.tenancy import check_reach, unconfined

_PAGE = 1000


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
        claim = work.progress.get(_name(system, above))
        if _archived_at(system, above, everything) or (claim is not None and claim["key"] != key):
            raise AlreadyExists(f"archive_path {path} lies in {above}, which is another job's")


def check_reachable(uri: AgaveUri, work: Work, *, change: bool = False, whole: bool = False) -> None:
    """Let files be read, or changed; those in archives of jobs out of reach are as if they were not there.

    Args:
        whole: all that is below is changed, too.
    Raises:
        NoSuchPath: a job is out of reach.
        NotGranted: it may be read alone.
    """
    everything = unconfined(work)
    if everything is work:
        return
    found = [job for above in _from_the_top(uri.path) for job in _archived_at(uri.system, above, everything)]
    if whole:
        found += _archived_below(uri, everything)
    for job in found:
        try:
            check_reach(job, work, change=change)
        except UnknownRecord:
            raise NoSuchPath(str(uri)) from None


def check_inputs(definition: JsonObject, work: Work, default_system: str) -> None:
    """Let a job have its inputs, as far as they lie in no archive out of reach.  Raises NoSuchPath.

    What is no path at all is left to the platform, which says so.
    """
    inputs = definition.get("inputs")
    for said in inputs.values() if isinstance(inputs, dict) else ():
        for text in said if isinstance(said, list) else [said]:
            if isinstance(text, str):
                with suppress(InvalidField, UnsafePath):
                    check_reachable(AgaveUri.of_input(text, "inputs", default_system), work)


def claim(system: str, path: str, key: str, work: Work, *, at: datetime) -> None:
    """Take a directory for a job that the ledger knows nothing of, whose outputs show there only when it is over."""
    work.progress.put(_name(system, path), {"key": key}, at=at)


def is_claimed_by(key: str, system: str, path: str, work: Work) -> bool:
    """Tell whether a directory is a job's of the platform, by its own claim."""
    claim = work.progress.get(_name(system, path))
    return claim is not None and claim["key"] == key


def release(system: str, path: str, work: Work) -> None:
    """Take back a claim of a job that there will not be."""
    work.progress.drop(_name(system, path))


def _archived_at(system: str, path: str, everything: Work) -> list[Record]:
    """Return the jobs whose archive a directory is."""
    records = everything.records.page(Kind.PIPELINEJOB, {"archive_path": path}, hidden=True).records
    return [record for record in records if record.body["archive_system"] == system]


def _archived_below(uri: AgaveUri, everything: Work) -> Iterator[Record]:
    """Yield the jobs whose archives lie within a directory."""
    low, above = f"{uri.path.rstrip('/')}/", f"{uri.path.rstrip('/')}0"
    while found := everything.records.between(
        Kind.PIPELINEJOB, "archive_path", low, above, limit=_PAGE, hidden=True
    ):
        yield from (record for record in found if record.body["archive_system"] == uri.system)
        last = str(found[-1].body["archive_path"])
        if len(found) < _PAGE:
            return
        low = last + "\0"


def _name(system: str, path: str) -> str:
    return f"archive:{AgaveUri(system, path)}"


def _from_the_top(path: str) -> Iterator[str]:
    """Yield the directories that lead to a path, the root's excepted, and the path itself."""
    names = components(path)
    yield from (joined(names[:depth]) for depth in range(1, len(names) + 1))
