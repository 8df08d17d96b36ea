"""Published material that lies beside a checkout, not in it: vectors, fixtures, example documents."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from datacatalog.domain.kinds import Kind

CATALOGS = {
    "challenge_problems": Kind.CHALLENGE_PROBLEM,
    "challenge_problems-production-export": Kind.CHALLENGE_PROBLEM,
    "experiment_designs": Kind.EXPERIMENT_DESIGN,
    "experiment_designs-production-export": Kind.EXPERIMENT_DESIGN,
    "experiments": Kind.EXPERIMENT,
    "samples": Kind.SAMPLE,
    "measurements": Kind.MEASUREMENT,
    "processes": Kind.PROCESS,
    "cytometer_configuration": Kind.REFERENCE,
    "novelchassis": Kind.REFERENCE,
}
"""Files of the published catalog, each with an array of records -> their kind."""

REPOSITORY = Path(__file__).resolve().parent.parent


def shared(*parts: str) -> Path:
    """Return a path of the shared material; the test that asks is skipped, by its name, where there is none.

    The folder is `$DATACATALOG_SHARED`, else `shared` beside the repository.
    """
    root = Path(os.environ.get("DATACATALOG_SHARED") or REPOSITORY.parent / "shared")
    path = root.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"shared material is not here: {path.name} (set DATACATALOG_SHARED)")
    return path
