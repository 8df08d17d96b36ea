"""Indexing from Python: what a job archived is in the catalog when the call returns."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from datacatalog.domain.identifiers.typed import overlay
from datacatalog.domain.kinds import Kind
from datacatalog.managers.common import Manager
from datacatalog.managers.pipelinejobs import (
    ManagedPipelineJob,
    ManagedPipelineJobError,
    ManagedPipelineJobInstance,
)
from datacatalog.managers.pipelinejobs.indexer import Indexer
from datacatalog.managers.pipelinejobs.indexrequest import (
    ArchiveIndexRequest,
    IndexingError,
    IndexRequest,
    IndexType,
    InvalidIndexingRequest,
    ProductIndexRequest,
)
from datacatalog.services.records import put_record
from datacatalog.tokens import InvalidToken
from tests.harness import SYSTEM, Catalog, install

OUTPUTS = ("logs/run.log", "plot.png", "table.csv")


numbers = itertools.count()


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog for all tests of this module; each makes jobs of its own."""
    made = install(tmp_path_factory.mktemp("catalog"))
    yield made
    made.app.close()


def write(catalog: Catalog, path: str, content: str = "content") -> str:
    place = catalog.home / "storage" / SYSTEM / path[1:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content)
    return path


def finished(catalog: Catalog, **arguments: Any) -> ManagedPipelineJob:
    """A job that has finished, with three outputs."""
    job = ManagedPipelineJob(
        catalog.app, pipeline_uuid=catalog.pipeline(), data={"n": next(numbers)}, **arguments
    ).setup()
    for name in OUTPUTS:
        write(catalog, f"{job.archive_path}/{name}", name)
    return job.run().finish()


def instance(catalog: Catalog, job: ManagedPipelineJob) -> ManagedPipelineJobInstance:
    return ManagedPipelineJobInstance(catalog.app, str(job.uuid))


def document(catalog: Catalog, path: str) -> dict[str, Any]:
    with Manager(catalog.app) as manager:
        return manager.get_by_identifier(path)


def checksums(catalog: Catalog, path: str) -> list[str]:
    uuid = overlay(Kind.FIXITY, document(catalog, path)["uuid"])
    found = catalog.app.env.store.read(lambda w: w.records.find(uuid))
    return [] if found is None else [found.body["checksum"]]


# ---------------------------------------------------------------------------------------------- index


def test_every_file_is_in_the_catalog_at_level_one_when_index_returns(catalog: Catalog) -> None:
    job = finished(catalog)
    paths = instance(catalog, job).index(job.token)
    assert paths == [f"{job.archive_path}/{name}" for name in OUTPUTS]
    for path in paths:
        found = document(catalog, path)
        assert found["level"] == "1"
        assert found["generated_by"] == [job.uuid]


def test_an_indexed_file_has_its_checksum_in_the_catalog(catalog: Catalog) -> None:
    job = finished(catalog)
    instance(catalog, job).index(job.token)
    checksum = hashlib.sha256(b"table.csv").hexdigest()
    assert checksums(catalog, f"{job.archive_path}/table.csv") == [f"sha256:{checksum}"]


def test_without_transition_the_job_is_indexing_and_can_then_be_marked(catalog: Catalog) -> None:
    job = finished(catalog)
    found = instance(catalog, job)
    found.index(job.token)
    assert found.state == "INDEXING"
    assert found.indexed(job.token).state == "FINISHED"


def test_with_transition_the_finished_job_is_returned(catalog: Catalog) -> None:
    job = finished(catalog)
    found = instance(catalog, job).index(job.token, transition=True)
    assert isinstance(found, dict)
    assert (found["uuid"], found["state"], found["last_event"]) == (job.uuid, "FINISHED", "indexed")
    assert [entry["name"] for entry in found["history"]][-2:] == ["index", "indexed"]


def test_filters_pick_files_and_level_and_fixity_hold_for_them(catalog: Catalog) -> None:
    job = finished(catalog)
    found = instance(catalog, job)
    assert found.index(job.token, filters=[r"\.csv$", "png"], level="2") == [
        f"{job.archive_path}/plot.png",
        f"{job.archive_path}/table.csv",
    ]
    assert document(catalog, f"{job.archive_path}/plot.png")["level"] == "2"
    assert checksums(catalog, f"{job.archive_path}/table.csv") == []
    found.index(job.token, filters=[r"\.csv$"], fixity=True)
    assert len(checksums(catalog, f"{job.archive_path}/table.csv")) == 1


def test_filters_are_expressions_and_not_url_encoded(catalog: Catalog) -> None:
    job = finished(catalog)
    write(catalog, f"{job.archive_path}/100%25.txt")
    assert instance(catalog, job).index(job.token, filters=["100%25"]) == [f"{job.archive_path}/100%25.txt"]


