"""What a command may use up, and which limit it met."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

from datacatalog.domain.documents import JsonObject


class _Limit(NamedTuple):
    """One limit.

    Attributes:
        resource: its name in the module `resource`.
        signal: what the kernel ends a process with that meets it, if it does.
        words: what programs say that were refused something because of it.
    """

    resource: str
    signal: int = 0
    words: str = ""


_LIMITS: Mapping[str, _Limit] = {
    "memory_bytes": _Limit("RLIMIT_AS", words=r"MemoryError|bad_alloc|Cannot allocate memory|[Oo]ut of memory"),
    "file_bytes": _Limit("RLIMIT_FSIZE", signal.SIGXFSZ, "File too large"),
    "processes": _Limit("RLIMIT_NPROC", words="Resource temporarily unavailable|can't start new thread"),
    "open_files": _Limit("RLIMIT_NOFILE", words="Too many open files"),
    "cpu_s": _Limit("RLIMIT_CPU", signal.SIGXCPU),
}  # fmt: skip
_SHELL = 128
"""A shell, or what wraps a command, ends with this and the signal's number where a signal ended what it started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What each process of a command may use; None: as much as this one.

    Attributes:
        memory_bytes: its address space.
        file_bytes: size of a file that it writes.
        processes: of its user, all jobs together.
        cpu_s: time that it computes.
    """

    memory_bytes: int | None = None
    file_bytes: int | None = None
    processes: int | None = None
    open_files: int | None = None
    cpu_s: int | None = None

    @classmethod
    def read(cls, document: JsonObject) -> Limits:
        return cls(**document)

    def to_document(self) -> JsonObject:
        return asdict(self)

    def resources(self) -> dict[str, int]:
        """Return what is limited: name in the module `resource` -> value."""
        return {_LIMITS[name].resource: value for name, value in self._set().items()}

    def met(self, code: int, words: str) -> str:
        """Tell which limit ended a command, as far as that shows; "" where it does not.

        Args:
            code: its exit code, or minus the signal that ended it.
            words: the last that it said.
        """
        for name, value in self._set().items():
            limit = _LIMITS[name]
            if limit.signal and code in (-limit.signal, _SHELL + limit.signal):
                return f"it met its limit, {name}: {value}"
            if code and limit.words and re.search(limit.words, words):
                return f"it seems to have met its limit, {name}: {value}"
        return ""

    def _set(self) -> dict[str, int]:
        return {name: value for name, value in asdict(self).items() if value is not None}


NO_LIMITS = Limits()
