from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from tests.shared import REPOSITORY

MAKE_VENV = REPOSITORY / ".ci" / "make-venv"


def make_venv(folder: Path, *pythons: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(MAKE_VENV), str(folder), *pythons], capture_output=True, text=True, check=False, timeout=60
    )


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_python_that_is_too_old_is_refused_in_one_sentence(tmp_path: Path) -> None:
    old = script(tmp_path / "python3", "exit 1")
    done = make_venv(tmp_path / "venv", old, "no-such-python")
    assert done.returncode != 0
    assert done.stderr.startswith("Python 3.11 or newer is needed")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "venv").exists()


def test_python_without_venv_tells_what_to_install(tmp_path: Path) -> None:
    bare = script(tmp_path / "python3", 'case "$*" in *ensurepip*) exit 1;; *) exit 0;; esac')
    done = make_venv(tmp_path / "venv", bare)
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "venv").exists()


def test_first_python_that_is_new_enough_makes_the_environment(tmp_path: Path) -> None:
    old = script(tmp_path / "python3", "exit 1")
    new = script(tmp_path / "python3.13", f'[ "$2" = venv ] && touch "{tmp_path}/made"; exit 0')
    done = make_venv(tmp_path / "venv", old, new, "python3.11")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "made").exists()


def test_usable_environment_is_left_as_it_is(tmp_path: Path) -> None:
    done = make_venv(Path(sys.prefix), "no-such-python")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_build_machine_runs_what_developers_run() -> None:
    run = REPOSITORY / ".ci" / "run"
    assert os.access(run, os.X_OK)
    assert {"make check", "make test"} <= set(run.read_text().splitlines())
