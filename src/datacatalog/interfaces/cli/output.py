"""Printing: tables for people, plain lines for pipes, one JSON document for programs.

Text from the catalog is foreign text: before a terminal sees it, whatever could steer the terminal is written out.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

PATIENCE_S = 1.0
"""Work that takes longer than this shows how far it is."""


def printable(value: Any) -> str:
    """Return a value as text of one line that can be shown anywhere: JSON where it is no text, escapes for controls."""
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def dumped(value: Any) -> str:
    """Return a value as JSON in ASCII, which means the same to every reader and steers no terminal."""
    return json.dumps(value)


def report(
    code: str, message: str, complaints: Sequence[Mapping[str, str]] = (), *, as_json: bool = False
) -> None:
    """Say on standard error what went wrong, and where."""
    if as_json:
        error = {"code": code, "message": message, "errors": [dict(c) for c in complaints]}
        print(dumped({"error": error}), file=sys.stderr)
        return
    if len(complaints) > 1:
        # The message strings them together; one line each reads better.
        message = message.partition(f": {complaints[0].get('schema', '')}")[0]
    print(f"error: {printable(message)}", file=sys.stderr)
    for complaint in complaints:
        line = f"{complaint['path']}: {complaint['message']}"
        if line not in message:
            schema = f"{complaint['schema']}: " if "schema" in complaint else ""
            print(f"  {printable(schema + line)}", file=sys.stderr)


class Output:
    """Standard output, as this run wants it."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    @property
    def terminal(self) -> bool:
        return not self.as_json and sys.stdout.isatty()

    def document(self, document: Mapping[str, Any]) -> None:
        """Print one document, a field per line."""
        if self.as_json:
            print(dumped(document))
            return
        width = max(map(len, document), default=0) if self.terminal else 0
        for name, value in document.items():
            gap = " " * (width + 2 - len(name)) if width else "\t"
            print(f"{printable(name)}{gap}{printable(value)}")

    def line(self, document: Mapping[str, Any], text: str) -> None:
        """Print one line for people, a document for programs; at once, since it may be waited for."""
        print(dumped(document) if self.as_json else printable(text), flush=True)

    def lines(self, document: Any, texts: Iterable[str]) -> None:
        """Print lines for people, one document for programs."""
        if self.as_json:
            print(dumped(document))
            return
        for text in texts:
            print(printable(text))

    def table(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Print rows: an array for programs, a table on a terminal, else a line per row with tabs.

        Args:
            columns: the fields that people are shown, in this order.
        """
        found = list(rows)
        if self.as_json:
            print(dumped(found))
        elif self.terminal:
            _print_table(found, columns)
        else:
            for row in found:
                print("\t".join(printable(row.get(column)) for column in columns))

    @contextmanager
    def counting(self, what: str) -> Iterator[Callable[[int], None]]:
        """Give a function that is told how many more are done; where a person waits longer than a second, they are shown."""
        if self.as_json or not sys.stderr.isatty():
            yield lambda count: None
            return
        began, done, shown = time.monotonic(), 0, None

        def more(count: int) -> None:
            nonlocal done, shown
            done += count
            if shown is None and time.monotonic() - began > PATIENCE_S:
                shown = _bar(what)
            if shown is not None:
                shown(done)

        try:
            yield more
        finally:
            if shown is not None:
                shown(None)

    @contextmanager
    def status(self) -> Iterator[Callable[[str], None]]:
        """Give a function that shows what is being waited for, in place, on a terminal."""
        if not self.terminal:
            yield lambda text: None
            return
        from rich.console import Console
        from rich.text import Text

        with Console().status("") as shown:
            yield lambda text: shown.update(Text(printable(text)))


def _print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    cells = [[printable(row.get(column)) for column in columns] for row in rows]
    for column in columns:
        table.add_column(column.replace("_", " "), no_wrap=True)
    for line in cells:
        table.add_row(*map(Text, line))
    # What stands here is copied into the next command, so it stays whole; a line that is too long is the terminal's to fold.
    console = Console()
    widest = [max(len(text) for text in texts) for texts in zip(columns, *cells, strict=True)]
    console.width = max(console.width, sum(widest) + 2 * len(widest))
    console.print(table)


def _bar(what: str) -> Callable[[int | None], None]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.completed:,.0f} {task.description}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=None)
    bar.start()

    def show(done: int | None) -> None:
        bar.stop() if done is None else bar.update(task, completed=done)

    return show
