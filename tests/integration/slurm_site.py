"""A Slurm cluster of one node on this machine's loopback, made for tests, with a platform on it.

python -m tests.integration.slurm_site FOLDER RECEIVER_URL COMMANDS    looks at jobs until it is killed
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from datacatalog.adapters.platforms.local import LocalPlatform
from datacatalog.adapters.platforms.local.jobs import FINAL
from datacatalog.adapters.platforms.slurm import Slurm, SlurmExecutor
from datacatalog.domain.errors import NotYet
from datacatalog.ports.stores import Store
from tests.integration.platform_bench import JOBS, STOPS, Bench, until

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")
MIN_JOB_AGE_S = 2
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def missing() -> str:
    """Return why there can be no cluster here; "" if there can."""
    absent = [name for name in NEEDED if shutil.which(name, path=_PATH) is None]
    if absent:
        return f"Slurm is not installed: {', '.join(absent)}"
    return "" if os.geteuid() == 0 else "slurmd has to be started by root"


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


class Cluster:
    """munged, slurmctld and slurmd, as processes of this one; `stop` ends those, and no others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.configuration = folder / "slurm.conf"
        for name in ("state", "spool"):
            (folder / name).mkdir()
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        self.configuration.write_text(self._configured())

    def start(self) -> None:
        munge = self.folder / "munge"
        self._launch(
            "munged",
            ["--foreground", "--force", f"--socket={munge}.socket", f"--key-file={munge}.key", f"--pid-file={munge}.pid",
             f"--log-file={munge}.log", f"--seed-file={munge}.seed", "--num-threads=1"],
        )  # fmt: skip
        until(Path(f"{munge}.socket").exists)
        self.start_controller()
        self._launch("slurmd", ["-D", "-N", "node1"])
        until(lambda: "idle" in self.ask("sinfo", "--noheader", "--format=%t"))

    def start_controller(self) -> None:
        self._launch("slurmctld", ["-D"])
        until(lambda: "UP" in self.ask("scontrol", "ping"))

    def stop_controller(self) -> None:
        self._end("slurmctld")

    def stop(self) -> None:
        if "slurmd" in self._processes:
            # What still runs is ended first: it would outlive the daemons.
            self.ask("scancel", "--user=root")
            with suppress(AssertionError):
                until(lambda: not {"RUNNING", "COMPLETING"} & {*self.jobs()}, patience_s=5)
        for name in ("slurmd", "slurmctld", "munged"):
            if name in self._processes:
                self._end(name)
        for process in self._steps():
            process.kill()

    def _steps(self) -> list[psutil.Process]:
        """Return what watches over steps of jobs, and goes on trying to tell daemons that are gone."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                files = [Path(file.path) for file in process.open_files()]
                if "slurmstepd" in " ".join(process.cmdline()) and self.folder / "slurmd.log" in files:
                    found.append(process)
        return found

    def ask(self, *command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, check=False)
        return done.stdout

    def jobs(self) -> list[str]:
        """Return the states of all jobs that the controller still knows."""
        return self.ask("squeue", "--noheader", "--states=all", "--format=%T").split()

    def last_id(self) -> int:
        """Return the highest id that was ever given to a job."""
        found = [
            word
            for word in self.ask("scontrol", "show", "config").splitlines()
            if word.startswith("NEXT_JOB_ID")
        ]
        return int(found[0].partition("=")[2]) - 1

    def commands(self) -> Path:
        """Return a folder of Slurm's commands, set to this cluster."""
        folder = self.folder / "commands"
        if not folder.exists():
            folder.mkdir()
            for name in ("sbatch", "squeue", "scontrol", "scancel"):
                script(
                    folder / name,
                    f'export SLURM_CONF={self.configuration}\nexec {shutil.which(name, path=_PATH)} "$@"',
                )
        return folder

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": _PATH, "LC_ALL": "C", "SLURM_CONF": str(self.configuration)}

    def _launch(self, name: str, arguments: list[str]) -> None:
        with (self.folder / f"{name}.out").open("ab") as output:
            self._processes[name] = subprocess.Popen(
                [str(shutil.which(name, path=_PATH)), *arguments],
                env=self.environment,
                stdout=output,
                stderr=output,
            )

    def _end(self, name: str) -> None:
        process = self._processes.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _configured(self) -> str:
        host, here = socket.gethostname().partition(".")[0], self.folder
        return f"""
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={free_port()}
SlurmdPort={free_port()}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket={here}/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={here}/state
SlurmdSpoolDir={here}/spool
SlurmctldPidFile={here}/slurmctld.pid
SlurmdPidFile={here}/slurmd.pid
SlurmctldLogFile={here}/slurmctld.log
SlurmdLogFile={here}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
MpiDefault=none
MinJobAge={MIN_JOB_AGE_S}
KillWait=2
EnforcePartLimits=ALL
ReturnToService=2
MailProg=/bin/true
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,batch_sched_delay=0
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=1000
PartitionName=debug Nodes=node1 Default=YES MaxTime=60 State=UP
"""


class SlurmBench(Bench):
    """A platform that computes on a cluster.

    Args:
        commands: the folder of Slurm's commands.
    """

    def __init__(self, folder: Path, url: str, commands: Path) -> None:
        self._executor = SlurmExecutor(
            Slurm(commands=commands), poll=timedelta(seconds=0.2), patience=timedelta(seconds=2)
        )
        super().__init__(folder, url)

    def platform_on(self, store: Store) -> LocalPlatform:
        return self.make_platform(store, executor=self._executor, execution_system="slurm")

    def work_to_the_end(self, job: str) -> str:
        """Look at a job until it is over; return its status."""
        until(lambda: self.look(job) in FINAL)
        return self.status(job)

    def look(self, job: str) -> str:
        """Do what is due once; return the job's status."""
        for queue in (JOBS, STOPS):
            with suppress(NotYet):
                self.work_once(queue)
        return self.status(job)

    def note(self, job: str) -> str:
        return str(self.platform.job(job).detail["lastStatusMessage"])

    def held(self, job: str) -> dict[str, Any]:
        """Return what is written down of the job that Slurm has."""
        state = self.folder / "platform" / job / "status.json"
        return (json.loads(state.read_bytes())["process"] or {}) if state.exists() else {}


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    made = Cluster(folder)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def main(folder: str, url: str, commands: str) -> None:
    """Do every job that is due, as a worker of its own."""
    here = SlurmBench(Path(folder), url, Path(commands))
    while True:
        with suppress(NotYet):
            here.work(JOBS)


if __name__ == "__main__":
    main(*sys.argv[1:])
