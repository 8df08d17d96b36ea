"""Ids that platforms give to actors, executions, nonces, apps and jobs, and the URLs that they have there."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from hashids import Hashids

from datacatalog.domain.errors import InvalidField

ABACO_SALT = "eJa5wZlEX4eWU"

AGAVE_SUFFIXES = {
    "002": "file",
    "005": "app",
    "006": "system",
    "007": "job",
    "011": "notification",
    "012": "metadata",
}
"""Last three digits of an Agave id -> what it names."""

_APP_ID = re.compile(r"[A-Za-z0-9_.-]+-[0-9][0-9.]+(?:u[0-9]+)?")
_LONGEST_APP_ID = 64
_AGAVE_ID = re.compile(r"[A-Za-z0-9-]+-([0-9]{3})")
_TENANT = re.compile(r"[A-Z0-9]{1,32}")
_LONGEST_ABACO_ID = 32


def execution_id(at: datetime, entropy: bytes) -> str:
    """Return the id of an execution, 24 hex digits: 12 of the time, in milliseconds, and 12 that are random.

    Ids that grow with time are read newest first and written side by side.

    Args:
        entropy: 6 random bytes.
    """
    return f"{int(at.timestamp() * 1000):012x}{entropy.hex()}"


def actor_id(name: str) -> str:
    """Return the id of the actor of this name: always the same one, of the form that platforms give."""
    return _encoded(hashlib.sha256(f"actor\0{name}".encode()).digest()[:8])


def nonce_id(tenant: str, entropy: bytes) -> str:
    """Return a nonce such as `SD2E_...`.

    A nonce is a secret, so all 128 bits go into it; the platform's own hold 64.

    Args:
        tenant: tenant id or its first label, e.g. "sd2e.org" or "sd2e".
        entropy: 16 random bytes.
    Raises:
        InvalidField: the tenant is not made of letters and digits.
    """
    label = tenant.split(".")[0].upper()
    if not _TENANT.fullmatch(label):
        raise InvalidField("tenant", f"{tenant!a:.80} does not begin with letters and digits")
    return f"{label}_{_encoded(_checked(entropy))}"


def is_actor_id(text: str) -> bool:
    """Tell whether this reads as the id of an actor or an execution (they look alike).

    For sorting, not for refusing: documents also show made-up ids and aliases such as "jobs-manager.prod".
    """
    return len(text) <= _LONGEST_ABACO_ID and bool(_abaco().decode(text))


def is_nonce_id(text: str) -> bool:
    tenant, _, rest = text.partition("_")
    return bool(_TENANT.fullmatch(tenant)) and is_actor_id(rest)


def is_app_id(text: str) -> bool:
    """Tell whether this is an Agave app id, `name-version`, e.g. `tacobot9000-0.1.0u1`, and no job's."""
    fits = len(text) <= _LONGEST_APP_ID and _APP_ID.fullmatch(text) is not None
    return fits and agave_kind(text) != "job"


def agave_kind(text: str) -> str | None:
    """Return what an Agave id such as `7381691026605150696-242ac11b-0001-007` names, or None."""
    match = _AGAVE_ID.fullmatch(text)
    return AGAVE_SUFFIXES.get(match[1]) if match else None


# ------------------------------------------------------------------------------------------- URLs


def actor_url(api: str, id: str) -> str:
    return _url(api, "actors", "v2", id)


def execution_url(api: str, actor: str, id: str) -> str:
    return _url(api, "actors", "v2", actor, "executions", id)


def app_url(api: str, id: str) -> str:
    return _url(api, "apps", "v2", id)


def system_url(api: str, id: str) -> str:
    return _url(api, "systems", "v2", id)


def job_url(api: str, id: str) -> str:
    return _url(api, "jobs", "v2", id)


def agent_url(api: str, agent: str) -> str:
    """Return the URL of what a job was started by: an app by its id, else an actor; a URL stays as it is.

    Args:
        api: base URL of the platform, with or without a slash at its end.
    """
    if _is_url(agent):
        return agent
    return app_url(api, agent) if is_app_id(agent) else actor_url(api, agent)


def task_url(api: str, agent: str, task: str) -> str:
    """Return the URL of the work an agent does: a platform job by its id, else an execution of the actor.

    Args:
        agent: id or URL of the actor.
    """
    if _is_url(task):
        return task
    if agave_kind(task) == "job":
        return job_url(api, task)
    if _is_url(agent):
        return _url(agent, "executions", task)
    return execution_url(api, agent, task)


def _is_url(text: str) -> bool:
    return text.startswith(("https://", "http://"))


def _url(base: str, *parts: str) -> str:
    return "/".join([base.rstrip("/"), *(quote(part, safe="") for part in parts)])


def _checked(entropy: bytes) -> bytes:
    if len(entropy) != 16:
        raise ValueError("16 bytes are needed")
    return entropy


@lru_cache(maxsize=1)
def _abaco() -> Any:
    return Hashids(salt=ABACO_SALT)


def _encoded(entropy: bytes) -> str:
    return str(_abaco().encode(int.from_bytes(entropy, "big")))
