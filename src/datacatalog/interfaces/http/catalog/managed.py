"""Kinds that are not written as documents: what happens to them is told to their actors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.responses import Response

from datacatalog.domain.kinds import Kind
from datacatalog.interfaces.http.answers import not_allowed

MANAGED: Mapping[Kind, str] = {
    Kind.PIPELINEJOB: "a job is moved by its events: POST them to /actors/v2/jobs-manager/messages",
    Kind.PIPELINE: "a pipeline is kept by its manager: POST it to /actors/v2/pipelines-manager/messages",
}
"""Where to go instead."""


def elsewhere(kind: Kind, allowed: Sequence[str] = ("GET", "HEAD")) -> Response:
    """Return the answer to who would write such a record here, where only `allowed` methods work."""
    return not_allowed(allowed, MANAGED[kind])
