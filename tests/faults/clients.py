"""Clients that do not give up: each message has a key and a mark, and is sent again until somebody answers."""

from __future__ import annotations

import hashlib
import json
import random
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from datacatalog.domain.errors import Unavailable
from datacatalog.services.jobs import Created
from tests.faults.journal import Journal
from tests.faults.model import LATER
from tests.harness import SYSTEM, Catalog

APP = "marker-1.0.0"
APP_FILE = """
id: marker-1.0.0
command: ["/bin/sh", "-c", 'printf "%s" "$0" > marked.txt; sleep 0.2; mkdir more; echo "$0 again" > more/again.csv', "{parameters.word}"]
parameters: {word: {type: string, required: true}}
"""

CALLBACK: Mapping[str, Any] = {
    "owner": "tests",
    "appId": "elsewhere-1.0.0",
    "executionSystem": "elsewhere",
    "archivePath": None,
    "archiveSystem": None,
    "inputs": {},
    "parameters": {},
    "_links": {},
}
STATUS_OF = {"run": "RUNNING", "update": "HEARTBEAT", "finish": "FINISHED"}
RETRY_S = 0.05
GIVE_UP_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One HTTP request, the same each time it is sent."""

    actor: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Sending:
    """One message, and what became of each of its deliveries; None: no answer."""

    post: Post
    mark: str
    event: str
    job: str = ""
    answers: list[int | None] = field(default_factory=list)


def new_mark() -> str:
    return f"mark-{secrets.token_hex(8)}"


def word_of(mark: str) -> str:
    """Return what a launch's app is to write: told from all others, and no mark."""
    return mark.replace("mark-", "word-")


def as_json(job: Created, event: str, mark: str) -> Post:
    document = {"uuid": job.job.uuid, "name": event, "token": job.token, "data": {"mark": mark}}
    return _post({}, {"Idempotency-Key": mark}, document)


def as_url(job: Created, event: str, mark: str) -> Post:
    query = {"uuid": job.job.uuid, "event": event, "token": job.token, "note": mark}
    return _post(query, {"Idempotency-Key": mark}, None)


def as_callback(job: Created, event: str, mark: str) -> Post:
    query = {"uuid": job.job.uuid, "token": job.token}
    body = {**CALLBACK, "id": f"{mark}-007", "status": STATUS_OF[event]}
    return _post(query, {"X-Agave-Delivery": mark}, body)


WAYS = (as_json, as_url, as_callback)


def as_launch(mark: str) -> Post:
    # The word goes through the platform and back in every callback; the mark stays in the catalog.
    definition = {"appId": APP, "name": "marker", "parameters": {"word": word_of(mark)}}
    body = {"job_definition": definition, "data": {"mark": mark}}
    return _post({}, {"Idempotency-Key": mark}, body, actor="agave-proxy")


def _post(
    query: Mapping[str, str],
    headers: Mapping[str, str],
    body: Mapping[str, Any] | None,
    actor: str = "jobs-manager",
) -> Post:
    raw = b"" if body is None else json.dumps(body).encode()
    return Post(actor=actor, query=query, headers=headers, body=raw)


