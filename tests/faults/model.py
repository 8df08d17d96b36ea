"""What must be true of a ledger, told a second time and without the product's code.

`check` compares what was sent, what was answered and what is in the ledger now. The lifecycle is a table of its own here, written
from the published one.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LIFECYCLE = """
    create     CREATED                                                   -> CREATED
    run        CREATED RUNNING                                           -> RUNNING
    update     CREATED RUNNING VALIDATING INDEXING                       -> same
    resource   CREATED RUNNING                                           -> same
    fail       CREATED RUNNING VALIDATING INDEXING                       -> FAILED
    finish     RUNNING FINISHED                                          -> FINISHED
    index      FINISHED INDEXING                                         -> INDEXING
    indexed    FINISHED INDEXING                                         -> FINISHED
    validate   FINISHED VALIDATED                                        -> VALIDATING
    validated  VALIDATED VALIDATING                                      -> VALIDATED
    reject     VALIDATING                                                -> REJECTED
    finalize   VALIDATED                                                 -> FINALIZED
    retire     FAILED FINALIZED FINISHED REJECTED VALIDATING VALIDATED   -> RETIRED
"""

ALLOWED: Mapping[tuple[str, str], str] = {
    (state, event): state if target == "same" else target
    for event, *states, _, target in map(str.split, LIFECYCLE.strip().splitlines())
    for state in states
}
"""(state, event) -> the state that follows; what is not here is not allowed."""

LATER = frozenset({429, 503, 507})
"""Answers that promise nothing: send it again later."""

_MARK = re.compile(r"mark-[0-9a-f]{16}")
SUBMITTED = "submitted"
_OWN = frozenset({"create", "index", "indexed"})
"""Events that the catalog writes by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One message as its sender knows it.

    Attributes:
        mark: the text that tells it from all others, somewhere in its data.
        answers: the HTTP statuses of all its deliveries.
        executions: what its acknowledgements called the execution of it.
    """

    mark: str
    job: str
    event: str
    actor: str = ""
    answers: Sequence[int] = ()
    executions: Sequence[str] = ()

    @property
    def acknowledged(self) -> bool:
        return any(200 <= status < 300 for status in self.answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One job as it stands in the ledger, beside what lies in its archive.

    Attributes:
        history: (sequence number, entry as published), oldest first.
        recorded: path -> the checksums on record for it.
        made: path -> sha256 of what its run put into its archive, as whoever ran it knows.
        lying: path -> sha256 of what lies there, found by walking the directory.
        settled: whether it is to be finished and indexed by now.
        steps: the statuses that the platform's own record of the job holds, where it ran on the platform;
            an attempt that was cut off and begun anew shows its statuses again.
    """

    uuid: str
    state: str
    history: Sequence[tuple[int, Mapping[str, Any]]]
    recorded: Mapping[str, Sequence[str]] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
    lying: Mapping[str, str] = field(default_factory=dict)
    settled: bool = False
    steps: Sequence[str] | None = None


def mark_of(entry: Mapping[str, Any]) -> str | None:
    """Return the mark in an entry's data, wherever it stands there."""
    found = _MARK.search(json.dumps(entry["data"]))
    return found[0] if found else None


def check(sent: Iterable[Sent], jobs: Iterable[Seen]) -> list[str]:
    """Return everything that is wrong; nothing should be."""
    seen = {job.uuid: job for job in jobs}
    complaints = [f"{job.uuid}: {text}" for job in seen.values() for text in job_complaints(job)]
    return complaints + list(_message_complaints(list(sent), seen))


# ---------------------------------------------------------------------------------------- messages


def _message_complaints(sent: Sequence[Sent], jobs: Mapping[str, Seen]) -> Iterator[str]:
    found = Counter(
        (job.uuid, str(entry["name"]), mark)
        for job in jobs.values()
        for _, entry in job.history
        if (mark := mark_of(entry)) is not None
    )
    known = {(message.job, message.event, message.mark): message for message in sent}
    for (job, event, mark), times in found.items():
        if times > 1:
            yield f"{job}: {event} {mark} is in the history {times} times"
        if (job, event, mark) not in known:
            yield f"{job}: {event} {mark} is in the history, and was never sent"
    for place, message in known.items():
        yield from _answer_complaints(message, found[place])


