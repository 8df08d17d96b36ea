"""The log of commits in MongoDB, among processes that race and die, and when answers are lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datacatalog.adapters.stores.mongo import log, schema, tidying
from datacatalog.adapters.stores.mongo.client import Server
from datacatalog.adapters.stores.mongo.commits import Commits
from datacatalog.adapters.stores.mongo.overlay import change
from datacatalog.adapters.stores.mongo.session import Session
from datacatalog.domain.errors import InvalidRecord, Misconfigured, StoreDown
from tests.integration import mongo_actors as actors
from tests.integration.mongo_databases import database, needs_mongodb

pytestmark = [needs_mongodb, pytest.mark.service]

REPOSITORY = Path(__file__).resolve().parents[2]
DEADLINE_S = 60


@pytest.fixture
def url() -> Iterator[str]:
    with database() as url:
        schema.prepare(Server(url))
        yield url


@pytest.fixture
def commits(url: str) -> Iterator[Commits]:
    commits = actors.opened(url)
    yield commits
    commits.close()


def start(url: str, *words: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.integration.mongo_actors", url, *map(str, words)]
    return subprocess.Popen(command, cwd=REPOSITORY)


def end(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(DEADLINE_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def documents(view: Session) -> list[str]:
    found = view.find(
        actors.COLLECTION, {"_id": {"$gte": "d.", "$lt": "d/"}}, sort=[("_id", 1)], seen=["all"]
    )
    return [each["_id"] for each in found]


# --------------------------------------------------------------------------------------- processes


def test_processes_lose_no_count(url: str, commits: Commits) -> None:
    processes = [start(url, "count_up", 60) for _ in range(3)]
    assert [end(process) for process in processes] == [0, 0, 0]
    assert commits.read(actors.number) == 180


@pytest.mark.parametrize(
    ("documents_there", "filling"), [(20, 10), (5, 2_500_000)], ids=["small", "in pieces"]
)
@pytest.mark.parametrize("applied", [0, 3])
def test_commit_of_a_process_that_died_is_applied_by_whoever_comes(
    url: str, documents_there: int, filling: int, applied: int
) -> None:
    commits = actors.opened(url)
    commits.write(actors.count)
    assert end(start(url, "die_after_commit", documents_there, filling, applied)) == 9
    assert len(commits.read(documents)) == documents_there
    again = actors.opened(url)
    assert len(again.read(documents)) == documents_there
    assert again.write(actors.count) == 2
    [newest] = again.log.look(2)
    assert newest.number == 3
    for each in (commits, again):
        each.close()


def test_what_was_acknowledged_survives_kills(url: str, commits: Commits, tmp_path: Path) -> None:
    acks = tmp_path / "acks"
    for _ in range(3):
        process = start(url, "count_until_killed", acks)
        known = len(acks.read_text().split()) if acks.exists() else 0
        while process.poll() is None and (not acks.exists() or len(acks.read_text().split()) < known + 20):
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        end(process)
        acknowledged = [int(each) for each in acks.read_text().split()]
        assert commits.read(actors.number) - len(acknowledged) <= 3
        assert commits.read(actors.number) >= acknowledged[-1]
        assert acknowledged == sorted(set(acknowledged))


def test_patient_work_ends_although_others_always_come_before(url: str, commits: Commits) -> None:
    process = start(url, "count_up", 100_000)
    try:
        while commits.read(actors.number) < 5:
            time.sleep(0.01)
        first, second = commits.read(actors.look_slowly)
        assert first == second
        first, second = commits.write(lambda view: (actors.look_slowly(view)[0], actors.count(view)))
        assert second == first + 1
        seen = commits.read(actors.number)
        deadline = time.monotonic() + DEADLINE_S
        while commits.read(actors.number) < seen + 5:  # the others go on
            assert time.monotonic() < deadline
    finally:
        process.kill()
        process.wait()


def test_work_stands_when_others_touched_something_else(url: str, commits: Commits) -> None:
    process = start(url, "count_elsewhere", 100_000)
    runs = []

    def body(view: Session) -> int:
        runs.append(1)
        time.sleep(0.02)
        return actors.count(view)

    try:
        while commits.log.look(0) == []:
            time.sleep(0.01)
        assert [commits.write(body) for _ in range(5)] == [1, 2, 3, 4, 5]
        assert len(runs) == 5
    finally:
        process.kill()
        process.wait()


def test_hold_of_a_process_that_died_ends(
    url: str, commits: Commits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "HOLD_S", 0.5)
    assert end(start(url, "die_with_hold")) == 9
    assert commits.read(actors.number) == 0
    assert commits.write(actors.count) == 1
    assert commits.write(actors.count) == 2


def test_child_of_a_fork_has_a_way_of_its_own(url: str, commits: Commits) -> None:
    commits.write(actors.count)
    child = os.fork()
    if child == 0:
        os._exit(commits.write(actors.count))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 2
    assert commits.write(actors.count) == 3


def test_threads_share_commits(commits: Commits) -> None:
    start = threading.Barrier(8)

    def run() -> None:
        start.wait()
        for _ in range(20):
            commits.write(actors.count)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert commits.read(actors.number) == 160
    assert commits.count < 160


steps = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["put", "set", "blind", "fail"])),
    min_size=2,
    max_size=9,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(several=steps)
def test_bodies_that_share_a_commit_count_as_if_one_came_after_the_other(
    commits: Commits, several: list[tuple[str, str]]
) -> None:
    """They run at the same time, so it is those that stand in each other's way that matter."""

    def clear(view: Session) -> None:
        for each in view.find(actors.COLLECTION, {}, sort=[("_id", 1)], seen=["all"]):
            view.drop(actors.COLLECTION, each["_id"], touched=[f"p:{each['_id']}"])

    def body(view: Session, place: int, key: str, kind: str) -> int:
        view.put(
            actors.COLLECTION, f"e.{place}", {"rank": view.rank(), "more": view.rank()}, touched=["ranks"]
        )
        seen = -1 if kind == "blind" else actors.number(view, key)
        if kind in ("set", "blind"):
            view.set(actors.COLLECTION, key, {kind: place}, touched=[f"p:{key}"])
        else:
            actors.count(view, key)
        if kind == "fail":
            raise LookupError(seen)
        return seen

    commits.write(clear)
    done = commits.write_each(
        [partial(body, place=n, key=key, kind=kind) for n, (key, kind) in enumerate(several)]
    )
    there: dict[str, dict[str, int]] = {}
    for place, (key, kind) in enumerate(several):
        seen = -1 if kind == "blind" else there.get(key, {}).get("n", 0)
        if kind == "fail":
            assert isinstance(done[place].error, LookupError)
            assert done[place].error.args == (seen,)
            continue
        assert done[place] == (seen, None)
        if kind == "put":
            there[key] = {"n": seen + 1}
        elif key in there:
            there[key][kind] = place
    found = commits.read(lambda view: view.find(actors.COLLECTION, {}, sort=[("_id", 1)], seen=["all"]))
    assert {each.pop("_id"): each for each in found if "rank" not in each} == there
    ranks = [(each["_id"], each["rank"], each["more"]) for each in found if "rank" in each]
    numbers = [number for _, *both in ranks for number in both]
    assert [key for key, *_ in ranks] == [f"e.{n}" for n, (_, kind) in enumerate(several) if kind != "fail"]
    assert numbers == sorted(set(numbers))


