"""What of a record makes its UUID."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers.records import (
    UUID_FIELDS,
    file_uuid,
    minted_file_id,
    normal_body,
    record_uuid,
)
from datacatalog.domain.identifiers.typed import IDENTITY, Identity, kind_of
from datacatalog.domain.kinds import SPECS, Kind

DEFAULT = "data-sd2e-community"
TAG, SAMPLE = "122acb4d-1f93-553a-9e1c-b7b58125bc89", "103acb4d-1f93-553a-9e1c-b7b58125bc89"

segments = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1)
paths = st.lists(segments.filter(lambda s: s not in (".", "..") and s == s.strip()), min_size=1).map(
    lambda names: "/" + "/".join(names)
)


@pytest.mark.parametrize(
    ("kind", "body", "uuid"),
    [
        (Kind.CHALLENGE_PROBLEM, {"id": "TRICK_OLYMPICS"}, "10158eb6-edf4-589f-ad2a-496e50e7eff5"),
        (
            Kind.EXPERIMENT_DESIGN,
            {"experiment_design_id": "FlamingUniJuggler", "uri": "https://example.org/x"},
            "114bb9f2-1483-5195-9dd6-78ea91b70291",
        ),
        (Kind.SAMPLE, {"sample_id": "tacc.sample.8675309"}, "103b4050-f7dc-5680-8445-cd14e092445a"),
        (Kind.REFERENCE, {"reference_id": "PDB:6NOV"}, "109ddefa-5bbb-5ee0-a59a-6b0550458697"),
        (Kind.PROCESS, {"process_id": "automated-process"}, "1176bd3e-8666-547b-bc36-25a3b62fc271"),
        (Kind.FILE, {"name": "0x8BADF00D.fcs"}, "105723d4-b27e-55af-b053-63f702c4ad32"),
        (Kind.PRODUCT, {"name": "0x8BADF00D.fcs"}, "105723d4-b27e-55af-b053-63f702c4ad32"),
        (Kind.FIXITY, {"name": "/uploads/science-results.xlsx"}, "1166d16b-4c87-5ead-a25a-60ae90b527fb"),
    ],
)
def test_published_record_has_its_published_uuid(kind: Kind, body: dict[str, str], uuid: str) -> None:
    assert record_uuid(kind, body) == uuid
    assert record_uuid(kind, body | {"storage_system": DEFAULT}) == uuid


def test_every_kind_that_is_kept_is_named_by_a_rule() -> None:
    files = {Kind.FILE, Kind.FIXITY}
    of_their_own = {Kind.PIPELINE, Kind.PIPELINEJOB}
    assert set(SPECS) <= set(UUID_FIELDS) | files | of_their_own


@pytest.mark.parametrize("kind", [*UUID_FIELDS, Kind.FILE, Kind.FIXITY])
def test_record_without_the_fields_that_name_it_is_refused(kind: Kind) -> None:
    whole = {
        field: TAG if field.startswith("connects") else "x" for field in UUID_FIELDS.get(kind, ("name",))
    }
    assert kind_of(record_uuid(kind, whole)) is kind
    for field in whole:
        for empty in ("", "  ", None, 7, [], {}):
            with pytest.raises(InvalidField) as refusal:
                record_uuid(kind, whole | {field: empty})
            assert refusal.value.field == field


@pytest.mark.parametrize("kind", [Kind.PIPELINE, Kind.PIPELINEJOB, Kind.PIPELINEJOB_EVENT, Kind.GENERIC])
def test_kind_that_is_not_named_by_fields_is_refused(kind: Kind) -> None:
    with pytest.raises(InvalidField):
        record_uuid(kind, {"id": "x", "name": "x"})


def test_several_fields_are_sorted_by_value_and_joined_with_colons() -> None:
    body = {"name": "zebra", "owner": "ann", "description": "says nothing"}
    assert record_uuid(Kind.TAG_ANNOTATION, body) == IDENTITY.uuid(Kind.TAG_ANNOTATION, "ann:zebra")


def test_association_is_named_by_its_two_ends_and_its_owner() -> None:
    expected = IDENTITY.uuid(Kind.ASSOCIATION, f"['{SAMPLE}']:['{TAG}']:ann")
    one = {"connects_from": [TAG], "connects_to": [SAMPLE], "owner": "ann"}
    assert record_uuid(Kind.ASSOCIATION, one) == expected
    assert record_uuid(Kind.ASSOCIATION, one | {"connects_from": TAG}) == expected


def test_object_among_the_values_counts_as_minified_json() -> None:
    body = {"name": {"b": 1, "a": [2]}, "owner": "ann"}
    assert record_uuid(Kind.TAG_ANNOTATION, body) == IDENTITY.uuid(Kind.TAG_ANNOTATION, 'ann:{"a":[2],"b":1}')


def test_association_of_what_is_no_uuid_is_refused() -> None:
    with pytest.raises(InvalidField):
        record_uuid(Kind.ASSOCIATION, {"connects_from": ["x"], "connects_to": [SAMPLE], "owner": "ann"})


# ------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    "spelling",
    [
        "/uploads/science-results.xlsx",
        "//uploads//science-results.xlsx",
        "///uploads/./science-results.xlsx",
        "/uploads/x/../science-results.xlsx",
        "  /uploads/science-results.xlsx\n",
    ],
)
def test_spellings_of_one_path_are_one_file(spelling: str) -> None:
    assert record_uuid(Kind.FILE, {"name": spelling}) == "1056d16b-4c87-5ead-a25a-60ae90b527fb"


def test_storage_keeps_spaces_at_the_ends_of_a_name() -> None:
    assert file_uuid("/products/a ", DEFAULT) != file_uuid("/products/a", DEFAULT)


def test_file_without_a_path_is_refused() -> None:
    with pytest.raises(InvalidField):
        file_uuid("", DEFAULT)


def test_relative_name_is_another_file_than_the_absolute_one() -> None:
    assert record_uuid(Kind.FILE, {"name": "science-results.xlsx"}) == "1059e14b-a341-5804-ac69-5c731f6ecf80"


def test_file_on_another_system_is_named_by_system_and_path() -> None:
    uuid = record_uuid(Kind.FILE, {"name": "//a//b", "storage_system": "data-tacc-cloud"})
    assert uuid == IDENTITY.uuid(Kind.FILE, "agave://data-tacc-cloud/a/b")


def test_default_system_is_a_setting() -> None:
    body = {"name": "/a/b", "storage_system": "ours"}
    assert record_uuid(Kind.FILE, body, default_system="ours") == record_uuid(Kind.FILE, {"name": "/a/b"})


@given(paths, st.sampled_from([DEFAULT, "data-tacc-cloud", "other"]))
def test_file_and_its_fixity_share_the_tail(path: str, system: str) -> None:
    body = {"name": path, "storage_system": system}
    file, fixity = record_uuid(Kind.FILE, body), record_uuid(Kind.FIXITY, body)
    assert (kind_of(file), kind_of(fixity)) == (Kind.FILE, Kind.FIXITY)
    assert file[3:] == fixity[3:]
    assert file == file_uuid(path, system)


@given(paths)
def test_files_of_two_systems_are_two_files(path: str) -> None:
    assert len({file_uuid(path, system) for system in (DEFAULT, "one", "two")}) == 3


def test_minted_file_id_tells_the_tenant_and_the_file() -> None:
    uuid = IDENTITY.uuid(Kind.FILE, f"agave://{DEFAULT}/uploads/a.txt")
    assert minted_file_id("//uploads/a.txt", DEFAULT) == f"file.tacc.{IDENTITY.hashid(uuid)}"
    assert minted_file_id("/uploads/a.txt", DEFAULT, tenant="lab").startswith("file.lab.")


@pytest.mark.parametrize("kind", [Kind.FILE, Kind.PRODUCT, Kind.FIXITY])
def test_file_is_kept_under_its_one_spelling_on_a_named_system(kind: Kind) -> None:
    body = normal_body(kind, {"name": " //uploads//a.txt ", "type": "PLAIN"})
    assert (body["name"], body["storage_system"], body["type"]) == ("/uploads/a.txt", DEFAULT, "PLAIN")
    assert record_uuid(kind, body) == record_uuid(kind, {"name": "//uploads//a.txt"})


def test_file_without_an_id_gets_one_and_others_keep_theirs() -> None:
    assert normal_body(Kind.FILE, {"name": "/a"})["file_id"] == minted_file_id("/a", DEFAULT)
    assert normal_body(Kind.FILE, {"name": "/a", "file_id": "file.tacc.7"})["file_id"] == "file.tacc.7"
    assert "file_id" not in normal_body(Kind.FIXITY, {"name": "/a"})


def test_other_documents_are_kept_as_they_are() -> None:
    document = {"process_id": "x", "name": " //x "}
    assert normal_body(Kind.PROCESS, document) == document


def test_file_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidField):
        normal_body(Kind.FILE, {"type": "PLAIN"})


def test_record_uuid_follows_the_installation() -> None:
    elsewhere = Identity(domain="example.org")
    assert record_uuid(Kind.SAMPLE, {"sample_id": "s"}, elsewhere) == elsewhere.uuid(Kind.SAMPLE, "s")


@pytest.mark.parametrize("system", ["a/b", "/b", "a b", "a\n", "-", ["a"], {"a": 1}, 5, "a" * 65])
def test_no_storage_system_shares_the_files_of_another_one(system: Any) -> None:
    for kind in (Kind.FILE, Kind.FIXITY):
        with pytest.raises(InvalidField, match="storage_system"):
            normal_body(kind, {"name": "/c", "storage_system": system})
