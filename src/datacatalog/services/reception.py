"""The door: a request comes in, an answer goes out, and what is answered is on disk by then.

`receive` handles a message in the caller's time (inline), or takes it into its actor's queue (queued). Either way the
effect, the execution record and the memory of the request's own id are one commit. A refused message writes nothing.

A message reads and changes what is within the reach of its sender (services.tenancy), then and when it was queued. The nonce of
callback URLs has no reach of its own: with it, a message that shows a job's update token acts for that job's tenant, since jobs
of all tenants are called back by the same platforms.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from datacatalog.domain.acts import act_of
from datacatalog.domain.documents import minified
from datacatalog.domain.errors import AlreadyExists, BadCredentials, DatacatalogError
from datacatalog.domain.identifiers.platforms import execution_id
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.messages import Message
from datacatalog.domain.privileges import NEEDS, Shows
from datacatalog.domain.tokens import digest_of
from datacatalog.ports.stores import Delivery, Execution, Work
from datacatalog.ports.telemetry import Activity, about, facts, job_in
from datacatalog.services import access
from datacatalog.services.dispatch import Actor, actor, handle, prepared
from datacatalog.services.env import Env, Outcome, Principal
from datacatalog.services.reading import Request, delivery_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the sender is told, after the commit.

    Attributes:
        result: the outcome; `token` is in it where one was issued.
        repeated: this request's id was answered before, and this is that answer again.
        issued: the document whose token is in `result`.
    """

    execution: str
    http: int
    result: Mapping[str, Any]
    log: tuple[str, ...] = ()
    repeated: bool = False
    issued: TypedUuid | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A request with who sent it, and the id that makes a repeat of it recognizable."""

    request: Request
    principal: Principal
    delivery_id: str | None = None


def receive(envelope: Envelope, env: Env, *, queued: bool = False) -> Answer:
    """Take one message.

    Returns:
        The answer, once everything it speaks of is durable.
    Raises:
        BadMessage, BadCredentials, Refused, NotFound, Conflict: nothing was written.
        Unavailable: nothing was acknowledged.
    """
    name = envelope.request.actor
    with (
        about(actor=name, delivery_id=envelope.delivery_id),
        env.telemetry.watch(Activity.HANDLER, name) as watched,
    ):
        answer = _received(envelope, env, queued=queued)
        watched.outcome = "repeated" if answer.repeated else "queued" if queued else "ok"
        return answer


def _received(envelope: Envelope, env: Env, *, queued: bool) -> Answer:
    principal = envelope.principal
    env = env.acting_for(principal)
    if envelope.delivery_id is None:
        envelope = replace(envelope, delivery_id=delivery_in(envelope.request, env.schemas))
    # What was answered is answered alike, even where the same message would be refused by now.
    if envelope.delivery_id and (before := env.store.read(lambda work: _answered(envelope, work, env))):
        return before
    if principal.spent:
        raise BadCredentials("the nonce")
    to = actor(envelope.request.actor)
    message = to.read(envelope.request, env.schemas)
    access.check_level(message, principal)
    env = _acting(message, principal, env)
    if not queued:
        message = prepared(message, env)
    execution = _new_execution(env)
    message = replace(message, execution=execution)

    def take(work: Work) -> Answer:
        access.count_use(principal, work, env)
        if queued:
            outcome = _enqueue(to, message, envelope, execution, work, env)
        else:
            outcome = handle(message, work, env)
        _write_execution(execution, to, outcome, queued, work, env)
        return Answer(
            execution=execution,
            http=outcome.http,
            result=_with_token(outcome.result, outcome.issued, work, env),
            log=outcome.log,
            issued=outcome.issued,
        )

    with about(**_known_of(message, execution)):
        if envelope.delivery_id is None:
            return env.store.transact(take)
        return env.store.transact(lambda work: _once(envelope, take, work, env))


def _known_of(message: Message, execution: str) -> Mapping[str, str | None]:
    """Return what is known of the handling of a message (ports.telemetry)."""
    return {
        "execution_id": execution,
        "message_id": facts().get("message_id", execution),
        "job_uuid": job_in(getattr(message, "uuid", None)),
    }


def _acting(message: Message, principal: Principal, env: Env) -> Env:
    """Return what a message works with.

    Args:
        env: what its sender works with.
    """
    uuid = getattr(message, "uuid", None)
    if message.trusted or (principal.calls_back and NEEDS[act_of(message)].shows is Shows.UPDATE_TOKEN):
        record = env.whole_store.read(lambda work: work.records.find(uuid)) if uuid else None
        if record is not None:
            return env.acting_like(record)
    return env


def _write_execution(execution: str, to: Actor, outcome: Outcome, queued: bool, work: Work, env: Env) -> None:
    now = env.clock.now()
    work.executions.put(
        Execution(
            id=execution,
            actor=to.name,
            status="SUBMITTED" if queued else "COMPLETE",
            received=now,
            finished=None if queued else now,
            http=outcome.http,
            outcome=outcome.result,
            log=outcome.log,
        )
    )


def _new_execution(env: Env) -> str:
    return execution_id(env.clock.now(), secrets.token_bytes(6))


def _answered(envelope: Envelope, work: Work, env: Env) -> Answer | None:
    """Return what a message that carries an id of its own was answered before, or None.

    Raises:
        AlreadyExists: the id was used for another message.
    """
    assert envelope.delivery_id is not None  # noqa: S101  the caller asks only then
    known = work.answers.recall(_scope(envelope), envelope.delivery_id)
    if known is None:
        return None
    if known["mark"] != envelope.request.mark:
        raise AlreadyExists("this request id was used for another message before")
    result = known["result"]
    if known["issued"] is not None and known["salt"] == _salt_mark(known["issued"], work):
        # A token that was revoked since is not replaced: whoever repeats an old message has only shown the old one.
        result = _with_token(result, known["issued"], work, env)
    return Answer(execution=known["execution"], http=known["http"], result=result, repeated=True)


def _scope(envelope: Envelope) -> str:
    principal = envelope.principal
    # Names may hold slashes, but no line breaks: nobody's is another tenant's and name in one.
    whose = f"{principal.tenant}\n{principal.name}" if principal.tenant else principal.name
    return f"{envelope.request.actor}:{whose}"


def _once(envelope: Envelope, take: Callable[[Work], Answer], work: Work, env: Env) -> Answer:
    """Take a message that carries an id of its own; where it was answered meanwhile, answer the same again.

    Raises:
        AlreadyExists: the id was used for another message.
    """
    assert envelope.delivery_id is not None  # noqa: S101  the caller asks only then
    if (before := _answered(envelope, work, env)) is not None:
        return before
    answer = take(work)
    kept = {
        "mark": envelope.request.mark,
        "execution": answer.execution,
        "http": answer.http,
        # What is kept holds no secret; a token is made again when it is told again.
        "result": {k: v for k, v in answer.result.items() if k != "token"},
        "issued": answer.issued,
        "salt": None if answer.issued is None else _salt_mark(answer.issued, work),
    }
    work.answers.remember(_scope(envelope), envelope.delivery_id, kept, at=env.clock.now())
    return answer


def _salt_mark(uuid: TypedUuid, work: Work) -> str | None:
    """Return what tells whether a document's token is still the one it was."""
    record = work.records.find(uuid)
    return None if record is None else digest_of(record.salt)


