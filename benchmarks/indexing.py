"""How fast an archive is indexed, beside a plain loop that walks, hashes and keeps one row a file; and in how much memory.

    python -m benchmarks.indexing [--files 100000] [--many 1000000] [--rounds 3]

The plain loop is os.scandir, hashlib.sha256 and an SQLite table with one commit per 1,000 files (WAL, synchronous FULL). Ours is the
whole task as a worker runs it: the walk, two records a file with their schemas, identifiers, indexes and log, links to the job and
its measurement, and the progress. Both read the same files of 2 kB from the same disk. The memory is that of a process which
indexes --many files without checksums. About four minutes, and as many inodes as --many.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import Figure, alternated, figure, folder, installation, rate, result, shown
from datacatalog.domain.indexing import ArchiveIndexRequest
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.messages import IndexJob
from datacatalog.interfaces.worker.loop import Worker
from datacatalog.services.indexing import INDEX_QUEUE, request_index
from datacatalog.services.jobs import Created, job_for, move
from tests.harness import SYSTEM, Catalog

FILES, MANY, ROUNDS = 100_000, 1_000_000, 3
FILES_EACH, SIZE_BYTES = 100, 2048
ROWS_PER_COMMIT = 1000
MEMORY_MAX_MB = 300
SETTLED_S = 2.5
_LINKED = {"measurement_id": "measurement.tacc.0xDEADBEEF"}


def main(files: int = FILES, many: int = MANY, rounds: int = ROUNDS) -> dict[str, Any]:
    with folder() as root:
        figures = rates(root, files, rounds)
    if many:
        with folder() as root:
            figures.append(memory(root, many))
    return result("Indexing", figures)


def rates(root: Path, files: int, rounds: int) -> list[Figure]:
    tree = Tree(root, files)
    again: list[float] = []
    ours_s, plain_s = alternated(partial(index_anew, tree, again), partial(plain_loop, tree), rounds)
    first = figure(
        f"index of {files} files of 2 kB / plain loop",
        [b / a for a, b in zip(ours_s, plain_s, strict=True)],
        goal=">= 0.60",
        ours=rate(files, ours_s, "files"),
        floor=rate(files, plain_s, "files"),
    )
    second = figure(
        "index anew, nothing changed / first index",
        [a / b for a, b in zip(ours_s, again[1:], strict=True)],
        goal=">= 3",
        ours=rate(files, again[1:], "files"),
        floor=rate(files, ours_s, "files"),
    )
    return [first, second]


def memory(root: Path, files: int) -> Figure:
    """Return how much memory a process takes at most that indexes empty files without their checksums."""
    tree = Tree(root, files, size_bytes=0)
    command = [sys.executable, "-m", "benchmarks.indexing", "--child", str(root), str(files)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    tree.take_back()
    peak_mb = told["peak_kib"] * 1024 / 1e6
    return figure(
        f"peak memory of {files} files / {MEMORY_MAX_MB} MB",
        [peak_mb / MEMORY_MAX_MB],
        goal="<= 1",
        ours=f"{peak_mb:.0f} MB",
        floor=f"{rate(files, [told['seconds']], 'files')}",
    )


# ------------------------------------------------------------------------------------------- the files


class Tree:
    """The files, wherever they are now: each indexing has them in the archive path of a job of its own."""

    def __init__(self, root: Path, files: int, size_bytes: int = SIZE_BYTES) -> None:
        self.root, self.files = root, files
        self.top = root / "made"
        if not self.top.exists():
            make_files(self.top, files, size_bytes)

    def move_to(self, archive_path: str) -> None:
        """Take an archive's place, which is empty; the files are touched by nobody."""
        there = self.root / "data" / archive_path.lstrip("/")
        os.rename(self.top, there)
        self.top = there

    def take_back(self) -> None:
        """Find the files where another process has put them."""
        while not self.top.exists():
            [self.top] = (self.root / "data").glob("products/v2/*/*/*/*")


def make_files(top: Path, files: int, size_bytes: int) -> None:
    content = os.urandom(size_bytes)
    for number in range(0, files, FILES_EACH):
        directory = top / f"sample-{number // FILES_EACH // 100:04}" / f"step-{number // FILES_EACH % 100:03}"
        directory.mkdir(parents=True)
        here = os.open(directory, os.O_RDONLY)
        for index in range(min(FILES_EACH, files - number)):
            file = os.open(f"result-{index:03}.csv", os.O_WRONLY | os.O_CREAT, dir_fd=here)
            os.write(file, content)
            os.close(file)
        os.close(here)
    time.sleep(SETTLED_S)


