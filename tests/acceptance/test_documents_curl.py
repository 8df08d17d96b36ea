"""The curl commands of the published documents, sent with curl to a real gateway."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta

import pytest

from datacatalog.domain.jobs.lifecycle import State
from tests.acceptance.site import Site, closed, opened
from tests.harness import install
from tests.shared import shared

JOB, TOKEN, BEARER, NONCE = (
    "1073f4ff-c2b9-5190-bd9a-e6a406d9796a",
    "0dc73dc3ff39b49a",
    "969d11396c43b0b810387e4da840cb37",
    "TACC_XXXXxxxxYz",
)
HOSTS = ("https://api.tacc.cloud", "https://<tenantUrl>")

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def printed_commands() -> list[str]:
    """Return the curl commands that the documents print, line breaks and all."""
    (page,) = shared("seeds").glob("001_*.txt")
    commands: list[list[str]] = []
    open_ = False
    for line in page.read_text("utf-8").splitlines():
        if line.startswith("curl "):
            commands.append([])
            open_ = True
        if open_:
            commands[-1].append(line)
            open_ = line.endswith("\\") or not any("/messages" in part for part in commands[-1])
    return ["\n".join(lines) for lines in commands]


def words(command: str) -> list[str]:
    """Split a command as a shell does that takes `&` for text, which is how the documents mean it."""
    found, word, quote = [], "", ""
    text = iter(command + " ")
    for char in text:
        if quote:
            if char == quote:
                quote = ""
            else:
                word += char
        elif char in "'\"":
            quote = char
        elif char == "\\":
            next(text)
        elif char.isspace():
            found += [word] if word else []
            word = ""
        else:
            word += char
    return found


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose gateway also runs as a process of its own."""
    site = opened(install(tmp_path_factory.mktemp("live")))
    site.catalog.start("serve")
    site.catalog.wait_ready()
    yield site
    closed(site)


def curl(*arguments: str) -> tuple[int, dict[str, object]]:
    """Run curl; return status and answer."""
    run = subprocess.run(
        ["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    text, _, code = run.stdout.rpartition("\n")
    return int(code), json.loads(text)


def test_documents_print_five_commands():
    assert [" ".join(words(c)).count("messages") for c in printed_commands()] == [1] * 5


@pytest.mark.parametrize("n", range(5))
@pytest.mark.parametrize("address", ["name", "id", "alias"])
def test_command_does_what_the_documents_say(live: Site, n: int, address: str):
    command = printed_commands()[n]
    index = "name=index" in command
    job = live.job(State.FINISHED if index else State.RUNNING)
    name = "jobs-indexer" if index else "jobs-manager"
    actor = {"name": name, "id": live.app.env.rules.actor_ids[name], "alias": f"{name}.prod"}[address]
    bearer = live.app.bearer.make(
        "someone", level="EXECUTE", at=live.clock.now(), lifetime=timedelta(minutes=5)
    )
    arguments = []
    for word in words(command)[1:]:
        for host in HOSTS:
            word = word.replace(host, live.catalog.url)
        for printed, ours in (
            (JOB, job.job.uuid),
            (TOKEN, job.token),
            (BEARER, bearer),
            (NONCE, live.catalog.nonce),
            ("<actorId>", actor),
        ):
            word = word.replace(printed, ours)
        if word.startswith("http") and "Bearer" not in command and "x-nonce" not in word:
            word += f"&x-nonce={live.catalog.nonce}"
        arguments.append(word)
    code, answer = curl(*arguments)
    assert (code, answer["status"]) == (202 if index else 200, "success")
    assert live.state(job) == ("INDEXING" if index else "FINISHED")
    last = live.catalog.history(job.job.uuid)[-1]
    if "arbitrary" in command:
        assert last["data"] == {"arbitrary": "key value data"}
    if index:
        assert last["data"] == {
            "filters": ["sample.uw_biofab.141715", "sample-uw_biofab-141715"],
            "level": "2",
        }


def test_command_without_credentials_is_refused(live: Site):
    job = live.job(State.RUNNING)
    before = live.dump()
    url = f"{live.catalog.url}/actors/v2/jobs-manager/messages"
    code, answer = curl("-XPOST", f"{url}?uuid={job.job.uuid}&event=finish&token={job.token}")
    assert (code, answer["result"]["code"]) == (401, "missing-credentials")  # type: ignore[index]
    assert live.dump() == before
