"""Commands that are isolated by bubblewrap, where it works."""

from __future__ import annotations

import logging
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from datacatalog.adapters.platforms.local.commands import Command
from datacatalog.adapters.platforms.local.isolation import AUTO, BUBBLEWRAP, Isolation
from datacatalog.adapters.platforms.local.limits import NO_LIMITS, Limits
from datacatalog.adapters.platforms.local.runner import Ending, run
from datacatalog.domain.errors import NotSupported

ABSENT = "no-such-bwrap"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of an installation, with what no command may see."""
    home = tmp_path / "home"
    for folder in ("apps", "platform/job/attempt-1/work", "platform/other"):
        (home / folder).mkdir(parents=True)
    for secret in ("secrets.json", "catalog.db", "platform/job/job.json", "platform/other/job.json"):
        (home / secret).write_text("canary")
    (home / "apps/tool.py").write_text("print('of the app')")
    return home


def isolation(home: Path, mode: str = BUBBLEWRAP, **more: str) -> Isolation:
    return Isolation(mode, [home, home / "platform"], **more)


def command(home: Path, code: str, *, network: bool = True, limits: Limits = NO_LIMITS) -> Command:
    attempt = home / "platform/job/attempt-1"
    return Command(
        arguments=[sys.executable, "-c", code],
        environment={"PATH": "/usr/bin:/bin"},
        folder=attempt / "work",
        output=attempt / "work/out",
        errors=attempt / "work/err",
        limit=timedelta(seconds=20),
        job=attempt.parent,
        attempt=attempt,
        app=home / "apps",
        network=network,
        limits=limits,
    )


@pytest.fixture(scope="module")
def bubblewrap(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("probe")
    (folder / "apps").mkdir()
    try:
        isolation(folder).wrapped(command(folder, ""))
    except NotSupported as e:
        pytest.skip(str(e))


def printed(home: Path, code: str, **more: bool) -> str:
    what = command(home, code, **more)  # type: ignore[arg-type]
    ended = run(what, began=lambda process: None, stop=lambda: False, isolation=isolation(home))
    assert ended == (Ending.EXITED, 0), what.errors.read_text()
    return what.output.read_text().strip()


@pytest.mark.service
@pytest.mark.usefixtures("bubblewrap")
class TestWithBubblewrap:
    def test_command_sees_its_own_attempt_and_app_and_nothing_else_of_the_installation(
        self, home: Path
    ) -> None:
        code = (
            f"import os; print(sorted(os.path.join(p, f) for p, _, n in os.walk({str(home)!r}) for f in n))"
        )
        found = [
            str(home / "apps/tool.py"),
            *(str(home / f"platform/job/attempt-1/work/{n}") for n in ("err", "out")),
        ]
        assert printed(home, code) == str(found)

    def test_command_writes_to_its_attempt_and_nowhere_else(self, home: Path) -> None:
        code = f"""
import os
open('made', 'w').write('x')
for place in ({str(home / "apps")!r}, '/usr', '/etc', '/'):
    try:
        open(os.path.join(place, 'written'), 'w')
    except OSError as e:
        print(e.errno in (1, 13, 30))
"""
        # The root is a file system of its own, which is gone with the command.
        assert set(printed(home, code).split()) == {"True"}
        assert (home / "platform/job/attempt-1/work/made").read_text() == "x"
        assert not Path("/written").exists()

    def test_temporary_files_and_processes_of_others_are_not_there(self, home: Path) -> None:
        code = "import os; print(os.listdir('/var/tmp'), [p for p in os.listdir('/proc') if p.isdecimal()])"
        assert printed(home, code) == "[] ['1', '2']"

    def test_python_and_its_packages_are_there(self, home: Path) -> None:
        assert printed(home, "import click, ssl, sys; print(sys.prefix)") == sys.prefix

    @pytest.mark.parametrize("network", [True, False])
    def test_network_is_there_unless_the_app_does_without(self, network: bool, home: Path) -> None:
        code = "print(len(open('/proc/net/dev').read().splitlines()) - 2, open('/proc/net/tcp').read() != '')"
        interfaces = int(printed(home, code, network=network).split()[0])
        here = len(Path("/proc/net/dev").read_text().splitlines()) - 2
        assert interfaces == (here if network else 1)

    def test_exit_code_is_that_of_the_command(self, home: Path) -> None:
        what = command(home, "raise SystemExit(7)")
        assert run(what, began=lambda p: None, stop=lambda: False, isolation=isolation(home)) == (
            Ending.EXITED,
            7,
        )

    def test_command_may_tidy_up_when_it_is_told_to_stop_and_leaves_no_process(self, home: Path) -> None:
        code = (
            "import os, signal, sys, time\n"
            "if os.fork() == 0: os.setsid(); time.sleep(60)\n"
            "signal.signal(15, lambda *_: (print('bye', flush=True), sys.exit(0)));"
            "print(1, flush=True); time.sleep(60)"
        )
        what = command(home, code)
        began = time.monotonic()
        ending, _ = run(
            what,
            began=lambda process: None,
            stop=lambda: what.output.read_text() == "1\n",
            isolation=isolation(home),
        )
        assert (ending, what.output.read_text()) == (Ending.STOPPED, "1\nbye\n")
        assert time.monotonic() - began < 5

    def test_limits_hold_inside(self, home: Path) -> None:
        what = command(home, "while True: pass", limits=Limits(cpu_s=1))
        _, code = run(what, began=lambda process: None, stop=lambda: False, isolation=isolation(home))
        assert what.limits.met(code, "") == "it met its limit, cpu_s: 1"

    def test_app_whose_folder_holds_the_installation_is_not_isolated_but_refused(self, home: Path) -> None:
        with pytest.raises(NotSupported, match="its folder holds"):
            Isolation(BUBBLEWRAP, [home / "platform"]).wrapped(_of_app(command(home, ""), home))


def _of_app(what: Command, folder: Path) -> Command:
    return Command.read({**what.to_document(), "app": str(folder)})


def test_isolation_that_does_not_work_here_is_told_once_and_done_without(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here, what = isolation(home, AUTO, program=ABSENT), command(home, "")
    with caplog.at_level(logging.WARNING):
        assert [here.wrapped(what), here.wrapped(what)] == [what.arguments, what.arguments]
    assert here.told() == "not isolated: it is not installed"
    assert [record.getMessage() for record in caplog.records] == [
        "commands are not isolated: bubblewrap does not work here: it is not installed"
    ]


def test_isolation_that_was_asked_for_and_does_not_work_fails_the_command(home: Path) -> None:
    with pytest.raises(NotSupported, match="bubblewrap does not work here: it is not installed"):
        isolation(home, program=ABSENT).wrapped(command(home, ""))
    with pytest.raises(NotSupported):
        isolation(home, program=ABSENT).told()


def test_app_that_is_to_have_no_network_does_not_run_where_that_cannot_be(home: Path) -> None:
    with pytest.raises(NotSupported, match="no network"):
        isolation(home, AUTO, program=ABSENT).wrapped(command(home, "", network=False))
