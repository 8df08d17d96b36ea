"""Notifications of a job, in Tapis' words.

Tapis posts a notification of its own form to the address as it stands: it fills in no macros. Parameters of a callback URL that
are nothing but a macro, such as `status=${JOB_STATUS}`, are therefore left out; the status stands in what is posted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from datacatalog.domain.errors import InvalidField

_EVERY = "*"
_MOST = 64
_LONGEST = 2048
_WEEKS_4_MINUTES = 4 * 7 * 24 * 60
"""The longest that Tapis keeps a subscription."""
_MACRO_ONLY = re.compile(r"[^=&]*=\$\{[A-Z_]+\}")
_EMAIL = re.compile(r"[^@\s:/]+@[^@\s:/]+")


def subscriptions(value: Any) -> list[dict[str, Any]]:
    """Return the `subscriptions` of a job.

    Raises:
        InvalidField: one that Tapis cannot serve: for a single status, once only, or to no URL or e-mail address.
    """
    given = value or []
    if not isinstance(given, list) or len(given) > _MOST:
        raise InvalidField("notifications", f"wants a list of at most {_MOST}")
    return [_subscription(one, f"notifications/{n}") for n, one in enumerate(given)]


def _subscription(value: Any, place: str) -> dict[str, Any]:
    fields = value if isinstance(value, Mapping) else {}
    if fields.get("event") != _EVERY:
        raise InvalidField(f"{place}/event", f"Tapis tells of every status or none; wants {_EVERY}")
    if fields.get("persistent") not in (True, "true"):
        raise InvalidField(f"{place}/persistent", "Tapis tells of every status, not of one; wants true")
    return {
        "description": "a callback of datacatalog",
        "enabled": True,
        "eventCategoryFilter": "JOB_NEW_STATUS",
        "deliveryTargets": [_target(fields.get("url"), f"{place}/url")],
        "ttlMinutes": _WEEKS_4_MINUTES,
    }


def _target(url: Any, place: str) -> dict[str, str]:
    if isinstance(url, str) and _EMAIL.fullmatch(url) and len(url) <= _LONGEST:
        return {"deliveryMethod": "EMAIL", "deliveryAddress": url}
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise InvalidField(place, "wants an http or https URL, or an e-mail address")
    plain = _without_macros(url)
    if "${" in plain:
        raise InvalidField(place, "has a macro in a place where Tapis would leave it as it is")
    if len(plain) > _LONGEST:
        raise InvalidField(place, f"is longer than {_LONGEST} characters")
    return {"deliveryMethod": "WEBHOOK", "deliveryAddress": plain}


def _without_macros(url: str) -> str:
    parts = urlsplit(url)
    kept = [said for said in parts.query.split("&") if not _MACRO_ONLY.fullmatch(said)]
    return urlunsplit(parts._replace(query="&".join(kept)))
