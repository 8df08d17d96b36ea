"""A managed job whose settings, names and client come from the reactor that runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datacatalog.bootstrap import App
from datacatalog.managers.pipelinejobs.store import ManagedPipelineJob


class ReactorManagedPipelineJob(ManagedPipelineJob):
    """A ManagedPipelineJob set up from within a reactor.

    `reactor` is any object with `settings`, whose sections `mongodb` and `pipelines` are read (by attribute or by key), and
    with `uid`, `execid`, `nickname` and `client`, which become agent, task, session and agave. What is missing counts as
    None; keyword arguments go before it.
    """

    def __init__(self, reactor: Any, data: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        """Describe a job.  Raises as ManagedPipelineJob."""
        settings = getattr(reactor, "settings", None)
        own = {
            "mongodb": _section(settings, "mongodb"),
            "pipelines": _section(settings, "pipelines"),
            "agave": getattr(reactor, "client", None),
            "agent": getattr(reactor, "uid", None),
            "task": getattr(reactor, "execid", None),
            "session": getattr(reactor, "nickname", None),
            "data": data,
        }
        super().__init__(**{**own, **kwargs})


def _section(settings: Any, name: str) -> Any:
    """Return a section of the settings as a mapping; an App as it is."""
    found = settings.get(name) if isinstance(settings, Mapping) else getattr(settings, name, None)
    if found is None or isinstance(found, App | Mapping):
        return found
    return vars(found)