def _with_token(
    result: Mapping[str, Any], issued: TypedUuid | None, work: Work, env: Env
) -> Mapping[str, Any]:
    if issued is None:
        return result
    record = work.records.find(issued)
    return result if record is None else {**result, "token": access.token_of(record, env)}


# --------------------------------------------------------------------------------------------- queued


def _enqueue(
    to: Actor, message: Message, envelope: Envelope, execution: str, work: Work, env: Env
) -> Outcome:
    """Put a message into its actor's queue, as it came, and who sent it.

    Its token is checked now, where its document is there already, so that whoever guesses is told at once, and slowed down. It
    is checked again when the message is handled, against the document as it is by then. Meanwhile it is kept sealed: whoever
    looks into the queue, or into a copy of the ledger, learns no secret.

    Raises:
        MissingToken, InvalidToken, InvalidAdminToken, ReservedEvent.
    """
    uuid = getattr(message, "uuid", None)
    if (record := work.records.find(uuid) if uuid else None) is not None:
        access.authorize(message, record, work, env)
    request, sender = envelope.request, envelope.principal
    said = {"body": request.body.decode(), "context": dict(request.context)}
    item = {
        "sealed": env.sealer.seal(minified(said).encode(), execution),
        "execution": execution,
        "sender": {
            "name": sender.name,
            "tenant": sender.tenant,
            "project": sender.project,
            "operates": sender.operates,
            "calls_back": sender.calls_back,
        },
    }
    work.outbox.send(to.name, item, id=execution, at=env.clock.now())
    return Outcome(result={"queued": type(message).__name__}, http=202)


