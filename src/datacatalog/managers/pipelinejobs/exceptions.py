"""Errors of managed jobs.

Everything that is wrong in the context of a job is a ManagedPipelineJobError; its cause is the catalog's own error, with code
and complaints. Where what was passed is wrong it is a ValueError as well, and where a token is refused an InvalidToken or
InvalidAdminToken. A store or storage that is down, and a configuration that cannot be used, keep errors of their own: they are
no matter of one job, and trying again later is worth it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from datacatalog.domain import errors


class ManagedPipelineJobError(Exception):
    """An error happened in the context of a ManagedPipelineJob."""

    def __init__(self, text: str = "") -> None:
        # Not super(): beside an error of the catalog that would be its constructor, which words a text of its own.
        Exception.__init__(self, text)


class WrongArgument(ManagedPipelineJobError, ValueError):
    """What was passed cannot be used: an unknown job, pipeline or record, a mixed linkage, data that is no JSON."""


class TokenRefused(ManagedPipelineJobError, errors.InvalidToken):
    """The update token is missing or of another document."""


class AdminTokenRefused(ManagedPipelineJobError, errors.InvalidAdminToken):
    """An administrative token is required, and what was sent is none, or has expired."""


@contextmanager
def told(
    wrong: type[ManagedPipelineJobError] = WrongArgument,
    otherwise: type[ManagedPipelineJobError] = ManagedPipelineJobError,
) -> Iterator[None]:
    """Tell the catalog's errors in the words of managed jobs.

    Args:
        wrong: what is raised where something that was passed cannot be used.
        otherwise: what is raised for anything else but tokens, such as a step that the job's state does not allow.
    """
    try:
        yield
    except (errors.Unavailable, errors.Misconfigured):
        raise
    except errors.InvalidAdminToken as e:
        raise AdminTokenRefused(str(e)) from e
    except (errors.InvalidToken, errors.MissingToken) as e:
        raise TokenRefused(str(e)) from e
    except (errors.BadMessage, errors.NotFound) as e:
        raise wrong(str(e)) from e
    except errors.DatacatalogError as e:
        raise otherwise(str(e)) from e
