"""The model that judges fault tests must itself be able to say no."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from datacatalog.domain.jobs.lifecycle import MOVES, Event
from tests.faults.model import ALLOWED, Seen, Sent, check, mark_of

JOB = "107aaaaa-0000-5000-8000-000000000000"
RUN, UPDATE, FINISH = (f"mark-{n:016x}" for n in range(3))
PATH = "/products/v2/a/b.csv"


def entry(name: str, state: str, data: dict[str, Any] | None = None, **more: bool) -> dict[str, Any]:
    return {"name": name, "state": state, "data": data, **more}


HISTORY = [
    entry("create", "CREATED", {"n": 1}),
    entry("run", "RUNNING", {"mark": RUN}),
    entry("update", "RUNNING", {"status": "HEARTBEAT", "mark": UPDATE}),
    entry("finish", "FINISHED", {"mark": FINISH}),
    entry("index", "INDEXING"),
    entry("indexed", "FINISHED", {"files": 1, "bytes": 5}),
]
SENT = [
    Sent(mark=RUN, job=JOB, event="run", answers=(503, 200)),
    Sent(mark=UPDATE, job=JOB, event="update", answers=(200, 200)),
    Sent(mark=FINISH, job=JOB, event="finish", answers=(200,)),
]


def seen(history: list[dict[str, Any]] = HISTORY, *, first: int = 1, **changes: Any) -> Seen:
    told = Seen(
        uuid=JOB,
        state=history[-1]["state"],
        history=list(enumerate(history, start=first)),
        recorded={PATH: ["sha256:abc"]},
        made={PATH: "abc"},
        lying={PATH: "abc"},
        settled=True,
    )
    return replace(told, **changes)


def without(index: int) -> list[dict[str, Any]]:
    return HISTORY[:index] + HISTORY[index + 1 :]


def twice(index: int) -> list[dict[str, Any]]:
    return [*HISTORY[: index + 1], *HISTORY[index:]]


def test_model_is_content_with_a_sound_ledger() -> None:
    assert check(SENT, [seen()]) == []


def test_models_lifecycle_is_the_published_one() -> None:
    """It is written by hand, so that a slip in the product's table is one of two; this finds the slip."""
    left_out = {Event.RESET, Event.READY}
    assert {
        (source.value, event.value): (target or source).value
        for event, (sources, target) in MOVES.items()
        for source in sources
        if event not in left_out
    } == ALLOWED


@pytest.mark.parametrize(
    ("job", "complaint"),
    [
        (seen(without(2)), "was acknowledged and is lost"),
        (seen(twice(2)), "is in the history 2 times"),
        (seen([*HISTORY, entry("run", "RUNNING", {"mark": "mark-00000000000000ff"})]), "never sent"),
        (seen([*HISTORY[:3], entry("update", "RUNNING", {"x": 1}), *HISTORY[3:]]), "was said 0 times"),
        (seen([HISTORY[0], *HISTORY[3:]]), "finish, is illegal in CREATED"),
        (seen([*HISTORY[:4], *HISTORY[5:]]), "not finished and then indexed once"),
        (seen(HISTORY[:5]), "stuck in INDEXING"),
        (seen(twice(5)), "not finished and then indexed once"),
        (seen(HISTORY[1:]), "entry 1 is run"),
        (seen([*HISTORY[:3], entry("finish", "RUNNING", {"mark": FINISH}), *HISTORY[4:]]), "not FINISHED"),
        (
            seen([*HISTORY[:3], {**HISTORY[3], "noted": True}, *HISTORY[4:]]),
            "only noted though RUNNING allows",
        ),
        (
            seen([*HISTORY[:1], entry("run", "RUNNING", None, implied=True), *HISTORY[1:]]),
            "is implied and not",
        ),
        (seen(state="RUNNING"), "it is RUNNING, and its history leads to FINISHED"),
        (seen(first=2), "is numbered"),
        (seen(recorded={}), "is recorded with []"),
        (seen(recorded={PATH: ["sha256:abc", "sha256:abc"]}), "is recorded with"),
        (seen(recorded={PATH: ["sha256:abd"]}), "is recorded with ['sha256:abd']"),
        (seen(made={PATH: "abc", "/x": "d"}), "2 files were made"),
        (seen(lying={}), "its archive holds {}"),
        (seen(lying={PATH: "abd"}), "its archive holds"),
        (seen(recorded={PATH: ["sha256:abc"], "/ghost": ["sha256:0"]}), "/ghost is recorded"),
    ],
)
def test_model_complains_of_a_ledger_that(job: Seen, complaint: str) -> None:
    found = check(SENT, [job])
    assert any(complaint in text for text in found), found


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ((409,), "was refused with [409] and is in the history"),
        ((200, 409), "both taken and refused"),
        ((500, 200), "was answered [200, 500]"),
    ],
)
def test_model_complains_of_answers_that_do_not_fit(answers: tuple[int, ...], complaint: str) -> None:
    found = check([SENT[0], replace(SENT[1], answers=answers), SENT[2]], [seen()])
    assert any(complaint in text for text in found), found


def test_message_that_nobody_answered_may_be_there_or_not() -> None:
    sent = [SENT[0], replace(SENT[1], answers=()), SENT[2]]
    assert check(sent, [seen()]) == []
    assert check(sent, [seen(without(2))]) == []


def test_history_tells_every_step_of_the_platform_as_often_as_it_happened() -> None:
    submitted = entry("resource", "CREATED", {"job_link": "http://platform/7", "status": "PENDING"})
    said = entry("run", "RUNNING", {"status": "RUNNING", "id": "7-007"})
    sent, history = [SENT[2]], [HISTORY[0], submitted, said, *HISTORY[3:]]
    assert check(sent, [seen(history, steps=["RUNNING"])]) == []
    begun_anew = [HISTORY[0], submitted, said, said, *HISTORY[3:]]
    assert check(sent, [seen(begun_anew, steps=["RUNNING", "RUNNING"])]) == []
    for wrong in (
        seen(history),
        seen(history, steps=["RUNNING", "RUNNING"]),
        seen(begun_anew, steps=["RUNNING"]),
        seen([HISTORY[0], said, *HISTORY[3:]], steps=["RUNNING"]),
        seen([HISTORY[0], submitted, submitted, said, *HISTORY[3:]], steps=["RUNNING"]),
    ):
        assert any("times and is in the history" in text for text in check(sent, [wrong]))


def test_every_single_damage_to_a_long_ledger_is_noticed() -> None:
    rng = random.Random(1)
    marks = [f"mark-{n:016x}" for n in range(100)]
    updates = [entry("update", "RUNNING", {"mark": mark}) for mark in marks]
    history = [HISTORY[0], entry("run", "RUNNING", {"mark": RUN.replace("0", "a")}), *updates, *HISTORY[3:]]
    sent = [
        Sent(mark=str(mark_of(e)), job=JOB, event=e["name"], answers=(200,)) for e in history if mark_of(e)
    ]
    for _ in range(300):
        at = rng.randrange(1, len(history))
        damaged = rng.choice(
            [
                history[:at] + history[at + 1 :],
                [*history[: at + 1], *history[at:]],
                [
                    *history[:at],
                    {**history[at], "data": {"mark": "mark-ffffffffffffffff"}},
                    *history[at + 1 :],
                ],
                [*history[:at], {**history[at], "state": "RETIRED"}, *history[at + 1 :]],
            ]
        )
        assert check(sent, [seen(damaged)]) != []
