"""What subscribers are told, and what becomes of deliveries; the requests go nowhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks import Webhook

from datacatalog.adapters.outgoing.memory import MemoryOutgoing, Sent
from datacatalog.adapters.sealing import AesSealer
from datacatalog.domain.cloudevents import DATA_BYTES_MAX
from datacatalog.domain.documents import instant
from datacatalog.domain.errors import ForbiddenTarget, UnknownRecord, Unreachable
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.messages import DeleteJob
from datacatalog.interfaces.worker.loop import Worker
from datacatalog.ports.outgoing import Reply
from datacatalog.ports.sharing import Grant
from datacatalog.ports.stores import Work
from datacatalog.services.env import Principal
from datacatalog.services.jobs import JobPlan, create_job, handle_delete_job, job_for, move, note
from datacatalog.services.redelivering import dead_deliveries, retry_dead
from datacatalog.services.subscriptions import (
    Subscribed,
    Wish,
    rotate_secret,
    set_paused,
    subscribe,
    unsubscribe,
)
from datacatalog.services.webhooks import WEBHOOK_QUEUE, Deliverer, Patience, trouble_with
from datacatalog.services.webhooks.turns import LEAST, MOST, QUICK, Turns
from tests.unit.memory import PATIENCE, Memory, memory

URL = "https://listener.example.org/hook?key=s3cret"
ME = Principal(name="tester", via="tests")


@pytest.fixture
def here() -> Memory:
    return memory()


def subscribed(here: Memory, subject: str | None = None, **wish: Any) -> Subscribed:
    wanted = Wish(subject=subject or here.pipeline, url=wish.pop("url", URL), **wish)
    return here.env.store.transact(lambda work: subscribe(wanted, ME, work, here.env))


def deliver(here: Memory) -> int:
    """Handle what is due; return how many."""
    worker, count = Worker(here.app), 0
    while worker.work_once([WEBHOOK_QUEUE]):
        count += 1
        assert count < 1000, "deliveries go round in circles"
    return count


def sent(here: Memory) -> list[Sent]:
    outgoing = here.env.webhooks
    assert isinstance(outgoing, MemoryOutgoing)
    return outgoing.sent


def told(here: Memory) -> list[tuple[str, str, int]]:
    """Return (event, state, sequence) of all requests."""
    found = [json.loads(each.body)["data"] for each in sent(here)]
    return [(data["event"], data["state"], data["sequence"]) for data in found]


def answering(here: Memory, answer: Callable[[Sent], Reply] | int) -> None:
    outgoing = here.env.webhooks
    assert isinstance(outgoing, MemoryOutgoing)
    outgoing.answer = answer if callable(answer) else lambda request: Reply(status=answer)


def unreachable(request: Sent) -> Reply:
    raise Unreachable("listener.example.org: ConnectTimeout")


def dead(here: Memory) -> list[str]:
    return [letter.reason for letter in here.env.transport.dead(WEBHOOK_QUEUE)]


def waiting(here: Memory) -> int:
    return here.env.transport.depth().get(WEBHOOK_QUEUE, 0)


def act(here: Memory, body: Callable[[Work], Any]) -> Any:
    return here.env.store.transact(body)


# ------------------------------------------------------------------------------------------- announcing


def test_subscriber_of_a_pipeline_is_told_every_step_of_its_jobs_in_its_commit(here: Memory):
    subscribed(here)
    here.job(Event.RUN, Event.UPDATE, Event.FINISH)
    assert waiting(here) == 4
    assert deliver(here) == 4
    assert told(here) == [
        ("create", "CREATED", 1),
        ("run", "RUNNING", 2),
        ("update", "RUNNING", 3),
        ("finish", "FINISHED", 4),
    ]


def test_subscriber_of_a_job_is_told_of_no_other(here: Memory):
    job, other = here.job(), here.job()
    subscribed(here, job.job.uuid)
    for each in (job, other):
        act(here, lambda work, e=each: move(job_for(e.job.uuid, work), Event.RUN, None, work, here.env))
    deliver(here)
    assert [json.loads(each.body)["subject"] for each in sent(here)] == [job.job.uuid]


def test_subscriber_of_some_events_is_told_of_these_alone(here: Memory):
    subscribed(here, events=["finish", "fail"])
    here.job(Event.RUN, Event.FINISH)
    here.job(Event.FAIL)
    deliver(here)
    assert [event for event, _, _ in told(here)] == ["finish", "fail"]


def test_each_subscriber_gets_a_delivery_with_an_id_of_its_own(here: Memory):
    job = here.job()
    ids = {subscribed(here).subscription.id, subscribed(here, job.job.uuid).subscription.id}
    act(here, lambda work: move(job_for(job.job.uuid, work), Event.RUN, None, work, here.env))
    deliver(here)
    assert {each.headers["webhook-id"].partition(":")[0] for each in sent(here)} == ids
    assert len({json.loads(each.body)["id"] for each in sent(here)}) == 1


def test_what_was_undone_is_told_nobody(here: Memory):
    subscribed(here)
    job = here.job()

    def fail(work: Work) -> None:
        move(job_for(job.job.uuid, work), Event.RUN, None, work, here.env)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        act(here, fail)
    deliver(here)
    assert [event for event, _, _ in told(here)] == ["create"]


def test_facts_that_were_only_noted_are_told_nobody(here: Memory):
    job = here.job(Event.RUN, Event.FINISH)
    subscribed(here)
    act(here, lambda work: note(job_for(job.job.uuid, work), Event.RUN, None, work, here.env))
    assert waiting(here) == 0


def test_job_that_is_found_again_is_told_nobody(here: Memory):
    subscribed(here)
    for _ in range(2):
        create_job(JobPlan(pipeline_uuid=here.pipeline, data={"same": 1}), here.env)
    assert waiting(here) == 1


# ---------------------------------------------------------------------------------------- what is sent


def test_delivery_is_a_cloud_event_that_tells_what_happened(here: Memory):
    subscribed(here)
    job = here.job(Event.RUN)
    deliver(here)
    request = sent(here)[1]
    entry = here.history(job)[1]
    assert request.method == "POST"
    assert request.url == URL
    assert json.loads(request.body) == {
        "specversion": "1.0",
        "id": entry["uuid"],
        "source": f"http://127.0.0.1:8000/catalog/v1/jobs/{job.job.uuid}",
        "type": "org.datacatalog.pipelinejob.run",
        "subject": job.job.uuid,
        "time": "2019-02-08T12:00:00Z",
        "datacontenttype": "application/json",
        "data": {
            "uuid": job.job.uuid,
            "pipeline_uuid": here.pipeline,
            "event": "run",
            "state": "RUNNING",
            "archive_uri": job.job.archive_uri,
            "sequence": 2,
            "data": None,
        },
    }


def test_cloud_events_library_reads_what_is_sent(here: Memory):
    subscribed(here)
    job = here.job()
    deliver(here)
    read = from_http_event(HTTPMessage(headers=dict(sent(here)[0].headers), body=sent(here)[0].body))
    assert read.get_specversion() == "1.0"
    assert read.get_type() == "org.datacatalog.pipelinejob.create"
    assert read.get_subject() == job.job.uuid
    assert read.get_time() == instant(here.history(job)[0]["date"])
    assert read.get_data()["sequence"] == 1


def test_standard_webhooks_library_verifies_what_is_sent(here: Memory):
    here.clock.at = here.clock.at.now(here.clock.at.tzinfo)
    made = subscribed(here)
    here.job()
    deliver(here)
    [request] = sent(here)
    assert Webhook(made.secret).verify(request.body, dict(request.headers))["type"].endswith(".create")
    forged = request.body.replace(b"CREATED", b"RETIRED")
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(made.secret).verify(forged, dict(request.headers))


def test_after_a_rotation_both_secrets_verify_for_a_day_and_then_the_new_one_alone(here: Memory):
    here.clock.at = here.clock.at.now(here.clock.at.tzinfo)
    old = subscribed(here)
    new = act(here, lambda work: rotate_secret(old.subscription.id, None, work, here.env))
    here.job()
    deliver(here)
    for made in (old, new):
        Webhook(made.secret).verify(sent(here)[0].body, dict(sent(here)[0].headers))
    here.clock.move(days=1)
    here.job()
    deliver(here)
    assert len(sent(here)[0].headers["webhook-signature"].split()) == 2
    assert len(sent(here)[1].headers["webhook-signature"].split()) == 1


def test_secrets_in_what_came_with_an_event_stay_here(here: Memory):
    subscribed(here)
    here.job(data={"url": "https://x.example.org/?token=t0psecret", "password": "pa55", "seed": 7})
    deliver(here)
    assert json.loads(sent(here)[0].body)["data"]["data"] == {
        "url": "https://x.example.org/?token=***",
        "password": "***",
        "seed": 7,
    }


@pytest.mark.parametrize(("length", "fits"), [(DATA_BYTES_MAX - 20, True), (DATA_BYTES_MAX, False)])
def test_data_that_is_too_long_is_left_out_and_said_to_be(here: Memory, length: int, fits: bool):
    subscribed(here)
    here.job(data={"text": "x" * length})
    deliver(here)
    data = json.loads(sent(here)[0].body)["data"]
    assert (data["data"] is not None, data.get("data_omitted", False)) == (fits, not fits)
    assert len(sent(here)[0].body) < DATA_BYTES_MAX + 2000


def test_of_a_job_that_was_removed_meanwhile_the_event_is_told_without_its_data(here: Memory):
    subscribed(here)
    job = here.job(data={"told": "nobody"})
    message = DeleteJob(uuid=job.job.uuid, force=True, trusted=True)
    act(here, lambda work: handle_delete_job(message, work, here.env))
    deliver(here)
    data = json.loads(sent(here)[0].body)["data"]
    assert (data["event"], data["data"], data["data_omitted"]) == ("create", None, True)


# --------------------------------------------------------------------------------------------- retries


def test_subscriber_that_was_away_gets_the_same_delivery_later(here: Memory):
    subscribed(here)
    here.job()
    answering(here, unreachable)
    deliver(here)
    answering(here, 204)
    here.clock.move(hours=1)
    deliver(here)
    first, second = sent(here)
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == second.headers["Idempotency-Key"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 3600
    assert waiting(here) == 0
    assert dead(here) == []


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 503, 599])
def test_answers_that_may_get_better_are_tried_again_with_growing_waits(here: Memory, status: int):
    subscribed(here)
    here.job()
    answering(here, status)
    tried_after = []
    for second in range(20):
        if deliver(here) and len(sent(here)) > len(tried_after):
            tried_after.append(second)
        here.clock.move(seconds=1)
    assert tried_after == [0, 1, 3, 7]
    assert dead(here) == [f"answered {status}"]


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 405, 413, 422, 451])
def test_answers_that_refuse_are_dead_letters_at_once(here: Memory, status: int):
    subscribed(here)
    here.job()
    answering(here, status)
    deliver(here)
    assert dead(here) == [f"answered {status}"]
    assert len(sent(here)) == 1


def test_subscriber_that_is_gone_is_paused_and_its_deliveries_dropped(here: Memory):
    made = subscribed(here)
    here.job(Event.RUN)
    answering(here, 410)
    deliver(here)
    assert len(sent(here)) == 1
    assert (waiting(here), dead(here)) == (0, [])
    assert act(here, lambda work: work.subscriptions.find(made.subscription.id)).paused


def test_target_that_may_not_be_reached_any_more_is_a_dead_letter_at_once(here: Memory):
    subscribed(here)
    here.job()

    def forbidden(request: Sent) -> Reply:
        raise ForbiddenTarget("10.0.0.1 is a private address")

    answering(here, forbidden)
    deliver(here)
    assert dead(here) == ["forbidden-target: 10.0.0.1 is a private address"]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("0", 1),
        ("999999999999", 3600),
        ("Fri, 08 Feb 2019 12:05:00 GMT", 300),
        ("Fri, 08 Feb 2019 11:00:00 GMT", 1),
        ("soon", 1),
        ("-5", 1),
        ("Fri, 99 Feb 2019 12:05:00 GMT", 1),
    ],
)
def test_retry_after_is_honoured_within_an_hour(here: Memory, header: str, seconds: int):
    subscribed(here)
    here.job()
    answering(here, lambda request: Reply(status=503, headers={"retry-after": header}))
    deliver(here)
    here.clock.move(seconds=seconds - 1)
    deliver(here)
    assert len(sent(here)) == 1
    here.clock.move(seconds=1)
    deliver(here)
    assert len(sent(here)) == 2


@pytest.mark.parametrize("change", ["pause", "remove"])
def test_deliveries_to_whom_nobody_tells_any_more_are_dropped_quietly(here: Memory, change: str):
    name = subscribed(here).subscription.id
    here.job(Event.RUN)
    act(here, lambda work: set_paused(name, True, work) if change == "pause" else unsubscribe(name, work))
    here.job()
    assert waiting(here) == 2
    deliver(here)
    assert (sent(here), waiting(here), dead(here)) == ([], 0, [])


def test_worker_that_died_in_every_try_leaves_a_dead_letter(here: Memory):
    subscribed(here)
    here.job()
    for _ in range(PATIENCE.tries):
        assert here.env.transport.claim([WEBHOOK_QUEUE], lease=timedelta(seconds=1), max_tries=99)
        here.clock.move(seconds=2)
    deliver(here)
    assert dead(here) == ["given-up: given up after 4 tries that were cut off"]


def test_subscription_whose_secret_cannot_be_read_gets_dead_letters_that_say_so(here: Memory):
    subscribed(here)
    here.job()
    other = replace(here.env, sealer=AesSealer(b"another key, as long as the first"))
    deliver(with_deliverer(here, Deliverer(other, PATIENCE)))
    assert sent(here) == []
    [reason] = dead(here)
    assert "token_key of secrets.json is not the one" in reason


def test_dead_deliveries_are_given_out_once_more_under_the_same_id(here: Memory):
    made = subscribed(here)
    here.job(Event.RUN)
    answering(here, 404)
    deliver(here)
    before = [request.headers["webhook-id"] for request in sent(here)]
    answering(here, 200)
    assert len(dead_deliveries(made.subscription.id, here.env)) == 2
    assert retry_dead(made.subscription.id, here.env) == 2
    deliver(here)
    assert [request.headers["webhook-id"] for request in sent(here)] == before * 2
    assert dead(here) == []


def test_no_error_and_no_dead_letter_tells_what_the_url_asks_or_the_secret(
    here: Memory, caplog: pytest.LogCaptureFixture
):
    made = subscribed(here)
    here.job()
    answering(here, 404)
    with caplog.at_level(0):
        deliver(here)
    told = caplog.text + repr(here.env.transport.dead()) + repr(made) + repr(made.subscription)
    assert made.subscription.id in told
    assert "s3cret" not in told
    assert made.secret not in told
    assert made.secret.removeprefix("whsec_") not in repr(act(here, lambda work: work.subscriptions.page()))


# -------------------------------------------------------------------------------------------- fairness


def with_deliverer(here: Memory, deliverer: Deliverer, tries: int = PATIENCE.tries) -> Memory:
    kinds = {WEBHOOK_QUEUE: replace(here.app.tasks[WEBHOOK_QUEUE], run=deliverer, tries=tries)}
    return replace(here, app=replace(here.app, tasks={**here.app.tasks, **kinds}))


def test_subscriber_in_trouble_is_tried_by_one_delivery_at_a_time(here: Memory):
    patient = with_deliverer(here, Deliverer(here.env, Patience(tries=20)), tries=20)
    subscribed(here)
    here.job(*[Event.RUN] * 49)
    answering(here, unreachable)
    for _ in range(60):
        deliver(patient)
        here.clock.move(seconds=1)
    # 1, 2, 4, 8, 16 and 32 seconds apart.
    assert len(sent(here)) == 6
    assert waiting(here) == 50


def test_deliveries_that_waited_as_long_as_any_is_waited_for_are_given_up(here: Memory):
    made = subscribed(here)
    here.job(*[Event.RUN] * 9)
    answering(here, unreachable)
    for _ in range(100):
        deliver(here)
        here.clock.move(seconds=1)
    assert len(dead(here)) == 10
    assert {*dead(here)} == {"listener.example.org: ConnectTimeout"}
    answering(here, 200)
    sent(here).clear()
    assert retry_dead(made.subscription.id, here.env) == 10
    deliver(here)
    assert sorted(sequence for _, _, sequence in told(here)) == [*range(1, 11)]


def test_subscriber_that_answers_again_is_out_of_trouble(here: Memory):
    name = subscribed(here).subscription.id
    here.job()
    answering(here, 500)
    deliver(here)
    trouble = act(here, lambda work: trouble_with(name, work))
    assert (trouble.failures, trouble.reason) == (1, "answered 500")
    answering(here, 200)
    here.clock.move(seconds=1)
    deliver(here)
    assert act(here, lambda work: trouble_with(name, work)) is None


def test_others_are_told_while_one_subscriber_is_away(here: Memory):
    subscribed(here, url="https://away.example.org/")
    subscribed(here, url="https://there.example.org/")
    answering(here, lambda request: unreachable(request) if "away" in request.url else Reply(status=200))
    here.job(*[Event.RUN] * 49)
    deliver(here)
    assert sum("there" in request.url for request in sent(here)) == 50
    assert sum("away" in request.url for request in sent(here)) == 1


def test_slow_subscriber_is_sent_one_request_at_a_time_and_rests_as_long_as_it_took(here: Memory):
    turns = Turns(here.clock)
    with turns.taken("s") as first:
        with turns.taken("s") as second, turns.taken("other") as other:
            assert (first, second, other) == (True, False, True)
        here.clock.move(seconds=5)
    with turns.taken("s") as resting:
        assert not resting
    assert timedelta(seconds=5) <= turns.wait("s") <= timedelta(seconds=10)
    here.clock.move(seconds=5)
    with turns.taken("s") as rested:
        assert rested


def test_quick_subscriber_is_sent_several_requests_at_a_time(here: Memory):
    turns = Turns(here.clock)
    with turns.taken("s"):
        here.clock.move(seconds=QUICK.total_seconds())
    with turns.taken("s") as first, turns.taken("s") as second:
        assert first
        assert second


def test_deliveries_to_a_busy_subscriber_wait_once_more_as_long_as_it_takes_by_now(here: Memory):
    turns = Turns(here.clock)
    with turns.taken("s"):
        assert turns.wait("s") == LEAST
        here.clock.move(seconds=4)
        assert turns.wait("s") == timedelta(seconds=4)


def test_clock_that_is_put_forward_during_a_request_keeps_nobody_waiting_for_long(here: Memory):
    turns = Turns(here.clock)
    with turns.taken("s"):
        here.clock.move(days=1)
        with turns.taken("s") as ours:
            assert not ours
        assert turns.wait("s") == MOST
    assert turns.wait("s") == MOST


def test_clock_that_is_turned_back_keeps_nobody_waiting(here: Memory):
    turns = Turns(here.clock)
    with turns.taken("s"):
        here.clock.move(seconds=5)
    here.clock.move(hours=-1)
    with turns.taken("s") as ours:
        assert ours
    subscribed(here)
    here.job()
    answering(here, 500)
    deliver(here)
    here.clock.move(hours=-2)
    here.job()
    deliver(here)
    assert len(sent(here)) == 2


def test_deliveries_behind_one_that_failed_are_put_off_at_once_and_taken_up_at_once(here: Memory):
    patient = with_deliverer(here, Deliverer(here.env, Patience(tries=20)), tries=20)
    subscribed(here)
    here.job(*[Event.RUN] * 49)
    answering(here, unreachable)
    assert deliver(patient) == 2
    here.clock.move(seconds=1)
    assert deliver(patient) == 2
    answering(here, 200)
    here.clock.move(seconds=2)
    assert deliver(patient) == 50
    assert waiting(here) == 0


def test_delivery_to_a_slow_subscriber_that_is_busy_is_put_aside_without_counting_a_try(here: Memory):
    subscribed(here)
    here.job(Event.RUN)
    began, go_on = threading.Event(), threading.Event()

    def slow(request: Sent) -> Reply:
        began.set()
        assert go_on.wait(10)
        return Reply(status=200)

    answering(here, slow)
    busy = threading.Thread(target=Worker(here.app).work_once, args=([WEBHOOK_QUEUE],))
    busy.start()
    assert began.wait(10)
    assert Worker(here.app).work_once([WEBHOOK_QUEUE])
    assert len(sent(here)) == 1
    go_on.set()
    busy.join()
    here.clock.move(seconds=1)
    delivery = here.env.transport.claim([WEBHOOK_QUEUE], lease=timedelta(seconds=1))
    assert delivery is not None
    assert delivery.tries == 1


# --------------------------------------------------------------------------------------------- tenants


def with_tenant(here: Memory, tenant: str) -> Memory:
    rules = replace(here.env.rules, admin={"owner": "somebody", "tenant": tenant})
    return here.with_ports(rules=rules)


def test_job_of_another_tenant_is_not_told_unless_it_is_granted(here: Memory):
    hosts = with_tenant(here, "hosts")
    name = subscribed(here).subscription.id
    act(here, lambda work: work.subscriptions.put(replace(work.subscriptions.find(name), tenant="guests")))
    hosts.job()
    deliver(here)
    assert sent(here) == []
    grant = Grant(id="g", tenant="hosts", to_tenant="guests", created=here.clock.now())
    act(here, lambda work: work.grants.put(grant))
    hosts.job()
    deliver(here)
    assert told(here) == [("create", "CREATED", 1)]


def test_pipeline_of_another_tenant_cannot_be_subscribed_to(here: Memory):
    def give_away(work: Work) -> None:
        record = work.records.get(TypedUuid(here.pipeline))
        work.records.put(replace(record, admin={"tenant": "hosts"}), at=here.clock.now())

    act(here, give_away)
    with pytest.raises(UnknownRecord, match="unknown pipeline"):
        subscribed(with_tenant(here, "guests"))
    assert subscribed(with_tenant(here, "hosts")).subscription.tenant == "hosts"


def test_twenty_tries_take_eight_hours_and_no_wait_is_longer_than_an_hour():
    patience = Patience()
    assert timedelta(hours=8) < patience.whole < timedelta(hours=8, minutes=10)
    assert [patience.wait(n) for n in (1, 2, 12, 13, 1000)] == [
        timedelta(seconds=seconds) for seconds in (1, 2, 2048, 3600, 3600)
    ]