class Client(threading.Thread):
    """Sends until it is told to stop; then it ends what it has begun.

    Args:
        urls: of the gateways; each message goes to one of them, and each time it is sent perhaps to another one.

    Attributes:
        made: the jobs it drove to their end -> path -> sha256 of what is to lie in their archives.
        faults: answers that should not have been given.
        last: when it was last acknowledged something [monotonic seconds].
        pressed: set while there is so much to do that it had better wait before it begins something new.
        refused: how often it was told to come again later.
        times_s: how long its answers took.
    """

    def __init__(self, catalog: Catalog, seed: str, stop: threading.Event, urls: Sequence[str] = ()) -> None:
        super().__init__(name=f"client-{seed}", daemon=True)
        self.made: dict[str, dict[str, str]] = {}
        self.faults: list[str] = []
        self.last = 0.0
        self.pressed = threading.Event()
        self.refused = 0
        self.times_s: list[float] = []
        self._catalog, self._rng, self._stop_event = catalog, random.Random(seed), stop
        self._urls = urls or [catalog.url]
        self._session = requests.Session()
        self._journal = Journal(journals(catalog) / f"{self.name}.jsonl")

    def run(self) -> None:
        try:
            while not self._stop_event.is_set():
                if self.pressed.is_set():
                    self._stop_event.wait(RETRY_S)
                else:
                    self.drive()
        except Exception as e:  # a thread that dies must not pass for one that is content
            self.faults.append(f"{self.name}: {type(e).__name__}: {e}")
        finally:
            self.close()

    def close(self) -> None:
        self._session.close()
        self._journal.close()

    def drive(self) -> None:
        """Take one job through its life, and note it in `made`."""
        raise NotImplementedError

    # ---------------------------------------------------------------------------------------- sending

    def deliver(self, sending: Sending) -> requests.Response:
        """Send until there is an answer other than "later".

        Raises:
            TimeoutError: there is none for two minutes.
        """
        deadline = time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline:
            answer = self.try_once(sending)
            if answer is not None and answer.status_code < 500 and answer.status_code not in LATER:
                return answer
            time.sleep(RETRY_S * self._rng.uniform(0.5, 1.5))
        raise TimeoutError(f"{sending.event} {sending.mark}: {sending.answers[-5:]}")

    def try_once(self, sending: Sending) -> requests.Response | None:
        """Deliver a message once; None: there was no answer."""
        post = sending.post
        began = time.monotonic()
        self._journal.attempt(mark=sending.mark, job=sending.job, event=sending.event, actor=post.actor)
        try:
            answer = self._session.post(
                f"{self._rng.choice(self._urls)}/actors/v2/{post.actor}/messages",
                params={"x-nonce": self._catalog.nonce, **post.query},
                headers=dict(post.headers),
                data=post.body,
                timeout=20,
            )
        except requests.RequestException:
            self._note(sending, None)
            return None
        self.times_s.append(time.monotonic() - began)
        self._note(sending, answer)
        return answer

    def _note(self, sending: Sending, answer: requests.Response | None) -> None:
        """Write an answer down, and what it tells of a job that was not known before."""
        status, execution = None if answer is None else answer.status_code, None
        sending.answers.append(status)
        self.refused += status in LATER
        if answer is not None and answer.ok:
            self.last, result = time.monotonic(), answer.json()["result"]
            execution = result["executionId"]
            sending.job = sending.job or str(result["outcome"].get("uuid", ""))
        self._journal.answer(mark=sending.mark, status=status, job=sending.job, execution=execution)

    def wants(self, share: float) -> bool:
        return self._rng.random() < share

    def wrong(self, what: str, answer: requests.Response) -> None:
        self.faults.append(f"{what}: {answer.status_code} {answer.text[:300]}")


