"""The published expansion helpers of managers, over the published hierarchy of metadata."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

from datacatalog.domain.linkage.levels import EXPANSIONS
from datacatalog.managers.common import Manager
from tests import harness

HIERARCHY = [
    {"id": "A_CHALLENGE", "title": "A"},
    {"experiment_design_id": "A-Design", "title": "A", "uri": "https://example.org/a", "child_of": ["A_CHALLENGE"]},
    {"experiment_id": "experiment.tacc.1", "child_of": ["A-Design"]},
    {"sample_id": "sample.tacc.1", "child_of": ["experiment.tacc.1"]},
    {"sample_id": "sample.tacc.2", "child_of": ["experiment.tacc.1"]},
    *(
        {
            "measurement_id": f"measurement.tacc.{n}",
            "measurement_type": "FLOW",
            "child_of": [f"sample.tacc.{1 + n % 2}"],
        }
        for n in range(4)
    ),
    {"name": "/uploads/one.csv", "type": "CSV", "level": "0", "child_of": ["measurement.tacc.0"]},
    {
        "name": "/uploads/two.csv",
        "type": "CSV",
        "level": "0",
        "child_of": ["measurement.tacc.0", "measurement.tacc.1"],
    },
]  # fmt: skip


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    from datacatalog import Catalog

    installation = harness.install(tmp_path_factory.mktemp("expansions") / "home")
    with Catalog(installation.app) as catalog:
        catalog.load(HIERARCHY)
    created = installation.job(parameters={"sample_id": "sample.tacc.1"})
    yield Manager(installation.app)
    assert created.job.uuid
    installation.app.close()


def test_every_published_helper_is_there_and_documented() -> None:
    for name in EXPANSIONS:
        helper = getattr(Manager, name)
        assert helper.__name__ == name
        assert "sorted, each once" in inspect.getdoc(helper)


@pytest.mark.parametrize(
    ("name", "references", "count"),
    [
        ("designs_from_challenges", "A_CHALLENGE", 1),
        ("experiments_from_designs", ["A-Design"], 1),
        ("samples_from_experiments", "experiment.tacc.1", 2),
        ("measurements_from_samples", "sample.tacc.1", 2),
        ("measurements_from_samples", ["sample.tacc.1", "sample.tacc.2", "sample.tacc.1"], 4),
        ("measurements_from_experiments", "experiment.tacc.1", 4),
        ("measurements_from_designs", "A-Design", 4),
        ("measurements_from_challenges", "A_CHALLENGE", 4),
        ("measurements_from_any", ["A-Design", "sample.tacc.1"], 4),
        ("files_from_measurements", "measurement.tacc.1", 1),
        ("files_from_samples", "sample.tacc.1", 2),
        ("files_from_experiments", "experiment.tacc.1", 2),
        ("files_from_designs", "A-Design", 2),
        ("files_from_any", "A_CHALLENGE", 2),
        ("samples_from_samples", ["sample.tacc.2", "sample.tacc.2"], 1),
        ("jobs_from_any", "experiment.tacc.1", 1),
        ("jobs_from_any", "sample.tacc.2", 0),
    ],
)  # fmt: skip
def test_what_belongs_to_records_is_told_sorted_and_once(
    manager: Manager, name: str, references: str | list[str], count: int
) -> None:
    found = getattr(manager, name)(references)
    assert len(found) == count
    assert found == sorted(set(found))
    assert getattr(manager, name)([manager.get_uuid_from_identifier(r) for r in
                                   ([references] if isinstance(references, str) else references)]) == found  # fmt: skip


def test_reference_of_another_kind_or_to_nothing_is_a_value_error(manager: Manager) -> None:
    with pytest.raises(ValueError, match="sample"):
        manager.measurements_from_samples("A-Design")
    with pytest.raises(ValueError, match="unknown record"):
        manager.files_from_any("sample.tacc.nobody")


def test_chain_of_single_parents_is_told_from_the_record_up(manager: Manager) -> None:
    levels = ["file", "measurement", "sample", "experiment", "experiment_design", "challenge_problem"]
    chain = manager.lineage_from_any("/uploads/one.csv")
    assert [level for level, _ in chain] == levels
    assert manager.lineage_from_uuid(chain[2][1]) == chain[2:]


def test_chain_ends_where_there_are_several_parents_or_is_refused(manager: Manager) -> None:
    assert [level for level, _ in manager.lineage_from_any("/uploads/two.csv")] == ["file"]
    with pytest.raises(ValueError, match="2 parents"):
        manager.lineage_from_any("/uploads/two.csv", permissive=False)
