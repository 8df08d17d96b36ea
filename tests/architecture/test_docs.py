from __future__ import annotations

import importlib.util
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from datacatalog.domain import errors
from datacatalog.domain.jobs.lifecycle import MOVES, Event, State
from datacatalog.domain.jobs.statuses import AGAVE, SLURM, TAPIS
from datacatalog.settings import shipped_config
from tests.architecture.tracked import tracked_paths
from tests.shared import REPOSITORY

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"^\$ (.*(?:\\\n.*)*)", re.MULTILINE)
SETTING = re.compile(r"^\| `([a-z_.-]+\.[a-z_]+)` \| `(.+?)` \|", re.MULTILINE)


@pytest.fixture(scope="module")
def generated() -> ModuleType:
    """docs/generated.py, the parts of the pages that are read off the code."""
    spec = importlib.util.spec_from_file_location("generated", REPOSITORY / "docs" / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pages() -> list[Path]:
    return tracked_paths("*.md")


def test_every_relative_link_leads_to_a_file() -> None:
    lost = [
        f"{page}: {target}"
        for page in pages()
        for target in LINK.findall(FENCED.sub("", (REPOSITORY / page).read_text()))
        if not re.match(r"[a-z]+:|#", target)
        and not (REPOSITORY / page.parent / target.partition("#")[0]).exists()
    ]
    assert lost == []


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        (str(page), target)
        for page in pages()
        for words in re.findall(r"(?:`|\$ )make ((?:[a-z-]+ ?)+)", (REPOSITORY / page).read_text())
        for target in words.split()
    }
    assert ("README.md", "demo") in named
    assert {(page, target) for page, target in named if target not in targets} == set()


def test_every_make_target_is_declared_and_explained() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    declared = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert declared is not None
    assert set(declared[1].split()) == set(re.findall(r"^([a-z-]+):.* ## \w", makefile, re.MULTILINE))


def typed_commands() -> Iterator[tuple[Path, list[str]]]:
    """Yield the words of every `datacatalog` command that a page tells to type; pipes and substitutions are taken apart."""
    for page in pages():
        for block in CONSOLE.findall((REPOSITORY / page).read_text()):
            for line in TYPED.findall(block):
                unquoted = re.sub(r"'[^']*'", "x", line.replace("\\\n", " ")).replace('"', " ")
                for part in re.split(r"[|;()<>#]", unquoted):
                    words = part.split()
                    while words and "=" in words[0]:
                        del words[0]
                    if words and Path(words[0]).name == "datacatalog":
                        yield page, words[1:]


def stranger(words: list[str], main: click.Group) -> str | None:
    """Return the first word that `datacatalog` would not understand, or None."""
    command: click.Command = main
    known = {option for parameter in main.params for option in parameter.opts} | {"--help", "--version"}
    for word in words:
        context = click.Context(command)
        if word.startswith("-") and word != "-":
            if word not in known | {option for parameter in command.params for option in parameter.opts}:
                return word
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            if found is None:
                return word
            command = found
    return None


def test_every_command_that_a_page_tells_to_type_is_understood(generated: ModuleType) -> None:
    typed = list(typed_commands())
    assert {word for _, words in typed for word in words} >= {"init", "up", "load", "send", "doctor"}
    wrong = [(str(page), word) for page, words in typed if (word := stranger(words, generated.main))]
    assert wrong == []


@pytest.mark.parametrize(
    ("words", "what"),
    [("jobs wach 107", "wach"), ("index 107 --filters x", "--filters"), ("--jsn up", "--jsn")],
)
def test_command_that_does_not_exist_would_be_noticed(words: str, what: str, generated: ModuleType) -> None:
    assert stranger(words.split(), generated.main) == what


def test_every_setting_is_in_the_reference_with_the_default_that_is_shipped() -> None:
    page = (REPOSITORY / "docs" / "reference" / "configuration.md").read_text()
    told = {key: json.loads(default) for key, default in SETTING.findall(page)}
    assert told == dict(leaves(shipped_config()))


def leaves(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of everything that can be set; what the user names is one value."""
    for key, value in section.items():
        if isinstance(value, dict) and key != "systems":
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def test_callback_table_has_every_status_that_is_understood(generated: ModuleType) -> None:
    rows = [row.split("|")[1:-1] for row in generated.callback_table().splitlines()[2:]]
    for column, table in enumerate((AGAVE, TAPIS, SLURM), start=1):
        told = {
            status: Event(row[0].strip(" `")) for row in rows for status in re.findall(r"\w+", row[column])
        }
        assert told == dict(table.events)


def test_every_public_error_is_in_the_error_table(generated: ModuleType) -> None:
    public = {
        value.__name__
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception) and not name.startswith("_")
    }
    rows = generated.error_table().splitlines()[2:]
    assert {row.split("|")[2].strip(" `") for row in rows} == public
    assert [row for row in rows if not row.split("|")[-2].strip()] == []


def test_every_error_has_a_code_of_its_own(generated: ModuleType) -> None:
    codes = Counter(error.code for error in generated.all_errors())
    assert [code for code, times in codes.items() if times > 1] == []


def test_lifecycle_table_shows_every_event_with_its_states(generated: ModuleType) -> None:
    rows = [row.split(" | ") for row in generated.lifecycle_table().splitlines()[2:]]
    assert [row[0].strip("| `") for row in rows] == [event.value for event in MOVES]
    for event, allowed, target, _ in rows:
        sources, leads_to = MOVES[Event(event.strip("| `"))]
        shown = set(State) if allowed == "any state" else set(re.findall(r"`(\w+)`", allowed))
        assert shown == set(sources)
        assert target.strip("`") == (leads_to or "stays")


def test_lifecycle_diagram_draws_every_move_once(generated: ModuleType) -> None:
    drawn = set()
    for block in generated.lifecycle_diagram().removeprefix("```text\n").removesuffix("\n```").split("\n\n"):
        state, *lines = block.splitlines()
        for line in lines:
            if "->" in line:
                event, target = line.split("->")
                drawn.add((state, event.strip(), target.strip()))
            else:
                stays = line.removeprefix("   stays on").split(",")
                drawn |= {(state, event.strip(), state) for event in stays}
    assert drawn == {
        (source.value, event.value, (target or source).value)
        for event, (sources, target) in MOVES.items()
        for source in sources
    }


def test_reference_of_the_command_line_has_every_command_with_every_option(generated: ModuleType) -> None:
    text = generated.command_line()
    sections = dict(re.findall(r"(?ms)^## (datacatalog [a-z ]+)$(.*?)(?=^## |\Z)", text))
    leaves = [context for context in generated.commands() if not hasattr(context.command, "commands")]
    assert list(sections) == [context.command_path for context in leaves]
    for context in leaves:
        for option in generated.own_options(context.command):
            assert max(option.opts, key=len) in sections[context.command_path]


@pytest.mark.parametrize(
    ("page", "parts"),
    [
        ("lifecycle", ["lifecycle_table", "lifecycle_diagram", "callback_table"]),
        ("errors", ["error_table"]),
        ("cli", ["command_line"]),
        ("api", ["interface"]),
    ],
)
def test_reference_page_takes_what_the_code_states_from_the_code(
    page: str, parts: list[str], generated: ModuleType
) -> None:
    text = [(REPOSITORY / "docs" / "reference" / f"{page}.md").read_text()]
    assert re.findall(r"generated: (\w+)", text[0]) == parts
    generated.fill_in(None, page, text)
    assert all(generated.PARTS[part]() in text[0] for part in parts)
