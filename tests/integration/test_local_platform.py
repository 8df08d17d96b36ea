"""Jobs on the local platform: real processes, a real store, real HTTP."""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from datacatalog.domain.errors import InvalidField, PlatformDown, Refused, UnknownRecord
from tests.integration.platform_bench import (
    ARCHIVE,
    JOBS,
    LEASE,
    NOTIFICATIONS,
    STATUSES,
    SYSTEM,
    Bench,
    Receiver,
    bench,
    receiving,
    until,
)

WRITE = "open('result.txt', 'w').write('42')"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def here(tmp_path: Path, receiver: Receiver) -> Iterator[Bench]:
    with bench(tmp_path, receiver.url) as made:
        yield made


# ---------------------------------------------------------------------------------------- a good end


def test_job_runs_and_archives_what_it_wrote_and_printed(here: Bench) -> None:
    job = here.submit("import sys; print('said'); print('complained', file=sys.stderr);" + WRITE)
    here.work()
    assert here.status(job) == "FINISHED"
    assert here.archived() == {"a-job.err": "complained\n", "a-job.out": "said\n", "result.txt": "42"}


def test_each_status_is_called_back_once_and_in_order(here: Bench, receiver: Receiver) -> None:
    job = here.submit(WRITE)
    here.work()
    assert receiver.statuses() == STATUSES
    assert [one.path for one in receiver.received] == [
        f"/hook?token=canary&status={status}" for status in STATUSES
    ]
    assert len({one.delivery for one in receiver.received}) == len(STATUSES)
    assert {one.content_type for one in receiver.received} == {"application/json"}
    assert {one.body["id"] for one in receiver.received} == {job}


def test_callback_carries_the_job_as_it_was_then(here: Bench, receiver: Receiver) -> None:
    source = here.put("/uploads/a.txt", "a")
    here.submit(WRITE, inputs={"files": source})
    here.work(JOBS)
    here.work(NOTIFICATIONS)
    bodies = {one.body["status"]: one.body for one in receiver.received}
    assert bodies["STAGING_INPUTS"]["startTime"] is None
    assert bodies["RUNNING"]["startTime"] is not None
    assert bodies["RUNNING"]["endTime"] is None
    assert bodies["FINISHED"]["endTime"] is not None
    assert bodies["FINISHED"]["inputs"] == {"files": [f"agave://{SYSTEM}/uploads/a.txt"]}
    assert bodies["FINISHED"]["parameters"] == {"code": [WRITE]}
    assert bodies["FINISHED"]["archivePath"] == ARCHIVE
    assert bodies["FINISHED"]["owner"] == "tacobot"


def test_inputs_are_copies_of_files_and_directories(here: Bench) -> None:
    here.put("/uploads/one.txt", "1")
    here.put("/uploads/many/a.txt", "a")
    here.put("/uploads/many/deep/b.txt", "b")
    code = (
        "import sys; from pathlib import Path; one, many = map(Path, sys.argv[1:]);"
        "print(one.name, one.read_text(), sorted(p.read_text() for p in many.rglob('*') if p.is_file()));"
        "one.write_text('changed'); print(Path.cwd() in one.parents)"
    )
    here.submit(code, inputs={"files": ["/uploads/one.txt", f"agave://{SYSTEM}/uploads/many"]})
    here.work(JOBS)
    assert here.archived()["a-job.out"] == "one.txt 1 ['a', 'b']\nFalse\n"
    assert (here.folder / "storage/uploads/one.txt").read_text() == "1"


def test_nothing_stays_behind_of_a_job_that_was_archived(here: Bench) -> None:
    source = here.put("/uploads/a.txt", "a")
    job = here.submit("import os; open(os.environ['TMPDIR'] + '/x', 'w');" + WRITE, inputs={"files": source})
    here.work(JOBS)
    assert sorted(path.name for path in (here.folder / "platform" / job).iterdir()) == [
        "job.json",
        "lock",
        "status.json",
        "worker",
    ]


def test_home_and_temporary_files_are_not_archived(here: Bench) -> None:
    code = "import os, pathlib; [pathlib.Path(os.environ[n], 'x').touch() for n in ('HOME', 'TMPDIR')]"
    here.submit(code)
    here.work(JOBS)
    assert set(here.archived()) == {"a-job.out", "a-job.err"}


