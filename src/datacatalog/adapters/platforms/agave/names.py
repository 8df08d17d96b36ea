"""The mark of a job, at the end of its name: the one field of an Agave job that is free, and that listings show.

`TACObot job` becomes `TACObot job 1f0c2a9b-5d0f3c71a2b9e8440d6f1b7c`.
"""

from __future__ import annotations

import re

from datacatalog.adapters.remote.marks import Mark
from datacatalog.domain.errors import InvalidField

_LONGEST = 64
"""Agave takes no longer name."""
_MARKED = re.compile(r"(.*) ([0-9a-f]{8})-([0-9a-f]{16})", re.S)
_KEY_DIGITS = 16


def marked(name: object, mark: Mark) -> str:
    """Return a name with its mark; a long one is cut.  Raises InvalidField: it is no name."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise InvalidField("name", "wants a text of printable characters")
    end = f" {mark.tenant}-{mark.key[:_KEY_DIGITS]}"
    return name[: _LONGEST - len(end)] + end


def bears(name: str, mark: Mark) -> bool:
    """Tell whether a job was submitted for this mark."""
    found = _MARKED.fullmatch(name)
    return found is not None and (found[2], found[3]) == (mark.tenant, mark.key[:_KEY_DIGITS])


def is_tenants(name: str, tenant: str) -> bool:
    """Tell whether a job was submitted for a tenant, given its mark."""
    found = _MARKED.fullmatch(name)
    return found is not None and found[2] == tenant
