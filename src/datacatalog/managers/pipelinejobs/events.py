"""Events sent from Python: the same typed messages and the same handlers as those that arrive over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.jobs.lifecycle import read_event
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.messages import DeleteJob, JobEvent
from datacatalog.managers.common import plain
from datacatalog.services import dispatch
from datacatalog.services.env import Env, Outcome

DELETE, PURGE = "delete", "purge"


def read(
    uuid: TypedUuid, name: object, data: Mapping[str, Any] | None, token: str | None
) -> JobEvent | DeleteJob:
    """Return the message that an event's name stands for.  Raises InvalidField."""
    if not isinstance(name, str):
        raise InvalidField("name", "the name of an event is required")
    if name.lower() in (DELETE, PURGE):
        return DeleteJob(uuid=uuid, token=token, force=name.lower() == PURGE)
    return JobEvent(uuid=uuid, name=read_event(name), token=token, data=plain_or_none(data))


def plain_or_none(data: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return an event's data as JSON keeps it.  Raises InvalidField."""
    return None if data is None else plain(data, "data")


def send(message: JobEvent | DeleteJob, env: Env) -> Outcome:
    """Have a message handled; it is durable when this returns."""
    return env.store.transact(lambda work: dispatch.handle(message, work, env))
