"""Which type of file a name, or else the first bytes, tell of: FASTQ, CSV, PDF, ... or UNKNOWN.

Three steps, the first that answers counts: the catalog's own names and endings, the MIME type by ending (its
subtype in capitals, without `x-` and `vnd.`), a look at the first bytes. All tables are in this module, so that one
file has one type on every machine and under every version of Python. docs/reference/filetypes.md shows them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping

UNKNOWN = "UNKNOWN"
PLAIN = "PLAIN"

HEAD_BYTES = 512
"""How many first bytes of a file are looked at."""

NAMES: Mapping[str, str] = {
    "provenance_dump.json": "BPROV",
    "secrets.json": "SECRETS",
    "jenkinsfile": "JENKINS",
    "dockerfile": "DOCKERFILE",
    "requirements.txt": "REQUIREMENTS",
    "docker-compose.yml": "COMPOSEFILE",
    "makefile": "MAKEFILE",
}
"""Whole names, in lower case -> type."""

ENDINGS: Mapping[str, str] = {
    "fastqc.html": "FASTQC",
    "fastqc.zip": "FASTQC",
    "multiqc_report.html": "MULTIQC",
    "config.rc": "CONFIG",
    "reactor.rc": "CONFIG",
    "config.yml": "CONFIG",
}
"""Endings with more than a suffix -> type; they go before suffixes."""

_OWN = """
    BEDGRAPH bedgraph | AB1 ab1 | ABI abi ab | SCF scf | LOG err out log | ENV env rc
    FASTA fa fasta fa.gz fasta.gz fas | FASTQ fastq fastq.gz fq fq.gz | TSV tab tsv | BAM bam | BAI bai
    VCF vcf | BCF bcf | MD5 md5 | SAM sam | FCS fcs | SRAW sraw | MZML mzml | MSF msf | INI ini | GIT git
    GFF3 gff gff3 | GTF gtf | JPG jpg
"""

_MIME = """
    PLAIN txt text | CSV csv | MARKDOWN md markdown | RST rst | HTML html htm | XHTML+XML xhtml | XML xml | JSON json
    NDJSON ndjson | YAML yaml yml | TOML toml | CSS css | RTF rtf | TEX tex | BIBTEX bib | SQL sql | PATCH diff patch
    JAVASCRIPT js mjs | PYTHON py | IPYNB+JSON ipynb | PERL pl | RUBY rb | SHELLSCRIPT sh bash | CSRC c | CHDR h
    C++SRC cpp cc cxx | C++HDR hpp | JAVA java class | GO go | RUST rs | MATLAB m | TCL tcl
    PDF pdf | POSTSCRIPT ps | EPS eps | EPUB+ZIP epub | MSWORD doc | MS-EXCEL xls | MS-POWERPOINT ppt
    OPENXMLFORMATS-OFFICEDOCUMENT.WORDPROCESSINGML.DOCUMENT docx
    OPENXMLFORMATS-OFFICEDOCUMENT.SPREADSHEETML.SHEET xlsx
    OPENXMLFORMATS-OFFICEDOCUMENT.PRESENTATIONML.PRESENTATION pptx
    OASIS.OPENDOCUMENT.TEXT odt | OASIS.OPENDOCUMENT.SPREADSHEET ods | OASIS.OPENDOCUMENT.PRESENTATION odp
    PNG png | JPEG jpeg jpe | GIF gif | BMP bmp | TIFF tif tiff | SVG+XML svg | WEBP webp | DICOM dcm
    MICROSOFT.ICON ico | MPEG mp3 mpg mpeg | WAV wav | FLAC flac | OGG ogg | MP4 mp4 | WEBM webm | QUICKTIME mov
    MSVIDEO avi | MATROSKA mkv
    ZIP zip | GZIP gz | BZIP bz2 | XZ xz | ZSTD zst | LZ4 lz4 | TAR tar | COMPRESSED-TAR tar.gz tgz
    BZIP-COMPRESSED-TAR tar.bz2 tbz2 | XZ-COMPRESSED-TAR tar.xz txz | 7Z-COMPRESSED 7z | RAR rar | JAVA-ARCHIVE jar
    HDF h5 hdf hdf5 | NETCDF nc | FITS fits | MATLAB-DATA mat | SQLITE3 sqlite sqlite3 | APACHE.PARQUET parquet
    APACHE.ARROW.FILE arrow
