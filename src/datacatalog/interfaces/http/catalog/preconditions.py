"""If-Match and If-None-Match: a request that holds only as long as a record is as its sender knows it.

Source: RFC 9110, sections 8.8.3 and 13.1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request as HttpRequest

from datacatalog.domain.errors import InvalidField, PreconditionFailed

ANY = ("*",)
_TAG = re.compile(r'\s*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|\Z)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Preconditions:
    """ETags that a request names.

    Attributes:
        match: one of them must be the record's; `ANY`: there must be a record; None: not asked.
        none_match: none of them may be the record's; `ANY`: there may be no record; None: not asked.
    """

    match: Sequence[str] | None = None
    none_match: Sequence[str] | None = None

    def check(self, uuid: str, etag: str | None) -> None:
        """Let a change happen.

        Args:
            etag: of the record as it is; None: there is none.
        Raises:
            PreconditionFailed.
        """
        self.check_match(uuid, etag)
        if self.is_known(etag):
            raise PreconditionFailed(uuid, f"other than {', '.join(self.none_match or ())}", _state(etag))

    def check_match(self, uuid: str, etag: str | None) -> None:
        """Let a record be read, or changed.  Raises PreconditionFailed: If-Match names other ETags than its own."""
        if self.match is not None and not self._matched(etag):
            raise PreconditionFailed(uuid, ", ".join(self.match), _state(etag))

    def is_known(self, etag: str | None) -> bool:
        """Tell whether the sender knows the record as it is: If-None-Match names it."""
        if self.none_match is None or etag is None:
            return False
        return self.none_match == ANY or etag in [tag.removeprefix("W/") for tag in self.none_match]

    def _matched(self, etag: str | None) -> bool:
        # A weak ETag never matches here: the record's own is strong.
        return etag is not None and (self.match == ANY or etag in (self.match or ()))


def _state(etag: str | None) -> str:
    return "not there" if etag is None else f"at {etag}"


def preconditions(request: HttpRequest) -> Preconditions:
    """Read the preconditions of a request.  Raises InvalidField."""
    return Preconditions(match=_tags(request, "If-Match"), none_match=_tags(request, "If-None-Match"))


def _tags(request: HttpRequest, header: str) -> tuple[str, ...] | None:
    values = request.headers.getlist(header)
    if not values:
        return None
    text, tags, at = ", ".join(values).strip(), list[str](), 0
    if text == "*":
        return ANY
    while at < len(text):
        found = _TAG.match(text, at)
        if found is None:
            raise InvalidField(header, 'must be * or ETags in quotes, separated by commas, as "3-1f2e"')
        tags.append(found[1])
        at = found.end()
    return tuple(tags)
