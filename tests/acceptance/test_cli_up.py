"""`datacatalog up`, `serve` and `worker`: real processes, started, killed and stopped."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from datacatalog.interfaces.cli.logs import OneLine
from datacatalog.interfaces.cli.supervisor import Child, Supervisor
from datacatalog.interfaces.cli.up import is_ready
from tests.acceptance.cli import PIPELINE, Shell, made

PATIENCE_S = 40


class Running:
    """A service that was started, with what it printed."""

    def __init__(self, shell: Shell, *words: str) -> None:
        self.log = shell.home / f"{words[0]}.log"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "datacatalog", "--config", str(shell.config), *words],
            stdout=subprocess.PIPE,
            stderr=self.log.open("wb"),
            text=True,
        )

    def line(self) -> str:
        """Return the next line on standard output."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        assert ready, self.log.read_text()
        return self.process.stdout.readline()

    def children(self) -> dict[str, psutil.Process]:
        """Return the processes that it runs: gateway (serve) and worker."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            # One that was killed may be waited for at any moment.
            with suppress(psutil.NoSuchProcess):
                found |= {word: child for word in ("serve", "worker") if word in child.cmdline()}
        return found

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            if self.process.stdout is not None:
                self.process.stdout.close()


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def running(shell: Shell, *words: str) -> Iterator[Running]:
    service = Running(shell, *words)
    try:
        yield service
    finally:
        service.process.kill()
        service.process.wait()


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return made(tmp_path_factory.mktemp("cli") / "catalog")


def test_up_runs_everything_until_it_is_told_to_stop(shell: Shell) -> None:
    with running(shell, "--json", "up", "--port", "0") as up:
        url = json.loads(up.line())["url"]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        assert is_ready(url)

        job = shell.job(up=1)
        shell.ok("jobs", "event", job, "run")
        nonce = shell.ok("nonce", "create", "--actor", "*").strip()
        token = shell.ok("jobs", "token", job).strip()
        words = ("send", "jobs-manager", "-", "--url", url, "--nonce")
        sent = shell.ask(*words, nonce, stdin=json.dumps({"uuid": job, "name": "finish", "token": token}))
        assert sent["outcome"]["state"] == "FINISHED"
        assert shell.run("jobs", "watch", job, "--timeout", str(PATIENCE_S)).status == 0

        assert shell.fails(*words, "TACC_wrong", stdin="{}") == (77, "bad-credentials")
        assert shell.fails(*words, nonce, stdin=json.dumps(PIPELINE)) == (2, "invalid-message")
        late = json.dumps({"uuid": job, "name": "run", "token": token})
        assert shell.fails(*words, nonce, stdin=late) == (4, "illegal-transition")
        assert is_ready(url, "/healthz")

        before = up.children()
        for child in before.values():
            child.kill()
        until(lambda: up.children().keys() == before.keys())
        assert {c.pid for c in up.children().values()} & {c.pid for c in before.values()} == set()
        until(lambda: is_ready(url))

        children = list(up.children().values())
        assert up.end(signal.SIGINT) == 0
        assert not any(child.is_running() for child in children)
        log = up.log.read_text()
    assert "it is killed" not in log
    assert nonce not in log
    assert token not in log
    assert all(
        re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ [\w.]+\[\d+\]: ", line)
        for line in log.splitlines()
    )


def test_children_end_with_their_parent_however_it_ends(shell: Shell) -> None:
    with running(shell, "up", "--workers", "1") as up:
        assert up.line().startswith("the catalog runs at http://127.0.0.1:")
        found = {each["check"]: each["found"] for each in shell.ask_doctor(offline=False)["checks"]}
        assert found["gateway"].startswith("answers at http://127.0.0.1:")
        children = list(up.children().values())
        assert len(children) == 2
        up.end(signal.SIGKILL)
        _, alive = psutil.wait_procs(children, PATIENCE_S)
        assert alive == []


def test_serve_and_worker_end_well_on_sigterm(shell: Shell) -> None:
    with (
        running(shell, "serve", "--port", "0") as gateway,
        running(shell, "worker", "--queue", "index-archive") as worker,
    ):
        until(lambda: "serving on http://127.0.0.1:" in gateway.log.read_text())
        until(lambda: "worker serves index-archive\n" in worker.log.read_text())
        assert (gateway.end(), worker.end()) == (0, 0)


def test_worker_of_an_unknown_queue_and_a_taken_port_are_refused(shell: Shell) -> None:
    import socket

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "datacatalog", "--config", str(shell.config), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("serve", "--port", str(taken.getsockname()[1]))
    assert (done.returncode, "cannot listen on 127.0.0.1 port" in done.stderr) == (75, True)
    done = run("worker", "--queue", "naps")
    assert (done.returncode, "'naps' is no queue" in done.stderr) == (2, True)


def test_child_that_cannot_work_is_not_started_again_and_again() -> None:
    supervisor = Supervisor(children=[Child("wrong", ["no-such-command"])], environ=os.environ)
    assert supervisor.run() == 2


def test_log_has_one_line_per_record_without_what_urls_carry() -> None:
    import logging

    text = "posting to http://h/actors/v2/a/messages?x-nonce=TACC_hidden&token=t failed\nTraceback\x1b[31m"
    record = logging.LogRecord("datacatalog.worker", logging.INFO, __file__, 1, text, None, None)
    line = OneLine().format(record)
    assert line.endswith(r": posting to http://h/actors/v2/a/messages?… failed | Traceback\x1b[31m")
    assert "hidden" not in line


def test_up_without_a_catalog_says_what_to_do(tmp_path: Path) -> None:
    assert Shell(tmp_path).fails("up") == (78, "misconfigured")
