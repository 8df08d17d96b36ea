"""Records out of files: JSON, JSON Lines and CSV become entries, each with its place, as they are read.

JSON Lines and CSV are read line by line. A JSON array, or an object over several lines, is read whole, up to a limit.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from typing import BinaryIO

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import BadMessage, DatacatalogError, InvalidField, InvalidJson, InvalidTable
from datacatalog.domain.kinds import Kind, Relation
from datacatalog.domain.strict_json import RECORD_DEPTH_MAX, check_depth, parse_json, parse_object
from datacatalog.domain.tabular import paths_of, placed, read_cell, types_at
from datacatalog.domain.telling import kind_of
from datacatalog.ports.schemas import Schemas

FORMATS = ("json", "csv")
"""JSON stands for JSON Lines as well."""

LINE_MAX_BYTES = 2**30
"""A job with its whole history stands in one line. What is read whole may be as long."""

_BOM = b"\xef\xbb\xbf"
_BLANK = " \t\r\n"
_SPACE = re.compile(f"[{_BLANK}]*")
_SCANNER = json.JSONDecoder()
_KIND_COLUMN = ("kind",)
_LINKS = frozenset((relation.value,) for relation in Relation)


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a file.

    Attributes:
        place: where it begins: `line 7`; in an array `line 7 (record 3)`.
        kind: what it is of.
        size_bytes: of the text it stands in; 0 where a file is read whole.
    """

    place: str
    kind: Kind
    document: JsonObject
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands where a record should, and cannot be read."""

    place: str
    error: DatacatalogError


def read_entries(
    stream: BinaryIO, schemas: Schemas, *, format: str | None = None, kind: Kind | None = None
) -> Iterator[Entry | Unreadable]:
    """Yield what a file holds, in its order; after an `Unreadable` there may be more.

    Args:
        stream: UTF-8, with or without a byte order mark; lines end with LF or CRLF.
        format: one of FORMATS; None: what begins with `{` or `[` is JSON, all else CSV.
        kind: what all the records are; None: each one's UUID or fields tell, or the column `kind` of a CSV file.
    """
    try:
        lines = _lines(stream)
        blank = []
        for line in lines:
            if line.strip():
                break
            blank.append(line)
        else:
            return
        whole = chain(blank, [line], lines)
        if format == "csv" or (format is None and line.lstrip()[:1] not in (b"{", b"[")):
            yield from _csv_entries(whole, schemas, kind)
        else:
            yield from _json_entries(line, whole, kind)
    except BadMessage as e:
        yield Unreadable("", e)


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file.  Raises BadMessage: one is too long, or the file was compressed and is damaged."""
    line = _line(stream).removeprefix(_BOM)
    while line:
        if len(line) > LINE_MAX_BYTES:
            raise BadMessage(f"a line is longer than {LINE_MAX_BYTES} bytes")
        yield line
        line = _line(stream)


