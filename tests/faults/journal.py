"""What clients sent and were answered, on disk before they go on: whoever kills the test loses none of it.

One file per client, one JSON object per line. An attempt is written before it is made, and its answer, with an fsync, before the client
believes it. `told` makes of all that what the model is asked about; nothing in memory is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.model import Sent


class Journal:
    """Appends to one file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def attempt(self, *, mark: str, job: str, event: str, actor: str) -> None:
        self._write({"tried": mark, "job": job, "event": event, "actor": actor})

    def answer(self, *, mark: str, status: int | None, job: str, execution: str | None) -> None:
        """Note an answer (None: there was none), with the job that is known by now."""
        self._write({"answered": mark, "status": status, "job": job, "execution": execution})
        os.fsync(self._fd)

    def close(self) -> None:
        os.close(self._fd)

    def _write(self, entry: dict[str, Any]) -> None:
        os.write(self._fd, json.dumps(entry).encode() + b"\n")


def told(folder: Path) -> list[Sent]:
    """Return everything that the clients of a folder sent, as they know it."""
    found: dict[str, dict[str, Any]] = {}
    for entry in _entries(folder):
        if "tried" in entry:
            fresh = {"event": entry["event"], "actor": entry["actor"], "answers": [], "executions": []}
            found.setdefault(entry["tried"], fresh)["job"] = entry["job"]
            continue
        sending = found[entry["answered"]]
        sending["job"] = entry["job"]
        if entry["status"] is not None:
            sending["answers"].append(entry["status"])
        if entry["execution"] is not None:
            sending["executions"].append(entry["execution"])
    return [Sent(mark=mark, **sending) for mark, sending in found.items()]


def attempts(folder: Path) -> tuple[int, int]:
    """Return how often something was sent, and how often nobody answered."""
    entries = list(_entries(folder))
    answers = [entry for entry in entries if "answered" in entry]
    tried = sum("tried" in entry for entry in entries)
    return tried, tried - sum(entry["status"] is not None for entry in answers)


def _entries(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            yield json.loads(line)
