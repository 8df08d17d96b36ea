"""What is run for a job, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from datacatalog.adapters.platforms.local.limits import NO_LIMITS, Limits
from datacatalog.adapters.platforms.local.resources import DEFAULT, Resources
from datacatalog.domain.documents import JsonObject

_PATHS = ("folder", "output", "errors", "job", "attempt", "app")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program with all that it is given.

    Attributes:
        arguments: the program first.
        environment: all of it but the mark of the job; nothing is inherited.
        folder: working directory.
        output, errors: files that are made for what it prints.
        job: the job's folder.
        attempt: the folder that everything of this command lies in; it may write there.
        app: the folder of its app, which it may read.
        network: whether it may use the network.
        resources: what a cluster is asked for.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    output: Path
    errors: Path
    limit: timedelta
    job: Path
    attempt: Path
    app: Path | None = None
    network: bool = True
    limits: Limits = NO_LIMITS
    resources: Resources = DEFAULT

    @classmethod
    def read(cls, document: JsonObject) -> Command:
        """Return what `to_document` wrote; the resources are there by then."""
        paths = {name: document[name] and Path(document[name]) for name in _PATHS}
        known: dict[str, Any] = {
            **paths,
            **{name: document[name] for name in ("arguments", "environment", "network")},
            "limit": timedelta(seconds=document["limit_s"]),
            "limits": Limits.read(document["limits"]),
        }
        return cls(**known)

    def to_document(self) -> JsonObject:
        found = {name: getattr(self, name) for name in _PATHS}
        return {
            **{name: None if path is None else str(path) for name, path in found.items()},
            "limit_s": self.limit.total_seconds(),
            "limits": self.limits.to_document(),
            "arguments": list(self.arguments),
            "environment": dict(self.environment),
            "network": self.network,
        }
