"""What the catalog answers: plain documents, by attribute or by item, and lists of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

if TYPE_CHECKING:
    import pandas

SHOWN_ROWS = 20
SHOWN_TEXT = 120


class Entry(Mapping[str, Any]):
    """One document, such as a record, a step of a lineage or a line of a history.

    A field is read as `job.state` or `job["state"]`; one whose name is a method of mappings (`items`, `values`, ...) as an
    item alone. An entry is what was read, then: it does not change when the catalog does.

    Attributes:
        kind: of records, what they are, such as `sample`; else empty, unless the document has a field of that name.
        revision: of records, how often they were changed; else None.
    """

    __slots__ = ("_document", "_kind", "_revision")

    def __init__(self, document: Mapping[str, Any], *, kind: str = "", revision: int | None = None) -> None:
        self._document = dict(document)
        self._kind = kind
        self._revision = revision

    @property
    def kind(self) -> str:
        return str(self._document.get("kind", self._kind))

    @property
    def revision(self) -> int | None:
        found: int | None = self._document.get("revision", self._revision)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the document as a dictionary of its own."""
        return copy.deepcopy(self._document)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._document[name]
        except KeyError:
            told = ", ".join(self._document)
            raise AttributeError(
                f"{self._kind or 'this entry'} has no field '{name}'; it has {told}"
            ) from None

    def __getitem__(self, name: str) -> Any:
        return self._document[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._document)

    def __len__(self) -> int:
        return len(self._document)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in self._document if name.isidentifier())})

    def __repr__(self) -> str:
        shown = {name: value for name, value in self._document.items() if value not in (None, "", [], {})}
        fields = ", ".join(f"{name}={_short(value)}" for name, value in shown.items())
        return f"<{self._kind or 'entry'} {fields}>"

    def _repr_html_(self) -> str:
        rows = ((name, _text(value)) for name, value in self._document.items())
        return _html((), rows)


class Entries(list[Entry]):
    """A list of entries; a slice of it is one, too."""

    @overload
    def __getitem__(self, place: SupportsIndex) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> Entries: ...
    def __getitem__(self, place: SupportsIndex | slice) -> Entry | Entries:
        found = super().__getitem__(place)
        return found if isinstance(found, Entry) else Entries(found)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the documents as dictionaries of their own."""
        return [entry.to_dict() for entry in self]

    def to_pandas(self) -> pandas.DataFrame:
        """Return a DataFrame: a row per entry, a column per field.

        Raises:
            ImportError: pandas is not installed; it is no dependency of the catalog.
        """
        try:
            import pandas
        except ImportError as e:
            raise ImportError("to_pandas() needs pandas, which is not installed: pip install pandas") from e
        return pandas.DataFrame(self.to_dicts(), columns=self._fields())

    def _fields(self) -> list[str]:
        return list(dict.fromkeys(name for entry in self for name in entry))

    def _repr_html_(self) -> str:
        if not self:
            return "<p>nothing</p>"
        names = self._fields()
        rows = ([_text(entry.get(name)) for name in names] for entry in self[:SHOWN_ROWS])
        more = f"<p>{len(self) - SHOWN_ROWS} more</p>" if len(self) > SHOWN_ROWS else ""
        return f"{_html(names, rows)}{more}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_TEXT else f"{text[: SHOWN_TEXT - 1]}…"


def _text(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= SHOWN_TEXT else f"{text[: SHOWN_TEXT - 1]}…"


def _html(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table. What is in the catalog is foreign text: none of it becomes markup."""
    lines = [_row(head, "th")] if head else []
    lines += [_row(row, "td") for row in rows]
    return f"<table>{''.join(lines)}</table>"


def _row(cells: Iterable[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
