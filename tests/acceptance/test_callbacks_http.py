"""Callbacks of a platform over real sockets, in any order, form and number, and two at once: always taken, once."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from datacatalog.services.jobs import Created
from tests.harness import Catalog, install
from tests.unit.test_callbacks_orders import STATUSES, Modelled

AGAVE = {
    "id": "6874237679603805720-242ac11b-0001-007", "name": "a job", "owner": "cook", "appId": "taco-1.0.0",
    "executionSystem": "hpc", "archivePath": None, "archiveSystem": None, "inputs": {}, "parameters": {}, "_links": {},
}  # fmt: skip
TAPIS_WORDS = {"KILLED": "CANCELLED", "ARCHIVING_FINISHED": "ARCHIVING"}
"""What Tapis calls what it has no such word for."""

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Call:
    """One callback as it goes over the wire."""

    body: str = ""
    url: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None


def agave(status: str) -> Call:
    return Call(json.dumps({**AGAVE, "status": status}), {"status": "${JOB_STATUS}"})


def aloe(status: str) -> Call:
    body = {**AGAVE, "tenantId": "green", "tenantQueue": "q", "status": status}
    return Call(json.dumps(body), {"status": status})


def tapis(status: str) -> Call:
    said = TAPIS_WORDS.get(status, status)
    event = {"source": "https://tapis.example.org/jobs", "type": f"jobs.JOB_NEW_STATUS.{said}", "data": "{}"}
    return Call(
        json.dumps({"uuid": f"notification-{next(_numbers)}", "event": event}), {"status": "${JOB_STATUS}"}
    )


def url_alone(status: str) -> Call:
    return Call("", {"status": status.lower(), "note": "${JOB_ERROR}"})


def other_words(status: str) -> Call:
    return Call(json.dumps({"message": "it goes on", "step": 3}), {"state": status})


def delivered(status: str) -> Call:
    return Call(
        json.dumps({**AGAVE, "status": status}),
        {"status": status},
        {"X-Agave-Delivery": f"d-{next(_numbers)}"},
    )


FORMS = (agave, aloe, tapis, url_alone, other_words, delivered)
REPEATED = (tapis, delivered)
"""Those whose repeats can be known."""


@dataclass(frozen=True, slots=True)
class Live:
    catalog: Catalog
    pipeline: str
    session: requests.Session

    def job(self) -> Created:
        return self.catalog.job(self.pipeline)

    def call(self, job: Created, call: Call, session: requests.Session | None = None) -> dict[str, Any]:
        """Post a callback; it must be taken."""
        query = {
            "x-nonce": self.catalog.nonce,
            "uuid": job.job.uuid,
            "token": job.token,
            "run": "1",
            **(call.url or {}),
        }
        answer = (session or self.session).post(
            f"{self.catalog.url}/actors/v2/jobs-manager/messages",
            params=query,
            data=call.body,
            headers=dict(call.headers or {}),
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        outcome: dict[str, Any] = answer.json()["result"]["outcome"]
        return outcome

    def found(self, job: Created) -> Modelled:
        marks = (("implied", "(implied)"), ("noted", "(noted)"))
        entries = self.catalog.history(job.job.uuid)
        told = (e["name"] + "".join(mark for key, mark in marks if e.get(key)) for e in entries)
        return Modelled(self.catalog.state(job.job.uuid), tuple(told))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    catalog = install(tmp_path_factory.mktemp("live"))
    pipeline = catalog.pipeline()
    catalog.start("serve")
    catalog.wait_ready()
    with requests.Session() as session:
        yield Live(catalog, pipeline, session)
    catalog.stop_all()
    catalog.app.close()


def test_every_order_of_two_callbacks_in_drawn_forms_ends_where_the_lifecycle_says(live: Live):
    draw = random.Random(7)
    for told in [(s,) for s in STATUSES] + list(itertools.product(STATUSES, repeat=2)):
        job, model = live.job(), Modelled()
        for status in told:
            form = draw.choice(FORMS)
            model = model.told(status)
            outcome = live.call(job, form(status))
            assert outcome["state"] == model.state, (told, form.__name__)
        assert live.found(job) == model


def test_drawn_orders_of_up_to_eight_callbacks_in_drawn_forms_with_repeats_end_where_the_lifecycle_says(
    live: Live,
):
    draw = random.Random(20190208)
    for _ in range(25):
        job, model = live.job(), Modelled()
        told: list[str] = []
        while len(told) < draw.randint(3, 8):
            status, form = draw.choice(STATUSES), draw.choice(FORMS)
            told.append(f"{form.__name__}:{status}")
            call = form(status)
            model = model.told(status)
            first = live.call(job, call)
            assert first["state"] == model.state, told
            if form in REPEATED and draw.random() < 0.5:
                assert live.call(job, call) == first, told
        assert live.found(job) == model, told


@pytest.mark.parametrize("form", REPEATED)
def test_callback_that_comes_twice_at_once_is_written_once(live: Live, form: Any):
    with ThreadPoolExecutor(4) as pool:
        for status in ("RUNNING", "FINISHED", "HEARTBEAT"):
            job, call = live.job(), form(status)
            answers = list(pool.map(lambda _: live.call(job, call, requests.Session()), range(4)))  # noqa: B023
            assert all(answer == answers[0] for answer in answers)
            assert live.found(job) == Modelled().told(status)


def test_different_callbacks_that_come_at_once_are_all_written_and_the_first_end_stays(live: Live):
    draw = random.Random(3)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(8):
            job = live.job()
            told = draw.choices(STATUSES, k=4)
            list(pool.map(lambda s: live.call(job, draw.choice(FORMS)(s), requests.Session()), told))  # noqa: B023
            orders = {order: modelled(order) for order in set(itertools.permutations(told))}
            assert live.found(job) in orders.values(), told


def modelled(told: tuple[str, ...]) -> Modelled:
    model = Modelled()
    for status in told:
        model = model.told(status)
    return model


@pytest.mark.parametrize(
    "call",
    [
        Call("", {"status": ""}),
        Call(" \n", {"status": "${JOB_STATUS}", "note": ""}),
        Call("{}", {"status": "NEVER_HEARD_OF"}),
        Call("{}", {"state": "ü" * 300}),
        Call(json.dumps({**AGAVE, "status": ""}), {}),
        Call(json.dumps({**AGAVE, "status": "NEVER HEARD OF", "id": None, "more": [1, {"deep": [[]]}]}), {}),
        Call(json.dumps({"status": 7, "message": None}), {"status": "UNKNOWN"}),
        Call(
            json.dumps(
                {"uuid": "n", "event": {"source": "s", "type": "jobs.JOB_USER_EVENT.x", "data": None}}
            ),
            {},
        ),
    ],
)
def test_callback_that_says_nothing_known_is_kept_as_an_update(live: Live, call: Call):
    job = live.job()
    for _ in range(2):
        assert live.call(job, call)["state"] == "CREATED"
    assert set(live.found(job).history) == {"create", "update"}