# ------------------------------------------------------------------------------------------- sizes


def test_commit_of_many_megabytes_is_one_commit(url: str, commits: Commits) -> None:
    def body(view: Session) -> None:
        for each in range(6):
            view.put(actors.COLLECTION, f"d.{each}", {"filling": "x" * 4_000_000}, touched=["all"])

    before = commits.log.ready()
    commits.write(body)
    assert [each.number for each in commits.log.look(before)] == [before + 1]
    assert len(commits.read(documents)) == 6
    assert Server(url).collection(schema.PIECES).count_documents({}) == 0


def test_log_is_kept_short(commits: Commits, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "KEPT", 20)
    monkeypatch.setattr(tidying, "NUMBERED", 40)
    for _ in range(70):
        commits.write(actors.count)
    kept = Server(url).collection(schema.COMMITS)
    assert min(kept.distinct("_id", {"writes": {"$exists": True}})) == 45
    assert min(kept.distinct("_id")) == 25
    assert actors.opened(url).write(actors.count) == 71


# ---------------------------------------------------------------------------------------- the network


class Line:
    """A port that leads to the server, and loses the answer to what is asked of the log, when it is told to."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.lose = 0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 20):
                if self.lose and b"insert\x00" in data and b"commits\x00" in data:
                    self.lose -= 1
                    source.shutdown(socket.SHUT_RDWR)  # no answer gets back
                    target.sendall(data)
                    time.sleep(0.2)
                    return
                target.sendall(data)
        except OSError:
            pass
        finally:
            for each in (source, target):
                each.close()


@pytest.mark.parametrize("lost", [1, 2, 4])
def test_commit_whose_answer_is_lost_is_made_once(url: str, commits: Commits, lost: int) -> None:
    parts = urlsplit(url)
    assert parts.hostname is not None
    line = Line((parts.hostname, parts.port or 27017))
    behind = actors.opened(f"mongodb://127.0.0.1:{line.port}{parts.path}?{parts.query}")
    try:
        assert behind.write(actors.count) == 1
        line.lose = lost
        assert behind.write(actors.count) == 2
        assert line.lose == 0
        assert behind.write(actors.count) == 3
        assert commits.read(actors.number) == 3
        assert [each.number for each in commits.log.look(0)] == [1, 2, 3]
    finally:
        line.close()
        behind.close()


def test_server_that_is_not_there_is_told_as_such_without_secrets() -> None:
    away = "mongodb://somebody:secret@127.0.0.1:1/x?serverSelectionTimeoutMS=200"
    with pytest.raises(StoreDown) as caught:
        schema.prepare(Server(away))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        "mongodb://h",
        "mongodb://h/",
        "mongodb:///x",
        "mongodb://u:secret@h/a.b",
        "http://h/x",
        "mongodb://h:x/y",
    ],
)
def test_url_that_says_too_little_is_refused(wrong: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        schema.prepare(Server(wrong))
    assert "secret" not in str(caught.value)


def test_database_of_a_newer_program_is_refused(url: str) -> None:
    server = Server(url)
    server.collection(schema.LEDGER).update_one({"_id": "schema"}, {"$set": {"version": schema.VERSION + 1}})
    with pytest.raises(Misconfigured, match="version"):
        schema.prepare(server)


def test_catalog_of_another_program_is_not_written_to() -> None:
    with database() as url:
        server = Server(url)
        server.collection("jobs").insert_one({"uuid": "107..."})
        with pytest.raises(Misconfigured, match="migrate"):
            schema.prepare(server)


def test_document_that_is_too_large_fails_alone(commits: Commits) -> None:
    def body(view: Session, size: int) -> None:
        view.put(actors.COLLECTION, "large", {"filling": "x" * size}, touched=[])

    with pytest.raises(InvalidRecord):
        commits.write(lambda view: body(view, 15_000_000))
    commits.write(lambda view: body(view, 14_900_000))
    assert commits.read(lambda view: view.get(actors.COLLECTION, "large", seen="")) is not None


def test_values_that_cannot_be_kept_fail_alone(commits: Commits) -> None:
    def body(view: Session) -> None:
        view.put(actors.COLLECTION, "x", {"n": 2**70}, touched=[])

    with pytest.raises(OverflowError):
        commits.write(body)
    assert commits.write(actors.count) == 1
    assert change("put", {}).document() == {}
