"""The gateway does what its OpenAPI document says: every operation, all checks of schemathesis, over a real socket."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.harness import Catalog, install

EXAMPLES = os.environ.get("DATACATALOG_API_EXAMPLES", "20")
SEED = os.environ.get("DATACATALOG_API_SEED", "1")
LIMIT_S = 1200
HERE = Path(__file__).parent


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Catalog]:
    """Start a catalog that holds a little of everything and believes whom requests say they come from."""
    catalog = install(tmp_path / "home", gateway={"trusted_proxies": ["127.0.0.1"]})
    try:
        catalog.hierarchy()
        catalog.job()
        catalog.start("up")
        catalog.wait_ready()
        yield catalog
    finally:
        catalog.stop_all()
        catalog.app.close()


@pytest.mark.api
@pytest.mark.timeout(LIMIT_S + 60)
def test_every_operation_keeps_what_the_document_promises(running: Catalog, tmp_path: Path) -> None:
    app = running.app
    bearer = app.bearer.make("tests", level="UPDATE", at=app.env.clock.now(), lifetime=timedelta(hours=1))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{running.url}/openapi.json", "--checks", "all", "--max-examples", EXAMPLES),
        *("--seed", SEED, "--header", f"Authorization: Bearer {bearer}"),
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.api.hooks"}
    done = subprocess.run(
        command, env=environment, cwd=HERE.parents[1], capture_output=True, text=True, timeout=LIMIT_S
    )
    (tmp_path / "schemathesis.log").write_text(done.stdout)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert "0 failures" in done.stdout or "No issues found" in done.stdout, done.stdout[-2_000:]
