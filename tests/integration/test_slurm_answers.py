"""What is made of Slurm's answers, odd ones too: its commands are small scripts here, which say what a test wants said."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from datacatalog.adapters.platforms.local.commands import Command
from datacatalog.adapters.platforms.local.executors import Ended, Lost, Watch
from datacatalog.adapters.platforms.local.resources import Resources
from datacatalog.adapters.platforms.local.runner import Ending as How
from datacatalog.adapters.platforms.slurm import Slurm, SlurmExecutor
from datacatalog.adapters.platforms.slurm.client import read_job
from datacatalog.adapters.platforms.slurm.files import Ending, Files
from datacatalog.domain.errors import NotYet, PlatformDown
from tests.integration.platform_bench import ARCHIVE, Receiver, receiving
from tests.integration.slurm_site import SlurmBench, script

NO_CONTROLLER = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
FORGOTTEN = "slurm_load_jobs error: Invalid job id specified"


@dataclass(slots=True)
class Fake:
    """Slurm's commands, and an executor that uses them.

    Attributes:
        process: what the executor last wanted to be written down.
        reached: the statuses that it told, with their notes.
    """

    folder: Path
    command: Command
    process: dict[str, Any] | None = None
    reached: list[tuple[str, str]] = field(default_factory=list)

    def says(self, name: str, out: str = "", err: str = "", code: int = 0) -> None:
        """Have a command say something, and note how it was called."""
        calls = shlex.quote(str(self.folder / f"{name}.calls"))
        script(
            self.folder / name,
            f'for word in "$@"; do printf "%s\\n" "$word" >> {calls}; done; env > {calls}.env\n'
            f"printf '%s' {shlex.quote(out)}; printf '%s' {shlex.quote(err)} >&2; exit {code}",
        )

    def called(self, name: str) -> list[str]:
        path = self.folder / f"{name}.calls"
        return path.read_text().splitlines() if path.exists() else []

    def tells(self, state: str, **fields: str) -> None:
        """Have scontrol tell of the job that was submitted."""
        told = {"JobId": "12", "JobName": self.name, "JobState": state, "Reason": "None", **fields}
        self.says("scontrol", " ".join(f"{name}={value}" for name, value in told.items()))

    @property
    def name(self) -> str:
        return str((self.process or {}).get("name", ""))

    @property
    def files(self) -> Files:
        return Files.beside(self.command.attempt)

    def run(self, patience: timedelta = timedelta(0), **options: Any) -> Ended:
        executor = SlurmExecutor(
            Slurm(commands=self.folder, **options), poll=timedelta(seconds=60), patience=patience
        )
        watch = Watch(
            began=lambda process: setattr(self, "process", dict(process)),
            reached=lambda status, note: self.reached.append((status, note)),
            stopping=lambda: False,
        )
        return executor.run(self.command, self.process, watch)

    def submitted(self) -> Fake:
        """Submit the job, which then waits."""
        self.says("sbatch", "12\n")
        self.says("scontrol", err=NO_CONTROLLER, code=1)
        with pytest.raises(NotYet):
            self.run()
        return self


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    attempt = tmp_path / "a 'root' of 100%" / "7-007" / "attempt-1"
    (attempt / "work").mkdir(parents=True)
    commands = tmp_path / "commands"
    commands.mkdir()
    made = Fake(
        commands,
        Command(
            arguments=["true"],
            environment={},
            folder=attempt / "work",
            output=attempt / "work/out",
            errors=attempt / "work/err",
            limit=timedelta(minutes=5),
            job=attempt.parent,
            attempt=attempt,
            resources=Resources(nodes=2, processors=8, memory_bytes=3 << 30),
        ),
    )
    made.says("squeue")
    return made


# ------------------------------------------------------------------------------------------ submitting


def test_batch_job_is_asked_for_in_whole_words_whatever_its_folder_is_called(fake: Fake) -> None:
    fake.submitted()
    words, files = fake.called("sbatch"), fake.files
    assert words[0] == "--parsable"
    assert words[-1] == str(files.script)
    assert {
        f"--chdir={files.folder}",
        f"--output={str(files.folder).replace('%', '%%')}/batch.log",
        "--export=NONE",
        "--no-requeue",
        "--time=5",
        "--nodes=2",
        "--cpus-per-task=8",
        "--mem=3072M",
    } < set(words)
    assert shlex.split(files.script.read_text().splitlines()[1])[-1] == str(files.folder)


def test_options_of_the_configuration_come_last(fake: Fake) -> None:
    fake.says("sbatch", "12\n")
    fake.says("scontrol", err=NO_CONTROLLER, code=1)
    with pytest.raises(NotYet):
        fake.run(partition="short", account="lab", options=["--qos=low"])
    assert fake.called("sbatch")[-4:-1] == ["--partition=short", "--account=lab", "--qos=low"]


def test_commands_of_slurm_see_no_secret_of_the_worker(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATACATALOG_SECRETS__TOKEN_KEY", "canary")
    monkeypatch.setenv("SBATCH_EXPORT", "ALL")
    fake.submitted()
    seen = (fake.folder / "sbatch.calls.env").read_text()
    assert "canary" not in seen
    assert "SBATCH_" not in seen


def test_what_slurm_does_not_take_has_failed_with_its_words(fake: Fake) -> None:
    fake.says("sbatch", err="sbatch: error: Batch job submission failed: Invalid account\n", code=1)
    ended = fake.run()
    assert ended.reason.endswith("sbatch: error: Batch job submission failed: Invalid account")
    assert ended.code == 1


@pytest.mark.parametrize(
    "answer", [{"err": NO_CONTROLLER, "code": 1}, {"out": "nonsense"}, {"code": 1, "err": "munge"}]
)
def test_submission_whose_answer_was_lost_is_looked_for_and_not_repeated(
    answer: dict[str, Any], fake: Fake
) -> None:
    fake.says("sbatch", **answer)
    with pytest.raises(NotYet):
        fake.run()
    assert fake.process
    assert fake.process["id"] == ""
    first = fake.called("sbatch")
    fake.says("squeue", "14\n12\n")
    fake.tells("PENDING")
    with pytest.raises(NotYet):
        fake.run()
    assert fake.process["id"] == "12"
    assert fake.called("sbatch") == first
    assert f"--name={fake.name}" in fake.called("squeue")


def test_submission_that_failed_after_it_was_made_is_found(fake: Fake) -> None:
    fake.says("sbatch", err="accounting hook: no budget file", code=1)
    fake.says("squeue", "12\n")
    fake.says("scontrol", err=NO_CONTROLLER, code=1)
    with pytest.raises(NotYet):
        fake.run()
    assert (fake.process or {})["id"] == "12"


def test_submission_that_never_came_about_is_made_up_for(fake: Fake) -> None:
    fake.says("sbatch", err=NO_CONTROLLER, code=1)
    with pytest.raises(NotYet):
        fake.run()
    fake.submitted()
    assert fake.process
    assert fake.process["id"] == "12"


def test_nothing_is_submitted_while_another_worker_is_at_it(fake: Fake) -> None:
    fake.says("sbatch", "12\n")
    fake.files.folder.mkdir()
    with fake.files.submitting(), pytest.raises(NotYet):
        fake.run()
    assert fake.called("sbatch") == []


def test_command_is_begun_by_one_slurm_job_whose_end_counts(fake: Fake) -> None:
    fake.submitted()
    assert fake.files.begin("11")
    assert not fake.files.begin("12")
    fake.tells("RUNNING", JobId="11")
    with pytest.raises(NotYet):
        fake.run()
    assert fake.process
    assert fake.process["id"] == "11"


# -------------------------------------------------------------------------------------------- watching


@pytest.mark.parametrize(
    ("state", "begun", "status"),
    [
        ("PENDING", False, "QUEUED"),
        ("CONFIGURING", False, "QUEUED"),
        ("REQUEUE_HOLD", False, "QUEUED"),
        ("RUNNING", False, "RUNNING"),
        ("SUSPENDED", True, "RUNNING"),
        ("COMPLETING", True, "RUNNING"),
        ("SOMETHING_NEW", False, "QUEUED"),
        ("SOMETHING_NEW", True, "RUNNING"),
    ],
)
def test_job_that_is_not_over_is_looked_at_again(state: str, begun: bool, status: str, fake: Fake) -> None:
    fake.submitted()
    if begun:
        fake.files.begin("12")
    fake.tells(state, Reason="Resources", NodeList="n[1-2]")
    with pytest.raises(NotYet) as waiting:
        fake.run()
    assert fake.reached == [(status, f"Slurm job 12 is {state} on n[1-2] (Resources)")]
    assert waiting.value.after == timedelta(seconds=1)


def test_job_that_has_run_long_is_looked_at_every_interval(fake: Fake) -> None:
    fake.submitted()
    fake.process = {**(fake.process or {}), "since": 0.0}
    fake.tells("RUNNING")
    with pytest.raises(NotYet) as waiting:
        fake.run()
    assert waiting.value.after == timedelta(seconds=60)


@pytest.mark.parametrize("state", ["NODE_FAIL", "PREEMPTED", "BOOT_FAIL"])
def test_job_that_was_lost_with_its_node_is_to_be_begun_anew(state: str, fake: Fake) -> None:
    fake.submitted().tells(state)
    with pytest.raises(Lost, match=f"Slurm job 12 ended {state}"):
        fake.run()


@pytest.mark.parametrize("state", ["CANCELLED", "OUT_OF_MEMORY", "DEADLINE"])
@pytest.mark.parametrize("how", [None, Ending(how="stopped", code=-15), Ending(how="exited", code=-9)])
def test_job_that_slurm_ended_has_failed_for_slurms_reason(
    state: str, how: Ending | None, fake: Fake
) -> None:
    fake.submitted().tells(state, Reason="Because")
    if how:
        fake.files.end(how)
    assert fake.run() == Ended(ending=How.EXITED, code=1, reason=f"Slurm job 12 ended {state} (Because)")


def test_job_that_slurm_ended_at_its_time_limit_ran_too_long(fake: Fake) -> None:
    fake.submitted().tells("TIMEOUT")
    assert fake.run().ending is How.TIMED_OUT


@pytest.mark.parametrize("state", ["RUNNING", "COMPLETED", "FAILED", "NODE_FAIL"])
@pytest.mark.parametrize("code", [0, 7, -11])
def test_exit_code_that_was_written_down_decides(state: str, code: int, fake: Fake) -> None:
    fake.submitted().tells(state)
    fake.files.end(Ending(how="exited", code=code))
    assert fake.run() == Ended(ending=How.EXITED, code=code)
    assert fake.reached == [("RUNNING", "Slurm job 12")]


def test_exit_code_decides_though_nobody_answers(fake: Fake) -> None:
    fake.submitted().says("scontrol", err=NO_CONTROLLER, code=1)
    with pytest.raises(NotYet):
        fake.run()
    fake.files.end(Ending(how="exited", code=0))
    assert fake.run().code == 0


@pytest.mark.parametrize("known", [True, False])
def test_end_without_an_exit_code_is_waited_out_and_then_told(known: bool, fake: Fake) -> None:
    fake.submitted()
    if known:
        fake.tells("FAILED", Reason="NonZeroExitCode")
    else:
        fake.says("scontrol", err=FORGOTTEN, code=1)
    fake.files.log.write_text("batch: python3: not found\n")
    with pytest.raises(NotYet, match="does not show yet"):
        fake.run(patience=timedelta(minutes=1))
    reason = (
        "Slurm job 12 ended FAILED (NonZeroExitCode) and left no exit code"
        if known
        else "Slurm does not know job 12 any more, and it left no exit code"
    )
    assert fake.run().reason == f"{reason}: batch: python3: not found"


def test_number_that_slurm_gave_to_another_job_is_not_ours(fake: Fake) -> None:
    fake.submitted().tells("RUNNING", JobName="somebody-elses")
    assert "does not know job 12 any more" in fake.run().reason


@pytest.mark.parametrize(
    "answer",
    [
        {"err": NO_CONTROLLER, "code": 1},
        {"err": "Segmentation fault", "code": 139},
        {"out": ""},
        {"out": "\0"},
    ],
)
def test_answer_that_tells_nothing_is_no_end(answer: dict[str, Any], fake: Fake) -> None:
    fake.submitted().says("scontrol", **answer)
    with pytest.raises(NotYet):
        fake.run()


def test_slurm_that_is_not_installed_is_one_that_is_down(fake: Fake) -> None:
    with pytest.raises(NotYet, match="sbatch cannot be run: No such file or directory"):
        fake.run()


def test_controller_that_answers_is_told_and_one_that_does_not_is_down(fake: Fake) -> None:
    executor = SlurmExecutor(Slurm(commands=fake.folder), poll=timedelta(seconds=1))
    fake.says("scontrol", "Slurmctld(primary) at head is UP\n")
    assert executor.told() == "by Slurm: Slurmctld(primary) at head is UP"
    fake.says("scontrol", "Slurmctld(primary) at head is DOWN\n", code=1)
    with pytest.raises(PlatformDown, match="head is DOWN"):
        executor.told()


def test_job_is_read_by_its_first_fields(fake: Fake) -> None:
    line = "JobId=3 JobName=a UserId=x(1) JobState=RUNNING Reason=(null) NodeList=n1 Comment=JobState=FAILED JobState=X"
    assert (read_job(line).name, read_job(line).state, read_job(line).reason) == ("a", "RUNNING", "")
    with pytest.raises(PlatformDown, match="without a state"):
        read_job("No jobs in the system")


# ------------------------------------------------------------------------------------------ cancelling


def test_cancelling_finds_the_job_though_its_id_was_never_written_down(fake: Fake) -> None:
    fake.says("sbatch", err=NO_CONTROLLER, code=1)
    with pytest.raises(NotYet):
        fake.run()
    fake.says("squeue", "12\n")
    fake.says("scancel")
    SlurmExecutor(Slurm(commands=fake.folder), poll=timedelta(seconds=1)).end(fake.command.job, fake.process)
    assert fake.called("scancel") == ["12"]


@pytest.mark.parametrize(
    "words", ["scancel: error: Kill job error on job id 12: Invalid job id specified", ""]
)
def test_cancelling_a_job_that_is_over_is_fine(words: str, fake: Fake) -> None:
    fake.submitted().says("scancel", err=words, code=1 if words else 0)
    SlurmExecutor(Slurm(commands=fake.folder), poll=timedelta(seconds=1)).end(fake.command.job, fake.process)


def test_cancelling_that_nobody_answers_is_tried_again(fake: Fake) -> None:
    fake.submitted().says(
        "scancel", err="scancel: error: slurm_kill_job2() failed Unable to contact slurm controller", code=1
    )
    with pytest.raises(NotYet):
        SlurmExecutor(Slurm(commands=fake.folder), poll=timedelta(seconds=1)).end(
            fake.command.job, fake.process
        )


# --------------------------------------------------------------------------------------- from end to end


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def test_command_that_was_lost_is_begun_anew_in_a_fresh_folder(tmp_path: Path, receiver: Receiver) -> None:
    """The first submission is lost with its node; the second is carried out, by the script that was submitted."""
    commands, lost = tmp_path / "commands", tmp_path / "lost"
    commands.mkdir()
    script(
        commands / "sbatch",
        f'for script; do :; done\nif [ -e {lost} ]; then SLURM_JOB_ID=2 sh "$script" 2>> {tmp_path}/log; echo 2; '
        f"else touch {lost}; echo 1; fi",
    )
    script(
        commands / "scontrol",
        f'for job; do :; done\nname=$(sed -n \'s/.*"name": "\\([^"]*\\)".*/\\1/p\' {tmp_path}/platform/*-007/status.json)\n'
        'echo "JobId=$job JobName=$name JobState=NODE_FAIL Reason=None"',
    )
    script(commands / "squeue", "exit 0")
    here = SlurmBench(tmp_path, receiver.url, commands)
    job = here.submit("import os; print(os.environ['SLURM_JOB_ID'], os.getcwd())")
    assert here.work_to_the_end(job) == "FINISHED", here.note(job)
    assert here.archived(ARCHIVE)["a-job.out"] == f"2 {tmp_path}/platform/{job}/attempt-2/work\n"
    here.close()
