"""All checks, one after the other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from datacatalog.services.checking import jobs, messages, records
from datacatalog.services.checking.faults import UNREADABLE, Check, Fault, Result
from datacatalog.services.env import Env


class _Kind(NamedTuple):
    run: Check
    do: str


_QUEUES_DO = "start workers (datacatalog worker); see datacatalog queue list, and what carries messages (transport.url)"


def _checks(queues: Collection[str]) -> Mapping[str, _Kind]:
    return {
        "copy": _Kind(messages.copies, "go on with it: datacatalog db copy --resume"),
        "documents": _Kind(records.unfit, "correct them: datacatalog records update, or pipelines update"),
        "identifiers": _Kind(records.ambiguous, "give one of the two another identifier"),
        "fixities": _Kind(records.orphans, "datacatalog db check --fix removes them"),
        "links": _Kind(records.dangling, "datacatalog db check --fix removes them"),
        "histories": _Kind(
            jobs.histories,
            "datacatalog db check --fix lets jobs say what their histories say; a broken history comes out of a backup",
        ),
        "stuck jobs": _Kind(
            jobs.stuck,
            "datacatalog db check --fix has them indexed, or asked for; what cannot be mended is to be reset (jobs reset) or failed",
        ),
        "waiting messages": _Kind(partial(messages.waiting, queues=queues), _QUEUES_DO),
        "dead letters": _Kind(messages.dead, ""),
        "executions": _Kind(messages.unanswered, "datacatalog db check --fix ends them"),
    }


CHECKS = tuple(_checks(()))
"""What checks are called, in their order."""


def examine(env: Env, queues: Collection[str], *, fix: bool = False) -> Iterator[Result]:
    """Yield what each check comes to, while the catalog may be at work.

    Args:
        queues: those that workers serve.
        fix: mend what can be mended.
    """
    for name, (run, do) in _checks(queues).items():
        result = Result(check=name, do=do)
        try:
            for fault in run(env):
                result.take(fault, env, fix=fix)
        except UNREADABLE as error:
            # Rows that this program cannot have written: the checks after this one look at others.
            why = f"cannot all be read, and was not looked at to the end ({type(error).__name__}: {error})"
            result.take(Fault(subject=name, text=why), env, fix=fix)
            result.do = "restore a backup: datacatalog db restore FILE --replace"
        yield result
