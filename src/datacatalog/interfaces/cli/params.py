"""Options and arguments that several commands take, and how they are read."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from datacatalog.domain.kinds import NAMED, Kind

if TYPE_CHECKING:
    from datacatalog.domain.kinds import TypedUuid

    _Choice = click.Choice[str]
else:
    _Choice = click.Choice

F = TypeVar("F", bound=Callable[..., Any])

_LIFETIME = re.compile(r"(\d{1,9})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class KindName(_Choice):
    """What a kind of record is called: `sample`, or as in addresses `samples`. It is passed on as the former."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        super().__init__([kind.value for kind in kinds])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(NAMED[value].value if value in NAMED else value, param, ctx)


def read_lifetime(context: click.Context, _: click.Parameter, value: str | None) -> timedelta | None:
    """Read a span of time such as 30s, 15m, 1h or 7d."""
    if value is None:
        return None
    if found := _LIFETIME.fullmatch(value):
        with suppress(OverflowError):
            return timedelta(**{_UNITS[found[2]]: int(found[1])})
    raise click.BadParameter(f"'{value}' is no span of time; 30s, 15m, 1h and 7d are")


def read_pairs(context: click.Context, _: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    """Read an option or argument that is given as NAME=VALUE, any number of times."""
    pairs: dict[str, str] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"'{value}' is not NAME=VALUE")
        if pairs.setdefault(name, text) != text:
            raise click.BadParameter(f"'{name}' is given twice, with different values")
    return pairs


def json_object(text: str | None) -> dict[str, Any] | None:
    """Read an option that is a JSON object, or `@FILE` (`@-`: standard input) that holds one.

    Raises:
        InvalidJson.
    """
    if text is None:
        return None
    from datacatalog.domain.strict_json import parse_object

    if not text.startswith("@"):
        return parse_object(text)
    with click.open_file(text[1:], "rb") as file:
        return parse_object(file.read())


def typed(text: str, kind: Kind) -> TypedUuid:
    """Read a UUID argument of one kind.  Raises InvalidField."""
    from datacatalog.domain.identifiers.typed import read_typed

    return read_typed(text, kind)


def _read_secret(context: click.Context, _: click.Parameter, value: str | None) -> str | None:
    """Read a secret that is not to stand on the command line, where others may see it."""
    return typed_secret() if value == "-" else value


def typed_secret() -> str:
    """Return the first line of standard input.  Raises BadParameter: there is none."""
    if not (typed := sys.stdin.readline().strip()):
        raise click.BadParameter("standard input holds nothing")
    return typed


def token_option(help: str, *, required: bool = False) -> Callable[[F], F]:
    return click.option(
        "--token",
        envvar="DATACATALOG_TOKEN",
        show_envvar=True,
        required=required,
        metavar="T",
        callback=_read_secret,
        help=f"{help} '-': it is read from standard input.",
    )


limit_option = click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    metavar="N",
    default=100,
    show_default=True,
    help="At most so many.",
)
after_option = click.option(
    "--after", metavar="UUID", help="Go on after this one, the last of the page before."
)
"""For lists that are read page by page."""

where_option = click.option(
    "--where",
    multiple=True,
    callback=read_pairs,
    metavar="FIELD=VALUE",
    help="Only records with this value; may be given for several fields.",
)

message_file = click.argument("file", type=click.File("rb"))
"""A file with a JSON document; `-` is standard input."""
