"""Commands that are imported when they are used, and the options that all of them share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from datacatalog.interfaces.cli.context import Cli

# The same as settings.CONFIG_VARIABLE, which costs the loading of a YAML parser and a validator.
CONFIG_VARIABLE = "DATACATALOG_CONFIG"
COMPLETION_VARIABLE = "_DATACATALOG_COMPLETE"
PROGRAM = "datacatalog"


class Later(NamedTuple):
    """A command that is not loaded yet.

    Attributes:
        place: `module:name`, the module within this package.
        help: its first line of help.
    """

    place: str
    help: str

    def load(self) -> click.Command:
        module, _, name = self.place.partition(":")
        command = getattr(import_module(f"{__package__}.{module}"), name)
        assert isinstance(command, click.Command)  # noqa: S101
        return command


def _shared_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--config"],
            type=click.Path(dir_okay=False),
            metavar="PATH",
            expose_value=False,
            callback=_set_config,
            help="The config.yml to use, in place of $DATACATALOG_CONFIG.",
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            callback=_set_json,
            help="Print one JSON document, for programs.",
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_set_verbose,
            help="Say more, on standard error.",
        ),
    ]


def _set_config(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value:
        cli = context.ensure_object(Cli)
        cli.config = os.environ[CONFIG_VARIABLE] = os.path.abspath(os.path.expanduser(value))


def _set_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Cli).json = True


def _set_verbose(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Cli).verbose = True


class Command(click.Command):
    """A command; it takes the shared options too, so that they may stand anywhere."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _shared_options()


class Group(click.Group):
    """A group of commands, some of which are loaded when they are used."""

    command_class = Command

    def __init__(self, *args: Any, later: Mapping[str, Later] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **{"no_args_is_help": False, **kwargs})
        self.later = later or {}
        self.params += _shared_options()

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if not args and not context.resilient_parsing:
            click.echo(context.get_help(), err=True)
            context.exit(2)
        return super().parse_args(context, args)

    def list_commands(self, context: click.Context) -> list[str]:
        return [*self.commands, *self.later]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in self.later and name not in self.commands:
            # Not kept among self.commands, which would change the order of the list.
            return self.later[name].load()
        return super().get_command(context, name)

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self.list_commands(context) and not name.startswith("-"):
            context.fail(f"no such command '{name}'{self._near(name, context)}")
        return super().resolve_command(context, args)

    def _near(self, name: str, context: click.Context) -> str:
        from difflib import get_close_matches

        near = get_close_matches(name, self.list_commands(context), 1)
        return f"; did you mean '{near[0]}'?" if near else ""

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their help; those that are not loaded are not loaded for it."""
        rows = [
            (name, command.get_short_help_str(limit=100))
            for name, command in self.commands.items()
            if not command.hidden
        ]
        rows += [(name, later.help) for name, later in self.later.items()]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)