def test_outputs_stay_where_they_are_if_nobody_wants_them_archived(here: Bench, receiver: Receiver) -> None:
    job = here.submit(WRITE, archive=False)
    here.work()
    assert here.archived() == {}
    assert receiver.statuses() == ["PENDING", "STAGING_INPUTS", "RUNNING", "CLEANING_UP", "FINISHED"]
    assert (here.folder / "platform" / job / "attempt-1/work/result.txt").read_text() == "42"


def test_what_holds_secrets_is_private(here: Bench) -> None:
    job = here.submit(WRITE)
    folder = here.folder / "platform" / job
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


# ----------------------------------------------------------------------------------------- submitting


def test_same_key_is_the_same_job_and_runs_once(here: Bench, receiver: Receiver) -> None:
    code = "open('/dev/stdout', 'w').write('x')"
    first = here.submit(code, key="k")
    assert here.submit(code, key="k") == first
    here.work()
    assert here.submit(code, key="k") == first
    here.work()
    assert receiver.statuses() == STATUSES
    assert here.submit(code, key="l") != first


def test_same_key_is_the_first_ones_job_even_if_something_else_is_asked_for(here: Bench) -> None:
    first = here.submit(WRITE, key="k")
    assert here.submit("raise SystemExit(1)", key="k", appId="no-such-app-1.0") == first
    here.work(JOBS)
    assert here.status(first) == "FINISHED"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"inputs": {"files": "agave://elsewhere/a"}}, "inputs/files"),
        ({"archiveSystem": "elsewhere"}, "archiveSystem"),
        ({"archivePath": "/products/../../../etc"}, "archive_path"),
        ({"parameters": {"code": 7}}, "parameters/code"),
        ({"notifications": [{"event": "*", "url": "http://169.254.169.254/"}]}, "notifications/0/url"),
        ({"notifications": [{"event": "*", "url": "http://127.0.0.1:1/"}]}, "notifications/0/url"),
    ],
)
def test_definition_that_cannot_be_carried_out_is_refused_and_nothing_is_written(
    changes: dict[str, object], place: str, here: Bench
) -> None:
    with pytest.raises(InvalidField) as refused:
        here.submit(WRITE, **changes)
    assert refused.value.field == place
    assert not (here.folder / "platform").exists()
    assert sum(here.transport.depth().values()) == 0


@pytest.mark.parametrize("job", ["1" * 19 + "-242ac11b-0001-007", "../x", "", "a-007"])
def test_job_that_was_never_submitted_is_unknown(job: str, here: Bench) -> None:
    with pytest.raises(UnknownRecord):
        here.platform.job(job)
    with pytest.raises(UnknownRecord):
        here.platform.cancel(job)


def test_app_that_is_not_registered_is_unknown(here: Bench) -> None:
    with pytest.raises(UnknownRecord, match=r"unknown app: no-such-app-1\.0"):
        here.submit(WRITE, appId="no-such-app-1.0")


def test_registered_apps_are_told(here: Bench) -> None:
    assert list(here.platform.apps()) == ["run-1.0"]
    assert here.platform.app("run-1.0")["id"] == "run-1.0"


def test_disk_that_cannot_be_written_is_a_platform_that_is_down(here: Bench) -> None:
    (here.folder / "platform").write_text("a file where a folder is wanted")
    with pytest.raises(PlatformDown, match="disk"):
        here.submit(WRITE)


# ------------------------------------------------------------------------------------------ a bad end


def test_command_that_fails_fails_the_job_with_its_last_words(here: Bench, receiver: Receiver) -> None:
    url = f"{here.url}/hook?status=${{JOB_STATUS}}&note=${{JOB_ERROR}}"
    job = here.submit(
        WRITE + "; raise SystemExit('no more salsa')",
        notifications=[{"event": "FAILED", "url": url, "persistent": True}],
    )
    here.work()
    assert here.status(job) == "FAILED"
    assert here.archived() == {}
    [told] = receiver.received
    assert told.path.endswith(
        "status=FAILED&note=the%20command%20ended%20with%20exit%20code%201%3A%20no%20more%20salsa"
    )
    assert told.body["lastStatusMessage"] == "the command ended with exit code 1: no more salsa"


