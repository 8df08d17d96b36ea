"""What makes a job, where its outputs go, and what may be cleared there."""

from __future__ import annotations

import posixpath
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.archive import (
    DEFAULT_CLEARABLE,
    AgaveUri,
    archive_path,
    check_archive_path,
    check_clearable,
)
from datacatalog.domain.errors import InvalidField, MixedLinkage, NotClearable, UnsafePath
from datacatalog.domain.identifiers.typed import IDENTITY, Identity, kind_of
from datacatalog.domain.jobs.identity import job_text, job_uuid
from datacatalog.domain.jobs.older import archive_path_a, archive_path_v1, job_text_j1
from datacatalog.domain.kinds import Kind, TypedUuid

AT = datetime(2018, 11, 27, 17, 32, 43, tzinfo=UTC)
DEMO = TypedUuid("106c46ff-8186-5756-a934-071f4497b58d")
TACOBOT = TypedUuid("1064aaf1-459c-5e42-820d-b822aa4b3990")
EXPERIMENT = TypedUuid("102e95e6-67a8-5a06-9484-3131c6907890")
SAMPLE = TypedUuid("103246e1-bcdf-5b6e-a8dc-4c7e81b91141")
MEASUREMENTS = [
    TypedUuid("10483e8d-6602-532a-8941-176ce20dd05a"),
    TypedUuid("104dae4d-a677-5991-ae1c-696d2ee9884e"),
]
DEMO_PATH = "/products/v2/106c46ff81865756a934071f4497b58d"
DEEP_DIVE = [
    ([], {}, "10792d3c-395c-57e0-a694-006cf03d3970", "BAkwe8wKZY2NgXyBpX8K5R1D/PAVpwrObxp5YjYRvrJOd5yVp"),
    (
        [EXPERIMENT],
        {},
        "107a90b7-f083-5167-a63d-41a3bf278bf8",
        "Db6rzKZnnyA8E5qvwvxjpwZ4/PAVpwrObxp5YjYRvrJOd5yVp",
    ),
    (
        [EXPERIMENT],
        {"alpha": 0.5},
        "1077a959-7163-516a-8fc1-dd11bd958190",
        "Db6rzKZnnyA8E5qvwvxjpwZ4/0p5yeV3VR3OELzgoJ5kk6Yxw",
    ),
    (
        [EXPERIMENT],
        {"alpha": 0.6},
        "107e7a19-6d8a-540d-954c-09836d67de49",
        "Db6rzKZnnyA8E5qvwvxjpwZ4/3pGLppQE69r3Z36EY3jlxxpN",
    ),
    (
        [SAMPLE],
        {},
        "107fd3cf-23c6-522f-9270-19932d06def4",
        "kZgygQV2EDAAkDLRzrep1gO2/PAVpwrObxp5YjYRvrJOd5yVp",
    ),
    (
        ["1041ab3f-5221-5c79-8781-8838dfb6eef9"],
        {},
        "107596b8-25b2-557d-9702-853f0690c576",
        "kZpoopq2GBKYy6DQ9pqqNbk8/PAVpwrObxp5YjYRvrJOd5yVp",
    ),
    (
        MEASUREMENTS,
        {},
        "10704831-8017-5e39-a4d7-dd73a08b4a4b",
        "3pGOjjEYq3BZ2DJ6e0jLQqWb/PAVpwrObxp5YjYRvrJOd5yVp",
    ),
]

uuids = st.text(max_size=3).map(lambda text: IDENTITY.uuid(Kind.SAMPLE, text))
data = st.dictionaries(
    st.text(max_size=3), st.none() | st.booleans() | st.integers() | st.text(max_size=3), max_size=3
)


@pytest.mark.parametrize(("linked", "given_data", "uuid", "tail"), DEEP_DIVE)
def test_published_job_has_its_published_uuid_and_path(
    linked: list[TypedUuid], given_data: dict[str, Any], uuid: str, tail: str
) -> None:
    assert job_uuid(DEMO, linked, given_data) == uuid
    assert archive_path(DEMO, linked, given_data, None, AT) == f"{DEMO_PATH}/{tail}"


def test_job_text_is_pipeline_then_links_then_data() -> None:
    text = job_text(DEMO, reversed(MEASUREMENTS), {"b": [1, 2.5, None], "a": "é"})
    assert text == (
        "106c46ff-8186-5756-a934-071f4497b58d:"
        "['10483e8d-6602-532a-8941-176ce20dd05a', '104dae4d-a677-5991-ae1c-696d2ee9884e']:"
        '{"a":"\\u00e9","b":[1,2.5,null]}'
    )
    assert job_text(DEMO, [], {}) == f"{DEMO}:[]:{{}}"


@given(st.lists(uuids, max_size=4), data, st.randoms())
def test_order_and_repeats_of_links_and_keys_make_no_other_job(
    linked: Any, given_data: Any, random: Any
) -> None:
    again = [*linked, *linked[:2]]
    random.shuffle(again)
    turned = dict(reversed(given_data.items()))
    assert job_uuid(DEMO, again, turned) == job_uuid(DEMO, linked, given_data)
    assert archive_path(DEMO, again, turned, None, AT) == archive_path(DEMO, linked, given_data, None, AT)


