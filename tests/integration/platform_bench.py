"""A local platform with a real store, real storage and a real receiver of callbacks; as a program, one worker of its own.

python platform_bench.py FOLDER RECEIVER_URL    does every job that is due, prints "lease lost" where it lost one
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from datacatalog.adapters.clock import SystemClock
from datacatalog.adapters.outgoing.web import Policy, WebOutgoing
from datacatalog.adapters.platforms.local import LocalPlatform
from datacatalog.adapters.storage.local import LocalStorage
from datacatalog.adapters.stores.sqlite import SqliteStore
from datacatalog.adapters.transport.sqlite import SqliteTransport
from datacatalog.domain.errors import DatacatalogError, LeaseLost, NoSuchPath, NotYet
from datacatalog.ports.stores import Store
from datacatalog.ports.tasks import Task

SYSTEM = "data-sd2e-community"
ARCHIVE = "/products/v2/archive"
JOBS, STOPS, NOTIFICATIONS = "platform-jobs", "platform-stops", "platform-notifications"
LEASE = timedelta(seconds=1)
TURN = timedelta(milliseconds=100)
"""How long a job that has to wait is put aside, unless it says so itself."""
PATIENCE_S = 15

STATUSES = [
    "PENDING", "STAGING_INPUTS", "RUNNING", "CLEANING_UP", "ARCHIVING", "ARCHIVING_FINISHED", "FINISHED",
]  # fmt: skip
"""What a job that goes well comes to, in order."""

APPS: dict[str, Any] = {
    # Runs the program that the job brings: whatever a test wants to happen.
    "run-1.0": {
        "id": "run-1.0",
        "command": ["{python}", "-c", "{parameters.code}", "{parameters.text}", "{inputs.files}"],
        "inputs": {"files": {"required": False, "multiple": True}},
        "parameters": {"code": {}, "text": {"required": False}},
        "environment": {"GIVEN": "{parameters.text}"},
        "max_run_time": "00:01:00",
    }
}


@dataclass(slots=True)
class Receiver:
    """Takes callbacks; answers with `answers`, then with 200."""

    url: str
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def statuses(self) -> list[str]:
        return [one.body["status"] for one in self.received]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    path: str
    delivery: str
    content_type: str
    body: dict[str, Any]


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append(
                Received(
                    path=self.path,
                    delivery=self.headers["X-Agave-Delivery"],
                    content_type=self.headers["Content-Type"],
                    body=json.loads(raw),
                )
            )
            status = receiver.answers.pop(0) if receiver.answers else 200
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{receiver.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        receiver = Receiver(url=f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


class Bench:
    """A platform below one folder; several of the same folder, also of several processes, share everything."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        (folder / "storage").mkdir(exist_ok=True)
        self.store = SqliteStore(folder / "catalog.db", check=lambda record: None)
        self.transport = SqliteTransport(self.store)
        self.storage = LocalStorage({SYSTEM: folder / "storage"})
        self.url = url
        self.platform = self.platform_on(self.store)

    def platform_on(self, store: Store) -> LocalPlatform:
        """Return the platform with another store below it."""
        return self.make_platform(store)

    def make_platform(self, store: Store, **more: Any) -> LocalPlatform:
        return LocalPlatform(
            store,
            self.storage,
            SystemClock(),
            apps=APPS,
            work_root=self.folder / "platform",
            api_url=self.url,
            default_system=SYSTEM,
            owner="tacobot",
            callbacks=WebOutgoing(Policy(origins=[self.url])),
            **more,
        )

    def put(self, path: str, text: str) -> str:
        """Write a file on the storage system; return its path there."""
        target = self.folder / "storage" / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return path

    def archived(self, path: str = ARCHIVE) -> dict[str, str]:
        """Return what was archived: path below the archive path -> text."""
        try:
            found = [info.path for info in self.storage.walk(SYSTEM, path)]
        except NoSuchPath:
            return {}
        return {one.removeprefix(f"{path}/"): self._text(one) for one in found}

    def _text(self, path: str) -> str:
        with self.storage.open(SYSTEM, path) as file:
            return file.read().decode()

    def submit(self, code: str, *, key: str = "a job", **changes: Any) -> str:
        """Submit a program; return the job's id."""
        parameters = {"code": code, **changes.pop("parameters", {})}
        definition = {
            "appId": "run-1.0",
            "name": "a job",
            "parameters": parameters,
            "archive": True,
            "archiveSystem": SYSTEM,
            "archivePath": ARCHIVE,
            "notifications": [
                {
                    "event": "*",
                    "persistent": True,
                    "url": f"{self.url}/hook?token=canary&status=${{JOB_STATUS}}",
                }
            ],
            **changes,
        }
        return self.platform.submit(definition, key=key).id

    def status(self, id: str) -> str:
        return self.platform.job(id).status

    def work_once(
        self,
        queue: str,
        *,
        store: Store | None = None,
        last: bool = False,
        exhausted: bool = False,
        wait: bool = False,
    ) -> bool:
        """Do one task that is due; False where there is none. What it raises is raised, and the task due again."""
        delivery = self.transport.claim([queue], lease=LEASE, max_tries=1000)
        while delivery is None and wait:
            time.sleep(0.02)
            delivery = self.transport.claim([queue], lease=LEASE, max_tries=1000)
        if delivery is None:
            return False
        task = Task(delivery=delivery, store=store or self.store, last=last, exhausted=exhausted)
        with self._held(task):
            try:
                self.platform.tasks()[queue](task)
            except LeaseLost:
                raise
            except NotYet as e:
                self.transport.retry(delivery, delay=e.after or TURN, reason=str(e), counted=False)
                raise
            except DatacatalogError as e:
                if e.retry:
                    self.transport.retry(delivery, delay=timedelta(0), reason=str(e))
                else:
                    self.transport.bury(delivery, reason=str(e))
                raise
        return True

    def work(self, *queues: str, wait: bool = False) -> None:
        """Do all tasks that are due; with `wait`, the first may only be about to become due."""
        for queue in queues or (JOBS, NOTIFICATIONS):
            while self.work_once(queue, wait=wait):
                wait = False

    @contextmanager
    def _held(self, task: Task) -> Iterator[None]:
        done = threading.Event()

        def beat() -> None:
            while not done.wait(LEASE.total_seconds() / 4):
                try:
                    self.transport.renew(task.delivery, lease=LEASE)
                except LeaseLost:
                    return

        thread = threading.Thread(target=beat)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def close(self) -> None:
        self.store.close()


@contextmanager
def bench(folder: Path, url: str) -> Iterator[Bench]:
    made = Bench(folder, url)
    try:
        yield made
    finally:
        made.close()


def until(true: Callable[[], object], *, patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def main(folder: str, url: str) -> None:
    with bench(Path(folder), url) as made:
        try:
            made.work(JOBS)
        except LeaseLost:
            print("lease lost")


if __name__ == "__main__":
    main(*sys.argv[1:])
