"""The metadata hierarchy, and what a job's linkage parameters mean.

challenge_problem <- experiment_design <- experiment <- sample <- measurement <- file: each is child_of the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from datacatalog.domain.kinds import Kind, TypedUuid

HIERARCHY = (
    Kind.CHALLENGE_PROBLEM,
    Kind.EXPERIMENT_DESIGN,
    Kind.EXPERIMENT,
    Kind.SAMPLE,
    Kind.MEASUREMENT,
    Kind.FILE,
)

LINKAGE_PARAMETERS: Mapping[str, Kind] = {
    "experiment_design_id": Kind.EXPERIMENT_DESIGN,
    "experiment_id": Kind.EXPERIMENT,
    "sample_id": Kind.SAMPLE,
    "measurement_id": Kind.MEASUREMENT,
}
"""Parameter -> the kind it names, highest level first."""


def levels_below(kind: Kind, to: Kind) -> Sequence[Kind]:
    """Return the levels below `kind`, down to `to`; none where `to` is not below it."""
    return HIERARCHY[HIERARCHY.index(kind) + 1 : HIERARCHY.index(to) + 1]


def levels_above(kind: Kind, to: Kind) -> Sequence[Kind]:
    """Return the levels above `kind`, up to `to`; none where `to` is not above it."""
    return HIERARCHY[HIERARCHY.index(to) : HIERARCHY.index(kind)][::-1]


EXPANSIONS: Mapping[str, tuple[Kind | None, Kind]] = {
    "designs_from_challenges": (Kind.CHALLENGE_PROBLEM, Kind.EXPERIMENT_DESIGN),
    "experiments_from_designs": (Kind.EXPERIMENT_DESIGN, Kind.EXPERIMENT),
    "samples_from_experiments": (Kind.EXPERIMENT, Kind.SAMPLE),
    "measurements_from_samples": (Kind.SAMPLE, Kind.MEASUREMENT),
    "measurements_from_experiments": (Kind.EXPERIMENT, Kind.MEASUREMENT),
    "measurements_from_designs": (Kind.EXPERIMENT_DESIGN, Kind.MEASUREMENT),
    "measurements_from_challenges": (Kind.CHALLENGE_PROBLEM, Kind.MEASUREMENT),
    "measurements_from_any": (None, Kind.MEASUREMENT),
    "files_from_measurements": (Kind.MEASUREMENT, Kind.FILE),
    "files_from_samples": (Kind.SAMPLE, Kind.FILE),
    "files_from_experiments": (Kind.EXPERIMENT, Kind.FILE),
    "files_from_designs": (Kind.EXPERIMENT_DESIGN, Kind.FILE),
    "files_from_challenges": (Kind.CHALLENGE_PROBLEM, Kind.FILE),
    "files_from_any": (None, Kind.FILE),
    "jobs_from_any": (None, Kind.PIPELINEJOB),
    "challenges_from_challenges": (Kind.CHALLENGE_PROBLEM, Kind.CHALLENGE_PROBLEM),
    "designs_from_designs": (Kind.EXPERIMENT_DESIGN, Kind.EXPERIMENT_DESIGN),
    "experiments_from_experiments": (Kind.EXPERIMENT, Kind.EXPERIMENT),
    "samples_from_samples": (Kind.SAMPLE, Kind.SAMPLE),
    "measurements_from_measurements": (Kind.MEASUREMENT, Kind.MEASUREMENT),
    "files_from_files": (Kind.FILE, Kind.FILE),
    "jobs_from_jobs": (Kind.PIPELINEJOB, Kind.PIPELINEJOB),
}
"""Published name -> the kind of what is given (None: any) and of what is returned; see services.linkage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linkage:
    """What a job is about.

    Attributes:
        named: sorted UUIDs of the highest level that was passed; identity and archive path are made of them.
        child_of: sorted UUIDs that the job is linked to: the measurements below the lowest level that was passed, or
            those records themselves where no measurement is known below them.
    """

    named: Sequence[TypedUuid] = ()
    child_of: Sequence[TypedUuid] = ()
