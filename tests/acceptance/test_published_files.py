"""The published cases of file types and fixity, through the indexer on real files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

import pytest

from datacatalog import Catalog
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.services.indexing import index_now
from datacatalog.services.jobs import job_for, move
from tests import harness
from tests.shared import shared

PUBLISHED = ("fixtures", "pipelinejobs")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Catalog]:
    made = harness.install(tmp_path_factory.mktemp("published") / "home")
    yield made
    made.app.close()


def indexed(installation: harness.Catalog, files: Mapping[str, bytes]) -> tuple[Catalog, dict[str, str]]:
    """Archive files, index them, verify them; return the catalog and name -> UUID."""
    env, job = installation.app.env, installation.job().job
    for name, content in files.items():
        env.storage.put(job.archive_system, f"{job.archive_path}/{name}", io.BytesIO(content))

    def finish(work: object) -> None:
        for event in (Event.RUN, Event.FINISH):
            move(job_for(job.uuid, work), event, None, work, env)  # type: ignore[arg-type]

    env.store.transact(finish)
    index_now(job.uuid, env)
    catalog = Catalog(installation.app)
    found = {f.name.removeprefix(f"{job.archive_path}/"): f.uuid for f in catalog.jobs.files(job.uuid)}
    assert found.keys() == files.keys()
    assert [f.what for f in catalog.verify(job.uuid, everything=True)] == ["ok"] * len(files)
    return catalog, found


def rows_of(name: str) -> list[dict[str, str]]:
    with shared(*PUBLISHED, "derived", name).open() as table:
        return list(csv.DictReader(table))


def test_every_published_fixity_is_found_by_indexing(installation: harness.Catalog) -> None:
    """The catalog records SHA-256 and size; it computes no xxh64 `fingerprint`."""
    rows = rows_of("fixity_expected.csv")
    assert len(rows) == 7
    files = {row["file"]: shared(*PUBLISHED, "fixity", row["file"]).read_bytes() for row in rows}
    catalog, found = indexed(installation, files)
    for row in rows:
        file = catalog.files[found[row["file"]]]
        (fixity,) = catalog.fixities.find(checksum=f"sha256:{row['sha256']}")
        assert (file.type, fixity.type) == (row["type"], row["type"])
        assert (fixity.size, fixity.version) == (int(row["size"]), 1)
        assert fixity.child_of == [file.uuid]
        assert (fixity.name, fixity.storage_system) == (file.name, file.storage_system)
        assert "fingerprint" not in fixity


def test_every_published_file_type_is_found_by_indexing(installation: harness.Catalog) -> None:
    rows = rows_of("filetype_cases.csv")
    assert len(rows) >= 15
    content = shared(*PUBLISHED, "fixity", "randomdata.taco").read_bytes()
    # Each in a directory of its own: some are called the same.
    files = {
        f"{number}/{row['filename'].lstrip('/')}": content if row["filename"] == "randomdata.taco" else b""
        for number, row in enumerate(rows)
    }
    catalog, found = indexed(installation, files)
    told = {name: catalog.files[uuid].type for name, uuid in found.items()}
    expected = [row["label"] for row in rows]
    assert [told[name] for name in files] == expected
