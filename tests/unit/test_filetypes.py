from __future__ import annotations

import csv
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.filetypes import ENDINGS, HEAD_BYTES, LABELS, MAGIC, NAMES, SUFFIXES, infer_type
from tests.shared import REPOSITORY, shared

PAGE = REPOSITORY / "docs" / "reference" / "filetypes.md"
MENDED = {
    ("ABI", ".ab1$"): "AB1",
    ("ABI", ".ab!$"): None,
    ("MULITIQC", "multiqc_report.html$"): "MULTIQC",
}


def test_published_cases_get_their_published_types() -> None:
    with shared("fixtures", "pipelinejobs", "derived", "filetype_cases.csv").open() as table:
        cases = list(csv.DictReader(table))
    content = shared("fixtures", "pipelinejobs", "fixity", "randomdata.taco").read_bytes()
    heads = {"randomdata.taco": content[:HEAD_BYTES]}
    told = {case["filename"]: infer_type(case["filename"], heads.get(case["filename"])) for case in cases}
    assert told == {case["filename"]: case["label"] for case in cases}
    assert len(told) >= 15


def test_published_fixtures_get_their_published_types() -> None:
    with shared("fixtures", "pipelinejobs", "derived", "fixity_expected.csv").open() as table:
        rows = list(csv.DictReader(table))
    for row in rows:
        head = shared("fixtures", "pipelinejobs", "fixity", row["file"]).read_bytes()[:HEAD_BYTES]
        assert infer_type(row["file"], head) == row["type"]
    assert len(rows) == 7


def test_published_rules_hold_for_the_names_they_were_made_for_but_for_those_that_were_mended() -> None:
    """A rule such as `.fa$` was made for names that end with a dot and `fa`."""
    with shared("fixtures", "pipelinejobs", "derived", "filetype_rules.csv").open() as table:
        rules = [(row["label"], row["pattern"]) for row in csv.DictReader(table)]
    first: dict[str, str] = {}
    for label, pattern in rules:
        name = re.sub(r"\[.*\]\+", "abc-1", pattern.strip("^$"))
        if not pattern.startswith("^"):
            name = f"x{name}"
        expected = MENDED.get((label, pattern), label)
        if expected and name not in first:
            first[name] = expected
    # `.rc$` stands before `config.rc`, so that the latter was never reached.
    assert {name: infer_type(name) for name in first} == first
    assert len(first) >= 40


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("alfa", "UNKNOWN"),
        ("digits.csv", "CSV"),
        ("trace.ab1", "AB1"),
        ("trace.abi", "ABI"),
        ("trace.ab", "ABI"),
        ("trace.ab!", "UNKNOWN"),
        ("multiqc_report.html", "MULTIQC"),
        ("run7_multiqc_report.html", "MULTIQC"),
        ("config.rc", "CONFIG"),
        ("reactor.rc", "CONFIG"),
        ("bash.rc", "ENV"),
        ("config.rc.txt", "PLAIN"),
        ("configxrc", "UNKNOWN"),
        ("config.yml.bak", "UNKNOWN"),
        (".gitignore", "GIT"),
        ("repo.git", "GIT"),
        ("legit.txt", "PLAIN"),
        ("provenance_dumpxjson", "UNKNOWN"),
        ("my-provenance_dump.json", "JSON"),
        ("metadata-r1bsm.json", "SAMPLES"),
        ("metadata-.json", "JSON"),
        ("a.metadata-r1.json", "JSON"),
        ("secrets.json", "SECRETS"),
        ("bamboo", "UNKNOWN"),
        ("errata", "UNKNOWN"),
    ],
)
def test_mended_rules_match_what_they_say(name: str, label: str) -> None:
    assert infer_type(name) == label


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("reads.fastq.gz", "FASTQ"),
        ("READS.FQ.GZ", "FASTQ"),
        ("genome.fa.gz", "FASTA"),
        ("fa.gz", "GZIP"),
        ("table.csv.gz", "GZIP"),
        ("all.tar.gz", "COMPRESSED-TAR"),
        ("sample_1_fastqc.zip", "FASTQC"),
        ("sample.zip", "ZIP"),
        ("photo.jpg", "JPG"),
        ("photo.jpeg", "JPEG"),
        ("spectra.mzML", "MZML"),
        ("Dockerfile", "DOCKERFILE"),
        ("requirements.txt", "REQUIREMENTS"),
        ("notes.txt", "PLAIN"),
        ("table.tsv", "TSV"),
        ("book.xlsx", "OPENXMLFORMATS-OFFICEDOCUMENT.SPREADSHEETML.SHEET"),
        ("a.b/plain", "UNKNOWN"),
        ("/dir.csv/file", "UNKNOWN"),
        (".csv", "CSV"),
        ("csv", "UNKNOWN"),
        ("x.", "UNKNOWN"),
        ("", "UNKNOWN"),
        ("/", "UNKNOWN"),
    ],
)
def test_name_tells_the_type(name: str, label: str) -> None:
    assert infer_type(name) == label


