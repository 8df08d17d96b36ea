"""What a scenario came to: one line for people, one JSON object for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RECOVERY_MAX_S = 10.0
"""How long after the end of a fault new work is done from end to end; nobody helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run came to.

    Attributes:
        faults: everything that should not be; empty where all promises were kept.
        kills: what -> how often it was killed.
        attempts: how often something was sent.
        unanswered: how many of these nobody answered.
        acknowledged: how many messages were taken, each counted once.
        lost: how many of these are not in the ledger.
        doubled: how many effects are there more than once.
        ghosts: how much is there that nobody sent.
        recoveries_s: from the end of each measured fault until a job that began then was through.
        backlogs_s: from there until all that waited then was done, what had been put off included.
        told: deliveries to the subscriber.
        figures: what else was measured, by name.
        folder: where the data are, which is kept where something is wrong.
    """

    scenario: str
    engine: str
    seed: int
    faults: Sequence[str]
    kills: Mapping[str, int] = field(default_factory=dict)
    partitions: int = 0
    jobs: int = 0
    attempts: int = 0
    unanswered: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    ghosts: int = 0
    recoveries_s: Sequence[float] = ()
    backlogs_s: Sequence[float] = ()
    told: int = 0
    seconds: float = 0
    figures: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""

    @property
    def line(self) -> str:
        """Return it in one line."""
        kills = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        recovered = sorted(self.recoveries_s)
        parts = [
            f"{'FAILED' if self.faults else 'ok'} {self.scenario} on {self.engine}: seed {self.seed}",
            f"{sum(self.kills.values())} kills{f' ({kills})' if kills else ''}",
            f"{self.partitions} partitions" if self.partitions else "",
            f"{self.jobs} jobs, {self.attempts} sent, {self.unanswered} unanswered, {self.acknowledged} acknowledged",
            f"{self.lost} lost, {self.doubled} doubled, {self.ghosts} ghosts",
            f"{self.told} told" if self.told else "",
            (
                f"recovery of {len(recovered)}: median {recovered[len(recovered) // 2]:.1f} s, worst {recovered[-1]:.1f} s"
                if recovered
                else ""
            ),
            f"what waited was done after {max(self.backlogs_s):.1f} s at most" if self.backlogs_s else "",
            *(f"{name} {value}" for name, value in self.figures.items()),
            f"{self.seconds:.0f} s",
            f"kept in {self.folder}" if self.faults and self.folder else "",
        ]
        return "; ".join(part for part in parts if part)

    def as_json(self) -> str:
        return json.dumps({**asdict(self), "ok": not self.faults}, default=str)

    def note(self, folder: Path) -> None:
        """Write it into a folder."""
        (folder / "report.json").write_text(self.as_json())


def count(faults: Sequence[str], *words: str) -> int:
    """Return how many complaints speak of one of these."""
    return sum(any(word in fault for word in words) for fault in faults)


LOST = ("and is lost", "was never told of", "has no execution", "is recorded with []")
DOUBLED = (
    "is in the history 2",
    "is in the history 3",
    "was executed",
    "was made by more than one",
    "things as",
)
GHOSTS = ("was never sent", "and nobody made it", "which is not in the history")
