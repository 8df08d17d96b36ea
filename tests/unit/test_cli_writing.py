"""Files that commands write."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from datacatalog.interfaces.cli.writing import complete_file


@pytest.fixture(autouse=True)
def signals_as_a_terminal_has_them() -> Iterator[None]:
    """Whoever runs the tests in the background may have them ignored, and then nothing is cut off."""
    usual = {
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
        signal.SIGINT: signal.default_int_handler,
    }
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _cut_off(target: Path, number: signal.Signals) -> None:
    with complete_file(target) as file:
        file.write(b"half")
        os.kill(os.getpid(), number)
        signal.sigtimedwait([], 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_file_that_a_signal_cuts_off_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"as it was")
    handlers = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    with pytest.raises((SystemExit, KeyboardInterrupt)) as ended:
        _cut_off(target, number)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("out", b"as it was")]
    if isinstance(ended.value, SystemExit):
        assert ended.value.code == 128 + number
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)] == handlers


def test_file_can_be_written_in_any_thread(tmp_path: Path) -> None:
    def write() -> None:
        with complete_file(tmp_path / "out") as file:
            file.write(b"whole")

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    assert (tmp_path / "out").read_bytes() == b"whole"
