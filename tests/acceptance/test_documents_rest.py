"""The examples of the HTTP page, typed into a shell beside a running gateway: what is printed is what the page prints."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.site import Site, closed, opened
from tests.harness import install
from tests.shared import REPOSITORY

PAGE = REPOSITORY / "docs" / "reference" / "http.md"
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
MARK = "----"

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("curl", "jq", "bash"))), reason="curl, jq or bash is not installed"
)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Site]:
    """A site whose gateway runs as a process, with one job in its ledger."""
    site = opened(install(tmp_path / "live"))
    site.job()
    site.catalog.start("serve")
    site.catalog.wait_ready()
    yield site
    closed(site)


def examples() -> list[tuple[str, str]]:
    """Return (command, what it prints) for every example of the page."""
    told = []
    for block in CONSOLE.findall(PAGE.read_text("utf-8")):
        for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = example.partition("\n")
            told.append((command, printed.strip()))
    return told


def test_examples_print_what_the_page_says(live: Site, tmp_path: Path):
    told = examples()
    assert len(told) > 15
    script = "\n".join(f"{command}\necho '{MARK}'" for command, _ in told)
    found = subprocess.run(
        ["bash", "-c", script.replace("http://127.0.0.1:8000", live.catalog.url)],
        cwd=tmp_path,
        env={
            **os.environ,
            "DATACATALOG_CONFIG": str(live.catalog.home / "config.yml"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert found.stderr == ""
    printed = [part.strip() for part in found.stdout.split(f"{MARK}\n")[:-1]]
    assert list(zip([command for command, _ in told], printed, strict=True)) == told
    assert (tmp_path / "lineage.svg").read_text("utf-8").startswith("<")
    assert "document" in (tmp_path / "job.provn").read_text("utf-8")