@given(st.lists(uuids, max_size=3), st.lists(uuids, max_size=3), data, data)
def test_other_links_or_other_data_make_another_job(one: Any, other: Any, left: Any, right: Any) -> None:
    equal = (set(one), _typed(left)) == (set(other), _typed(right))
    assert (job_uuid(DEMO, one, left) == job_uuid(DEMO, other, right)) == equal
    paths = [archive_path(DEMO, *args, None, AT) for args in ((one, left), (other, right))]
    assert (paths[0] == paths[1]) == equal


def _typed(value: dict[str, Any]) -> Any:
    # In Python 1 equals True, in JSON it does not.
    return {key: (type(item), item) for key, item in value.items()}


def test_job_uuid_is_one_of_a_job_and_follows_the_installation() -> None:
    assert kind_of(job_uuid(DEMO, [], {})) is Kind.PIPELINEJOB
    assert job_uuid(DEMO, [], {}, Identity(domain="example.org")) != job_uuid(DEMO, [], {})


@pytest.mark.parametrize("pipeline", ["", "meep", EXPERIMENT, DEMO + "/..", DEMO + "\n"])
def test_job_of_what_is_no_pipeline_is_refused(pipeline: str) -> None:
    with pytest.raises(InvalidField):
        job_uuid(TypedUuid(pipeline), [], {})
    with pytest.raises(InvalidField):
        archive_path(TypedUuid(pipeline), [], {}, None, AT)


def test_job_linked_to_what_is_no_uuid_is_refused() -> None:
    with pytest.raises(InvalidField):
        job_uuid(DEMO, [TypedUuid("sample.tacc.20001")], {})


# ------------------------------------------------------------------------------------ archive paths


def test_session_gets_its_own_directory() -> None:
    plain = archive_path(DEMO, [SAMPLE], {}, None, AT)
    assert archive_path(DEMO, [SAMPLE], {}, "casual-bass", AT) == f"{plain}/casual-bass-20181127T173243Z"


def test_links_of_two_levels_are_refused_naming_both() -> None:
    with pytest.raises(MixedLinkage, match="measurement and sample"):
        archive_path(DEMO, [SAMPLE, MEASUREMENTS[0]], {}, None, AT)


@given(st.lists(uuids), data, st.from_regex(r"[a-z]{2,8}-[a-z]{2,8}", fullmatch=True))
def test_archive_path_has_no_dash_before_its_instance_directory(
    linked: Any, given_data: Any, session: str
) -> None:
    path = archive_path(DEMO, linked, given_data, session, AT)
    above, _, instance = path.rpartition("/")
    assert "-" not in above
    assert instance == f"{session}-20181127T173243Z"
    assert above == archive_path(DEMO, linked, given_data, None, AT)
    assert check_archive_path(path) == check_clearable(path) == path


@pytest.mark.parametrize("session", ["../../etc", "a/b/c", "abc", ".hidden"])
def test_session_cannot_bend_the_path(session: str) -> None:
    with pytest.raises(InvalidField):
        archive_path(DEMO, [], {}, session, AT)


@pytest.mark.parametrize("path", ["/sample/tacc-cloud/agavehelpers/upload", "/a", "/products/v2/x y/ü"])
def test_path_of_ones_own_is_taken_as_it_is(path: str) -> None:
    assert check_archive_path(path) == path


@pytest.mark.parametrize(
    "path",
    ["", "/", "//", "products/v2", "./x", "/a/../b", "/..", "/a/.", "/a//b", "//a", "/a/", "/a\0b", "/a\nb", "/a\x7f",
     "/a\u2028b", "/\ud800", "/" + "a" * 300, "/a" * 10_000, "agave://data/a"],
)  # fmt: skip
def test_path_that_is_not_plain_and_absolute_is_refused(path: str) -> None:
    with pytest.raises(UnsafePath):
        check_archive_path(path)


# ----------------------------------------------------------------------------------------- clearing


@pytest.mark.parametrize(
    ("path", "cleared"),
    [
        ("/products/v2/106/x", "/products/v2/106/x"),
        ("//products//v2/106/", "/products/v2/106"),
        ("/products/v2/106/../107", "/products/v2/107"),
        ("/sample/tacc-cloud/agavehelpers/upload", "/sample/tacc-cloud/agavehelpers/upload"),
    ],
)
def test_path_below_a_prefix_may_be_cleared_in_its_one_spelling(path: str, cleared: str) -> None:
    assert check_clearable(path) == cleared