"""


def _by_suffix(table: str) -> dict[str, str]:
    """Read "TYPE suffix suffix | TYPE suffix", a line break as good as a bar."""
    rows = (row.split() for row in table.strip().replace("\n", "|").split("|"))
    return {f".{suffix}": label for label, *suffixes in rows for suffix in suffixes}


SUFFIXES: Mapping[str, str] = {**_by_suffix(_MIME), **_by_suffix(_OWN)}
"""Suffix with its dot, in lower case -> type; of two dots where both say more than the last."""

MAGIC: Mapping[bytes, str] = {
    b"\x1f\x8b": "GZIP",
    b"PK\x03\x04": "ZIP",
    b"BZh": "BZIP",
    b"\xfd7zXZ\x00": "XZ",
    b"\x28\xb5\x2f\xfd": "ZSTD",
    b"7z\xbc\xaf\x27\x1c": "7Z-COMPRESSED",
    b"%PDF-": "PDF",
    b"%!PS": "POSTSCRIPT",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"\x89HDF\r\n\x1a\n": "HDF",
    b"SQLite format 3\x00": "SQLITE3",
    b"PAR1": "APACHE.PARQUET",
    b"ABIF": "ABI",
    b"FCS2.0": "FCS",
    b"FCS3.": "FCS",
    b"<?xml": "XML",
}
"""First bytes -> type."""

_FIRST_OF_MAGIC = frozenset(magic[0] for magic in MAGIC)
_ENDS_OF_ENDINGS = frozenset(ending[ending.rindex(".") :] for ending in ENDINGS)
_SAMPLES = re.compile(r"metadata-[a-z0-9-]+\.json")
_NO_TEXT = bytes(set(range(0x20)) - set(b"\b\t\n\v\f\r\x1b")) + b"\x7f"

LABELS = frozenset(
    {*NAMES.values(), *ENDINGS.values(), *SUFFIXES.values(), *MAGIC.values(), "SAMPLES", PLAIN, UNKNOWN}
)
"""Every type that `infer_type` can give."""


def infer_type(name: str, head: bytes | None = None) -> str:
    """Return the type of a file.

    Args:
        name: its name or path; case does not matter.
        head: its first bytes, at most 512 of which are looked at; None: only the name tells.
    """
    return _by_name(name.rpartition("/")[2].lower()) or _by_content((head or b"")[:HEAD_BYTES])


def _by_name(name: str) -> str | None:
    if known := NAMES.get(name):
        return known
    stem, dot, last = name.rpartition(".")
    if not dot:
        return None
    suffix = dot + last
    if suffix in _ENDS_OF_ENDINGS:
        for ending, label in ENDINGS.items():
            if name.endswith(ending):
                return label
    if suffix == ".json" and _SAMPLES.fullmatch(name):
        return "SAMPLES"
    if name.startswith(".git"):
        return "GIT"
    _, inner, last_but_one = stem.rpartition(".")
    return SUFFIXES.get(inner + last_but_one + suffix) or SUFFIXES.get(suffix)


def _by_content(head: bytes) -> str:
    if not head:
        return UNKNOWN
    if head[0] in _FIRST_OF_MAGIC:
        for magic, label in MAGIC.items():
            if head.startswith(magic):
                return label
    return PLAIN if _is_text(head) else UNKNOWN


def _is_text(head: bytes) -> bool:
    """Tell whether these bytes are UTF-8 without control characters; the last character may be cut off."""
    if head.translate(None, _NO_TEXT) != head:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True
