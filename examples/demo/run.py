"""The whole way once, for real: from a measurement in the catalog to checksummed results that know where they come from.

Starts a catalog of its own in a temporary folder, on free ports; loads metadata; registers a pipeline; launches an app on the Nile's
annual flow as a managed job; waits for callbacks, indexing and fixity; shows what the ledger knows then, verifies the files, asks
where they came from and what came of a sample, and hands that on as W3C PROV. Every step is checked; the first one that did not
happen ends the demonstration with exit code 1.

    python examples/demo/run.py [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datacatalog import Catalog
from datacatalog.catalog import Entry

EXAMPLES = Path(__file__).parents[1]
SYSTEM = "data-sd2e-community"
SERIES = "/uploads/nile/nile.csv"
SAMPLE = "sample.tacc.nile-aswan"
MEASUREMENT = "measurement.tacc.nile-aswan-volume"
CHALLENGE = "NILE_CHANGE_POINT"
PATIENCE_S = 90
SHOWN_WIDTH = 120


class StepFailed(Exception):
    """Something that the demonstration shows did not happen."""


class Demo:
    """A catalog in `home`, and the commands that a user would type."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = ""

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run a `datacatalog` command, which is to end with `status`; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "datacatalog", *self._config(), *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        if done.returncode != status:
            raise StepFailed(f"datacatalog {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def ask(self, *arguments: str) -> Any:
        """Run a command with --json and return what it said."""
        return json.loads(self.run("--json", *arguments))

    def show(self, *arguments: str, status: int = 0) -> None:
        """Run a command and show it with its output."""
        say(f"$ datacatalog {' '.join(arguments)}")
        say(self.run(*arguments, status=status).rstrip())

    @contextmanager
    def up(self) -> Iterator[None]:
        """Run gateway, workers and platform; `datacatalog up` stops cleanly on SIGINT."""
        log = (self.home / "up.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "datacatalog", *self._config(), "up"], stdout=log, stderr=log
        )
        try:
            self._await_ready(process)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(30)
            log.close()
        if code != 0:
            raise StepFailed(f"datacatalog up ended with exit code {code}")

    def path_of(self, file: Entry) -> Path:
        """Return where a file of the catalog lies."""
        return self.home / "storage" / str(file.storage_system) / str(file.name).lstrip("/")

    def _config(self) -> list[str]:
        return ["--config", str(self.home / "config.yml")]

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise StepFailed(f"the gateway did not start; see {self.home / 'up.log'}")


def main() -> int:
    parser = argparse.ArgumentParser(description="The whole way once, for real.")
    parser.add_argument("--keep", type=Path, help="a new folder for the catalog, which then stays")
    keep: Path | None = parser.parse_args().keep
    home = keep or Path(tempfile.mkdtemp(prefix="datacatalog-demo-"))
    try:
        demonstrate(Demo(home))
    except StepFailed as e:
        say(f"\nFAILED: {e}")
        log = home / "up.log"
        if log.is_file():
            say(log.read_text()[-4000:])
        return 1
    finally:
        if keep is None:
            shutil.rmtree(home, ignore_errors=True)
    return 0


def demonstrate(demo: Demo) -> None:
    title("1. A catalog of its own")
    set_up(demo)
    with demo.up():
        say(f"gateway, workers and the local platform run at {demo.url}")
        title("2. What is known: challenge, design, experiment, samples, measurement")
        load_metadata(demo)
        title("3. A pipeline")
        register_pipeline(demo)
        title("4. A managed job, launched through the agave-proxy over HTTP")
        job = launch(demo)
        title("5. Callbacks, archiving, indexing")
        watch(demo, job)
        with Catalog(demo.home) as catalog:
            title("6. What the ledger knows")
            check_history(demo, catalog, job)
            output = check_files(demo, catalog, job)
            title("7. Is it still so? Every file is hashed anew")
            verify(demo, catalog, job, output)
            title("8. Where did this come from, and what came of it?")
            check_lineage(demo, catalog, job, output.uuid)
            title("9. For other tools: W3C PROV")
            export(demo, catalog, job, output.uuid)
            title("10. The same from Python")
            ask_from_python(demo, catalog, job)
    title("Done: every step happened")


def set_up(demo: Demo) -> None:
    demo.run("init", str(demo.home), "--port", "free")
    demo.url = demo.ask("doctor", "--offline")["url"]
    shutil.copytree(EXAMPLES / "apps", demo.home / "apps", dirs_exist_ok=True)
    target = demo.home / "storage" / SYSTEM / SERIES.lstrip("/")
    target.parent.mkdir(parents=True)
    shutil.copy(EXAMPLES / "data" / "nile.csv", target)
    say(f"configuration, secrets, store and storage in {demo.home}")


def load_metadata(demo: Demo) -> None:
    files = [str(EXAMPLES / "demo" / name) for name in ("metadata.json", "measurements.csv")]
    demo.show("load", *files)
    again = demo.ask("load", *files)
    expect(again["created"] == again["updated"] == 0, "loading twice changes nothing")


def register_pipeline(demo: Demo) -> None:
    demo.show("pipelines", "create", str(EXAMPLES / "demo" / "pipeline.json"))


def launch(demo: Demo) -> str:
    nonce = demo.ask("nonce", "create", "--actor", "agave-proxy")["nonce"]
    message = {
        "job_definition": {
            "appId": "changepoint-1.0.0",
            "name": "nile",
            "inputs": {"series": f"agave://{SYSTEM}{SERIES}"},
            "parameters": {"column": "volume"},
            "maxRunTime": "00:01:00",
        },
        "parameters": {"measurement_id": MEASUREMENT},
        "processing_level": "1",
    }
    say("POST /actors/v2/agave-proxy/messages?x-nonce=…")
    say(json.dumps(message, indent=2))
    answer = post(f"{demo.url}/actors/v2/agave-proxy/messages?x-nonce={nonce}", message)
    outcome = answer["result"]["outcome"]
    say(f"-> job {outcome['uuid']}, archives to {outcome['archive_uri']}")
    return str(outcome["uuid"])


def watch(demo: Demo, job: str) -> None:
    demo.show("jobs", "watch", job, "--timeout", str(PATIENCE_S))


def check_history(demo: Demo, catalog: Catalog, job: str) -> None:
    demo.show("jobs", "history", job)
    history = catalog.jobs.history(job)
    names = [entry.name for entry in history]
    moves = [entry.name for entry in history if not entry.get("noted")]
    wanted = ["create", "run", "finish", "index", "indexed"]
    met = [name for name in moves if name in wanted]
    expect(list(dict.fromkeys(met)) == wanted, f"the job was run, finished and indexed: {names}")
    statuses = {(entry.get("data") or {}).get("status") for entry in history}
    expect({"RUNNING", "FINISHED"} <= statuses, "the platform called back")
    say(f"\narchive path: {catalog.jobs[job].archive_path}")
    expect(catalog.jobs[job].state == "FINISHED", "the job is FINISHED")


def check_files(demo: Demo, catalog: Catalog, job: str) -> Entry:
    """Return the file with the result."""
    demo.show("files", "list", "--job", job)
    files = catalog.jobs.files(job)
    expect(bool(files), "the outputs are indexed")
    for file in files:
        digest = "sha256:" + hashlib.sha256(demo.path_of(file).read_bytes()).hexdigest()
        expect(file.checksum == digest, f"the checksum of {file.name} is that of the file")
    results = [file for file in files if file.type == "JSON"]
    expect(bool(results), "the app wrote its result")
    say(f"\nwhat the app found:\n{demo.path_of(results[0]).read_text().rstrip()}")
    return results[0]


def verify(demo: Demo, catalog: Catalog, job: str, file: Entry) -> None:
    demo.show("verify", job)
    path = demo.path_of(file)
    content, dates = path.read_bytes(), path.stat()
    path.write_bytes(content.replace(b"1898", b"1899"))
    os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))
    say("\nSomebody changes one digit of the result; size and dates stay as they were:")
    demo.show("verify", job, status=1)
    path.write_bytes(content)
    expect(catalog.verify(job) == [], "with its old content, the file is as recorded")