class Driver(Client):
    """Drives jobs that run somewhere else: by JSON, by URL and by callbacks.

    Args:
        pause_s: about how long it waits between two jobs.
        queued: whether messages are taken into a queue first; then it waits for what becomes of each.
    """

    def __init__(
        self,
        catalog: Catalog,
        seed: str,
        stop: threading.Event,
        *,
        pipeline: str,
        pause_s: float = 0.0,
        queued: bool = False,
        urls: Sequence[str] = (),
    ) -> None:
        super().__init__(catalog, seed, stop, urls)
        self._pipeline, self._pause_s, self._queued = pipeline, pause_s, queued

    def drive(self) -> None:
        job = self._new_job()
        acknowledged = []
        # Without a `run`, a FINISHED callback implies it.
        quiet = self.wants(0.1)
        if not quiet:
            acknowledged.append(self._send(job, "run"))
        for _ in range(0 if quiet else self._rng.randrange(5)):
            # What is queued has no order; an update that nobody waits for may come after the end of its job.
            if self.wants(0.1) and not self._queued:
                self._send_and_forget(job)
            elif self.wants(0.1) and not self._queued:
                self._send_in_vain(job)
            else:
                acknowledged.append(self._send(job, "update"))
            if acknowledged and self.wants(0.2):
                self._send_again(self._rng.choice(acknowledged))
        made = self._archive(job)
        acknowledged.append(self._send(job, "finish", as_callback if quiet else None))
        if self.wants(0.3):
            self._send_again(self._rng.choice(acknowledged))
        self.made[job.job.uuid] = made
        self._stop_event.wait(self._pause_s * self._rng.uniform(0.5, 1.5))

    def probe(self) -> str:
        """Take one job the shortest way through its life; return its UUID."""
        job = self._new_job()
        self._send(job, "run", as_json)
        made = self._archive(job)
        self._send(job, "finish", as_json)
        self.made[job.job.uuid] = made
        return str(job.job.uuid)

    def _new_job(self) -> Created:
        """Make a job. It is asked for again where the store is away, and is the same then: its data are."""
        data, deadline = {"n": new_mark().replace("mark-", "job-")}, time.monotonic() + GIVE_UP_S
        while True:
            try:
                return self._catalog.job(self._pipeline, data=data)
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_S)

    def _sending(self, job: Created, event: str, way: Any = None) -> Sending:
        mark = new_mark()
        post = (way or self._rng.choice(WAYS))(job, event, mark)
        return Sending(post=post, mark=mark, event=event, job=job.job.uuid)

    def _send(self, job: Created, event: str, way: Any = None) -> Sending:
        sending = self._sending(job, event, way)
        answer = self.deliver(sending)
        if not answer.ok:
            self.wrong(f"{event} was refused", answer)
        elif self._queued:
            self._wait_for(sending, answer.json()["result"]["executionId"])
        return sending

    def _wait_for(self, sending: Sending, execution: str) -> None:
        """Wait until a message that was taken into a queue is done."""
        store, deadline = self._catalog.app.env.store, time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline:
            with suppress(Unavailable):
                found = store.read(lambda work: work.executions.get(sending.post.actor, execution))
                if found is not None and found.finished is not None:
                    return
            time.sleep(RETRY_S)
        raise TimeoutError(f"{sending.event} {sending.mark}: its execution {execution} never ended")

    def _send_again(self, sending: Sending) -> None:
        """Deliver what was acknowledged once more, perhaps late: nothing may come of it."""
        answer = self.deliver(sending)
        if not answer.ok or not answer.json()["result"].get("repeated"):
            self.wrong(f"a repeated {sending.event} was not recognized", answer)

    def _send_and_forget(self, job: Created) -> None:
        """Deliver once; without an answer nobody knows whether it arrived."""
        self.try_once(self._sending(job, "update"))

    def _send_in_vain(self, job: Created) -> None:
        """Send what the lifecycle does not allow."""
        answer = self.deliver(self._sending(job, "validated", as_json))
        if answer.status_code != 409:
            self.wrong("validated was not refused", answer)

    def _archive(self, job: Created) -> dict[str, str]:
        """Put files into a job's archive, as if it had run; return path -> sha256."""
        made = {}
        for number in range(self._rng.randrange(4)):
            path = f"{job.job.archive_path}/{self._rng.choice(['', 'more/'])}{number}.csv"
            content = self._rng.randbytes(self._rng.randrange(20_000))
            place = archive_of(self._catalog, path)
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(content)
            made[path] = hashlib.sha256(content).hexdigest()
        return made


class Launcher(Client):
    """Launches the app of the local platform, which then drives the job by callbacks.

    Args:
        pause_s: between two launches.

    Attributes:
        jobs: the UUIDs it was given, one per launch.
    """

    def __init__(
        self, catalog: Catalog, seed: str, stop: threading.Event, *, pause_s: float, urls: Sequence[str] = ()
    ) -> None:
        super().__init__(catalog, seed, stop, urls)
        self.jobs: list[str] = []
        self._pause_s = pause_s

    def drive(self) -> None:
        mark = new_mark()
        sending = Sending(post=as_launch(mark), mark=mark, event="create")
        answer = self.deliver(sending)
        if answer.status_code != 202:
            self.wrong("a launch was refused", answer)
            raise RuntimeError("the app cannot be launched")
        outcome = answer.json()["result"]["outcome"]
        archive = outcome["archive_uri"].removeprefix(f"agave://{SYSTEM}")
        self.jobs.append(sending.job)
        self.made[sending.job] = {
            f"{archive}/{name}": hashlib.sha256(content).hexdigest()
            for name, content in app_outputs(word_of(mark)).items()
        }
        self._stop_event.wait(self._pause_s)


def app_outputs(word: str) -> Mapping[str, bytes]:
    """Return what the app leaves in its archive: file -> content, and what it printed."""
    written = {"marked.txt": word, "more/again.csv": f"{word} again\n", "marker.out": "", "marker.err": ""}
    return {name: text.encode() for name, text in written.items()}


def journals(catalog: Catalog) -> Path:
    """Return the folder in which the clients of an installation keep their journals."""
    return catalog.home / "clients"


def archive_of(catalog: Catalog, path: str) -> Path:
    """Return the place on this disk that is a path of the default storage system."""
    root = catalog.app.settings.config["storage"]["systems"][SYSTEM]["root"]
    return catalog.app.settings.path(root) / path.lstrip("/")
