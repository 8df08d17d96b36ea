"""Sessions: word pairs such as "casual-bass" that tell the runs of one job apart, for people and for directories."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import petname

from datacatalog.domain.errors import InvalidField

SHORTEST = 4
_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def draw_session() -> str:
    """Draw a session: adjective and animal, at most eight letters each.

    Draws repeat (20,000 gave 17,126 different ones): whoever needs a new one tries until it is.
    """
    return str(petname.generate(words=2, separator="-", letters=8))


def session_or_drawn(session: str | None) -> str:
    """Return the session that was asked for; one that is missing or too short is drawn instead.

    Raises:
        InvalidField: it has other characters than letters, digits and `-_.`, or more than 64.
    """
    if not session:
        return draw_session()
    checked = check_session(session)
    return checked if len(checked) >= SHORTEST else draw_session()


def check_session(session: str) -> str:
    """Return a session that may become part of a path.  Raises InvalidField."""
    if not _SESSION.fullmatch(session):
        raise InvalidField(
            "session", f"{session!a:.80} is not a letter or digit and up to 63 more of them or of '-_.'"
        )
    return session


def instance_directory(session: str, at: datetime) -> str:
    """Return the directory name of one run, e.g. `casual-bass-20181127T173243Z`.

    Args:
        session: at least four characters; `session_or_drawn` gives one.
        at: creation instant, aware; shown in UTC and whole seconds.
    Raises:
        InvalidField: the session is too short or may not be part of a path.
    """
    if len(check_session(session)) < SHORTEST:
        raise InvalidField("session", f"'{session}' is shorter than {SHORTEST} characters")
    return f"{session.removesuffix('-')}-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
