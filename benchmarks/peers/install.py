"""Installs the peers, each into an environment of its own.

    python -m benchmarks.peers.install [peer ...]

The versions are those of `requirements/`. What no Python of this machine can install is named and left out; the measurements then
go without it. Environments lie in `benchmarks/.peers` (or $DATACATALOG_BENCH_PEERS), which is not tracked; all together they take about 1.5 GB.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = Path(os.environ.get("DATACATALOG_BENCH_PEERS") or HERE.parent / ".peers")
NAMES = ("fireworks", "aiida", "mlmd", "signac", "jobflow", "lamindb")
PYTHONS = ("python3.11", "python3.12", "python3.13")


def main(names: Sequence[str]) -> None:
    missing = {}
    for name in names or NAMES:
        print(f"{name} ...", end=" ", flush=True)
        if complaint := install(name):
            missing[name] = complaint
        print(complaint or f"is in {ENVIRONMENTS / name}", flush=True)
    if missing:
        print(f"not installed, and left out: {', '.join(missing)}")


def python_of(name: str) -> Path | None:
    """Return the interpreter of a peer that is installed as required now, or None."""
    python = ENVIRONMENTS / name / "bin" / "python"
    stamp = ENVIRONMENTS / name / "installed"
    return python if stamp.exists() and stamp.read_text() == _mark(name) else None


def install(name: str) -> str:
    """Install a peer; return why it cannot be, or nothing."""
    if python_of(name):
        return ""
    complaint = "there is no Python from 3.11 to 3.13"
    for python in _pythons():
        complaint = _installed_with(python, name)
        if not complaint:
            return ""
    shutil.rmtree(ENVIRONMENTS / name, ignore_errors=True)
    return complaint


def _installed_with(python: str, name: str) -> str:
    folder = ENVIRONMENTS / name
    shutil.rmtree(folder, ignore_errors=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([python, "-m", "venv", str(folder)], [*pip, "--requirement", str(_requirements(name))]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            return f"{python}: {(errors or done.stderr.splitlines() or ['no reason given'])[-1]}"
    (folder / "installed").write_text(_mark(name))
    return ""


def _pythons() -> Iterator[str]:
    """Yield interpreters to try: this one first."""
    yield getattr(sys, "_base_executable", sys.executable)
    here = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for name in PYTHONS:
        if name != here and (found := shutil.which(name)) and _runs(found):
            yield found
    for folder in sorted(
        Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser().glob("versions/3.1[123].*")
    ):
        yield str(folder / "bin" / "python")


def _runs(python: str) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True).returncode == 0


def _requirements(name: str) -> Path:
    return HERE / "requirements" / f"{name}.txt"


def _mark(name: str) -> str:
    return hashlib.sha256(_requirements(name).read_bytes()).hexdigest()


if __name__ == "__main__":
    main(sys.argv[1:])
