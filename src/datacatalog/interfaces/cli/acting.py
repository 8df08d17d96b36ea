"""Acting as the owner of this catalog's files: the same door and the same rules as for everybody else.

Whoever may read secrets.json can make the update token of any document, so commands make it where none is given. What needs an
administrative token needs one here, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datacatalog.domain.documents import minified
from datacatalog.domain.errors import UnknownRecord
from datacatalog.services.access import token_of
from datacatalog.services.env import Principal
from datacatalog.services.reading import Request
from datacatalog.services.reception import Answer, Envelope, receive

if TYPE_CHECKING:
    from datacatalog.domain.kinds import TypedUuid
    from datacatalog.services.env import Env

LOCAL = Principal(name="local", via="process", level="UPDATE", operates=True)


def owners_token(uuid: TypedUuid, env: Env) -> str:
    """Return the update token of a document, hidden ones included.  Raises UnknownRecord."""
    record = env.store.read(lambda work: work.records.find(uuid))
    if record is None:
        raise UnknownRecord(uuid)
    return token_of(record, env)


def deliver(
    actor: str,
    body: Mapping[str, Any] | bytes,
    env: Env,
    context: Mapping[str, str] | None = None,
    *,
    queued: bool = False,
) -> Answer:
    """Give an actor a message, as the gateway does.

    Raises:
        As `services.reception.receive`.
    """
    raw = body if isinstance(body, bytes) else minified(body).encode()
    request = Request(actor=actor, body=raw, context=context or {})
    return receive(Envelope(request=request, principal=LOCAL), env, queued=queued)


def told(answer: Answer) -> dict[str, Any]:
    """Return what an answer says, without the token in it: commands print secrets only where they are asked for."""
    return {name: value for name, value in answer.result.items() if name != "token"}