def plain_loop(tree: Tree) -> float:
    """Walk, hash, and keep one row for each file; return how many seconds that took."""
    path = tree.root / f"plain-{time.time_ns()}.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE files (name TEXT PRIMARY KEY, size INTEGER, mtime REAL, sha256 TEXT)")
    started, count = time.perf_counter(), 0
    connection.execute("BEGIN")
    pending = [str(tree.top)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                    continue
                found = entry.stat(follow_symlinks=False)
                with open(entry.path, "rb") as file:
                    digest = hashlib.sha256(file.read()).hexdigest()
                row = (entry.path, found.st_size, found.st_mtime, digest)
                connection.execute("INSERT INTO files VALUES (?, ?, ?, ?)", row)
                count += 1
                if count % ROWS_PER_COMMIT == 0:
                    connection.execute("COMMIT")
                    connection.execute("BEGIN")
    connection.execute("COMMIT")
    took = time.perf_counter() - started
    connection.close()
    assert count == tree.files
    return took


# ---------------------------------------------------------------------------------------------- ours


def index_anew(tree: Tree, again: list[float]) -> float:
    """Index all files in a new installation, and then once more; return how many seconds the first time took.

    Args:
        again: gets those of the second time.
    """
    with job_with(tree) as (catalog, job):
        took = index_once(catalog, job, tree.files)
        again.append(index_once(catalog, job, tree.files))
    return took


@contextmanager
def job_with(tree: Tree) -> Iterator[tuple[Catalog, Created]]:
    """Make an installation with a finished job of one measurement, in whose archive path the files are."""
    home = tree.root / f"home-{time.time_ns()}"
    systems = {SYSTEM: {"root": str(tree.root / "data")}}
    with installation(home, storage={"systems": systems}) as catalog:
        catalog.hierarchy()
        job = catalog.job(parameters=_LINKED)
        tree.move_to(job.job.archive_path)
        for event in (Event.RUN, Event.FINISH):
            env = catalog.app.env
            env.store.transact(
                lambda w, event=event, env=env: move(job_for(job.job.uuid, w), event, None, w, env)
            )
        catalog.work("jobs-indexer")
        with_nothing_to_do(catalog)
        yield catalog, job


def with_nothing_to_do(catalog: Catalog) -> None:
    """Throw away the indexing that finishing the job has set going, so that the first one measured is the first."""
    env = catalog.app.env
    while (delivery := env.transport.claim([INDEX_QUEUE], lease=timedelta(seconds=60))) is not None:
        body = delivery.body
        env.store.transact(lambda w, d=delivery: w.outbox.settle(d))
        uuid = body["uuid"]
        env.store.transact(lambda w, uuid=uuid: move(job_for(uuid, w), Event.INDEXED, None, w, env))


def index_once(catalog: Catalog, job: Created, files: int, *, fixity: bool = True) -> float:
    """Ask for an indexing, and return how many seconds its task took."""
    env, uuid = catalog.app.env, job.job.uuid
    request = ArchiveIndexRequest((), fixity=fixity).to_document()
    message = IndexJob(uuid=uuid, token=job.token, trusted=False, filters=[request], level=None)
    env.store.transact(lambda w: request_index(message, w, env))
    worker = Worker(catalog.app)
    started = time.perf_counter()
    worker.work_once([INDEX_QUEUE])
    took = time.perf_counter() - started
    said = catalog.history(uuid)[-1]["data"]
    assert said.get("files") == files, said
    return took


def child(root: Path, files: int) -> None:
    """Index files without checksums in this process; print its greatest size and the seconds."""
    with job_with(Tree(root, files)) as (catalog, job):
        took = index_once(catalog, job, files, fixity=False)
    # Not ru_maxrss: that begins with what the process had that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak_kib = int(status["VmHWM"].split()[0])
    print(json.dumps({"peak_kib": peak_kib, "seconds": took}))


def arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--many", type=int, default=MANY, help="0: the memory is not measured")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--child", nargs=2, metavar=("ROOT", "FILES"), help=argparse.SUPPRESS)
    return parser.parse_args(words)


if __name__ == "__main__":
    given = arguments(sys.argv[1:])
    if given.child:
        child(Path(given.child[0]), int(given.child[1]))
    else:
        print(shown([main(given.files, given.many, given.rounds)]))
