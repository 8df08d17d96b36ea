"""One resolver: UUID, path, URI or identifier, in the published order."""

from __future__ import annotations

import posixpath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.errors import UnknownRecord
from datacatalog.domain.kinds import SPECS, Kind
from datacatalog.services.finding import LOOKUP_ORDER, find_record
from datacatalog.services.records import delete_record, put_record
from tests.unit.memory import SYSTEM, Memory, memory

PUBLISHED = [
    "file",
    "reference",
    "pipelinejob",
    "pipeline",
    "sample",
    "measurement",
    "experiment",
    "experiment_design",
    "challenge_problem",
    "structured_request",
    "process",
    "fixity",
    "association",
    "tag_annotation",
    "text_annotation",
]

RECORDS: dict[str, tuple[Kind, dict[str, Any]]] = {
    "file": (Kind.FILE, {"name": "/uploads/a b.csv", "file_id": "file.tacc.1"}),
    "elsewhere": (Kind.FILE, {"name": "/uploads/a b.csv", "storage_system": "other", "file_id": "both"}),
    "fixity": (Kind.FIXITY, {"name": "/uploads/only-hashed", "version": 1}),
    "hashed": (Kind.FIXITY, {"name": "/uploads/a b.csv", "version": 1}),
    "reference": (Kind.REFERENCE, {"reference_id": "atlas", "name": "A", "uri": f"agave://{SYSTEM}/reference/a.fa"}),
    "web": (Kind.REFERENCE, {"reference_id": "web", "name": "W", "uri": "https://example.org/w"}),
    "overlaid": (Kind.REFERENCE, {"reference_id": "o", "name": "O", "uri": f"agave://{SYSTEM}/uploads/a b.csv"}),
    "sample": (Kind.SAMPLE, {"sample_id": "sample.tacc.1"}),
    "shared": (Kind.SAMPLE, {"sample_id": "both"}),
    "plural": (Kind.SAMPLE, {"sample_id": "samples.1"}),
    "glued": (Kind.SAMPLE, {"sample_id": "file1"}),
    "experiment": (Kind.EXPERIMENT, {"experiment_id": "uw.experiment.1", "title": "E"}),
    "named": (Kind.EXPERIMENT, {"experiment_id": "sample.tacc.9", "title": "E"}),
    "last": (Kind.CHALLENGE_PROBLEM, {"id": "uw.experiment.1", "title": "C", "uri": "https://example.org/c"}),
    "process": (Kind.PROCESS, {"process_id": "hand", "name": "H"}),
    "upload": (Kind.UPLOAD, {"upload_id": "upload.tacc.1"}),
}  # fmt: skip


def written() -> Memory:
    made = memory()
    for kind, document in RECORDS.values():
        made.env.store.transact(lambda work, k=kind, d=document: put_record(k, d, work, made.env))
    return made


STANDING = written()


@pytest.fixture
def here() -> Memory:
    return STANDING


def uuid_of(here: Memory, name: str) -> str:
    kind, document = RECORDS[name]
    return here.env.store.transact(lambda work: put_record(kind, document, work, here.env)).record.uuid


def found(here: Memory, reference: str, *kinds: Kind) -> str | None:
    """Return what the record is called above; None where there is none."""
    env = here.env
    try:
        record = env.store.read(lambda w: find_record(reference, w, env, *([kinds] if kinds else [])))
    except UnknownRecord:
        return None
    return next(name for name in RECORDS if uuid_of(here, name) == record.uuid)


