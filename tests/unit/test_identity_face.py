"""Typed UUIDs under the import path that the published documents promise."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from bson.binary import OLD_UUID_SUBTYPE, Binary

from datacatalog.identifiers import typeduuid

EXPERIMENT = "1027aa77-d524-5359-a802-a8008adaecb5"
FIXITY = "1166d16b-4c87-5ead-a25a-60ae90b527fb"
UNTYPED = "5027aa77-d524-5359-a802-a8008adaecb5"
UUID1 = "4d1f70a0-b924-11e9-ae8d-acbc32822af9"
NEITHER: list[Any] = [None, "", "meep", []]


def test_text_and_kind_give_the_published_uuid() -> None:
    assert typeduuid.catalog_uuid("experiment.tacc.10003", "experiment") == EXPERIMENT
    assert typeduuid.generate("experiment.tacc.10003", "experiment") == EXPERIMENT
    assert typeduuid.catalog_uuid("abcdef") == "100a955e-5874-50f0-afac-e2857bc0a764"
    assert typeduuid.catalog_uuid("experiment.tacc.10003", uuid_type="experiment") == EXPERIMENT


def test_uuid_without_text_is_a_new_one_each_time() -> None:
    drawn = {typeduuid.generate(uuid_type="pipelinejob_event") for _ in range(20)}
    assert len(drawn) == 20
    assert {typeduuid.get_uuidtype(str(uuid)) for uuid in drawn} == {"pipelinejob_event"}


def test_mock_is_of_the_kind_but_of_another_namespace() -> None:
    mocked = typeduuid.mock("experiment.tacc.10003", "experiment")
    assert mocked != EXPERIMENT
    assert typeduuid.get_uuidtype(str(mocked)) == "experiment"
    assert typeduuid.mock() != typeduuid.mock()


def test_binary_form_is_the_legacy_one() -> None:
    made: list[tuple[Callable[..., Any], str]] = [
        (typeduuid.catalog_uuid, "experiment.tacc.10003"),
        (typeduuid.generate, "experiment.tacc.10003"),
        (typeduuid.catalog_uuid_from_v1_uuid, UNTYPED),
    ]
    for make, text in made:
        assert make(text, "experiment", binary=True) == Binary(UUID(EXPERIMENT).bytes, OLD_UUID_SUBTYPE)


@pytest.mark.parametrize("uuid", [EXPERIMENT, FIXITY])
def test_typed_uuid_is_valid(uuid: str) -> None:
    assert typeduuid.validate(uuid)
    assert typeduuid.validate_uuid5(uuid)


@pytest.mark.parametrize("uuid", [UNTYPED, UUID1, UUID1.replace("-", "")])
def test_untyped_uuid_is_a_uuid_and_no_typed_one(uuid: str) -> None:
    assert typeduuid.validate_uuid5(uuid)
    assert typeduuid.validate(uuid, permissive=True) is False
    with pytest.raises(ValueError):
        typeduuid.validate(uuid)
    with pytest.raises(ValueError):
        typeduuid.get_uuidtype(uuid)


@pytest.mark.parametrize("value", NEITHER)
def test_what_is_no_uuid_is_neither(value: Any) -> None:
    for check in (typeduuid.validate, typeduuid.validate_uuid5):
        assert check(value, permissive=True) is False
        with pytest.raises(ValueError):
            check(value)
    with pytest.raises(ValueError):
        typeduuid.get_uuidtype(value)


def test_kind_is_told_of_text_and_of_uuid_objects() -> None:
    assert typeduuid.get_uuidtype(EXPERIMENT) == typeduuid.get_uuidtype(UUID(EXPERIMENT)) == "experiment"


def test_listing_sorts_and_drops() -> None:
    assert typeduuid.listify_uuid(None) == []
    assert typeduuid.listify_uuid([FIXITY, EXPERIMENT, UNTYPED]) == [EXPERIMENT, FIXITY]


def test_hashid_goes_there_and_back() -> None:
    hashid = typeduuid.uuid_to_hashid("10044fb4-cf84-5c78-83a5-f7ff4b5baaee")
    assert hashid == "5pQxBkRrRe2GEPOWWZBq4LNQ"
    assert typeduuid.hashid_to_uuid(hashid) == "10044fb4-cf84-5c78-83a5-f7ff4b5baaee"


@pytest.mark.parametrize(
    "call",
    [
        lambda: typeduuid.catalog_uuid("x", "taco"),
        lambda: typeduuid.mock("x", "taco"),
        lambda: typeduuid.catalog_uuid_from_v1_uuid("meep", "sample"),
        lambda: typeduuid.uuid_to_hashid("meep"),
        lambda: typeduuid.hashid_to_uuid("meep"),
    ],
)
def test_complaints_are_value_errors(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        call()


def test_environment_names_domain_and_salt(monkeypatch: pytest.MonkeyPatch) -> None:
    hashid = typeduuid.uuid_to_hashid(EXPERIMENT)
    monkeypatch.setenv("CATALOG_DNS_DOMAIN", "example.org")
    monkeypatch.setenv("CATALOG_TYPEDUUID_HASHIDS_SALT", "pepper")
    assert typeduuid.catalog_uuid("experiment.tacc.10003", "experiment") != EXPERIMENT
    assert typeduuid.uuid_to_hashid(EXPERIMENT) != hashid


def test_importing_it_loads_no_database_driver() -> None:
    code = "import sys, datacatalog.identifiers.typeduuid; print({'bson', 'pymongo'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"
