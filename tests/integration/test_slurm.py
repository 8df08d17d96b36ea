"""Jobs on a real Slurm cluster of one node."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import install
from tests.integration import slurm_site
from tests.integration.platform_bench import (
    ARCHIVE,
    NOTIFICATIONS,
    Receiver,
    receiving,
    until,
)
from tests.integration.slurm_site import MIN_JOB_AGE_S, Cluster, SlurmBench, cluster, script

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(bool(slurm_site.missing()), reason=slurm_site.missing()),
]

WRITE = "open('result.txt', 'w').write('42')"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("slurm")) as made:
        yield made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def here(tmp_path: Path, site: Cluster, receiver: Receiver) -> Iterator[SlurmBench]:
    made = SlurmBench(tmp_path, receiver.url, site.commands())
    try:
        yield made
    finally:
        made.close()


def test_job_runs_on_the_cluster_and_archives_what_it_wrote_and_printed(
    here: SlurmBench, receiver: Receiver
) -> None:
    source = here.put("/uploads/a.txt", "a")
    code = "import os, sys; print(os.environ['SLURM_JOB_ID'], open(sys.argv[1]).read());" + WRITE
    job = here.submit(code, inputs={"files": source}, processorsPerNode=2, memoryPerNode="100MB")
    assert here.work_to_the_end(job) == "FINISHED", here.note(job)
    archived = here.archived(ARCHIVE)
    assert archived.pop("a-job.out").split()[1] == "a"
    assert archived == {"a-job.err": "", "result.txt": "42"}
    here.work(NOTIFICATIONS)
    told = receiver.statuses()
    assert [status for status in told if status != "QUEUED"] == [
        "PENDING", "STAGING_INPUTS", "RUNNING", "CLEANING_UP", "ARCHIVING", "ARCHIVING_FINISHED", "FINISHED",
    ]  # fmt: skip


def test_what_a_cluster_is_asked_for_is_what_the_job_asked_for(here: SlurmBench, site: Cluster) -> None:
    job = here.submit(
        "import time; time.sleep(30)", processorsPerNode=3, memoryPerNode=0.25, maxRunTime="00:01:00"
    )
    until(lambda: here.look(job) == "RUNNING")
    told = site.ask("scontrol", "--oneliner", "show", "job", here.held(job)["id"])
    assert "TimeLimit=00:01:00" in told
    assert "CPUs/Task=3" in told
    assert "MinMemoryNode=256M" in told
    assert "Requeue=0" in told
    here.platform.cancel(job)
    assert here.work_to_the_end(job) == "STOPPED"


def test_command_that_fails_fails_the_job_with_its_exit_code_and_last_words(here: SlurmBench) -> None:
    job = here.submit("import sys; print('no more salsa', file=sys.stderr); sys.exit(7)")
    assert here.work_to_the_end(job) == "FAILED"
    assert here.note(job) == "the command ended with exit code 7: no more salsa"


def test_command_is_ended_at_its_own_time_limit(here: SlurmBench) -> None:
    job = here.submit("import time; time.sleep(60)", maxRunTime="00:00:01")
    assert here.work_to_the_end(job) == "FAILED"
    assert here.note(job) == "the command ran longer than 00:00:01"


def test_job_that_is_cancelled_is_cancelled_at_the_cluster(here: SlurmBench, site: Cluster) -> None:
    job = here.submit("import time; time.sleep(60)")
    until(lambda: here.look(job) == "RUNNING")
    held = here.held(job)["id"]
    here.platform.cancel(job)
    assert here.look(job) == "STOPPED"  # At once, and not when the job is looked at next.
    until(lambda: "RUNNING" not in site.ask("squeue", "--noheader", f"--jobs={held}", "--format=%T"))


def test_job_that_somebody_else_cancels_fails_and_says_so(here: SlurmBench, site: Cluster) -> None:
    job = here.submit("import time; time.sleep(60)")
    until(lambda: here.look(job) == "RUNNING")
    held = here.held(job)["id"]
    site.ask("scancel", held)
    assert here.work_to_the_end(job) == "FAILED"
    assert here.note(job) == f"Slurm job {held} ended CANCELLED"


def test_what_the_cluster_does_not_take_fails_the_job_with_its_words(here: SlurmBench) -> None:
    job = here.submit(WRITE, nodeCount=50)
    assert here.work_to_the_end(job) == "FAILED"
    assert here.note(job).startswith(
        "Slurm does not take the job: sbatch: error: Batch job submission failed"
    )


@pytest.mark.parametrize("moment", ["while it submits", "while it runs"])
def test_job_of_a_worker_that_is_killed_goes_on_and_is_not_submitted_again(
    moment: str, here: SlurmBench, site: Cluster, tmp_path: Path
) -> None:
    before = site.last_id()
    job = here.submit("import time; time.sleep(2);" + WRITE)
    commands = tmp_path / "commands"
    commands.mkdir()
    for name in ("squeue", "scontrol", "scancel"):
        (commands / name).symlink_to(site.commands() / name)
    submitted, slow = tmp_path / "submitted", 1.5 if moment == "while it submits" else 0
    script(
        commands / "sbatch",
        f'told=$({site.commands()}/sbatch "$@") || exit 1\ntouch {submitted}\nsleep {slow}\necho $told',
    )
    with subprocess.Popen(
        [sys.executable, "-m", slurm_site.__name__, str(here.folder), here.url, str(commands)],
        cwd=Path(__file__).parents[2],
    ) as worker:
        until(submitted.exists if slow else lambda: here.status(job) == "RUNNING")
        worker.kill()
    assert bool(here.held(job)["id"]) is not bool(slow)
    time.sleep(1)  # The lease ends.
    assert here.work_to_the_end(job) == "FINISHED", here.note(job)
    assert site.last_id() == before + 1
    assert here.archived(ARCHIVE)["result.txt"] == "42"


def test_controller_that_is_away_for_a_while_fails_no_job(here: SlurmBench, site: Cluster) -> None:
    job = here.submit("import time; time.sleep(2);" + WRITE)
    until(lambda: here.look(job) == "RUNNING")
    other = here.submit(WRITE, key="another", archivePath="/products/v2/another")
    site.stop_controller()
    try:
        # Slurm's commands take long to find out that nobody answers.
        until(lambda: here.look(other) == "STAGING_INPUTS")
    finally:
        site.start_controller()
    assert here.work_to_the_end(job) == "FINISHED", here.note(job)
    assert here.work_to_the_end(other) == "FINISHED", here.note(other)


def test_exit_code_that_was_written_down_decides_once_the_controller_has_forgotten_the_job(
    here: SlurmBench, site: Cluster
) -> None:
    good, bad = here.submit(WRITE, key="good"), here.submit("raise SystemExit(5)", key="bad")
    until(lambda: here.look(good) and here.held(good).get("id") and here.held(bad).get("id"))
    until(lambda: site.jobs() == [], patience_s=MIN_JOB_AGE_S + 30)
    assert here.work_to_the_end(good) == "FINISHED", here.note(good)
    assert here.work_to_the_end(bad) == "FAILED"
    assert here.note(bad) == "the command ended with exit code 5"


def test_launch_of_an_installation_on_slurm_comes_to_its_end_in_the_ledger(
    tmp_path: Path, site: Cluster
) -> None:
    """Gateway and worker are processes of their own; the command is isolated where the node has bubblewrap."""
    platform = {"kind": "slurm", "poll_interval_s": 1, "slurm": {"commands": str(site.commands())}}
    catalog = install(tmp_path / "home", platform=platform)
    look = f"import os; print(os.path.exists('{catalog.home}/secrets.json'))"
    app = {"id": "look-1.0", "command": ["{python}", "-c", look]}
    (catalog.home / "apps/look-1.0.json").write_text(json.dumps(app))
    body = {
        "job_definition": {"appId": "look-1.0", "name": "look"},
        "parameters": {"sample_id": "sample.tacc.20001"},
        "instanced": False,
    }
    try:
        catalog.hierarchy()
        catalog.pipeline(id="look-1.0", components=[{"id": "look-1.0", "inputs": {}, "parameters": {}}])
        catalog.start("serve")
        catalog.wait_ready()
        catalog.start("worker")
        told = catalog.post("agave-proxy", body).json()["result"]["outcome"]
        until(lambda: catalog.state(told["uuid"]) not in ("CREATED", "RUNNING"), patience_s=30)
        history = catalog.history(told["uuid"])
    finally:
        catalog.stop_all()
        catalog.app.close()
    assert "finish" in [entry["name"] for entry in history], history[-1]
    assert any("Slurm job" in str(entry["data"]) for entry in history)
    [printed] = (catalog.home / "storage").rglob("look.out")
    assert printed.read_text() == f"{shutil.which('bwrap') is None}\n"
