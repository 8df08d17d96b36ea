"""The tutorial "Ask the catalog", typed as it stands, after the demonstration has played the one before it."""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from datacatalog import Catalog
from tests.shared import REPOSITORY

PAGE = REPOSITORY / "docs" / "tutorials" / "ask-the-catalog.md"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LOADED_HERE = (
    "measurement.tacc.nile-aswan-level",
    "measurement.tacc.nile-aswan-control-volume",
    "measurement.tacc.nile-aswan-control-level",
)
STATUS = "ends-with"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of somebody whose first job is done."""
    pytest.importorskip("prov")
    pytest.importorskip("rocrate")
    made = tmp_path_factory.mktemp("home")
    demo = REPOSITORY / "examples" / "demo" / "run.py"
    done = subprocess.run(
        [sys.executable, str(demo), "--keep", str(made / ".datacatalog")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with Catalog(made / ".datacatalog") as catalog:
        for name in LOADED_HERE:
            catalog.delete(name, force=True)
    yield made
    shutil.rmtree(made)


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(PAGE.read_text()) if found == language]


def typed() -> list[tuple[str, str]]:
    """Return every command of the page with what it says is printed."""
    parts = [
        part for text in blocks("console") for part in re.split(r"^\$ ", text, flags=re.MULTILINE) if part
    ]
    return [(command, printed) for command, _, printed in (part.partition("\n") for part in parts)]


def test_every_command_of_the_page_prints_what_the_page_says(home: Path) -> None:
    """All in one shell, since later commands use the variables of earlier ones."""
    commands = [pair for pair in typed() if not pair[0].startswith("source ")]
    script = "\n".join(f"{command}\necho '{STATUS}' $?" for command, _ in commands)
    # The page's own files go elsewhere than where others may have theirs.
    script = script.replace("/tmp/", f"{home}/")
    environ = {
        **{name: value for name, value in os.environ.items() if name != "DATACATALOG_CONFIG"},
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-c", script], cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    printed = re.split(rf"^{STATUS} (\d+)\n", done.stdout, flags=re.MULTILINE)
    checker = doctest.OutputChecker()
    for (command, wanted), got, status in zip(commands, printed[::2], printed[1::2], strict=False):
        shown = got.replace(f"{home}/", "/tmp/")
        assert checker.check_output(wanted, shown, doctest.ELLIPSIS), (command, wanted, shown)
        assert int(status) == (1 if "changed" in wanted else 0), command
    assert len(printed) // 2 == len(commands)
    assert (home / "lineage.svg").read_text().startswith("<svg")
    assert (home / "nile-crate.zip").stat().st_size > 0


def test_every_line_of_python_answers_what_the_page_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("DATACATALOG_CONFIG", raising=False)
    session = doctest.DocTestParser().get_doctest("\n".join(blocks("python")), {}, PAGE.name, str(PAGE), 0)
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    assert runner.run(session, out=told.append).failed == 0, "".join(told)
    assert len(session.examples) >= 12
