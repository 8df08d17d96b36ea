"""The mark of a job, at the end of its name: the one field of an Agave job that is free, and that listings show.

`TACObot job`, submitted for the tenant `sd2e`, becomes `TACObot job sd2e-5d0f3c71a2b9e844`.
"""

from __future__ import annotations

import re

from datacatalog.adapters.remote.marks import Mark
from datacatalog.domain.errors import InvalidField

_LONGEST = 64
"""Agave takes no longer name."""
_KEY_DIGITS = 16
_MARKED = re.compile(rf".* (?:([A-Za-z0-9~][A-Za-z0-9_.]*)-)?([0-9a-f]{{{_KEY_DIGITS}}})", re.S)


def marked(name: object, mark: Mark) -> str:
    """Return a name with its mark; a long one is cut.  Raises InvalidField: it is no name."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise InvalidField("name", "wants a text of printable characters")
    end = f" {mark.tenant}-{mark.key[:_KEY_DIGITS]}" if mark.tenant else f" {mark.key[:_KEY_DIGITS]}"
    return name[: _LONGEST - len(end)] + end


def bears(name: str, mark: Mark) -> bool:
    """Tell whether a job was submitted for this mark."""
    found = _MARKED.fullmatch(name)
    return found is not None and (found[1] or "", found[2]) == (mark.tenant, mark.key[:_KEY_DIGITS])


def tenant_of(name: str) -> str:
    """Return the label of the tenant that a job was submitted for; "" where its name tells of none."""
    found = _MARKED.fullmatch(name)
    return (found[1] or "") if found else ""
