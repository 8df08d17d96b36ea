"""Records out of the bytes of files, each with its place."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.adapters.schemas import JsonSchemas
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.kinds import Kind
from datacatalog.domain.telling import kind_of
from datacatalog.services import sources
from datacatalog.services.sources import Entry, Unreadable, read_entries
from tests.unit.test_tabular import texts, values

SCHEMAS = JsonSchemas()


def read(raw: bytes | str, **options: Any) -> list[Entry | Unreadable]:
    stream = io.BytesIO(raw if isinstance(raw, bytes) else raw.encode())
    return list(read_entries(stream, SCHEMAS, **options))


def documents(raw: bytes | str, **options: Any) -> list[Any]:
    found = read(raw, **options)
    assert all(isinstance(each, Entry) for each in found), found
    return [each.document for each in found if isinstance(each, Entry)]


def refusals(raw: bytes | str, **options: Any) -> list[str]:
    """Return place and reason of everything that cannot be read."""
    return [
        ": ".join([each.place, *getattr(each.error, "__notes__", []), str(each.error)]).lstrip(": ")
        for each in read(raw, **options)
        if isinstance(each, Unreadable)
    ]


# ------------------------------------------------------------------------------------------------ JSON


@pytest.mark.parametrize(
    ("raw", "places"),
    [
        (b'[{"sample_id": "a"}, {"sample_id": "b"}]', ["line 1 (record 1)", "line 1 (record 2)"]),
        (
            b'[\n  {"sample_id":\n "a"} ,\r\n\n{"sample_id": "b"}\n]\n',
            ["line 2 (record 1)", "line 5 (record 2)"],
        ),
        (b' \n[\n{"sample_id": "a"}]', ["line 3 (record 1)"]),
        (b'{"sample_id": "a"}', ["line 1"]),
        (b'\n{\n "sample_id": "a"\n}\n', ["line 2"]),
        (b'\n{"sample_id": "a"}\r\n\r\n{"sample_id": "b"}', ["line 2", "line 4"]),
        (b'\xef\xbb\xbf{"sample_id": "a"}', ["line 1"]),
        (b"[]", []),
        (b"", []),
        (b"\n\n", []),
        (b"\xef\xbb\xbf", []),
    ],
)
def test_json_is_an_array_or_an_object_or_an_object_per_line(raw: bytes, places: list[str]) -> None:
    assert [each.place for each in read(raw)] == places
    assert all(isinstance(each, Entry) for each in read(raw))


@given(
    st.lists(st.fixed_dictionaries({"sample_id": texts, "more": values}), max_size=4),
    st.sampled_from([None, 0, 1, "\t"]),
    st.sampled_from([(",", ":"), (" ,\n", " : "), ("\r\n,", ":\t")]),
)
def test_array_gives_the_records_that_any_reader_finds_in_it(
    records: list[Any], indent: Any, separators: tuple[str, str]
) -> None:
    text = json.dumps(records, indent=indent, separators=separators)
    assert documents(text) == json.loads(text)
    places = [each.place for each in read(text)]
    lines = text.split("\n")
    for number, place in enumerate(places, start=1):
        line, _, record = place.removeprefix("line ").partition(" ")
        assert record == f"(record {number})"
        assert "{" in lines[int(line) - 1]


def test_bad_line_does_not_hide_those_after_it() -> None:
    raw = '{"sample_id": "a"}\n{"sample_id": NaN}\n[1]\n{"sample_id": \n{"sample_id": 18446744073709551616}\n{"sample_id": "b"}\n'
    bad = refusals(raw)
    assert [text.partition(":")[0] for text in bad] == ["line 2", "line 3", "line 4", "line 5"]
    assert "NaN is no JSON number" in bad[0]
    assert "an object is wanted" in bad[1]
    assert "does not fit into 64 bits" in bad[3]
    assert [each.place for each in read(raw) if isinstance(each, Entry)] == ["line 1", "line 6"]


def test_first_line_that_is_json_but_not_acceptable_is_named_as_a_line() -> None:
    assert refusals('{"a": NaN}\n{"sample_id": "a"}\n')[0].startswith("line 1: ")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"sample_id": "a"', "line 1: not acceptable as JSON"),
        (b'[{"sample_id": "a"}', "not acceptable as JSON"),
        (
            b'[{"sample_id": "a"}, 5]',
            "line 1 (record 2): not acceptable as JSON: /: an object is wanted, not a number",
        ),
        (b'[{"sample_id": "\xff"}]', "not acceptable as JSON: byte 16 is not UTF-8"),
        (b'[{"sample_id": "a"}] x', "not acceptable as JSON: Extra data at line 1"),
        (b'[{"sample_id": "a"},]', "not acceptable as JSON"),
        (b"[,]", "not acceptable as JSON"),
        (b"[", "not acceptable as JSON"),
        (b"[" * 100_000, "not acceptable as JSON: nested deeper than 72"),
        (
            b'[{"sample_id": "a", "a": 1, "a": 2}]',
            "line 1 (record 1): not acceptable as JSON: key 'a' is given twice",
        ),
        (b'{"sample_id": "\xff"}', "line 1: not acceptable as JSON: byte 15 is not UTF-8"),
        (b'[{"colour": "red"}]', "line 1 (record 1): kind: cannot be told from the fields (colour);"),
        (b'[{"uuid": "x"}]', "line 1 (record 1): uuid: 'x' is not a UUID"),
    ],
)
def test_json_that_cannot_be_read_is_told_with_its_place(raw: bytes, reason: str) -> None:
    [text] = refusals(raw)
    assert text.startswith(reason)


def test_line_without_end_is_refused_before_it_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LINE_MAX_BYTES", 50)
    assert refusals(b'{"sample_id": "' + b"a" * 100 + b'"}') == ["a line is longer than 50 bytes"]


def test_what_is_read_whole_is_no_longer_than_a_line_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LINE_MAX_BYTES", 50)
    for text in (b"[\n" + b'{"sample_id": "a"},\n' * 3, b"{\n" + b" \n" * 30):
        [reason] = refusals(text)
        assert reason == "an array or object is longer than 50 bytes; write a record per line"


# ------------------------------------------------------------------------------------------------- CSV

HEAD = "sample_id,replicate,barcode,missing_pc,temperature.value,temperature.unit,child_of,note\n"


def test_schema_decides_what_cells_are_and_empty_ones_are_no_fields() -> None:
    raw = HEAD + 's1,2,007,true,37,C,experiment.a;experiment.b,5\ns2,,,,,,"[""experiment.c""]",\n'
    assert documents(raw) == [
        {
            "sample_id": "s1",
            "replicate": 2,
            "barcode": "007",
            "missing_pc": True,
            "temperature": {"value": 37, "unit": "C"},
            "child_of": ["experiment.a", "experiment.b"],
            "note": 5,
        },
        {"sample_id": "s2", "child_of": ["experiment.c"]},
    ]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_lines_end_in_either_way_after_a_mark_or_none(bom: bytes, end: bytes) -> None:
    raw = bom + end.join([b"sample_id,note", b'a,"one\r\ntwo"', b"", b"b,\xc3\xa9"])
    assert documents(raw) == [{"sample_id": "a", "note": "one\r\ntwo"}, {"sample_id": "b", "note": "é"}]
    found = [each.place for each in read(raw)]
    assert found == ["line 2", "line 5"]


def test_column_may_name_the_kind_of_each_row() -> None:
    raw = "kind,id,experiment_id,name,title\nchallenge_problem,C,,,c\nexperiment,,E,,e\n,,,/uploads/a,\n"
    found = read(raw)
    assert [each.kind for each in found if isinstance(each, Entry)] == [
        Kind.CHALLENGE_PROBLEM,
        Kind.EXPERIMENT,
        Kind.FILE,
    ]
    assert documents(raw)[0] == {"id": "C", "title": "c"}
    assert refusals("kind,id\nsomething,1\n") == ["line 2: kind: 'something' is no kind of record"]
    assert documents("kind,sample_id\nblue,s\n", kind=Kind.SAMPLE) == [{"kind": "blue", "sample_id": "s"}]


def test_text_of_a_level_stays_text() -> None:
    assert documents("name,level\n/a,1\n")[0]["level"] == "1"
    assert documents("checksum,name,size\nx,/a,1\n")[0] == {"checksum": "x", "name": "/a", "size": 1}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("sample_id,replicate\na,1\nb,x\n", "line 3: column replicate: 'x' is no integer"),
        ("sample_id,replicate\na,NaN\n", "line 2: column replicate: 'NaN' is no integer"),
        ("sample_id,replicate\na," + "9" * 30, "line 2: column replicate: '9999"),
        ("sample_id,contents\na,[1\n", "line 2: column contents: '[1' is no array"),
        ("sample_id,child_of\na,[1]\n", "line 2: column child_of: a list of texts is wanted"),
        ('sample_id,note\na,"x\ny"\nb\n', "line 4: has 1 cells, and the header 2 columns"),
        ("sample_id,note\na,b,c\n", "line 2: has 3 cells, and the header 2 columns"),
        ("sample_id,sample_id\na,b\n", "line 1: sample_id: is the name of two columns"),
        ("sample_id,\na,b\n", "line 1: (no name): is no name of a column"),
        ("sample_id, child_of\na,b\n", "line 1:  child_of: is spelt child_of"),
        ("Sample ID,strain\na,b\n", "line 1: Sample ID: is spelt sample_id"),
        ("\nsample_id,a.b,a\na,b,c\n", "line 2: a.b: lies within column a"),
        ('sample_id,note\na,b\nc,"d\ne', "line 3: a quote is opened and never closed"),
        ('sample_id,note\na,"b"c\n', "line 2: ',' expected after '\"'"),
        ("sample_id,note\ra,b\r", "line 1: a carriage return stands alone"),
        (b"sample_id,note\na,b\nc,\xe9\n", "line 3: byte 2 of the line is not UTF-8"),
        ("sample_id,note\na,\0\n", "line 2: a NUL character cannot be kept"),
        ("sampleid;title\na;b\n", "line 2: kind: cannot be told from the fields (sampleid;title);"),
    ],
)
def test_csv_that_cannot_be_read_is_told_with_line_and_column(raw: str | bytes, reason: str) -> None:
    [text] = refusals(raw, format="csv")
    assert text.startswith(reason)


def test_bad_row_does_not_hide_those_after_it() -> None:
    raw = "sample_id,replicate\na,x\nb,1\nc\nd,2\n"
    assert len(refusals(raw)) == 2
    assert [each.place for each in read(raw) if isinstance(each, Entry)] == ["line 3", "line 5"]


def test_kind_whose_schema_nobody_knows_is_read_without_one() -> None:
    assert documents("a,b\n1,x\n", kind=Kind.GENERIC) == [{"a": 1, "b": "x"}]


# ---------------------------------------------------------------------------------------------- kinds


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"id": "C", "title": "t"}, Kind.CHALLENGE_PROBLEM),
        ({"experiment_design_id": "d"}, Kind.EXPERIMENT_DESIGN),
        ({"experiment_id": "e"}, Kind.EXPERIMENT),
        ({"sample_id": "s"}, Kind.SAMPLE),
        ({"measurement_id": "m", "sample_id": "s"}, Kind.MEASUREMENT),
        ({"process_id": "p", "name": "n"}, Kind.PROCESS),
        ({"reference_id": "r", "uri": "u", "name": "n"}, Kind.REFERENCE),
        ({"upload_id": "u"}, Kind.UPLOAD),
        ({"query_id": "q"}, Kind.QUERY),
        ({"dashboard_id": "d"}, Kind.DASHBOARD),
        ({"connects_from": [], "connects_to": [], "owner": "o"}, Kind.ASSOCIATION),
        ({"id": "a/b:1", "name": "n", "components": []}, Kind.PIPELINE),
        ({"pipeline_uuid": "u", "archive_path": "/a"}, Kind.PIPELINEJOB),
        ({"name": "/uploads/leaf.csv"}, Kind.FILE),
        ({"name": "/uploads/leaf.csv", "checksum": "sha256:00"}, Kind.FIXITY),
        ({"uuid": "103246E1BCDF5B6EA8DC4C7E81B91141"}, Kind.SAMPLE),
    ],
)
def test_kind_of_a_record_is_told_by_its_uuid_or_its_fields(document: dict[str, Any], kind: Kind) -> None:
    assert kind_of(document) is kind


def test_record_that_could_be_anything_is_not_guessed() -> None:
    with pytest.raises(InvalidField):
        kind_of({"title": "?"})
