"""Workers are killed while they deliver to subscribers: everything is told, and under one id however often."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.services.env import Principal
from datacatalog.services.jobs import job_for, move
from datacatalog.services.subscriptions import Wish, subscribe
from datacatalog.services.webhooks import WEBHOOK_QUEUE
from tests.acceptance.receiver import Receiver, port_without_listener
from tests.faults.fleet import Fleet
from tests.harness import install, until

KILLS = 20
EVENTS = 600
KILL_EVERY_S = 0.6
ROLES = {"worker-1": ("worker",), "worker-2": ("worker",)}


@pytest.mark.faults
def test_every_event_is_told_under_one_id_however_often_workers_are_killed(tmp_path: Path):
    receiver, rng = Receiver(port_without_listener()), random.Random(1)
    catalog = install(
        tmp_path / "home",
        outgoing={"hosts": [f"127.0.0.1:{receiver.port}"], "private_networks": ["127.0.0.0/8"]},
        worker={"lease_s": 1, "retry_base_s": 0.05},
        webhooks={"max_tries": 100},
    )
    env, job = catalog.app.env, catalog.job()
    wish = Wish(subject=job.job.uuid, url=receiver.url("/all"))
    made = env.store.transact(lambda work: subscribe(wish, Principal(name="t", via="t"), work, env))

    def step() -> None:
        env.store.transact(lambda work: move(job_for(job.job.uuid, work), Event.RUN, None, work, env))

    receiver.start()
    # Some answers get lost, others are bad: that is a subscriber's everyday.
    receiver.answers["/all"] = [rng.choice((204, 204, 204, 500, 429)) for _ in range(EVENTS)]
    try:
        with Fleet(catalog, ROLES) as fleet:
            for number in range(KILLS):
                for _ in range(EVENTS // KILLS):
                    step()
                if number < KILLS - 1:
                    time.sleep(KILL_EVERY_S)
                fleet.kill_one(rng)
            until(lambda: env.transport.depth().get(WEBHOOK_QUEUE, 0) == 0, 90)
            assert fleet.faults == []
        entries = {entry["uuid"] for entry in catalog.history(job.job.uuid)[1:]}
        assert {each.event["id"] for each in receiver.heard} == entries
        assert len(entries) == EVENTS
        assert env.transport.dead(WEBHOOK_QUEUE) == []
        bodies: dict[str, set[bytes]] = {}
        for each in receiver.heard:
            Webhook(made.secret).verify(each.body, dict(each.headers))
            assert each.id == each.headers["idempotency-key"]
            bodies.setdefault(each.id, set()).add(each.body)
        assert {len(found) for found in bodies.values()} == {1}
        assert len(bodies) == EVENTS
    finally:
        receiver.stop()
        catalog.app.close()
