"""What commands write into files is there whole, or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from datacatalog.interfaces.cli.writing import complete_file


def test_file_takes_its_name_when_all_is_written(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"before")
    with complete_file(target) as file:
        file.write(b"after")
        assert target.read_bytes() == b"before"
    assert target.read_bytes() == b"after"
    assert os.listdir(tmp_path) == ["out"]


def test_what_ends_early_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"before")

    def interrupted() -> None:
        with complete_file(target) as file:
            file.write(b"after")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["out"]


def test_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "out")
    with complete_file(tmp_path / "link") as file:
        file.write(b"after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "out").read_bytes() == b"after"


def test_what_is_no_file_is_written_to_and_stays_what_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        with complete_file(pipe) as file:
            file.write(b"after")
        assert os.read(reader, 10) == b"after"
        assert stat.S_ISFIFO(pipe.stat().st_mode)
    finally:
        os.close(reader)