def test_kinds_are_asked_in_the_published_order_and_then_the_rest():
    assert [kind.value for kind in LOOKUP_ORDER][: len(PUBLISHED)] == PUBLISHED
    assert set(LOOKUP_ORDER) == set(SPECS)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("file.tacc.1", "file"),
        ("/uploads/a b.csv", "file"),
        ("//uploads///a b.csv", "file"),
        ("/uploads/./x/../a b.csv", "file"),
        ("/uploads/a b.csv/", "file"),
        (f"agave://{SYSTEM}/uploads/a b.csv", "file"),
        (f"agave://{SYSTEM}//uploads/./a b.csv", "file"),
        ("agave://other/uploads/a b.csv", "elsewhere"),
        ("agave://third/uploads/a b.csv", None),
        ("agave://", None),
        (f"agave://{SYSTEM}", None),
        ("/uploads/only-hashed", "fixity"),
        ("/uploads/A b.csv", None),
        ("/uploads", None),
        ("/", None),
        ("uploads/a b.csv", None),
        ("/reference/a.fa", "reference"),
        ("/reference//a.fa", "reference"),
        (f"agave://{SYSTEM}/reference/a.fa", "reference"),
        ("atlas", "reference"),
        ("https://example.org/w", "web"),
        ("https://example.org/none", None),
        ("sample.tacc.1", "sample"),
        ("SAMPLE.tacc.1", None),
        ("sample.tacc.2", None),
        ("sample.", None),
        ("sample", None),
        ("both", "elsewhere"),
        ("samples.1", "plural"),
        ("samples.2", None),
        ("file1", "glued"),
        ("file2", None),
        ("uw.experiment.1", "experiment"),
        ("sample.tacc.9", None),
        ("product.tacc.1", None),
        ("fixity.tacc.1", None),
        ("hand", "process"),
        ("upload.tacc.1", "upload"),
        ("", None),
        ("\0", None),
        ('{"$gt": ""}', None),
    ],
)
def test_text_names_one_record_or_none(here: Memory, reference: str, name: str | None):
    assert found(here, reference) == name


@given(st.lists(st.sampled_from(["uploads", "a b.csv", ".", "..", "", "x", "x y"]), max_size=8))
def test_path_and_uri_find_what_lies_where_they_lead(names: list[str]):
    here, path = STANDING, "/" + "/".join(names)
    wanted = "file" if posixpath.normpath("/" + path.lstrip("/")) == "/uploads/a b.csv" else None
    assert found(here, path) == found(here, f"agave://{SYSTEM}{path}") == wanted


@pytest.mark.parametrize("name", RECORDS)
def test_typed_uuid_names_its_record_in_any_spelling(here: Memory, name: str):
    uuid = uuid_of(here, name)
    for spelling in (uuid, uuid.upper(), uuid.replace("-", ""), f"uri:urn:{uuid}"):
        assert found(here, spelling) == name


@pytest.mark.parametrize(
    ("reference", "kinds", "name"),
    [
        ("/uploads/a b.csv", (Kind.REFERENCE,), "overlaid"),
        ("/uploads/a b.csv", (Kind.REFERENCE, Kind.FILE), "overlaid"),
        ("/uploads/a b.csv", (Kind.FIXITY,), "hashed"),
        ("/uploads/a b.csv", (Kind.PRODUCT,), "file"),
        ("/uploads/a b.csv", (Kind.SAMPLE,), None),
        ("both", (Kind.SAMPLE, Kind.FILE), "shared"),
        ("both", (Kind.EXPERIMENT,), None),
        ("uw.experiment.1", (Kind.CHALLENGE_PROBLEM,), "last"),
        ("sample.tacc.9", (Kind.EXPERIMENT,), None),
        ("sample.tacc.1", (Kind.EXPERIMENT,), None),
    ],
)
def test_only_the_kinds_that_are_asked_for_are_found_in_their_order(here: Memory, reference: str, kinds: tuple[Kind, ...], name: str | None):  # fmt: skip
    assert found(here, reference, *kinds) == name


def test_uuid_of_a_kind_that_is_not_asked_for_names_nothing(here: Memory):
    assert found(here, uuid_of(here, "sample"), Kind.FILE) is None


def test_hidden_record_stands_in_nobodys_way():
    here = memory()
    env = here.env
    for name in ("file", "overlaid", "experiment", "last"):
        kind, document = RECORDS[name]
        uuid = env.store.transact(lambda w, k=kind, d=document: put_record(k, d, w, env)).record.uuid
        if name in ("file", "experiment"):
            env.store.transact(lambda w, uuid=uuid: delete_record(uuid, w, env))
    assert env.store.read(lambda w: find_record("/uploads/a b.csv", w, env)).kind is Kind.REFERENCE
    assert env.store.read(lambda w: find_record("uw.experiment.1", w, env)).kind is Kind.CHALLENGE_PROBLEM
    with pytest.raises(UnknownRecord):
        env.store.read(lambda w: find_record("file.tacc.1", w, env))
