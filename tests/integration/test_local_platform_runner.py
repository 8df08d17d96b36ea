"""The runner and real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from datacatalog.adapters.platforms.local.commands import Command
from datacatalog.adapters.platforms.local.processes import MARK, ProcessId, end_job
from datacatalog.adapters.platforms.local.runner import Ending, run

PATIENCE_S = 10


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def command(
    folder: Path, arguments: list[str], *, limit: timedelta = timedelta(seconds=30), **environment: str
) -> Command:
    work = folder / "work"
    work.mkdir()
    return Command(
        arguments=arguments,
        environment={"PATH": os.environ["PATH"], **environment},
        folder=work,
        output=work / "job.out",
        errors=work / "job.err",
        limit=limit,
        job=folder,
        attempt=folder,
    )


def carried_out(
    what: Command,
    began: Callable[[ProcessId], None] = lambda process: None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Ending, int]:
    return run(what, began=began, stop=stop)


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return the processes that carry the mark of a job, the dying ones not counted."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def test_command_that_ends_well_leaves_its_code_and_what_it_printed(tmp_path: Path) -> None:
    what = command(tmp_path, python("import sys; print('out'); print('err', file=sys.stderr)"))
    assert carried_out(what) == (Ending.EXITED, 0)
    assert what.output.read_text() == "out\n"
    assert what.errors.read_text() == "err\n"


def test_exit_code_is_that_of_the_command(tmp_path: Path) -> None:
    assert carried_out(command(tmp_path, python("raise SystemExit(3)"))) == (Ending.EXITED, 3)


def test_signal_that_ends_a_command_is_told(tmp_path: Path) -> None:
    code = "import os; os.kill(os.getpid(), 11)"
    assert carried_out(command(tmp_path, python(code))) == (Ending.EXITED, -signal.SIGSEGV)


def test_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    what = command(tmp_path, ["no-such-program"])
    assert carried_out(what) == (Ending.EXITED, 127)
    assert what.errors.read_text() == "no-such-program: No such file or directory\n"


@pytest.mark.parametrize(
    "argument", ["$(touch pwned)", "; touch pwned", "`touch pwned`", "*", "a b", "", "'\"", "-rf", "\n", "ü"]
)
def test_argument_stays_literal_whatever_it_holds(argument: str, tmp_path: Path) -> None:
    what = command(tmp_path, python("import sys; print(ascii(sys.argv[1:]))", argument))
    carried_out(what)
    assert what.output.read_text() == f"{[argument]!a}\n"
    assert sorted(path.name for path in what.folder.iterdir()) == ["job.err", "job.out"]


def test_nothing_of_the_parents_environment_reaches_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATACATALOG_SECRETS__TOKEN_KEY", "canary")
    what = command(tmp_path, ["env"], GIVEN="yes")
    carried_out(what)
    names = {line.partition("=")[0] for line in what.output.read_text().splitlines()}
    assert names == {"PATH", MARK, "GIVEN"}
    assert "canary" not in what.output.read_text()


def test_command_has_no_input_and_no_file_of_the_parent_open(tmp_path: Path) -> None:
    code = "import os, sys; print(repr(sys.stdin.read()), sorted(os.listdir('/proc/self/fd'))[:4])"
    what = command(tmp_path, python(code))
    with (tmp_path / "open").open("w"):
        carried_out(what)
    # 3 is the listing itself.
    assert what.output.read_text() == "'' ['0', '1', '2', '3']\n"


def test_files_of_a_command_are_private(tmp_path: Path) -> None:
    what = command(tmp_path, python("open('made', 'w')"))
    carried_out(what)
    assert {path.stat().st_mode & 0o077 for path in what.folder.iterdir()} == {0}


def test_output_file_that_is_there_already_is_not_followed(tmp_path: Path) -> None:
    what = command(tmp_path, ["true"])
    what.output.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        carried_out(what)
    assert not (tmp_path / "elsewhere").exists()


def test_command_is_ended_at_its_time_limit(tmp_path: Path) -> None:
    began = time.monotonic()
    what = command(tmp_path, python("import time; time.sleep(60)"), limit=timedelta(seconds=0.5))
    assert carried_out(what) == (Ending.TIMED_OUT, -signal.SIGTERM)
    assert time.monotonic() - began < 3


def test_command_that_ignores_the_request_to_stop_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    what = command(tmp_path, python(code))
    assert carried_out(what, stop=lambda: what.output.read_text() == "1\n") == (
        Ending.STOPPED,
        -signal.SIGKILL,
    )


def test_command_may_tidy_up_when_it_is_told_to_stop(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time; signal.signal(15, lambda *_: (print('bye'), sys.exit(0)));"
        "print(1, flush=True); time.sleep(60)"
    )
    what = command(tmp_path, python(code))
    ending, _ = carried_out(what, stop=lambda: what.output.read_text() == "1\n")
    assert (ending, what.output.read_text()) == (Ending.STOPPED, "1\nbye\n")


def test_descendants_do_not_outlive_the_command_even_in_sessions_of_their_own(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys;"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(60)'];"
        "subprocess.Popen(sleep); subprocess.Popen(sleep, start_new_session=True)"
    )
    assert carried_out(command(tmp_path, python(code))) == (Ending.EXITED, 0)
    assert processes_of(tmp_path) == []


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve(sys.executable, [sys.executable, '-c', "open('daemon', 'w').write(str(__import__('os').getpid()));"
            "import time; time.sleep(60)"], {})
    os._exit(0)
while not (os.path.exists('daemon') and open('daemon').read()):
    time.sleep(0.01)
"""
"""Leaves a process that has neither its parent, its session nor its environment."""


def lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("then", ["", "time.sleep(60)"])
def test_daemon_that_hides_does_not_outlive_its_command(then: str, tmp_path: Path) -> None:
    what = command(tmp_path, python(DAEMON + then), limit=timedelta(seconds=30 if not then else 1))
    assert carried_out(what)[0] is (Ending.TIMED_OUT if then else Ending.EXITED)
    assert not lives(int((what.folder / "daemon").read_text()))


def test_daemon_that_hides_does_not_outlive_a_command_that_stopped_its_launcher(tmp_path: Path) -> None:
    stop = "import signal; os.kill(os.getppid(), signal.SIGSTOP); time.sleep(60)"
    what = command(tmp_path, python(DAEMON + stop), limit=timedelta(seconds=1))
    assert carried_out(what)[0] is Ending.TIMED_OUT
    assert not lives(int((what.folder / "daemon").read_text()))


def test_daemon_that_hides_does_not_outlive_a_runner_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(python(RUNNER, str(tmp_path), DAEMON + "time.sleep(60)")) as runner:
        until(lambda: (tmp_path / "daemon").exists() and (tmp_path / "daemon").read_text())
        runner.kill()
    until(lambda: not lives(int((tmp_path / "daemon").read_text())))


def test_command_begins_only_after_it_is_written_down_who_runs_it(tmp_path: Path) -> None:
    what = command(tmp_path, python("open('begun', 'w')"))

    def refuse(process: ProcessId) -> None:
        assert process.lives()
        time.sleep(0.3)
        assert not (what.folder / "begun").exists()
        raise ConnectionError

    with pytest.raises(ConnectionError):
        carried_out(what, began=refuse)
    assert not (what.folder / "begun").exists()
    assert processes_of(tmp_path) == []


RUNNER = """
import sys
from datetime import timedelta
from pathlib import Path
from datacatalog.adapters.platforms.local.commands import Command
from datacatalog.adapters.platforms.local.runner import run
folder = Path(sys.argv[1])
run(Command(arguments=[sys.executable, "-c", sys.argv[2]], environment={}, folder=folder, output=folder / "o",
    errors=folder / "e", limit=timedelta(minutes=1), job=folder, attempt=folder), began=lambda p: None, stop=lambda: False)
"""
"""Runs a program: FOLDER PROGRAM."""


def test_command_dies_with_a_runner_that_is_killed(tmp_path: Path) -> None:
    sleep = "import time; open('begun', 'w'); time.sleep(60)"
    with subprocess.Popen(python(RUNNER, str(tmp_path), sleep)) as runner:
        until((tmp_path / "begun").exists)
        assert processes_of(tmp_path)
        runner.kill()
    until(lambda: processes_of(tmp_path) == [])


def test_what_an_earlier_runner_left_is_ended_by_its_mark(tmp_path: Path) -> None:
    sleep = python("import time; time.sleep(60)")
    marked = subprocess.Popen(sleep, env={MARK: str(tmp_path)}, start_new_session=True)
    other = subprocess.Popen(sleep, env={MARK: f"{tmp_path}-other"})
    try:
        until(lambda: processes_of(tmp_path))
        end_job(tmp_path, None)
        assert marked.wait(PATIENCE_S) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        for process in (marked, other):
            process.kill()
            process.wait()


def test_process_group_is_ended_by_its_leader_though_it_lost_its_mark(tmp_path: Path) -> None:
    leader = subprocess.Popen(python("import time; time.sleep(60)"), env={}, start_new_session=True)
    try:
        end_job(tmp_path, ProcessId.of(leader.pid))
        assert leader.wait(PATIENCE_S) == -signal.SIGKILL
    finally:
        leader.kill()
        leader.wait()


def test_process_that_has_the_number_of_an_earlier_one_is_left_alone(tmp_path: Path) -> None:
    process = subprocess.Popen(python("import time; time.sleep(60)"), start_new_session=True)
    try:
        now = ProcessId.of(process.pid)
        assert now is not None
        end_job(tmp_path, ProcessId(pid=now.pid, started=now.started - 1, boot=now.boot))
        end_job(tmp_path, ProcessId(pid=now.pid, started=now.started, boot="another"))
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