def test_the_jobs_own_requests_count_where_there_are_no_filters(catalog: Catalog) -> None:
    job = finished(catalog, archive_patterns=[ArchiveIndexRequest(patterns=["csv$"], level="2", note="kept")])
    assert instance(catalog, job).index(job.token) == [f"{job.archive_path}/table.csv"]
    found = document(catalog, f"{job.archive_path}/table.csv")
    assert (found["level"], found["notes"]) == ("2", ["kept"])
    instance(catalog, job).index(job.token, level="3")
    assert document(catalog, f"{job.archive_path}/table.csv")["level"] == "3"


def test_products_are_linked_to_what_they_were_made_from(catalog: Catalog) -> None:
    source = write(catalog, "/uploads/tacc/raw.fcs")
    request = ProductIndexRequest(
        patterns=["png$"], derived_from=[source, "./table.csv"], derived_using=["agave://" + SYSTEM + source]
    )
    job = finished(catalog)
    found = instance(catalog, job)
    assert found.index(job.token, filters=[request]) == [f"{job.archive_path}/plot.png"]
    plot = document(catalog, f"{job.archive_path}/plot.png")
    uuids = [document(catalog, path)["uuid"] for path in (source, f"{job.archive_path}/table.csv")]
    assert sorted(plot["derived_from"]) == sorted(uuids)
    assert plot["derived_using"] == uuids[:1]


def test_a_source_that_cannot_be_resolved_fails_the_indexing_unless_permissive(catalog: Catalog) -> None:
    job = finished(
        catalog,
        archive_patterns=[{"patterns": ["csv$"], "level": "1"}],
        product_patterns=[{"patterns": ["png$"], "derived_from": ["/uploads/gone", "./table.csv"]}],
    )
    found = instance(catalog, job)
    with pytest.raises(IndexingError, match="gone"):
        found.index(job.token)
    paths = found.index(job.token, permissive=True, level="2")
    assert paths == [f"{job.archive_path}/plot.png", f"{job.archive_path}/table.csv"]
    table = document(catalog, f"{job.archive_path}/table.csv")
    assert table["level"] == "2"
    assert document(catalog, f"{job.archive_path}/plot.png")["derived_from"] == [table["uuid"]]


@pytest.mark.parametrize("filters", [["("], [{"colour": "red"}], [4]])
def test_filters_that_cannot_be_used_are_an_indexing_error_and_write_nothing(
    catalog: Catalog, filters: list[Any]
) -> None:
    job = finished(catalog)
    found = instance(catalog, job)
    with pytest.raises(IndexingError):
        found.index(job.token, filters=filters)
    assert catalog.state(str(job.uuid)) == "FINISHED"


def test_a_job_that_has_not_finished_cannot_be_indexed(catalog: Catalog) -> None:
    data = {"n": next(numbers)}
    job = ManagedPipelineJob(catalog.app, pipeline_uuid=catalog.pipeline(), data=data).setup()
    with pytest.raises(IndexingError, match="CREATED"):
        instance(catalog, job).index(job.token)


def test_indexing_needs_the_jobs_token(catalog: Catalog) -> None:
    job = finished(catalog)
    for token in (None, "A" * 17):
        with pytest.raises(InvalidToken):
            instance(catalog, job).index(token)
    assert catalog.state(str(job.uuid)) == "FINISHED"


def test_a_finished_job_is_indexed_by_the_worker_without_being_asked(catalog: Catalog) -> None:
    job = finished(catalog)
    assert catalog.work() > 0
    assert job.attach().last_event == "indexed"
    assert document(catalog, f"{job.archive_path}/table.csv")["generated_by"] == [job.uuid]


# ------------------------------------------------------------------------------------- finding records


def test_identifiers_of_files_and_references_are_found_and_others_are_not(catalog: Catalog) -> None:
    catalog.hierarchy()
    env = catalog.app.env
    file = {"name": "/uploads/a.txt", "file_id": "file.tacc.1"}
    uuid = env.store.transact(lambda w: put_record(Kind.FILE, file, w, env)).record.uuid
    indexer = Indexer(catalog.app)
    assert indexer.file_or_ref_identifier("file.tacc.1") == uuid
    for other in ("file.tacc.2", "sample.tacc.20001"):
        with pytest.raises(ValueError):
            indexer.file_or_ref_identifier(other)


