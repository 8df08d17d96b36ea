"""Typed UUIDs and hash ids."""

from __future__ import annotations

from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers.typed import (
    IDENTITY,
    MOCK,
    Identity,
    kind_of,
    listify,
    overlay,
    read_typed,
)
from datacatalog.domain.kinds import PREFIXES, Kind

KNOWN = [
    (Kind.CHALLENGE_PROBLEM, "NOVEL_CHASSIS", "101ba626-e1c4-5beb-bf39-2ed91338379a"),
    (Kind.CHALLENGE_PROBLEM, "YEAST_STATES", "1010f74e-cd69-51de-b5a1-1570c88c01f1"),
    (Kind.EXPERIMENT_DESIGN, "Riboswitches", "11417253-69fe-5902-bcb4-033a2f1ba784"),
    (Kind.EXPERIMENT, "experiment.uw_biofab.17016", "1022efa3-4480-538f-a581-f1810fb4e0c3"),
    (Kind.SAMPLE, "sample.tacc.20001", "103246e1-bcdf-5b6e-a8dc-4c7e81b91141"),
    (Kind.MEASUREMENT, "measurement.tacc.0xDEADBEF1", "1041ab3f-5221-5c79-8781-8838dfb6eef9"),
    (Kind.FILE, "/uploads/science-results.xlsx", "1056d16b-4c87-5ead-a25a-60ae90b527fb"),
    (Kind.FIXITY, "/uploads/science-results.xlsx", "1166d16b-4c87-5ead-a25a-60ae90b527fb"),
    (Kind.REFERENCE, "Uniprot:G0S6G2_CHATD", "10926b36-c9cd-5f0c-8b3c-f3d366dc34bf"),
    (Kind.PROCESS, "jobs-indexer", "117a32a1-457c-5bfe-bded-ed0ca99e53f8"),
    (Kind.GENERIC, "abcdef", "100a955e-5874-50f0-afac-e2857bc0a764"),
    (Kind.GENERIC, "", "1001a831-ce4e-56c7-954b-43d740ea56f4"),
]
HASHIDS = [
    ("10039c5a-f000-5c82-a032-0c5207b2ae19", "PAVpwrObxp5YjYRvrJOd5yVp"),
    ("1001a831-ce4e-56c7-954b-43d740ea56f4", "BAkwe8wKZY2NgXyBpX8K5R1D"),
    ("1008cecc-d701-5763-a5c1-5ecde81f6e0d", "Db6rzKZnnyA8E5qvwvxjpwZ4"),
    ("10060cbc-fbf2-516d-ae55-b699d197301c", "3pGLppQE69r3Z36EY3jlxxpN"),
]
UNTYPED = [
    ("UW_BIOFAB", "55c8d93d-2115-53ba-ba05-446f47d7ff72"),
    ("NovelChassis-NAND-Gate", "850e742e-e67a-5e99-bc04-c60d1eec9a41"),
    ("emerald", "beb14196-a09c-5c93-b0af-0234a8d14123"),
]
EXPERIMENT = "1027aa77-d524-5359-a802-a8008adaecb5"
FIXITY = "1166d16b-4c87-5ead-a25a-60ae90b527fb"
OF_NO_KIND = ["5027aa77-d524-5359-a802-a8008adaecb5", "4d1f70a0-b924-11e9-ae8d-acbc32822af9"]
NO_UUIDS = [None, "", "meep", [], EXPERIMENT[:-1], EXPERIMENT + "\n", "\uff11" + EXPERIMENT[1:]]

kinds = st.sampled_from(Kind)
texts = st.text(st.characters(codec="utf-8"))


@pytest.mark.parametrize(("kind", "text", "uuid"), KNOWN)
def test_published_text_gives_its_published_uuid(kind: Kind, text: str, uuid: str) -> None:
    assert IDENTITY.uuid(kind, text) == uuid


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_shares_the_published_tail_of_one_sentence(kind: Kind) -> None:
    uuid = IDENTITY.uuid(kind, "Why did it have to be snakes?")
    assert uuid == f"{PREFIXES[kind]}acb4d-1f93-553a-9e1c-b7b58125bc89"


@pytest.mark.parametrize(("text", "uuid"), UNTYPED)
def test_published_text_gives_its_untyped_uuid(text: str, uuid: str) -> None:
    assert IDENTITY.untyped(text) == uuid


def test_namespaces_are_the_published_ones() -> None:
    assert str(IDENTITY.namespace) == "54765aeb-44ca-374a-9a9f-eb4658383ee4"
    assert str(MOCK.namespace) == "9de31d9e-6b24-373b-91f8-b5e1861138de"


@given(kinds, texts)
def test_typed_uuid_is_the_uuid5_of_its_text_under_the_prefix_of_its_kind(kind: Kind, text: str) -> None:
    uuid = IDENTITY.uuid(kind, text)
    plain = str(uuid5(IDENTITY.namespace, text))
    assert uuid == PREFIXES[kind] + plain[3:]
    assert kind_of(uuid) is kind
    assert IDENTITY.untyped(text) == plain


