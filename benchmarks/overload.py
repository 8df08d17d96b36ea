"""A gateway at half of what it can do, at three times what it can do, and after that.

    python -m benchmarks.overload

In each round: the maximum rate, found by 32 clients that send as soon as they are answered; half of it at a steady rate, over the same 32
connections; three times as much, over as many connections as it takes; and half of it again, right after. In steady loads the wait
of a request is counted from when it was due, not from when a connection was free for it.

Every event has a number in its data. At the end the ledger is asked for all of them: what was acknowledged has to be there, once; what was
refused must not be. Where events are queued, no worker runs, and they are looked for among the messages that wait.
"""

from __future__ import annotations

import re
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common import Figure, figure, folder, percentile, result, shown
from benchmarks.gateway import CLIENTS, JOBS, REFUSALS, Generator, accepted_s, generator, requests, served
from datacatalog.ports.stores.copying import Snapshot
from tests.harness import Catalog

ROUNDS = 3
WARM_UP = 2_000
MAXIMUM_EVENTS = 3_000
HALF_S, OVER_S, AFTER_S = 6.0, 5.0, 8.0
OVERLOAD = 3
OVERLOAD_CONNECTIONS = 2_000
WINDOW_S = 0.5
NORMAL_MS = 100
RECOVERY_S = 5
MARK_SAID = re.compile(r"mark\W+(\d{8})\b")

Answer = Sequence[Any]
"""number, status (0: broken), due [s], latency [s], Retry-After."""


@dataclass(slots=True)
class Seen:
    """What the clients were told, in all rounds.

    Attributes:
        marks: of requests, with the status they were answered with.
    """

    maxima: list[float] = field(default_factory=list)
    half_p99_ms: list[float] = field(default_factory=list)
    proper: list[float] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)
    over: Counter[str] = field(default_factory=Counter)
    over_p99_ms: list[float] = field(default_factory=list)
    offered: list[float] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)

    def remember(self, told: dict[str, Any]) -> dict[str, Any]:
        self.marks.update((f"{each[0]:08d}", each[1]) for each in told["answers"])
        return told


def main() -> dict[str, Any]:
    figures, facts = [], {}
    with folder() as home:
        for delivery in ("inline", "queued"):
            some, told = _measured(home, delivery)
            figures += some
            facts.update({f"{delivery}: {key}": value for key, value in told.items()})
        return result("the gateway under load", figures, **facts)


def _measured(home: Path, delivery: str) -> tuple[list[Figure], dict[str, Any]]:
    seen = Seen()
    with served(home / delivery, delivery) as (catalog, _):
        asks = requests(catalog, JOBS)
        with (
            generator(catalog, asks, CLIENTS, source=1) as few,
            generator(catalog, asks, OVERLOAD_CONNECTIONS, source=2) as many,
        ):
            seen.remember(few.asked(count=WARM_UP))
            for _ in range(ROUNDS):
                _round(few, many, seen)
        kept = Counter(_waiting_marks(catalog) if delivery == "queued" else _marks(catalog, asks))
    return _figures(delivery, seen, kept), _facts(seen, kept)


def _round(few: Generator, many: Generator, seen: Seen) -> None:
    fastest = seen.remember(few.asked(count=MAXIMUM_EVENTS))
    maximum = fastest["sent"] / accepted_s(fastest)
    half = seen.remember(few.asked(rate=maximum / 2, seconds=HALF_S))
    with ThreadPoolExecutor(1) as aside:
        # What was sent last is still to be answered when the overload ends; the time until all is normal counts from its end.
        overloading = aside.submit(many.asked, rate=maximum * OVERLOAD, seconds=OVER_S)
        time.sleep(OVER_S)
        after = seen.remember(few.asked(rate=maximum / 2, seconds=AFTER_S))
        over = seen.remember(overloading.result())
    seen.maxima.append(maximum)
    seen.half_p99_ms.append(_p99_ms(half["answers"]))
    seen.proper.append(sum(map(_is_proper, over["answers"])) / len(over["answers"]))
    seen.over.update(str(each[1]) for each in over["answers"])
    seen.over["not sent, no connection was free"] += over["dropped"]
    seen.over_p99_ms.append(_p99_ms(over["answers"]))
    seen.offered.append(over["sent"] / OVER_S / maximum)
    seen.back_s.append(_back_to_normal_s(after["answers"]))


