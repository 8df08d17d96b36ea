"""The parts of the pages that are read off the code: lifecycle, errors, commands, programming interface.

A page asks for a part with a comment such as `<!-- generated: lifecycle_table -->` on a line of its own.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import click

from datacatalog import domain, ports
from datacatalog.adapters.telemetry.metrics import METRICS
from datacatalog.domain import errors
from datacatalog.domain.errors import DatacatalogError
from datacatalog.domain.jobs.lifecycle import ADMIN_EVENTS, MOVES, RESERVED_EVENTS, Event, State
from datacatalog.domain.jobs.statuses import AGAVE, SLURM, TAPIS
from datacatalog.domain.kinds import PREFIXES, SPECS, Relation
from datacatalog.domain.privileges import NEEDS, Shows
from datacatalog.interfaces.cli.logs import FIELDS
from datacatalog.interfaces.cli.main import main

_ASKED = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)


def fill_in(_app: object, _docname: str, source: list[str]) -> None:
    """Put the generated parts into a page that Sphinx has read."""
    source[0] = _ASKED.sub(lambda asked: PARTS[asked[1]](), source[0])


def lifecycle_table() -> str:
    """One row per event: where it is allowed, where it leads, who may send it."""
    rows = [
        (f"`{event}`", _states(sources), f"`{target}`" if target else "stays", _sender(event))
        for event, (sources, target) in MOVES.items()
    ]
    return _table(("Event", "Allowed in", "Leads to", "Sent by"), rows)


def lifecycle_diagram() -> str:
    """One block per state: the events that leave it, and those that are taken without leaving."""
    return "\n".join(["```text", *("\n".join(_block(state)) for state in State), "```"])


def callback_table() -> str:
    """One row per event that platforms cause: the statuses that stand for it, platform by platform."""
    tables = (AGAVE, TAPIS, SLURM)
    rows = [
        (
            f"`{event}`",
            *(_fields(s for s, meant in table.events.items() if meant is event) for table in tables),
        )
        for event in Event
        if any(event in table.events.values() for table in tables)
    ]
    return _table(("Event", "Agave, Aloe and the local platform", "Tapis", "Slurm"), rows)


def privilege_table() -> str:
    """One row per action: the level of credential that it takes, and what is shown besides."""
    shown = {
        Shows.NOTHING: "",
        Shows.UPDATE_TOKEN: "update token",
        Shows.ADMIN_TOKEN: "administrative token",
        Shows.NOBODY: "nobody",
    }
    rows = [
        (f"`{where}`", f"`{action}`", f"`{need.level}`", shown[need.shows])
        for (where, action), need in NEEDS.items()
    ]
    return _table(("Actor, or part of the gateway", "Action", "Level", "Token"), rows)


def kind_table() -> str:
    """One row per kind of record: its prefix and collection, what makes its UUID, names it, finds it, and its links."""
    rows = [
        (
            f"`{spec.kind}`",
            PREFIXES[spec.kind],
            f"`{spec.collection}`",
            _fields(spec.uuid_fields),
            _fields(spec.identifiers),
            _fields(field for field in spec.search if not field.startswith("_")),
            _fields(relation.value for relation in Relation if relation in spec.relations),
        )
        for spec in SPECS.values()
    ]
    head = ("Kind", "Prefix", "Collection", "UUID made of", "Identifiers", "Also searched by", "Links")
    return _table(head, rows)


def error_table() -> str:
    """One row per error class, families first."""
    rows = [
        (
            f"`{error.code}`",
            f"`{error.__name__}`",
            str(error.http),
            str(error.exit),
            "yes" if error.retry else "no",
            _meaning(error),
        )
        for error in all_errors()
    ]
    return _table(("Code", "Class", "HTTP", "Exit", "Again?", "Meaning"), rows)


def interface() -> str:
    """Every module of the ports and the domain, from its docstrings. What a package hands on is told where it is written."""
    return "\n\n".join(
        f"## {name}\n\n```{{eval-rst}}\n.. automodule:: {name}{_members(name)}\n```"
        for package in (ports, domain)
        for name in sorted(_modules(package.__path__, package.__name__))
    )


def command_line() -> str:
    """Every command that does something: its usage, what it does, and its own options."""
    return "\n\n".join(
        _command(context) for context in commands() if not isinstance(context.command, click.Group)
    )


def metric_table() -> str:
    """One row per metric: its kind, its labels, who publishes it, what it says."""
    rows = [(f"`{m.name}`", m.kind, _fields(m.labels), " and ".join(m.of), m.help) for m in METRICS.values()]
    return _table(("Metric", "Kind", "Labels", "Of", "Meaning"), rows)


def log_table() -> str:
    """One row per field of a line of the log as JSON."""
    return _table(("Field", "Meaning"), [(f"`{name}`", said) for name, said in FIELDS.items()])


PARTS: Mapping[str, Callable[[], str]] = {
    part.__name__: part
    for part in (
        lifecycle_table,
        lifecycle_diagram,
        callback_table,
        privilege_table,
        kind_table,
        error_table,
        metric_table,
        log_table,
        command_line,
        interface,
    )
}


def commands() -> Iterator[click.Context]:
    """Yield every command and group of `datacatalog`, each in the context of those above it."""
    waiting = [click.Context(main, info_name="datacatalog")]
    while waiting:
        context = waiting.pop()
        yield context
        if isinstance(context.command, click.Group):
            names = context.command.list_commands(context)
            found = [(name, context.command.get_command(context, name)) for name in names]
            waiting += [click.Context(c, context, info_name=name) for name, c in found if c is not None][::-1]


def own_options(command: click.Command) -> Iterator[click.Option]:
    """Yield the options of a command that not every command has."""
    everywhere = {option.name for option in main.params}
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden and parameter.name not in everywhere:
            yield parameter


def all_errors() -> Iterator[type[DatacatalogError]]:
    """Yield every class of domain/errors, each after the class it belongs to."""
    waiting: list[type[DatacatalogError]] = [DatacatalogError]
    while waiting:
        error = waiting.pop()
        yield error
        below = [e for e in error.__subclasses__() if e.__module__.startswith(errors.__name__)]
        waiting.extend(sorted(below, key=lambda e: (e.http, e.code), reverse=True))


def quote_docstring(
    _app: object, _what: str, _name: str, _object: object, _options: object, lines: list[str]
) -> None:
    """Turn a docstring, whose backticks mean code as in Markdown, into what Sphinx reads."""
    lines[:] = [_quoted(line) for line in lines]


def _quoted(line: str) -> str:
    return "".join(
        f"``{piece[1:-1]}``"
        if re.fullmatch(r"`[^`]+`", piece)
        else re.sub(r"([*|`]|_(?!\w))", r"\\\1", piece)
        for piece in re.split(r"(`[^`]+`)", line)
    )


def _block(state: State) -> list[str]:
    taken = [(event, target) for event, (sources, target) in MOVES.items() if state in sources]
    moves = [f"   {event:<10} -> {target}" for event, target in taken if target not in (None, state)]
    stays = [event.value for event, target in taken if target in (None, state)]
    return [state.value, *moves, *([f"   stays on      {', '.join(stays)}"] if stays else []), ""]


def _states(states: Iterable[State]) -> str:
    allowed = set(states)
    return "any state" if allowed == set(State) else ", ".join(f"`{s}`" for s in State if s in allowed)


def _sender(event: Event) -> str:
    if event in RESERVED_EVENTS:
        return "the catalog itself"
    return "holders of an admin token" if event in ADMIN_EVENTS else "holders of the job's token"


def _fields(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _meaning(error: type[DatacatalogError]) -> str:
    return (error.__doc__ or "").strip().partition("\n")[0]


def _command(context: click.Context) -> str:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [f"## {context.command_path}", f"```text\n{usage}\n```", inspect.cleandoc(command.help or "")]
    records = [option.get_help_record(context) for option in own_options(command)]
    rows = [(f"`{record[0]}`".replace("|", "\\|"), record[1]) for record in records if record is not None]
    return "\n\n".join([*parts, *([_table(("Option", "Meaning"), rows)] if rows else [])])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _members(module: str) -> str:
    return "\n   :no-members:" if hasattr(importlib.import_module(module), "__path__") else ""


def _modules(path: Iterable[str], package: str) -> Iterator[str]:
    for module in pkgutil.walk_packages(path, package + "."):
        if importlib.import_module(module.name).__doc__:
            yield module.name
