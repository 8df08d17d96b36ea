"""What a check finds, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from datacatalog.domain.errors import BadMessage, NotFound
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env

UNREADABLE = (ValueError, TypeError, LookupError, AttributeError)
"""What reading rows raises that are not of the form in which they are written."""

SHOWN = 10
"""So many examples are told of each check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that cannot be right, as it looked at first sight.

    Attributes:
        subject: what it is about: a UUID, the id of a message.
        still: looks again, in one state of the ledger; the catalog may be at work meanwhile.
        mend: puts it right, in one commit, and returns what it did; None: that takes a person.
        act: the same for what takes more than a commit; it returns None where it was in vain.
        grave: False: worth knowing, and nothing is wrong.
    """

    subject: str
    text: str
    still: Callable[[Work], bool] = lambda work: True
    mend: Callable[[Work], str] | None = None
    act: Callable[[], str | None] | None = None
    grave: bool = True


@dataclass(slots=True, kw_only=True)
class Result:
    """What one check came to.

    Attributes:
        found: how many faults there were, those that were mended included.
        noticed: how many things there were that are worth knowing, and not wrong.
        mended: how many faults were put right.
        do: what to do about those that were not.
        examples: the first of each: what it is about, what is wrong with it, and what was done.
    """

    check: str
    do: str = ""
    found: int = 0
    noticed: int = 0
    mended: int = 0
    examples: list[dict[str, str]] = field(default_factory=list)

    @property
    def well(self) -> bool:
        return self.found == self.mended

    def document(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "well": self.well,
            "found": self.found,
            "noticed": self.noticed,
            "mended": self.mended,
            "examples": self.examples,
            "do": "" if self.well else self.do,
        }

    def take(self, fault: Fault, env: Env, *, fix: bool) -> None:
        """Look at a fault again, count it, and mend it where that is wanted and can be done."""
        if not env.store.read(fault.still):
            return
        done, text = None, fault.text
        if fix:
            try:
                done = _mended(fault, env)
            except (BadMessage, NotFound) as error:
                text = f"{text}; it cannot be mended: {error}"
        if fault.grave:
            self.found += 1
        else:
            self.noticed += 1
        self.mended += done is not None
        if len(self.examples) < SHOWN:
            told = {"subject": fault.subject, "text": text}
            self.examples.append(told if done is None else {**told, "done": done})


def _mended(fault: Fault, env: Env) -> str | None:
    mend = fault.mend
    if fault.act is not None:
        return fault.act()
    if mend is None:
        return None
    return env.store.transact(lambda work: mend(work) if fault.still(work) else "nothing: it is right by now")


Check = Callable[[Env], Iterator[Fault]]
