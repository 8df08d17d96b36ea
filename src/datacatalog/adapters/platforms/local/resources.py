"""What a job asks of a cluster, in Agave's words: nodeCount, processorsPerNode, memoryPerNode."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField

_COUNT_MAX = 65536
_UNITS = {"": 3, "MB": 2, "GB": 3, "TB": 4}
_MEMORY = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) ?([MGT]B)?")
_GIGABYTE = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a job asks for.

    Attributes:
        processors, memory_bytes: on each node; None: as much as the cluster gives by default.
    """

    nodes: int = 1
    processors: int = 1
    memory_bytes: int | None = None

    @property
    def memory_gigabytes(self) -> float:
        """What Agave shows: 1 where nothing was asked for."""
        return 1 if self.memory_bytes is None else round(self.memory_bytes / _GIGABYTE, 3)


DEFAULT = Resources()


def read_resources(definition: JsonObject) -> Resources:
    """Read what a job definition asks for.  Raises InvalidField."""
    return Resources(
        nodes=_count(definition.get("nodeCount"), "nodeCount"),
        processors=_count(definition.get("processorsPerNode"), "processorsPerNode"),
        memory_bytes=_memory(definition.get("memoryPerNode")),
    )


def _count(value: Any, field: str) -> int:
    if value is None:
        return 1
    found = int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,5}", value) else value
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found <= _COUNT_MAX:
        raise InvalidField(field, f"wants a whole number from 1 to {_COUNT_MAX}")
    return found


def _memory(value: Any) -> int | None:
    """Read gigabytes, or a text with a unit: 4, "512MB", "1.5GB"."""
    if value is None:
        return None
    text = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    match = _MEMORY.fullmatch(text.strip().upper())
    found = round(float(match[1]) * 1024 ** _UNITS[match[2] or ""]) if match else 0
    if not found:
        raise InvalidField("memoryPerNode", 'wants gigabytes, or a text such as "512MB"')
    return found
