"""YAML in which every key stands once: where it stands twice, the parser would keep the last in silence."""

from __future__ import annotations

from typing import Any

import yaml


class DistinctKeys(yaml.SafeLoader):
    """A loader that refuses mappings with a repeated key, by YAMLError with its line."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key in [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]:
            if key.value in seen:
                raise yaml.YAMLError(f"key {key.value!r:.80} is given twice: line {key.start_mark.line + 1}")
            seen.add(key.value)
        return node
