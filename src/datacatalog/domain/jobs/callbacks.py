"""What a platform's callback comes down to for a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datacatalog.domain.errors import InvalidJson
from datacatalog.domain.jobs.lifecycle import Event, State, successor
from datacatalog.domain.jobs.statuses import StatusTable
from datacatalog.domain.messages import PlatformCallback
from datacatalog.domain.strict_json import parse_object

_COMPUTING = frozenset({State.CREATED, State.RUNNING})
_NOISE = frozenset({"_links", "retries", "localId"})
_ADDRESSED = "deliveryTarget"
"""Where Tapis repeats the URL that it was told to post to, with the token and nonce in it."""
_NEW_STATUS = "JOB_NEW_STATUS"
_TAPIS_DATA_DEPTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What a callback comes down to.

    Attributes:
        status: the status that acts, upper case; "" where none was given.
        data: what history keeps: the minified body, and whatever the URL said besides.
    """

    status: str
    event: Event
    data: Mapping[str, Any]


def acts(event: Event, state: State) -> bool:
    """Tell whether what a platform says still moves a job.

    It speaks of the computing: once that has finished, a failure (its job was deleted, say) fails no indexing and no
    validation.
    """
    over = event is Event.FAIL and state not in _COMPUTING
    return successor(state, event) is not None and not over


def fact_of(callback: PlatformCallback, table: StatusTable) -> Fact:
    """Read a callback.

    A status in the URL counts where the body has none. Where both stand and differ, both are kept and the more
    final one acts; between two final ones, the body's, which the platform filled in as it sent.

    Args:
        table: what the statuses of its platform mean.
    """
    said, data = _tapis(callback.body) if callback.platform == "tapis" else _agave(callback.body)
    in_body = _known(said) if isinstance(said, str) else ""
    in_url = _known(callback.url_status or "")
    status = in_body or in_url
    if in_body and in_url and table.final(in_url) and not table.final(in_body):
        status = in_url
    data.setdefault("status", status)
    if in_url and in_body and in_url != in_body:
        data |= {"url_status": in_url, "flag": "statuses-differ"}
    elif status in table.flags:
        data["flag"] = table.flags[status]
    if callback.note:
        data.setdefault("note", callback.note)
    return Fact(status=status, event=table.event(status), data=data)


def _agave(body: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the status that a body tells, and what of it is kept."""
    return body.get("status"), {k: v for k, v in body.items() if k not in _NOISE}


def _tapis(body: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the same of a notification of Tapis, whose event says `jobs.JOB_NEW_STATUS.<status>` where there is a new one."""
    event = dict(body["event"])
    _, category, detail = event["type"].split(".", 2)
    event["data"] = _object_in(event.get("data"))
    kept: dict[str, Any] = {k: v for k, v in body.items() if k != _ADDRESSED} | {"event": event}
    status = detail if category == _NEW_STATUS else ""
    return status, {**kept, "status": status or event["type"]}


def _object_in(data: Any) -> Any:
    """Return the object that is written as text, as Tapis sends it; anything else as it is."""
    if not isinstance(data, str):
        return data
    try:
        return parse_object(data, depth_max=_TAPIS_DATA_DEPTH)
    except InvalidJson:
        return data


def _known(status: str) -> str:
    """Return a status in upper case; a macro that the platform left unfilled says nothing."""
    status = status.strip().upper()
    return "" if status.startswith("${") else status
