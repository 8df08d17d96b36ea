"""Reading one file strictly: JSON or YAML, without what readers would understand differently."""

from __future__ import annotations

from typing import Any

import yaml

from datacatalog.adapters.plain_yaml import DistinctKeys
from datacatalog.domain.strict_json import parse_json

SIZE_MAX_BYTES = 1 << 20


def read_document(suffix: str, raw: bytes) -> Any:
    """Return what a file holds.

    Args:
        suffix: `.json`; anything else is YAML.
    Raises:
        InvalidJson, ValueError: not such a file, larger than 1 MiB, a key that is given twice, or an alias (YAML).
    """
    if len(raw) > SIZE_MAX_BYTES:
        raise ValueError(f"is larger than {SIZE_MAX_BYTES} bytes")
    if suffix == ".json":
        return parse_json(raw)
    try:
        return _StrictLoader(raw).get_single_data()
    except yaml.YAMLError as e:
        raise ValueError(str(e)) from None


class _StrictLoader(DistinctKeys):
    """YAML with distinct keys, and without aliases: few bytes could stand for endless nodes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.YAMLError(f"an alias is not accepted: line {event.start_mark.line + 1}")
        return super().compose_node(parent, index)
