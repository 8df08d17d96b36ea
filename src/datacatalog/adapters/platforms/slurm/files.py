"""What lies beside an attempt that Slurm runs: what is to be run, and what came of it.

<attempt>.slurm/order.json     the command
                script.sh      what is submitted: it starts batch.py
                lock           held from before sbatch until the job's id is written down
                begun          id of the Slurm job that runs the command; no second one ever does
                ending.json    how the command ended
                batch.log      what Slurm itself, and batch.py, had to say
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from datacatalog.adapters.platforms.local import disk
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import NotYet

_BATCH = "datacatalog.adapters.platforms.slurm.batch"
_WORDS_BYTES = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a command ended on its node.

    Attributes:
        how: exited, timed-out or stopped.
        reason: why it could not be run; "" otherwise.
    """

    how: str
    code: int
    reason: str = ""


class Files:
    """The files of one attempt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script, self.log = folder / "script.sh", folder / "batch.log"

    @classmethod
    def beside(cls, attempt: Path) -> Files:
        return cls(attempt.with_name(f"{attempt.name}.slurm"))

    def prepare(self, order: JsonObject) -> None:
        """Write what is to be run; what is there already stays."""
        disk.make_private(self.folder)
        words = [sys.executable, "-I", "-m", _BATCH, str(self.folder)]
        disk.write_once(self.folder / "order.json", json.dumps(order).encode())
        disk.write_once(self.script, f"#!/bin/sh\nexec {shlex.join(words)}\n".encode())

    def order(self) -> JsonObject:
        found: JsonObject = json.loads((self.folder / "order.json").read_bytes())
        return found

    @contextmanager
    def submitting(self) -> Iterator[int]:
        """Hold the right to submit; yield the file that holds it, for sbatch to hold on to.

        Raises:
            NotYet: another worker, or what is left of it, is at it.
        """
        try:
            with disk.held(self.folder / "lock", timedelta(0)) as descriptor:
                yield descriptor
        except TimeoutError:
            raise NotYet("the job is being submitted") from None

    def begin(self, job: str) -> bool:
        """Take the command, on its node; False: another Slurm job has it."""
        return disk.write_once(self.folder / "begun", job.encode())

    def begun(self) -> str:
        """Return the id of the Slurm job that has the command; "": none yet."""
        return self._read("begun").decode("ascii", "replace")

    def end(self, ending: Ending) -> None:
        disk.replace(self.folder / "ending.json", json.dumps(asdict(ending)).encode())

    def ending(self) -> Ending | None:
        found = self._read("ending.json")
        return Ending(**json.loads(found)) if found else None

    def last_words(self) -> str:
        lines = self._read("batch.log")[-_WORDS_BYTES:].decode("utf-8", "replace").strip().splitlines()
        return "".join(character for character in lines[-1] if character.isprintable()) if lines else ""

    def _read(self, name: str) -> bytes:
        # A network file system shows a new file only once its folder was opened anew.
        if name not in os.listdir(self.folder):
            return b""
        return (self.folder / name).read_bytes()
