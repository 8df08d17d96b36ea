"""What is alike in all jobs of other sites."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from datacatalog.adapters.remote.conversation import is_plain
from datacatalog.domain.errors import NoSuchPath, UnknownRecord


def unknown_job(id: object) -> UnknownRecord:
    return UnknownRecord(str(id)[:80], "platform job")


def job_path(base: str, id: str) -> str:
    """Return the path of a job below `base`.  Raises UnknownRecord: no platform gives such an id."""
    if not isinstance(id, str) or not is_plain(id):
        raise unknown_job(id)
    return f"{base}/{id}"


@contextmanager
def job_there(look: Callable[[], object]) -> Iterator[None]:
    """Where a path of a job is not found, tell whether it is for want of the job.

    Args:
        look: asks for the job; it raises UnknownRecord.
    """
    try:
        yield
    except NoSuchPath:
        look()
        raise
