from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from datacatalog.adapters.outgoing.memory import MemoryOutgoing, Sent
from datacatalog.adapters.sealing import AesSealer
from datacatalog.domain.errors import InvalidField, UnknownRecord, Unreachable
from datacatalog.domain.kinds import Kind
from datacatalog.domain.messages import DeleteJob
from datacatalog.domain.signing import SigningKeys, read_secret, written_secret
from datacatalog.ports.outgoing import Reply
from datacatalog.services.env import Principal
from datacatalog.services.jobs import handle_delete_job
from datacatalog.services.records import put_record
from datacatalog.services.redelivering import dead_deliveries, ping, retry_dead
from datacatalog.services.subscriptions import (
    SUBJECT_MAX,
    URL_MAX,
    Subscribed,
    Wish,
    document_of,
    rotate_secret,
    set_paused,
    subscribe,
    subscription_for,
    subscription_page,
    subscriptions,
    unsubscribe,
)
from tests.unit.memory import Memory, memory

URL = "https://listener.example.org/hook"
ME = Principal(name="ada", via="tests")


@pytest.fixture
def here() -> Memory:
    return memory()


def made(here: Memory, **wish: object) -> Subscribed:
    wanted = Wish(**{"subject": here.pipeline, "url": URL, **wish})  # type: ignore[arg-type]
    return here.env.store.transact(lambda work: subscribe(wanted, ME, work, here.env))


def test_subscription_is_kept_with_its_owner_and_a_sealed_secret(here: Memory):
    subscribed = made(here, events=["finish", "run", "finish"])
    kept = here.env.store.read(lambda work: subscription_for(subscribed.subscription.id, work))
    assert kept == subscribed.subscription
    assert (kept.owner, kept.events, kept.paused) == ("ada", ("run", "finish"), False)
    opened = SigningKeys.from_bytes(here.env.sealer.open(kept.secret, kept.id))
    assert opened == SigningKeys(key=read_secret(subscribed.secret))


def test_secrets_that_are_made_differ_and_are_32_bytes_long(here: Memory):
    first, second = made(here).secret, made(here).secret
    assert first != second
    assert len(read_secret(first)) == 32


def test_secret_of_ones_own_is_taken_in_either_form(here: Memory):
    secret = written_secret(b"s" * 24)
    assert made(here, secret=secret).secret == secret
    assert made(here, secret=secret.removeprefix("whsec_")).secret == secret


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"subject": "everything"}, "subject"),
        ({"events": ["finished"]}, "events"),
        ({"url": "ftp://listener.example.org"}, "url"),
        ({"url": URL + "?" + "x" * URL_MAX}, "url"),
        ({"secret": "short"}, "secret"),
    ],
)
def test_wish_that_cannot_be_granted_is_refused_by_the_name_of_its_field(
    here: Memory, wish: dict[str, object], field: str
):
    with pytest.raises(InvalidField) as caught:
        made(here, **wish)
    assert caught.value.field == field
    assert [*subscriptions(here.env)] == []


def test_url_that_may_not_be_reached_is_refused(here: Memory):
    closed = here.with_ports(webhooks=MemoryOutgoing(forbidden=("https://listener",)))
    with pytest.raises(InvalidField, match="none of the hosts that may be reached"):
        made(closed)


def test_only_pipelines_and_jobs_can_be_subscribed_to(here: Memory):
    sample = {"sample_id": "sample.tacc.1"}
    written = here.env.store.transact(lambda work: put_record(Kind.SAMPLE, sample, work, here.env))
    with pytest.raises(InvalidField, match="subject: is a sample; a pipeline or a job"):
        made(here, subject=written.record.uuid)


def test_what_is_not_there_or_hidden_cannot_be_subscribed_to(here: Memory):
    job = here.job()
    assert made(here, subject=job.job.uuid).subscription.subject == job.job.uuid
    message = DeleteJob(uuid=job.job.uuid, trusted=True)
    here.env.store.transact(lambda work: handle_delete_job(message, work, here.env))
    for uuid in (job.job.uuid, job.job.uuid[:-4] + "0000"):
        with pytest.raises(UnknownRecord, match="unknown job"):
            made(here, subject=uuid)