def test_a_file_is_recorded_if_it_exists_or_is_taken_at_its_word(catalog: Catalog) -> None:
    indexer = Indexer(catalog.app)
    uuid = indexer.index_if_exists(write(catalog, "/uploads/a.csv"))
    assert document(catalog, "/uploads/a.csv")["uuid"] == uuid
    for path in ("/uploads/gone.csv", "relative.csv", "/uploads/../etc/passwd"):
        with pytest.raises(ValueError):
            indexer.index_if_exists(path)
    indexer.index_if_exists("/uploads/gone.csv", check_exists=False)
    assert document(catalog, "/uploads/gone.csv")["type"] == "CSV"


def test_names_relative_to_the_archive_path_are_found(catalog: Catalog) -> None:
    job = finished(catalog)
    found = instance(catalog, job)
    uuid = found.file_job_relative_path("./logs/run.log")
    assert document(catalog, f"{job.archive_path}/logs/run.log")["uuid"] == uuid
    assert found.file_job_relative_path("logs/../logs/run.log") == uuid
    assert found.file_job_relative_path("later.csv", check_exists=False)
    for name in ("gone.csv", "../../up.csv"):
        with pytest.raises(ValueError):
            found.file_job_relative_path(name)
    with pytest.raises(ManagedPipelineJobError, match="no job"):
        Indexer(catalog.app).file_job_relative_path("./a")


def test_derived_references_are_resolved_each_once_in_every_way_of_naming(catalog: Catalog) -> None:
    job = finished(catalog)
    found = instance(catalog, job)
    path = write(catalog, "/uploads/a.csv")
    uuid = found.index_if_exists(path)
    table = found.file_job_relative_path("./table.csv")
    names = [uuid, path, f"agave://{SYSTEM}{path}", "./table.csv"]
    assert found.resolve_derived_references(names) == sorted([uuid, table])
    with pytest.raises(IndexingError, match="gone"):
        found.resolve_derived_references([*names, "/uploads/gone"])
    assert found.resolve_derived_references([path, "/uploads/gone"], permissive=True) == [uuid]


# -------------------------------------------------------------------------------------- index requests


def test_request_classes_have_the_published_constants() -> None:
    assert ArchiveIndexRequest.PARAMS == [
        ("patterns", True, "filters", []), ("note", False, "note", None), ("fixity", False, "fixity", True),
        ("generated_by", False, "generated_by", []), ("level", True, "level", "1"),
    ]  # fmt: skip
    assert ProductIndexRequest.PARAMS == [
        ("patterns", True, "filters", []), ("note", False, "note", None), ("fixity", False, "fixity", False),
        ("generated_by", False, "generated_by", []), ("derived_from", True, "derived_from", []),
        ("derived_using", False, "derived_using", []),
    ]  # fmt: skip
    assert (ArchiveIndexRequest.kind, ProductIndexRequest.kind, IndexRequest.kind) == (
        "archive", "product", None,
    )  # fmt: skip
    assert IndexType.MEMBERS == ["archive", "product"]


def test_a_request_knows_its_arguments_and_the_field_it_belongs_to() -> None:
    request = ArchiveIndexRequest(filters=["csv$"], processing_level="2", note="n")
    assert (request.filters, request.level, request.note, request.fixity) == (["csv$"], "2", "n", True)
    assert request.patterns_field == IndexType("Archive").patterns_field == "archive_patterns"
    assert request.to_dict() == {"patterns": ["csv$"], "level": "2", "note": "n"}
    product = ProductIndexRequest(patterns=[], derived_from=["a"])
    assert (product.derived_from, product.derived_using, product.fixity) == (["a"], [], False)
    assert product.patterns_field == "product_patterns"


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (ArchiveIndexRequest, {}),
        (ArchiveIndexRequest, {"patterns": ["a"]}),
        (ArchiveIndexRequest, {"patterns": ["a"], "level": "9"}),
        (ArchiveIndexRequest, {"patterns": ["("], "level": "1"}),
        (ArchiveIndexRequest, {"patterns": "a", "level": "1"}),
        (ArchiveIndexRequest, {"patterns": ["a"], "level": "1", "derived_from": []}),
        (ProductIndexRequest, {"patterns": ["a"]}),
        (ProductIndexRequest, {"patterns": ["a"], "derived_from": [1]}),
        (IndexRequest, {"patterns": ["a"]}),
    ],
)
def test_requests_that_cannot_be_used_are_value_errors(
    make: type[IndexRequest], arguments: dict[str, Any]
) -> None:
    with pytest.raises(InvalidIndexingRequest) as raised:
        make(**arguments)
    assert isinstance(raised.value, ValueError)


def test_there_are_two_types_of_index() -> None:
    assert [IndexType(name) for name in IndexType.MEMBERS] == ["archive", "product"]
    with pytest.raises(ValueError):
        IndexType("other")
