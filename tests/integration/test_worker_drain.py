"""Worker processes that are told to stop while a command of a job runs; what they make of one signal, and of two."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from tests.harness import Catalog, install, until

NAP = "nap-1.0"
PROGRAM = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(float(sys.argv[2]))"


@pytest.fixture
def napping(tmp_path: Path) -> Iterator[Callable[..., Catalog]]:
    """Make an installation with an app that naps for so long; it touches the file `begun`."""
    made: list[Catalog] = []

    def make(*, nap_s: float, drain_s: float) -> Catalog:
        home = tmp_path / "home"
        (home / "apps").mkdir(parents=True)
        app = {"id": NAP, "command": [sys.executable, "-c", PROGRAM, str(home / "begun"), str(nap_s)]}
        (home / "apps" / f"{NAP}.yml").write_text(yaml.safe_dump(app))
        catalog = install(home, worker={"drain_s": drain_s}, platform={"isolation": "none"})
        made.append(catalog)
        return catalog

    yield make
    for catalog in made:
        catalog.stop_all()
        catalog.app.close()


def begun(catalog: Catalog) -> subprocess.Popen[bytes]:
    """Submit a job and start a worker; return it once the command runs."""
    catalog.app.env.platform.submit({"appId": NAP, "name": "nap"}, key="k")
    process = catalog.start("worker", "--queue", "platform-jobs", "--concurrency", "1")
    until((catalog.home / "begun").exists)
    return process


def tries(catalog: Catalog) -> int | None:
    """Return how often the job has been tried, counted; None where nobody has to see to it any more."""
    delivery = catalog.app.env.transport.claim(["platform-jobs"], lease=timedelta(seconds=60))
    return None if delivery is None else delivery.tries - 1


def test_stopped_worker_lets_a_command_finish_in_its_time(napping: Callable[..., Catalog]) -> None:
    catalog = napping(nap_s=1.5, drain_s=60)
    process = begun(catalog)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert tries(catalog) is None
    assert catalog.app.env.transport.depth().get("platform-jobs") is None


def test_stopped_worker_gives_back_what_outlasts_its_time_and_counts_no_try(
    napping: Callable[..., Catalog],
) -> None:
    catalog = napping(nap_s=600, drain_s=0.5)
    process = begun(catalog)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    until(lambda: tries(catalog) == 0)


def test_second_signal_ends_a_worker_at_once(napping: Callable[..., Catalog]) -> None:
    catalog = napping(nap_s=600, drain_s=600)
    process = begun(catalog)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)  # of a process and its group: one wish
    time.sleep(1.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 1


def test_worker_of_one_actor_serves_that_one_alone(napping: Callable[..., Catalog]) -> None:
    catalog = napping(nap_s=0, drain_s=1)
    catalog.app.env.platform.submit({"appId": NAP, "name": "nap"}, key="k")
    job = catalog.job()
    catalog.app.env.store.transact(
        lambda work: work.outbox.send(
            "jobs-manager",
            {"message": {"uuid": job.job.uuid, "name": "run", "token": job.token}},
            id="m",
            at=catalog.app.env.clock.now(),
        )
    )
    process = catalog.start("worker", "--reactor", "jobs-manager", "--concurrency", "3")
    until(lambda: "jobs-manager" not in catalog.app.env.transport.depth())
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert catalog.app.env.transport.depth()["platform-jobs"] == 1
    assert catalog.state(job.job.uuid) == "RUNNING"


@pytest.mark.parametrize("option", ["--reactor", "--queue"])
def test_worker_of_what_there_is_not_is_told_so(napping: Callable[..., Catalog], option: str) -> None:
    process = napping(nap_s=0, drain_s=1).start("worker", option, "platform-jobs-of-others")
    assert process.wait(30) == 2
