r"""Regular expressions that come from users: which of an archive's files they pick.

They run under RE2, in time linear in the text, whatever they are. Where RE2 and Python's `re` read a pattern
differently, it is refused (`{,n}`, `\Z`) or documented (docs/reference/patterns.md), never silently changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote_to_bytes

import re2

from datacatalog.domain.errors import InvalidPattern
from datacatalog.domain.paths import relative

MAX_PATTERNS = 64
MAX_CHARACTERS = 512
MAX_MEMORY_BYTES = 16 * 1024 * 1024
"""Memory of all compiled patterns of one request together."""
MAX_INSTRUCTIONS = 65_536
"""Size of all compiled programs of one request together: what one name can cost at most grows with it."""

_HINTS = (
    (r"\(\?<?[=!]", "look-around is not available"),
    (r"\\[1-9]|\(\?P=", "back-references are not available"),
    (r"\\Z", r"write \z for the end of the text"),
    (r"\{,\d+\}", "write {0,n} for {,n}"),
    (r"\(\?>|[*+?}]\+", "possessive and atomic groups are not available"),
    (r"\{\d+,?\d*\}", "repetitions are limited to 1000, nested ones to 1000 together"),
)
_REREAD = re.compile(r"(?<!\\)\{,\d+\}")
# One character of UTF-8, each of its bytes escaped.
_ESCAPED = re.compile(
    "%[0-7][0-9a-f]|%[cd][0-9a-f]%[89ab][0-9a-f]|%e[0-9a-f](?:%[89ab][0-9a-f]){2}|%f[0-7](?:%[89ab][0-9a-f]){3}",
    re.IGNORECASE,
)


class Patterns:
    """Regular expressions of which at least one must be found; none at all: everything is picked."""

    __slots__ = ("_in_name", "_in_path", "instructions", "texts")

    def __init__(self, patterns: Sequence[str], field: str = "patterns") -> None:
        """Compile each pattern by itself.

        Args:
            field: what the list is called where it came from; complaints name `<field>/<index>`.
        Raises:
            InvalidPattern: one cannot be run under RE2, or they are too many, too long or too large.
        """
        if len(patterns) > MAX_PATTERNS:
            raise InvalidPattern(field, f"{len(patterns)} patterns; at most {MAX_PATTERNS} are taken")
        self.texts = tuple(patterns)
        compiled = [compile_pattern(text, f"{field}/{index}") for index, text in enumerate(patterns)]
        self.instructions: int = sum(program.programsize for program in compiled)
        if self.instructions > MAX_INSTRUCTIONS:
            raise InvalidPattern(field, "the patterns are too large together; use fewer counted repetitions")
        pairs = list(zip(self.texts, compiled, strict=True))
        self._in_name = tuple(program for text, program in pairs if "/" not in text)
        self._in_path = tuple(program for text, program in pairs if "/" in text)

    def matches(self, path: str, archive_path: str) -> bool:
        """Tell whether a file is picked.

        A pattern is searched, not anchored, in the file's name; one that contains "/" is searched in its
        path below `archive_path`, which has no leading slash.
        """
        if not self.texts:
            return True
        name = path.rpartition("/")[2]
        if any(program.search(name) for program in self._in_name):
            return True
        if not self._in_path:
            return False
        place = relative(path, archive_path)
        return any(program.search(place) for program in self._in_path)


def decode_filter(text: str) -> str:
    """Percent-decode a filter once; what is no valid escape of UTF-8 stays as it is.

    Source: docs, PipelineJobs Indexer: the strings of `filters` are URL-encoded.
    """
    return _ESCAPED.sub(lambda found: _decoded(found[0]), text)


def _decoded(escaped: str) -> str:
    try:
        return unquote_to_bytes(escaped).decode()
    except UnicodeDecodeError:
        return escaped


def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = MAX_MEMORY_BYTES // MAX_PATTERNS
    options.never_capture = True
    options.log_errors = False
    return options


_OPTIONS = _options()


def compile_pattern(text: object, place: str) -> re2._Regexp:
    """Compile one pattern.  Raises InvalidPattern, which names `place`."""
    if not isinstance(text, str):
        raise InvalidPattern(place, "is not a string")
    if len(text) > MAX_CHARACTERS:
        raise InvalidPattern(place, f"is longer than {MAX_CHARACTERS} characters")
    if _REREAD.search(text):
        raise _refused(place, text, "{,n} is plain text there")
    try:
        return re2.compile(text, _OPTIONS)
    except UnicodeEncodeError:
        raise InvalidPattern(place, "is not text") from None
    except re2.error as error:
        raise _refused(place, text, _reason(error)) from None


def _refused(place: str, text: str, reason: str) -> InvalidPattern:
    hints = "".join(f"; {hint}" for hint in _hints(text))
    return InvalidPattern(place, f"is not a regular expression in RE2 syntax: {reason}{hints}")


def _hints(text: str) -> Iterator[str]:
    return (hint for sign, hint in _HINTS if re.search(sign, text))


def _reason(error: Exception) -> str:
    (reason,) = error.args
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