@given(kinds, kinds, texts)
def test_one_text_in_two_kinds_differs_in_the_prefix_alone(one: Kind, other: Kind, text: str) -> None:
    assert IDENTITY.uuid(one, text)[3:] == IDENTITY.uuid(other, text)[3:]


@given(kinds, texts)
def test_another_domain_is_another_namespace(kind: Kind, text: str) -> None:
    assert Identity(domain="example.org").uuid(kind, text) != IDENTITY.uuid(kind, text)


def test_text_without_utf8_form_is_refused() -> None:
    with pytest.raises(InvalidField):
        IDENTITY.uuid(Kind.SAMPLE, "sample.\ud800")


# ------------------------------------------------------------------------------------------ reading


@pytest.mark.parametrize("value", [*NO_UUIDS, *OF_NO_KIND, EXPERIMENT.upper(), EXPERIMENT.replace("-", "")])
def test_kind_is_told_of_canonical_typed_uuids_only(value: str) -> None:
    with pytest.raises(InvalidField):
        kind_of(value)


@pytest.mark.parametrize(
    "spelling",
    [EXPERIMENT, EXPERIMENT.upper(), EXPERIMENT.replace("-", ""), f"uri:urn:{EXPERIMENT}"],
)
def test_every_accepted_spelling_is_read_as_the_canonical_one(spelling: str) -> None:
    assert read_typed(spelling) == EXPERIMENT
    assert read_typed(spelling, Kind.SAMPLE, Kind.EXPERIMENT) == EXPERIMENT


@pytest.mark.parametrize("value", [*NO_UUIDS, *OF_NO_KIND, "{" + EXPERIMENT + "}", "1_" + "0" * 30])
def test_what_is_no_typed_uuid_is_not_read(value: str) -> None:
    with pytest.raises(InvalidField):
        read_typed(value)


def test_uuid_of_another_kind_is_refused_naming_both() -> None:
    with pytest.raises(InvalidField, match="experiment, not a pipeline or sample"):
        read_typed(EXPERIMENT, Kind.PIPELINE, Kind.SAMPLE)


def test_job_uuid_of_no_version_is_still_read_as_a_job() -> None:
    assert kind_of("10797ce0-d130-a738-60d5-9e854adc67dd") is Kind.PIPELINEJOB


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, []),
        ([None], []),
        ([], []),
        ("meep", []),
        (EXPERIMENT, [EXPERIMENT]),
        ([FIXITY, EXPERIMENT], [EXPERIMENT, FIXITY]),
        ([EXPERIMENT, OF_NO_KIND[0]], [EXPERIMENT]),
        ([EXPERIMENT, EXPERIMENT.upper()], [EXPERIMENT]),
    ],
)
def test_listing_sorts_and_leaves_out_what_is_no_typed_uuid(value: list[str], found: list[str]) -> None:
    assert listify(value) == found


@pytest.mark.parametrize(
    ("kind", "untyped", "typed"),
    [
        (
            Kind.CHALLENGE_PROBLEM,
            "6f0ba626-e1c4-5beb-bf39-2ed91338379a",
            "101ba626-e1c4-5beb-bf39-2ed91338379a",
        ),
        (Kind.SAMPLE, "67a40ded-b06e-5d91-95dd-8533755ed48c", "10340ded-b06e-5d91-95dd-8533755ed48c"),
    ],
)
def test_untyped_uuid_becomes_the_typed_one_of_its_kind(kind: Kind, untyped: str, typed: str) -> None:
    assert overlay(kind, untyped) == typed


@given(kinds, texts)
def test_overlay_of_the_untyped_uuid_is_the_typed_one(kind: Kind, text: str) -> None:
    assert overlay(kind, IDENTITY.untyped(text)) == IDENTITY.uuid(kind, text)


# ----------------------------------------------------------------------------------------- hash ids


@pytest.mark.parametrize(("uuid", "hashid"), HASHIDS)
def test_published_uuid_gives_its_published_hashid_and_back(uuid: str, hashid: str) -> None:
    assert IDENTITY.hashid(uuid) == hashid
    assert IDENTITY.from_hashid(hashid) == uuid


@given(kinds, st.uuids())
def test_hashid_is_reversible_and_made_of_letters_and_digits(kind: Kind, any_uuid: UUID) -> None:
    uuid = overlay(kind, str(any_uuid))
    hashid = IDENTITY.hashid(uuid)
    assert hashid.isalnum()
    assert IDENTITY.from_hashid(hashid) == uuid


@given(st.text())
def test_made_up_hashid_gives_a_typed_uuid_or_a_refusal(text: str) -> None:
    try:
        uuid = IDENTITY.from_hashid(text)
    except InvalidField:
        return
    assert IDENTITY.hashid(uuid) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PAVpwrObxp5YjYRvrJOd5yVq",
        IDENTITY.hashid(OF_NO_KIND[0]),
        Identity(hashids_salt="another").hashid(EXPERIMENT),
        "a" * 100_000,
    ],
)
def test_hashid_that_stands_for_no_typed_uuid_is_refused(text: str) -> None:
    with pytest.raises(InvalidField):
        IDENTITY.from_hashid(text)


def test_hashid_of_what_is_no_uuid_is_refused() -> None:
    with pytest.raises(InvalidField):
        IDENTITY.hashid("meep")
