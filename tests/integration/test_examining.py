"""What `doctor` is told by disks, clocks and engines that are not as they should be."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from datacatalog.adapters.stores.mongo.examining import clock as server_clock
from datacatalog.adapters.stores.mongo.examining import latency
from datacatalog.adapters.stores.sqlite import SqliteStore, examining
from datacatalog.interfaces.cli import surroundings
from datacatalog.ports.examining import Examined
from tests.acceptance.receiver import port_without_listener


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "ledger.db", check=lambda record: None)
    yield store
    store.close()


def test_ledger_file_on_a_local_disk_is_well(store: SqliteStore) -> None:
    assert isinstance(store, Examined)
    remarks = store.examine()
    assert [remark.about for remark in remarks] == ["place", "durability", "log"]
    assert all(remark.well and not remark.do for remark in remarks)
    assert "journal mode wal, synchronous 2" in remarks[1].found


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "lustre"])
def test_ledger_file_over_a_network_is_told(kind: str) -> None:
    remark = examining.where(Path("/far/away.db"), kind)
    assert not remark.well
    assert kind in remark.found
    assert "db copy" in remark.do


def test_log_that_somebody_holds_is_told(store: SqliteStore, tmp_path: Path) -> None:
    os.truncate(tmp_path / "ledger.db-wal", examining.WAL_MAX_BYTES + 1)
    remark = examining._log(tmp_path / "ledger.db")
    assert (remark.well, "lsof" in remark.do) == (False, True)


def test_server_whose_clock_differs_or_that_is_far_away_is_told() -> None:
    assert server_clock(timedelta(seconds=1)).well
    behind = server_clock(timedelta(minutes=-2))
    assert (behind.well, behind.found) == (False, "the server's is 120.00 s behind")
    assert server_clock(None).well
    assert (latency(0.001).well, latency(0.5).well) == (True, False)


def test_clock_that_stands_behind_what_was_written_is_told(tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    newer.touch()
    assert surroundings.clock([newer, tmp_path / "missing"]).well
    behind = surroundings.clock([newer], lambda: time.time() - 3600)
    assert (behind.well, behind.do) == (False, "set the clock")


@pytest.mark.parametrize("step", [60.0, -60.0])
def test_clock_that_is_stepped_is_told(step: float) -> None:
    shown = itertools.chain([time.time(), time.time()], itertools.repeat(time.time() + step))
    remark = surroundings.clock([], lambda: next(shown))
    assert not remark.well
    assert "slewed" in remark.do


def test_places_on_one_disk_are_told_once_and_those_that_are_not_there_yet_too(tmp_path: Path) -> None:
    places = [("ledger", tmp_path / "a"), ("platform", tmp_path / "b" / "c"), ("nothing", Path("/proc"))]
    remark = surroundings.disks(places)
    assert remark.found.count("free on") == 1
    assert remark.found.startswith("ledger, platform: ")


def test_disk_with_little_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "FREE_MIN_BYTES", 1 << 60)
    remark = surroundings.disks([("ledger", tmp_path)])
    assert not remark.well
    assert remark.do.startswith("make room")


def test_collector_that_is_not_there_is_told() -> None:
    url = f"http://127.0.0.1:{port_without_listener()}"
    remark = surroundings.tracing(url, offline=False)
    assert not remark.well
    assert "traces are dropped" in remark.do
    assert surroundings.tracing(url, offline=True).well