def test_what_a_failed_command_left_can_be_looked_at(here: Bench) -> None:
    source = here.put("/uploads/a.txt", "a")
    job = here.submit(WRITE + "; raise SystemExit(3)", inputs={"files": source})
    here.work(JOBS)
    folder = here.folder / "platform" / job / "attempt-1"
    assert (folder / "work/result.txt").read_text() == "42"
    assert [path.name for path in folder.iterdir()] == ["work"]


def test_command_that_takes_too_long_fails_the_job(here: Bench, receiver: Receiver) -> None:
    here.submit("import time; time.sleep(60)", maxRunTime="00:00:01")
    here.work()
    assert receiver.statuses()[-2:] == ["CLEANING_UP", "FAILED"]
    assert receiver.received[-1].body["lastStatusMessage"] == "the command ran longer than 00:00:01"


def test_input_that_is_not_there_fails_the_job_by_its_name(here: Bench, receiver: Receiver) -> None:
    here.submit(WRITE, inputs={"files": "/uploads/none.txt"})
    here.work()
    assert receiver.statuses() == ["PENDING", "STAGING_INPUTS", "FAILED"]
    assert "uploads/none.txt" in receiver.received[-1].body["lastStatusMessage"]


def test_archive_that_cannot_be_written_fails_the_job_and_says_so(here: Bench, receiver: Receiver) -> None:
    here.put("/taken", "a file where a directory is wanted")
    here.submit(WRITE, archivePath="/taken/here")
    here.work()
    assert receiver.statuses()[-3:] == ["ARCHIVING", "ARCHIVING_FAILED", "FAILED"]
    assert (here.folder / "storage/taken").read_text() == "a file where a directory is wanted"


# --------------------------------------------------------------------------------------------- cancel


def test_running_job_that_is_cancelled_stops(here: Bench, receiver: Receiver) -> None:
    job = here.submit("open('begun', 'w'); import time; time.sleep(60)")
    worker = threading.Thread(target=here.work, args=(JOBS,))
    worker.start()
    until((here.folder / "platform" / job / "attempt-1/work/begun").exists)
    here.platform.cancel(job)
    worker.join()
    here.work(NOTIFICATIONS)
    assert here.status(job) == "STOPPED"
    assert receiver.statuses()[-2:] == ["CLEANING_UP", "STOPPED"]
    assert here.archived() == {}


def test_job_that_is_cancelled_before_it_begins_never_runs(here: Bench, receiver: Receiver) -> None:
    job = here.submit(WRITE)
    here.platform.cancel(job)
    here.work()
    assert receiver.statuses() == ["PENDING", "STOPPED"]


def test_cancelling_a_job_that_is_over_changes_nothing(here: Bench, receiver: Receiver) -> None:
    job = here.submit(WRITE)
    here.work()
    here.platform.cancel(job)
    here.work()
    assert here.status(job) == "FINISHED"
    assert receiver.statuses() == STATUSES


# ----------------------------------------------------------------------------------- hostile commands