def _answer_complaints(message: Sent, times: int) -> Iterator[str]:
    what = f"{message.job}: {message.event} {message.mark}"
    if message.acknowledged and not times:
        yield f"{what} was acknowledged and is lost"
    final = {status for status in message.answers if status < 500 and status not in LATER}
    if len({status < 300 for status in final}) > 1:
        yield f"{what} was both taken and refused: {sorted(final)}"
    if times and final and not message.acknowledged:
        yield f"{what} was refused with {sorted(final)} and is in the history"
    if any(status >= 500 and status not in LATER for status in message.answers):
        yield f"{what} was answered {sorted(set(message.answers))}"
    if len(set(message.executions)) > 1:
        yield f"{what} was executed {len(set(message.executions))} times: {sorted(set(message.executions))}"


# -------------------------------------------------------------------------------------------- jobs


def job_complaints(job: Seen) -> list[str]:
    """Return what is wrong with one job, whatever was sent to it."""
    complaints = [*_order_complaints(job), *_origin_complaints(job)]
    if job.settled:
        complaints += [*_index_complaints(job), *_file_complaints(job)]
    return complaints


def _order_complaints(job: Seen) -> Iterator[str]:
    """The history has no gaps, every step is legal, and the steps lead to the job's state."""
    numbers = [number for number, _ in job.history]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"its history is numbered {numbers}"
    state = "CREATED"
    for number, entry in job.history:
        event, after = str(entry["name"]), ALLOWED.get((state, str(entry["name"])))
        if (event == "create") != (number == 1):
            yield f"entry {number} is {event}"
        if entry.get("noted"):
            if after is not None:
                yield f"entry {number}, {event}, was only noted though {state} allows it"
            after = state
        if after is None:
            yield f"entry {number}, {event}, is illegal in {state}"
        elif entry["state"] != after:
            yield f"entry {number}, {event}, leads from {state} to {entry['state']}, not {after}"
        state = str(entry["state"])
    if state != job.state:
        yield f"it is {job.state}, and its history leads to {state}"


def _origin_complaints(job: Seen) -> Iterator[str]:
    """Every entry was sent by somebody: it carries a mark, is the catalog's own, or tells a step of the platform's.

    What the catalog asked for goes beside what the platform told by itself, which is told once whatever was asked.
    """
    told: Counter[str] = Counter()
    for number, entry in job.history:
        event = str(entry["name"])
        if mark_of(entry) is not None:
            continue
        if entry.get("implied"):
            following = [e["name"] for n, e in job.history if n == number + 1]
            if event != "run" or following != ["finish"]:
                yield f"entry {number}, {event}, is implied and not followed by finish"
        elif event not in _OWN and not (entry["data"] or {}).get("polled"):
            told[_platform_word(entry)] += 1
    if job.settled or told:
        yield from _platform_complaints(told, job.steps)


def _platform_word(entry: Mapping[str, Any]) -> str:
    """Return what a platform said: a status, or that it took the job."""
    data = entry["data"] or {}
    if "job_link" in data:
        return SUBMITTED
    return str(data.get("status", f"{entry['name']} {data}"))


def _platform_complaints(told: Mapping[str, int], steps: Sequence[str] | None) -> Iterator[str]:
    wanted: Counter[str] = Counter() if steps is None else Counter([SUBMITTED, *steps])
    for word in sorted(told.keys() | wanted.keys()):
        if told.get(word, 0) != wanted[word]:
            yield f"'{word}' was said {wanted[word]} times and is in the history {told.get(word, 0)} times"


def _index_complaints(job: Seen) -> Iterator[str]:
    """It finished, and was indexed once, after that."""
    moves = [str(entry["name"]) for _, entry in job.history if not entry.get("noted")]
    own = [event for event in moves if event in {"finish", "index", "indexed"}]
    if [event for i, event in enumerate(own) if event != "finish" or i == 0] != [
        "finish",
        "index",
        "indexed",
    ]:
        yield f"it was not finished and then indexed once: {own}"
    if job.state != "FINISHED":
        yield f"it is stuck in {job.state}"
    for _, entry in job.history:
        if entry["name"] == "indexed" and entry["data"].get("files") != len(job.made):
            yield f"{len(job.made)} files were made, and {entry['data']} were indexed"


def _file_complaints(job: Seen) -> Iterator[str]:
    """What was made lies in the archive, and is on record once, as it is."""
    if job.lying != job.made:
        yield f"its archive holds {dict(job.lying)}, not {dict(job.made)}"
    for path in sorted(job.made.keys() | job.recorded.keys()):
        checksums = list(job.recorded.get(path, ()))
        wanted = [f"sha256:{job.made[path]}"] if path in job.made else []
        if checksums != wanted:
            yield f"{path} is recorded with {checksums}, and is {wanted}"