def _is_accepted(answer: Answer) -> bool:
    return 200 <= int(answer[1]) < 300


def _is_proper(answer: Answer) -> bool:
    return _is_accepted(answer) or (answer[1] in REFUSALS and str(answer[4]).isdigit())


def _p99_ms(answers: Sequence[Answer]) -> float:
    return percentile([each[3] for each in answers if _is_accepted(each)], 99) * 1000


def _back_to_normal_s(answers: Sequence[Answer]) -> float:
    """Return the end of the last window in which a request was refused or p99 was above what is normal."""
    back = 0.0
    for number in range(round(AFTER_S / WINDOW_S)):
        some = [each for each in answers if number <= each[2] / WINDOW_S < number + 1]
        if not some or not all(map(_is_accepted, some)) or _p99_ms(some) > NORMAL_MS:
            back = (number + 1) * WINDOW_S
    return back


def _marks(catalog: Catalog, asks: Sequence[str]) -> Iterator[str]:
    """Yield the marks of all events that happened."""
    for ask in asks:
        uuid = ask.partition('"uuid": "')[2].partition('"')[0]
        for entry in catalog.history(uuid):
            if mark := (entry.get("data") or {}).get("mark"):
                yield mark


def _waiting_marks(catalog: Catalog) -> list[str]:
    """Return the marks of all messages that wait; what was said is sealed in them."""
    env = catalog.app.env

    def opened(ledger: Snapshot) -> list[str]:
        bodies = (row["body"] for row in ledger.rows("messages") if row["queue"] == "jobs-manager")
        said = (env.sealer.open(body["sealed"], body["execution"]).decode() for body in bodies)
        return [mark for each in said for mark in MARK_SAID.findall(each)]

    store: Any = env.store
    return list(store.snapshot(opened))


def _figures(delivery: str, seen: Seen, kept: Counter[str]) -> list[Figure]:
    acknowledged = [mark for mark, status in seen.marks.items() if 200 <= status < 300]
    once = sum(kept[mark] == 1 for mark in acknowledged)
    return [
        figure(
            f"{delivery}: p99 at half of the maximum rate / {NORMAL_MS} ms",
            [each / NORMAL_MS for each in seen.half_p99_ms],
            goal="<= 1",
            ours=f"{statistics.median(seen.half_p99_ms):.1f} ms",
        ),
        figure(
            f"{delivery}: accepted, or refused with 429 or 503 and Retry-After / answers at {OVERLOAD}x",
            seen.proper,
            goal=">= 1",
            ours=f"{sum(seen.over.values()) - seen.over['not sent, no connection was free']} answers",
        ),
        figure(
            f"{delivery}: once in the ledger / acknowledged",
            [once / len(acknowledged)],
            goal=">= 1",
            ours=f"{once} events",
            floor=f"{len(acknowledged)} events",
        ),
        figure(
            f"{delivery}: back to normal / {RECOVERY_S} s",
            [each / RECOVERY_S for each in seen.back_s],
            goal="<= 1",
            ours=f"{statistics.median(seen.back_s):.1f} s",
        ),
    ]


def _facts(seen: Seen, kept: Counter[str]) -> dict[str, Any]:
    refused = [mark for mark, status in seen.marks.items() if status >= 300]
    return {
        "maximum, events/s": [round(each) for each in seen.maxima],
        "sent in overload / maximum": [round(each, 1) for each in seen.offered],
        "statuses in overload": dict(seen.over),
        "p99 of what was accepted in overload, ms": [round(each) for each in seen.over_p99_ms],
        "refused, and in the ledger": sum(kept[mark] > 0 for mark in refused),
    }


if __name__ == "__main__":
    told = main()
    print(shown([told]))
    for key, value in told["facts"].items():
        print(f"{key}: {value}")