@pytest.mark.parametrize(
    ("head", "label"),
    [
        (None, "UNKNOWN"),
        (b"", "UNKNOWN"),
        (b"just words\n\tand more\r\n", "PLAIN"),
        ("läuft".encode(), "PLAIN"),
        (("é" * HEAD_BYTES).encode()[: HEAD_BYTES - 1], "PLAIN"),
        (b"x" + ("é" * HEAD_BYTES).encode(), "PLAIN"),
        (b"caf\xe9 au lait", "UNKNOWN"),
        (b"\x00\x01\x02", "UNKNOWN"),
        (b"text with a \x00", "UNKNOWN"),
        (b"\x1f\x8b\x08\x00", "GZIP"),
        (b"PK\x03\x04rest", "ZIP"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\x89HDF\r\n\x1a\n", "HDF"),
        (b"FCS3.1    ", "FCS"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"SQLite format 3\x00", "SQLITE3"),
    ],
)
def test_first_bytes_tell_the_type_where_the_name_does_not(head: bytes | None, label: str) -> None:
    assert infer_type("file.taco", head) == label


def test_the_name_goes_before_the_content() -> None:
    assert infer_type("reads.fastq", b"\x1f\x8b\x08\x00") == "FASTQ"


@given(name=st.text(max_size=30), head=st.none() | st.binary(max_size=40))
def test_every_file_has_one_of_the_listed_types(name: str, head: bytes | None) -> None:
    assert infer_type(name, head) in LABELS


@given(suffix=st.sampled_from(sorted(SUFFIXES)), stem=st.text("abcXYZ09_-.", min_size=1, max_size=12))
def test_a_suffix_tells_its_type_whatever_stands_before_and_however_it_is_written(
    suffix: str, stem: str
) -> None:
    name = f"x_{stem}z{suffix}"
    assert infer_type(name.upper()) == infer_type(name) == SUFFIXES[suffix]


def test_types_are_told_at_a_hundred_thousand_names_per_second() -> None:
    names = [
        "a.fastq.gz",
        "x.csv",
        "s_fastqc.html",
        "f.unknown",
        "none",
        "metadata-a.json",
        "y.tar.gz",
    ] * 3000
    began = time.process_time()
    for name in names:
        infer_type(name)
    assert len(names) / (time.process_time() - began) > 100_000


def test_reference_page_lists_every_name_suffix_and_type() -> None:
    page = PAGE.read_text()
    words = {*LABELS, *NAMES, *ENDINGS, *(suffix for suffix in SUFFIXES)}
    assert {word for word in words if f"`{word}`" not in page} == set()


def test_reference_page_lists_no_suffix_that_is_not_known() -> None:
    listed = set(re.findall(r"`(\.[a-z0-9.]+)`", PAGE.read_text().split("## Mended")[0]))
    assert listed - set(SUFFIXES) <= {".git"}


def test_every_magic_is_looked_for() -> None:
    assert {infer_type("x", magic + b"\x00" * 8) for magic in MAGIC} == set(MAGIC.values())