@pytest.mark.parametrize(
    "path",
    ["", "/", ".", "/products", "/products/v2", "/products/v2/", "/products/v2/.", "/products/v2/x/..", "/products/v2evil",
     "/products/v2evil/x", "/products/v2/../../x", "/products/v2/../v1/x", "/uploads/x", "products/v2/x", "../products/v2/x",
     "/PRODUCTS/v2/x", "/products/v2/a\0b", "/products/v2/a\nb", "/sample/tacc-cloud", "agave://data/products/v2/x"],
)  # fmt: skip
def test_path_that_is_not_strictly_below_a_prefix_is_not_cleared(path: str) -> None:
    with pytest.raises(NotClearable):
        check_clearable(path)


@given(
    st.lists(
        st.sampled_from(["", ".", "..", "products", "v2", "v2evil", "sample", "tacc-cloud", "x", "a\0"])
    ).map("/".join)
)
def test_no_path_that_leads_outside_is_cleared(path: str) -> None:
    try:
        cleared = check_clearable(path)
    except NotClearable:
        return
    # Walked name by name, as an operating system would without links.
    stack: list[str] = []
    for name in path.split("/"):
        if name == "..":
            stack = stack[:-1]
        elif name not in ("", "."):
            stack.append(name)
    assert cleared == "/" + "/".join(stack) == posixpath.normpath(cleared)
    assert any(cleared.startswith(prefix + "/") for prefix in DEFAULT_CLEARABLE)


def test_prefixes_are_a_setting() -> None:
    assert check_clearable("/scratch/x", ["/scratch/"]) == "/scratch/x"
    for prefixes in ([], ["scratch"], [""], ["/scratch/x"]):
        with pytest.raises(NotClearable):
            check_clearable("/scratch/x", prefixes)


# --------------------------------------------------------------------------------------------- URIs


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("agave://data-sd2e-community/uploads/a.txt", ("data-sd2e-community", "/uploads/a.txt")),
        ("agave://data.tacc.cloud//uploads//x/", ("data.tacc.cloud", "/uploads/x")),
        ("agave://s/", ("s", "/")),
        ("agave://s/a b?c#d", ("s", "/a b?c#d")),
    ],
)
def test_uri_is_system_and_path(text: str, uri: tuple[str, str]) -> None:
    assert AgaveUri.parse(text) == uri


@pytest.mark.parametrize(
    "text",
    ["", "/a", "agave:/s/a", "agave://", "agave://s", "agave:///a", "AGAVE://s/a", "s3://s/a", "agave://.s/a",
     "agave://s\0/a", "agave://s s/a", "agave://u@s/a", "agave://s/../a", "agave://s/a/./b", "agave://s/a\0", " agave://s/a"],
)  # fmt: skip
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(InvalidField):
        AgaveUri.parse(text)


@given(st.text(max_size=20))
def test_uri_that_is_read_is_written_and_read_the_same(rest: str) -> None:
    try:
        uri = AgaveUri.parse("agave://" + rest)
    except InvalidField:
        return
    assert AgaveUri.parse(str(uri)) == uri


# -------------------------------------------------------------------------------- older generations


@pytest.mark.parametrize(
    ("pipeline", "given_data", "uuid"),
    [
        (TACOBOT, {"param1": "value1"}, "10766b61-49f0-524d-a17f-f4bd42bdfce7"),
        (TACOBOT, {"example_data": "datadata"}, "1071269f-b251-5a5f-bec1-6d7f77131f3f"),
        (
            "10650844-1baa-55c5-a481-5e945b19c065",
            {"example_data": "datadata"},
            "1074de37-d178-5bcf-bcf0-b43cf4f91087",
        ),
    ],
)
def test_job_of_the_generation_before_has_its_published_uuid(
    pipeline: TypedUuid, given_data: dict[str, Any], uuid: str
) -> None:
    assert IDENTITY.uuid(Kind.PIPELINEJOB, job_text_j1(pipeline, given_data)) == uuid


def test_archive_path_of_the_first_catalogs_is_reproduced() -> None:
    path = archive_path_v1(
        ["UW_BIOFAB", "NovelChassis-NAND-Gate"], "f42d3f7f-07dc-596f-86f9-df75083e52cc", "fun-wolf", AT
    )
    assert path == (
        "/products/v1/55c8d93d-2115-53ba-ba05-446f47d7ff72/850e742e-e67a-5e99-bc04-c60d1eec9a41"
        "/f42d3f7f-07dc-596f-86f9-df75083e52cc/fun-wolf-20181127T173243Z"
    )


def test_archive_path_of_december_2018_is_reproduced() -> None:
    novel_chassis = TypedUuid("106bd127-e2d2-57ac-b9be-11ed06042e68")
    experiment = IDENTITY.uuid(Kind.EXPERIMENT, "experiment.uw_biofab.17016")
    path = archive_path_a([experiment], novel_chassis)
    assert path == "/products/v2/1022efa34480538fa581f1810fb4e0c3/106bd127e2d257acb9be11ed06042e68"
    instance = archive_path_a([experiment], novel_chassis, "unanimous-ungulate", AT)
    assert instance == f"{path}/unanimous-ungulate-20181127T173243Z"
