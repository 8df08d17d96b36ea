"""The published expansion helpers of managers: from records to what belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from datacatalog.domain.errors import InvalidField, UnknownRecord
from datacatalog.domain.kinds import SPECS
from datacatalog.domain.linkage.levels import EXPANSIONS
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env
from datacatalog.services.finding import find_record
from datacatalog.services.linkage import expand, lineage_from_uuid

References = str | Iterable[str]
"""UUIDs, identifiers, paths or `agave://` URIs of records: one, or several."""

Helper = Callable[[Any, References], list[str]]


def _helper(name: str) -> Helper:
    given, to = EXPANSIONS[name]

    def helper(self: Any, references: References) -> list[str]:
        try:
            return list(self.env.store.read(lambda work: expand(name, references, work, self.env)))
        except (UnknownRecord, InvalidField) as e:
            raise ValueError(str(e)) from e

    helper.__name__, helper.__qualname__ = name, f"Expansions.{name}"
    helper.__doc__ = (
        f"Return the UUIDs of the {SPECS[to].collection} that belong to {SPECS[given].collection if given else 'any records'},"
        " sorted, each once.  Raises ValueError."
    )
    return helper


class Expansions:
    """What belongs to what, down the hierarchy of metadata, and jobs of anything.

    Each takes one reference or several, and returns the UUIDs of visible records, sorted, each once. A reference that names
    nothing, or a record of another kind, is a ValueError.
    """

    env: Env

    designs_from_challenges = _helper("designs_from_challenges")
    experiments_from_designs = _helper("experiments_from_designs")
    samples_from_experiments = _helper("samples_from_experiments")
    measurements_from_samples = _helper("measurements_from_samples")
    measurements_from_experiments = _helper("measurements_from_experiments")
    measurements_from_designs = _helper("measurements_from_designs")
    measurements_from_challenges = _helper("measurements_from_challenges")
    measurements_from_any = _helper("measurements_from_any")
    files_from_measurements = _helper("files_from_measurements")
    files_from_samples = _helper("files_from_samples")
    files_from_experiments = _helper("files_from_experiments")
    files_from_designs = _helper("files_from_designs")
    files_from_challenges = _helper("files_from_challenges")
    files_from_any = _helper("files_from_any")
    jobs_from_any = _helper("jobs_from_any")

    challenges_from_challenges = _helper("challenges_from_challenges")
    designs_from_designs = _helper("designs_from_designs")
    experiments_from_experiments = _helper("experiments_from_experiments")
    samples_from_samples = _helper("samples_from_samples")
    measurements_from_measurements = _helper("measurements_from_measurements")
    files_from_files = _helper("files_from_files")
    jobs_from_jobs = _helper("jobs_from_jobs")

    def lineage_from_uuid(self, uuid: str, permissive: bool = True) -> list[tuple[str, str]]:
        """Return the chain of parents from a record up the hierarchy, itself first, as (level, UUID).

        Args:
            permissive: end the chain where a record has several parents.
        Raises:
            ValueError: nothing is called so, it is on no level, or (not `permissive`) a record has several parents.
        """
        return self.lineage_from_any(uuid, permissive)

    def lineage_from_any(self, reference: str, permissive: bool = True) -> list[tuple[str, str]]:
        """Return what `lineage_from_uuid` returns, of anything that names a record."""

        def body(work: Work) -> list[tuple[str, str]]:
            start = find_record(reference, work, self.env).uuid
            chain = lineage_from_uuid(start, work, permissive=permissive)
            return [(level.value, uuid) for level, uuid in chain]

        try:
            return self.env.store.read(body)
        except (UnknownRecord, InvalidField) as e:
            raise ValueError(str(e)) from e