def handle_delivery(delivery: Delivery, env: Env) -> Answer:
    """Handle a message from an actor's queue, and take it off, in one commit.

    Raises:
        LeaseLost: another worker has it; nothing was written.
        Unavailable: try again later.
        Any other DatacatalogError: it was refused, for good; nothing was written (see `refuse_delivery`).
    """
    with about(actor=delivery.queue), env.telemetry.watch(Activity.HANDLER, delivery.queue):
        return _handled(delivery, env)


def _handled(delivery: Delivery, env: Env) -> Answer:
    to = actor(delivery.queue)
    message, execution = _from_queue(to, delivery, env)
    sender = _sender(delivery)
    env = _acting(message, sender, env.acting_for(sender))
    message = replace(prepared(message, env), execution=execution)

    def body(work: Work) -> Answer:
        outcome = handle(message, work, env)
        _finish_execution(execution, to.name, delivery, outcome, "COMPLETE", work, env)
        work.outbox.settle(delivery)
        return Answer(execution=execution, http=outcome.http, result=outcome.result, log=outcome.log)

    with about(**_known_of(message, execution)):
        return env.store.transact(body)


def _from_queue(to: Actor, delivery: Delivery, env: Env) -> tuple[Message, str]:
    item = delivery.body
    if "message" in item:
        # The catalog wrote this one itself, in the commit that caused it.
        request = Request(actor=to.name, body=minified(item["message"]).encode())
        message = to.read(request, env.schemas)
        return replace(message, trusted=True), _new_execution(env)
    said = json.loads(env.sealer.open(item["sealed"], item["execution"])) if "sealed" in item else item
    request = Request(actor=to.name, body=said["body"].encode(), context=said["context"])
    return to.read(request, env.schemas), item["execution"]


def _sender(delivery: Delivery) -> Principal:
    """Return who sent a queued message; one that was queued before that was written down is the installation's own."""
    return Principal(**{"name": "", **delivery.body.get("sender", {})}, via="queue")


def refuse_delivery(delivery: Delivery, error: DatacatalogError, env: Env) -> None:
    """Write down that a queued message was refused. It is then a dead letter with its reason (see interfaces.worker)."""
    execution = str(delivery.body.get("execution") or _new_execution(env))
    outcome = Outcome(
        result={"code": error.code, "errors": error.complaints},
        log=(f"Refused: {error}",),
        http=error.http,
    )

    def body(work: Work) -> None:
        work.outbox.hold(delivery)
        taken = work.executions.get(delivery.queue, execution)
        whose = _sender(delivery).tenant if taken is None else taken.tenant
        _finish_execution(execution, delivery.queue, delivery, outcome, "ERROR", work, env, tenant=whose)

    env.store.transact(body)


def _finish_execution(
    execution: str,
    actor_name: str,
    delivery: Delivery,
    outcome: Outcome,
    status: str,
    work: Work,
    env: Env,
    *,
    tenant: str = "",
) -> None:
    work.executions.put(
        Execution(
            id=execution,
            actor=actor_name,
            tenant=tenant,
            status=status,
            received=delivery.sent,
            finished=env.clock.now(),
            http=outcome.http,
            outcome=outcome.result,
            log=outcome.log,
        )
    )
