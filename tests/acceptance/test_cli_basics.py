"""What holds for every command: help, errors, exit statuses, and how long it takes to say what there is."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from datacatalog.domain import errors
from datacatalog.interfaces.cli.lazy import Command, Group
from datacatalog.interfaces.cli.main import COMMANDS, Root, main
from datacatalog.interfaces.cli.output import Output, printable
from tests.acceptance.cli import Shell, made

HEAVY = {
    "sqlite3", "jsonschema", "jsonschema_rs", "referencing", "starlette", "uvicorn", "pymongo", "bson", "requests",
    "rich", "yaml", "jwt", "cryptography", "hashids", "transitions", "re2", "asyncio", "logging", "subprocess", "socket",
}  # fmt: skip


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return made(tmp_path_factory.mktemp("cli") / "catalog")


def all_commands() -> dict[str, click.Command]:
    """Every command by its words, groups included."""
    found: dict[str, click.Command] = {}
    waiting: list[tuple[str, click.Command]] = [("", main)]
    while waiting:
        words, command = waiting.pop()
        found[words.strip()] = command
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                waiting.append((f"{words} {name}", below))
    return found


def process(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "datacatalog", *words],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("words", [["--help"], ["jobs", "--help"], ["jobs", "create", "--help"]])
def test_help_loads_nothing_that_takes_time(words: list[str]) -> None:
    script = (
        "import sys\n"
        "from datacatalog.interfaces.cli.main import main\n"
        f"try: main({words!r})\n"
        "except SystemExit: print('|'.join(sys.modules), file=sys.stderr)\n"
    )
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=quiet, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith("Usage: datacatalog")
    assert {name.partition(".")[0] for name in done.stderr.strip().split("|")} & HEAVY == set()


def test_help_in_the_list_is_that_of_the_command_itself() -> None:
    lists = [COMMANDS, *(c.later for c in all_commands().values() if isinstance(c, Group))]
    entries = [entry for each in lists for entry in each.values()]
    assert {e.place: e.help for e in entries} == {
        e.place: e.load().get_short_help_str(limit=200) for e in entries
    }


def test_every_command_and_option_explains_itself() -> None:
    mute = [
        f"{words} {parameter.name}"
        for words, command in all_commands().items()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden and not parameter.help
    ]
    assert mute == []
    assert [words for words, command in all_commands().items() if not command.help] == []


def test_shared_options_may_stand_before_and_after_the_command(shell: Shell) -> None:
    assert shell.ok("--json", "jobs", "list") == shell.ok("jobs", "list", "--json") == "[]\n"
    other = Shell(shell.home.parent / "nowhere")
    assert other.ok("jobs", "list", "--config", str(shell.config), "--json") == "[]\n"


def test_version_is_that_of_the_package(shell: Shell) -> None:
    from datacatalog import __version__

    assert shell.ok("--version") == f"datacatalog {__version__}\n"


def test_command_alone_explains_itself_and_is_wrong_usage() -> None:
    for words in ([], ["jobs"]):
        done = process(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("Usage: datacatalog")


def test_mistyped_command_is_answered_with_the_nearest(shell: Shell) -> None:
    ran = shell.run("jbos")
    assert (ran.status, ran.out) == (2, "")
    assert "did you mean 'jobs'?" in ran.err


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["jobs", "list", "--limit", "many"], 2, "usage"),
        (["jobs", "show"], 2, "usage"),
        (["jobs", "list", "--state", "SLEEPY"], 2, "invalid-field"),
        (["jobs", "show", "105cf46c-6dd1-5ab9-9c3a-5a4a0f0eb6c3"], 2, "invalid-field"),
        (["jobs", "show", "107bff45-340f-5d88-a8f3-51fd84da73ea"], 3, "unknown-record"),
        (["pipelines", "show", "nobody/nothing:1"], 3, "unknown-record"),
        (["send", "nobody", "/dev/null"], 3, "unknown-actor"),
        (
            ["token", "rotate", "107bff45-340f-5d88-a8f3-51fd84da73ea", "--token", "x" * 17],
            3,
            "unknown-record",
        ),
    ],
)
def test_errors_are_told_to_programs_as_one_document(
    words: list[str], status: int, code: str, shell: Shell
) -> None:
    assert shell.fails(*words) == (status, code)


def test_errors_are_told_to_people_in_words_with_their_places(shell: Shell) -> None:
    ran = shell.run("pipelines", "create", "-", stdin='{"name": 5, "components": []}')
    first, *places = ran.err.splitlines()
    assert (ran.status, ran.out) == (2, "")
    assert first == "error: fits none of the accepted schemas"
    assert any(line.startswith("  pipeline_manager_create: /name: ") for line in places)


def test_catalog_that_is_not_there_is_a_configuration_error(tmp_path: Path) -> None:
    nowhere = Shell(tmp_path)
    assert nowhere.fails("jobs", "list") == (78, "misconfigured")
    assert "datacatalog init" in nowhere.run("jobs", "list").err


def test_exit_statuses_are_those_of_the_error_table() -> None:
    from datacatalog.interfaces.cli.sending import EXIT_OF_HTTP

    waiting = [errors.DatacatalogError]
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        if (error.__module__.startswith(errors.__name__) and error.http < 500) or error.http == 503:
            assert EXIT_OF_HTTP[error.http] == error.exit


def test_ctrl_c_ends_a_command_with_130(shell: Shell) -> None:
    job = shell.job(patience=1)
    watching = subprocess.Popen(
        [sys.executable, "-m", "datacatalog", "--config", str(shell.config), "jobs", "watch", job],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    assert "create" in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=20)
    assert watching.returncode == 130
    assert "Traceback" not in err


def test_reader_that_goes_away_is_no_error(shell: Shell) -> None:
    shell.job(reader="gone")
    words = f"{sys.executable} -m datacatalog --config {shell.config} jobs list"
    done = subprocess.run(
        ["bash", "-c", f"{words} | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.strip() in ("0", "141")
    assert done.stderr == ""


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_script_asks_the_command_itself(name: str, shell: Shell) -> None:
    script = shell.ok("completion", name)
    assert "_DATACATALOG_COMPLETE" in script
    assert shell.ask("completion", name) == {"shell": name, "script": script.removesuffix("\n")}


def test_shell_is_given_the_words_that_fit() -> None:
    done = process(_DATACATALOG_COMPLETE="bash_complete", COMP_WORDS="datacatalog jobs wa", COMP_CWORD="2")
    assert done.stdout.strip() == "plain,watch"


def test_foreign_text_steers_no_terminal() -> None:
    assert printable("a\x1b[2Jb\nc\u202e") == r"a\x1b[2Jb\nc\u202e"
    assert printable({"é": "\x9b"}) == '{"é": "\\x9b"}'
    assert printable(None) == "-"


def test_tables_are_for_terminals_and_plain_lines_for_pipes(shell: Shell) -> None:
    job = shell.job(table=True)
    plain = shell.ok("jobs", "list")
    assert any(line.split("\t")[:2] == [job, "CREATED"] for line in plain.splitlines())
    status, shown = on_terminal(shell, "jobs", "list")
    lines = shown.splitlines()
    assert (status, lines[0].split()[:4]) == (0, ["uuid", "state", "last", "event"])
    assert any(job in line and "\t" not in line for line in lines)


def test_wait_is_shown_on_a_terminal(shell: Shell) -> None:
    job = shell.job(waiting=True)
    status, shown = on_terminal(shell, "jobs", "watch", job, "--timeout", "0.5")
    assert status == 75
    assert f"{job} is CREATED" in shown


def test_work_that_takes_long_shows_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    monkeypatch.setattr("datacatalog.interfaces.cli.output.PATIENCE_S", -1)
    with Output(as_json=False).counting("leaves") as more:
        more(1000)
        more(234)
    assert "1,234 leaves" in terminal.getvalue()


def test_work_that_is_quick_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Output(as_json=False).counting("leaves") as more:
        more(5)
    assert capsys.readouterr() == ("", "")


def test_error_of_our_own_is_told_in_one_line_unless_more_is_asked_for() -> None:
    @click.command(cls=Command)
    def fall() -> None:
        raise ZeroDivisionError("nothing left")

    root = Root("datacatalog")
    root.add_command(fall)
    ended = CliRunner().invoke(root, ["--json", "fall"])
    assert (ended.exit_code, ended.stdout) == (70, "")
    assert json.loads(ended.stderr)["error"]["code"] == "internal"
    assert isinstance(CliRunner().invoke(root, ["--verbose", "fall"]).exception, ZeroDivisionError)


def on_terminal(shell: Shell, *words: str) -> tuple[int, str]:
    """Run a command on a terminal of its own; return its exit status, and what was shown, without colours."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "datacatalog", "--config", str(shell.config), *words]
    with subprocess.Popen(
        command, stdout=theirs, env={**os.environ, "COLUMNS": "200", "TERM": "xterm"}
    ) as running:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    return running.returncode, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_json_is_ascii_whatever_the_text(shell: Shell) -> None:
    job = shell.job(text="é\u009b")
    assert shell.ok("--json", "jobs", "show", job).isascii()
    assert json.loads(shell.ok("--json", "jobs", "show", job))["data"] == {"text": "é\u009b"}
