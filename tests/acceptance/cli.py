"""The command line as a user has it: a catalog made by `datacatalog init`, and commands typed at it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from datacatalog.bootstrap import build_app
from datacatalog.interfaces.cli.main import main
from datacatalog.interfaces.worker.loop import Worker
from datacatalog.services.dispatch import ACTORS
from datacatalog.settings import load

PIPELINE = {
    "id": "tests/taco:1",
    "name": "Taco",
    "components": [{"id": "taco-1.0.0", "inputs": {}, "parameters": {"smoke": True}}],
    "processing_levels": ["1"],
}


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.err)["error"]
        return found


@dataclass(slots=True)
class Shell:
    """Types commands at the catalog in `home`.

    No command may print what only secrets.json knows, unless it is asked for just that.
    """

    home: Path

    @property
    def config(self) -> Path:
        return self.home / "config.yml"

    @property
    def secrets(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "secrets.json").read_text())
        return found

    def run(self, *words: str, stdin: str | bytes | None = None) -> Ran:
        runner = CliRunner(env={"DATACATALOG_CONFIG": str(self.config)})
        done = runner.invoke(main, list(words), input=stdin)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        ran = Ran(done.exit_code, done.stdout, done.stderr)
        self._check(ran)
        return ran

    def ok(self, *words: str, stdin: str | bytes | None = None) -> str:
        """Run a command that is to go well; return what it printed."""
        ran = self.run(*words, stdin=stdin)
        assert (ran.status, ran.err) == (0, ""), ran
        return ran.out

    def ask(self, *words: str, stdin: str | bytes | None = None) -> Any:
        """Run a command that is to go well with --json; return what it said."""
        return json.loads(self.ok("--json", *words, stdin=stdin))

    def fails(self, *words: str, stdin: str | bytes | None = None) -> tuple[int, str]:
        """Run a command that is to go wrong with --json; return its exit status and the error's code."""
        ran = self.run("--json", *words, stdin=stdin)
        assert ran.out == ""
        return ran.status, ran.error["code"]

    def _check(self, ran: Ran) -> None:
        if not (self.home / "secrets.json").exists():
            return
        known = self.secrets
        for secret in (
            known["token_key"],
            known["administrator_key"],
            known["bearer_key"],
            *known["nonces"].values(),
        ):
            assert secret not in ran.out + ran.err

    # -------------------------------------------------------------------------------------- often needed

    def pipeline(self, **changes: Any) -> str:
        """Register a pipeline; return its UUID."""
        return str(self.ask("pipelines", "create", "-", stdin=json.dumps({**PIPELINE, **changes}))["uuid"])

    def job(self, *options: str, **data: Any) -> str:
        """Create a job; return its UUID."""
        words = ("jobs", "create", "--pipeline", self.pipeline(), "--data", json.dumps(data), *options)
        return str(self.ask(*words)["uuid"])

    def ask_doctor(self, *, offline: bool = True) -> dict[str, Any]:
        """Return what `datacatalog doctor` found, well or not."""
        ran = self.run("doctor", "--json", *(["--offline"] if offline else []))
        found: dict[str, Any] = ran.json
        assert ran.status == (0 if found["well"] else 1)
        return found

    def work(self) -> int:
        """Do what waits for workers; return how many messages that were."""
        app = build_app(load(self.config, environ={}))
        try:
            worker, count = Worker(app), 0
            while worker.work_once((*ACTORS, *app.tasks)):
                count += 1
        finally:
            app.close()
        return count

    def admin(self) -> str:
        """Return an administrative token."""
        return self.ok("token", "admin").strip()


def made(home: Path) -> Shell:
    """Return a catalog that `datacatalog init` has made."""
    shell = Shell(home)
    shell.ok("init", str(home), "--port", "free")
    return shell