def _line(stream: BinaryIO) -> bytes:
    try:
        return stream.readline(LINE_MAX_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise BadMessage("the compressed file is cut off or damaged") from None


# ------------------------------------------------------------------------------------------------ JSON


def _json_entries(first: bytes, lines: Iterable[bytes], kind: Kind | None) -> Iterator[Entry | Unreadable]:
    """Yield the records of JSON text whose first line that is not blank is `first`."""
    if first.lstrip()[:1] == b"[":
        yield from _array_entries(_joined(lines), kind)
    elif _is_whole(first):
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _entry(f"line {number}", kind, partial(_object, line), len(line))
    else:
        raw = _joined(lines)
        begins = 1 + raw.count(b"\n", 0, len(raw) - len(raw.lstrip()))
        yield _entry(f"line {begins}", kind, partial(_object, raw))


def _joined(lines: Iterable[bytes]) -> bytes:
    """Return lines as one text.  Raises BadMessage: it would be too long, be it that little came compressed."""
    kept, size = list[bytes](), 0
    for line in lines:
        kept.append(line)
        size += len(line)
        if size > LINE_MAX_BYTES:
            raise BadMessage(
                f"an array or object is longer than {LINE_MAX_BYTES} bytes; write a record per line"
            )
    return b"".join(kept)


def _array_entries(raw: bytes, kind: Kind | None) -> Iterator[Entry | Unreadable]:
    try:
        elements = list(_elements(raw.decode()))
    except (ValueError, RecursionError):
        parse_json(raw, depth_max=RECORD_DEPTH_MAX)  # says where and why
        raise
    for number, (line, text) in enumerate(elements, start=1):
        yield _entry(f"line {line} (record {number})", kind, partial(_object, text))


def _elements(text: str) -> Iterator[tuple[int, str]]:
    """Yield the elements of a JSON array as text, each with the line that it begins in.

    Raises:
        ValueError: it is no array, or something stands behind it.
    """
    line, counted = 1, 0
    at = _past_blanks(text, text.index("[") + 1)
    if text[at : at + 1] != "]":
        while True:
            _, end = _SCANNER.raw_decode(text, at)
            line, counted = line + text.count("\n", counted, at), at
            yield line, text[at:end]
            at = _past_blanks(text, end)
            if text[at : at + 1] != ",":
                break
            at = _past_blanks(text, at + 1)
    if text[at:].strip(_BLANK) != "]":
        raise ValueError("no array")


def _past_blanks(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _entry(
    place: str, kind: Kind | None, read: Callable[[], JsonObject], size_bytes: int = 0
) -> Entry | Unreadable:
    try:
        document = read()
        return Entry(place, kind or kind_of(document), document, size_bytes)
    except BadMessage as e:
        return Unreadable(place, e)


def _object(text: bytes | str) -> JsonObject:
    return parse_object(text, depth_max=RECORD_DEPTH_MAX)


def _is_whole(line: bytes) -> bool:
    """Tell whether a line is a JSON value of its own, as in JSON Lines, acceptable or not."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


# ------------------------------------------------------------------------------------------------- CSV


def _csv_entries(lines: Iterable[bytes], schemas: Schemas, kind: Kind | None) -> Iterator[Entry | Unreadable]:
    """Yield the records of CSV (RFC 4180) whose first row names the columns; blank lines are passed over."""
    rows = _rows(lines)
    started, columns = next(rows)
    try:
        table = _Table(columns, schemas, kind)
    except BadMessage as e:
        yield Unreadable(f"line {started}", e)
        return
    for number, cells in rows:
        yield table.entry(f"line {number}", cells)


def _rows(lines: Iterable[bytes]) -> Iterator[tuple[int, list[str]]]:
    """Yield rows, each with the number of the line it begins in.

    Raises:
        InvalidTable: the rest cannot be read; the error tells where.
    """
    read = 0

    def texts() -> Iterator[str]:
        nonlocal read
        for line in lines:
            read += 1
            yield _decoded(line)

    # The limit is the process's; that of a line holds for cells as well.
    csv.field_size_limit(LINE_MAX_BYTES)
    reader = csv.reader(texts(), strict=True)
    while True:
        begins = read + 1
        try:
            cells = next(reader, None)
        except csv.Error as e:
            raise _at(begins, InvalidTable(_CSV_REASONS.get(str(e), str(e)))) from None
        except InvalidTable as e:
            raise _at(read, e) from None
        if cells is None:
            return
        if cells:
            yield begins, cells


_CSV_REASONS = {
    "unexpected end of data": "a quote is opened and never closed",
    "new-line character seen in unquoted field - do you need to open the file with newline=''?": (
        "a carriage return stands alone; lines end with LF or CRLF"
    ),
    "new-line character seen in unquoted field - do you need to open the file in universal-newline mode?": (
        "a carriage return stands alone; lines end with LF or CRLF"
    ),
}


def _decoded(line: bytes) -> str:
    try:
        text = line.decode()
    except UnicodeDecodeError as e:
        raise InvalidTable(f"byte {e.start} of the line is not UTF-8") from None
    if "\0" in text:
        raise InvalidTable("a NUL character cannot be kept")
    return text


def _at(number: int, error: InvalidTable) -> InvalidTable:
    error.add_note(f"line {number}")
    return error


class _Table:
    """Reads the rows of one CSV file."""

    def __init__(self, columns: list[str], schemas: Schemas, kind: Kind | None) -> None:
        """Raises InvalidField: a name is no name of a column, or stands there twice."""
        self._columns = columns
        self._kind = kind
        self._paths = paths_of(columns)
        self._says_kind = kind is None and _KIND_COLUMN in self._paths
        self._schemas = schemas
        self._types = cache(self._types_of)

    def entry(self, place: str, cells: list[str]) -> Entry | Unreadable:
        try:
            if len(cells) != len(self._columns):
                raise InvalidTable(f"has {len(cells)} cells, and the header {len(self._columns)} columns")
            said = {path: text for path, text in zip(self._paths, cells, strict=True) if text}
            kind = self._kind or self._told(said)
            return Entry(place, kind, self._document(kind, cells), sum(map(len, cells)))
        except BadMessage as e:
            return Unreadable(place, e)

    def _told(self, said: Mapping[tuple[str, ...], str]) -> Kind:
        if not self._says_kind or _KIND_COLUMN not in said:
            return kind_of({path[0]: text for path, text in said.items()})
        try:
            return Kind(said[_KIND_COLUMN])
        except ValueError:
            raise InvalidField("kind", f"{said[_KIND_COLUMN][:80]!a} is no kind of record") from None

    def _document(self, kind: Kind, cells: list[str]) -> JsonObject:
        values = []
        for column, path, types, text in zip(
            self._columns, self._paths, self._types(kind), cells, strict=True
        ):
            if not text or (self._says_kind and path == _KIND_COLUMN):
                continue
            try:
                values.append((path, read_links(text) if path in _LINKS else read_cell(text, types)))
            except InvalidJson as e:
                raise InvalidField(f"column {column}", e.reason) from None
        document = placed(values)
        if any(len(path) > 1 and isinstance(value, dict | list) for path, value in values):
            check_depth(document, RECORD_DEPTH_MAX)
        return document

    def _types_of(self, kind: Kind) -> list[frozenset[str]]:
        try:
            schema = self._schemas.get(f"{kind}_document")
        except KeyError:
            schema = {}
        return [types_at(schema, path, self._schemas.get) for path in self._paths]


def read_links(text: str) -> list[str]:
    """Return what a linkage cell names: a JSON list, or texts with `;` between them.

    Raises:
        InvalidJson.
    """
    if not text.lstrip().startswith("["):
        return [name.strip() for name in text.split(";") if name.strip()]
    names = parse_json(text)
    if not all(isinstance(name, str) for name in names):
        raise InvalidJson("a list of texts is wanted")
    return list(names)
