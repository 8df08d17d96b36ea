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