def test_subject_has_a_hundred_subscriptions_of_a_tenant_at_most(here: Memory):
    for _ in range(SUBJECT_MAX):
        made(here)
    with pytest.raises(InvalidField, match="subject: has 100 subscriptions already"):
        made(here)
    made(here, subject=here.job().job.uuid)


def test_subscriptions_are_told_page_by_page(here: Memory):
    ids = sorted(made(here).subscription.id for _ in range(5))
    first = here.env.store.read(lambda work: subscription_page(work, after=None, limit=3))
    rest = here.env.store.read(lambda work: subscription_page(work, after=first["next"], limit=3))
    assert [each["id"] for each in [*first["subscriptions"], *rest["subscriptions"]]] == ids
    assert rest["next"] is None
    assert [each.id for each in subscriptions(here.env)] == ids


def test_document_shows_neither_the_secret_nor_what_the_url_asks(here: Memory):
    subscribed = made(here, url=URL + "?key=s3cret#here")
    shown = document_of(subscribed.subscription)
    assert shown["url"] == URL + "?***"
    assert "s3cret" not in repr(shown)
    assert not {"secret", subscribed.secret} & {*map(str, shown), *map(str, shown.values())}


def test_rotation_gives_another_secret_and_keeps_everything_else(here: Memory):
    before = made(here)
    name = before.subscription.id
    after = here.env.store.transact(lambda work: rotate_secret(name, None, work, here.env))
    assert after.secret != before.secret
    assert replace(after.subscription, secret="") == replace(before.subscription, secret="")
    own = written_secret(b"o" * 32)
    given = here.env.store.transact(
        lambda work: rotate_secret(name, own, work, here.env, overlap=timedelta(0))
    )
    assert given.secret == own
    kept = SigningKeys.from_bytes(here.env.sealer.open(given.subscription.secret, name))
    assert kept == SigningKeys(key=b"o" * 32)


def test_secret_that_cannot_be_read_any_more_can_be_rotated(here: Memory):
    name = made(here).subscription.id
    changed = here.with_ports(sealer=AesSealer(b"another key, as long as the first"))
    rotated = here.env.store.transact(lambda work: rotate_secret(name, None, work, changed.env))
    kept = SigningKeys.from_bytes(changed.env.sealer.open(rotated.subscription.secret, name))
    assert kept == SigningKeys(key=read_secret(rotated.secret))


def test_what_is_done_to_a_subscription_that_is_not_there_is_refused(here: Memory):
    doings = (
        lambda work: subscription_for("sub_0", work),
        lambda work: set_paused("sub_0", True, work),
        lambda work: rotate_secret("sub_0", None, work, here.env),
        lambda work: unsubscribe("sub_0", work),
    )
    for doing in doings:
        with pytest.raises(UnknownRecord, match="unknown subscription: sub_0"):
            here.env.store.transact(doing)
    for asking in (ping, dead_deliveries, retry_dead):
        with pytest.raises(UnknownRecord):
            asking("sub_0", here.env)


def test_dead_delivery_that_is_not_there_cannot_be_retried(here: Memory):
    name = made(here).subscription.id
    assert retry_dead(name, here.env) == 0
    with pytest.raises(UnknownRecord, match="unknown dead delivery"):
        retry_dead(name, here.env, delivery="another:1")


def test_ping_is_a_signed_event_and_tells_what_was_answered(here: Memory):
    name = made(here).subscription.id
    assert ping(name, here.env).status == 200
    outgoing = here.env.webhooks
    assert isinstance(outgoing, MemoryOutgoing)
    [request] = outgoing.sent
    assert b'"type":"org.datacatalog.ping"' in request.body
    assert request.headers["webhook-signature"].startswith("v1,")

    def away(request: Sent) -> Reply:
        raise Unreachable("nobody takes connections")

    outgoing.answer = away
    with pytest.raises(Unreachable):
        ping(name, here.env)
