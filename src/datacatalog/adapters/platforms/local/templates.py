"""Text with names in braces, such as `--rows={parameters.rows}`; `{{` and `}}` stand for single braces.

A filled-in text is one argument as it stands. No shell ever sees it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Template:
    """Literal texts and names, in turn: `literals` has one more than `names`."""

    literals: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Take a text apart.  Raises ValueError: a brace without its partner, or nothing between two."""
        literals, names, end = [""], [], 0
        for match in _TOKEN.finditer(text):
            literals[-1] += text[end : match.start()]
            end = match.end()
            if match[0] in {"{{", "}}"}:
                literals[-1] += match[0][0]
            elif match[1]:
                names.append(match[1])
                literals.append("")
            else:
                raise ValueError(f"{match[0]} at character {match.start() + 1} is no name in braces")
        literals[-1] += text[end:]
        return cls(tuple(literals), tuple(names))

    @property
    def whole(self) -> bool:
        """Whether it is one name and nothing else; only then may the name stand for several values."""
        return len(self.names) == 1 and not any(self.literals)

    def fill(self, values: Mapping[str, Sequence[str]]) -> list[str]:
        """Return the arguments it stands for.

        Args:
            values: name -> its values; none where it was not given. Then the whole argument is left out.
        """
        if self.whole:
            return list(values[self.names[0]])
        if not all(values[name] for name in self.names):
            return []
        return ["".join(self._pieces(values))]

    def _pieces(self, values: Mapping[str, Sequence[str]]) -> Iterator[str]:
        yield self.literals[0]
        for name, literal in zip(self.names, self.literals[1:], strict=True):
            (value,) = values[name]
            yield value
            yield literal