def check_lineage(demo: Demo, catalog: Catalog, job: str, output: str) -> None:
    demo.show("lineage", output)
    came_from = catalog.lineage(output)
    names = {step.label for step in came_from}
    for wanted in (MEASUREMENT, CHALLENGE):
        expect(wanted in names, f"the lineage leads from the output to {wanted}")
    expect(job in {step.uuid for step in came_from}, "and through the job")
    expect(SERIES in names, "and to the file that was computed on")
    say("\nEverything that was derived from the sample:")
    demo.show("lineage", SAMPLE, "--outputs")
    derived = {step.uuid for step in catalog.lineage(SAMPLE, "descendants")}
    expect({job, output} <= derived, "the lineage leads from the sample to the job and its output")


def export(demo: Demo, catalog: Catalog, job: str, output: str) -> None:
    say(f"$ datacatalog export {output} --format prov-n")
    for line in demo.run("export", output, "--format", "prov-n").splitlines():
        say(line if len(line) <= SHOWN_WIDTH else f"{line[:SHOWN_WIDTH]}…")
    document = json.loads(catalog.export(job))
    expect(any(job in name for name in document["activity"]), "the job is an activity")
    expect(any(output in name for name in document["entity"]), "its output is an entity")


def ask_from_python(demo: Demo, catalog: Catalog, job: str) -> None:
    say(">>> from datacatalog import Catalog")
    say(f'>>> catalog = Catalog("{demo.home}")')
    say('>>> [job.uuid for job in catalog.jobs.find(state="FINISHED", pipeline="changepoint-1.0.0")]')
    found = [each.uuid for each in catalog.jobs.find(state="FINISHED", pipeline="changepoint-1.0.0")]
    say(repr(found))
    expect(found == [job], "the job is found by state and pipeline")
    say(f'>>> [(file.type, file.size) for file in catalog.jobs.files("{job}")]')
    say(repr([(file.type, file.size) for file in catalog.jobs.files(job)]))
    say(f'>>> [file.name for file in catalog.inputs("{job}")]')
    names = [file.name for file in catalog.inputs(job)]
    say(repr(names))
    expect(names == [SERIES], "the input of the job is the file that was computed on")


def post(url: str, message: Any) -> Any:
    request = urllib.request.Request(url, json.dumps(message).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as e:
        raise StepFailed(f"HTTP {e.code}: {e.read().decode()}") from e


def expect(true: bool, what: str) -> None:
    if not true:
        raise StepFailed(f"not so: {what}")


def title(text: str) -> None:
    say(f"\n=== {text} ===")


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