def test_no_secret_of_the_worker_reaches_the_command(here: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATACATALOG_SECRETS__TOKEN_KEY", "canary")
    here.submit("import os; print(*sorted(os.environ.items()), sep='\\n')", parameters={"text": "given"})
    here.work(JOBS)
    printed = here.archived()["a-job.out"]
    assert "canary" not in printed
    assert "('GIVEN', 'given')" in printed
    assert f"('AGAVE_JOB_ARCHIVE_PATH', '{ARCHIVE}')" in printed


def test_parameter_with_shell_characters_is_one_literal_argument(here: Bench) -> None:
    text = "$(touch pwned); `touch pwned` | > pwned && * ~ {python} ${HOME} '\"\\"
    here.submit("import sys; print(sys.argv[1:])", parameters={"text": text})
    here.work(JOBS)
    assert here.archived() == {"a-job.err": "", "a-job.out": f"{[text]}\n"}


def test_only_regular_files_of_the_working_folder_are_archived(here: Bench) -> None:
    outside = here.folder / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("canary")
    code = f"""
import os, socket
os.symlink({str(outside)!r}, 'folder')
os.symlink({str(outside / "secret.txt")!r}, 'file')
os.symlink('..', 'up')
os.mkfifo('fifo')
socket.socket(socket.AF_UNIX).bind('socket')
os.makedirs('deep/..x')
for name in ('deep/..x/...', 'b', 'a b\\n', 'ü'):
    open(name, 'w').write('fine')
"""
    here.submit(code)
    here.work(JOBS)
    fine = {name: text for name, text in here.archived().items() if not name.startswith("a-job")}
    assert fine == dict.fromkeys(["deep/..x/...", "b", "a b\n", "ü"], "fine")
    assert {path.name for path in (here.folder / "storage").iterdir()} == {"products"}


def test_output_that_was_put_in_place_of_a_link_to_it_is_all_that_is_read(here: Bench) -> None:
    code = "import os; os.unlink('a-job.err'); os.symlink('/etc/passwd', 'a-job.err'); raise SystemExit(1)"
    job = here.submit(code)
    here.work(JOBS)
    assert here.platform.job(job).detail["lastStatusMessage"] == "the command ended with exit code 1"


def test_name_of_a_job_cannot_lead_its_files_elsewhere(here: Bench) -> None:
    here.submit(WRITE, name="../../../evil/$(x)")
    here.work(JOBS)
    assert set(here.archived()) == {"evil-x.out", "evil-x.err", "result.txt"}


# ----------------------------------------------------------------------------------------- forgetting


def test_jobs_that_are_long_over_are_forgotten_with_their_secrets(here: Bench) -> None:
    over, waiting = here.submit(WRITE, key="a"), here.submit(WRITE, key="b")
    here.work_once(JOBS)
    assert here.platform.forget(before=datetime.now(UTC) - timedelta(days=1)) == 0
    assert here.platform.forget(before=datetime.now(UTC)) == 1
    assert here.status(waiting) == "PENDING"
    with pytest.raises(UnknownRecord):
        here.platform.job(over)
    assert [path.name for path in (here.folder / "platform").iterdir()] == [waiting]


# -------------------------------------------------------------------------------------- notifications


def test_callbacks_wait_for_a_server_that_is_down_at_first(tmp_path: Path) -> None:
    with receiving() as before:
        port = int(before.url.rpartition(":")[2])
    with bench(tmp_path, before.url) as here:
        here.submit(WRITE)
        here.work(JOBS)
        with pytest.raises(PlatformDown):
            here.work_once(NOTIFICATIONS)
        with receiving(port) as after:
            here.work(NOTIFICATIONS)
        assert sorted(after.statuses()) == sorted(STATUSES)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_callback_is_sent_again_under_its_id_if_the_server_cannot_take_it(
    status: int, here: Bench, receiver: Receiver
) -> None:
    here.submit(WRITE)
    receiver.answers = [status]
    with pytest.raises(PlatformDown, match=f"answered {status}"):
        here.work_once(NOTIFICATIONS)
    here.work_once(NOTIFICATIONS)
    first, second = receiver.received
    assert first == second
    assert not here.work_once(NOTIFICATIONS)


@pytest.mark.parametrize("status", [400, 403, 404, 302])
def test_callback_that_is_refused_is_given_up(status: int, here: Bench, receiver: Receiver) -> None:
    here.submit(WRITE)
    receiver.answers = [status]
    with pytest.raises(Refused, match=f"answered {status}"):
        here.work_once(NOTIFICATIONS)
    assert not here.work_once(NOTIFICATIONS)
    assert [one.path.partition("?")[0] for one in receiver.received] == ["/hook"]


def test_secrets_of_callback_urls_are_in_no_log_no_error_and_no_queue(
    here: Bench, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    job = here.submit(WRITE)
    receiver.answers = [403, 503]
    with pytest.raises(Refused, match="answered 403") as given_up:
        here.work_once(NOTIFICATIONS)
    here.work(JOBS)
    with pytest.raises(PlatformDown) as refused:
        here.work_once(NOTIFICATIONS)
    assert '"POST /…' in caplog.text
    assert "canary" not in f"{given_up.value!r}{given_up.value.__cause__!r}"
    delivery = here.transport.claim([NOTIFICATIONS], lease=LEASE)
    assert "canary" not in f"{caplog.text}{refused.value!r}{refused.value.__cause__!r}{delivery}"
    assert "canary" not in str(here.platform.job(job))


def test_proxies_and_passwords_of_the_machine_are_not_used(
    here: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    here.submit(WRITE)
    here.work(NOTIFICATIONS)
    assert receiver.statuses() == ["PENDING"]
    assert os.environ["http_proxy"]
