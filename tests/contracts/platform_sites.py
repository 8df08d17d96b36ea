"""Platforms of every kind, each with what a test needs to know and to do where it computes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datacatalog.adapters.outgoing.web import Policy, WebOutgoing
from datacatalog.adapters.platforms.agave import AgavePlatform
from datacatalog.adapters.platforms.tapis import TapisPlatform
from datacatalog.adapters.remote.conversation import Conversation, Fixed
from datacatalog.ports.platforms import Platform
from tests.contracts import fake_agave, fake_tapis
from tests.contracts.fake_site import FakeSite, serving
from tests.integration.platform_bench import Receiver, bench, receiving
from tests.unit.memory import APP, MemoryPlatform

SYSTEM = "data-sd2e-community"
ARCHIVE = "/archive/jobs/of-a-test"
OUTPUTS: Mapping[str, bytes] = {"result.txt": b"42", "deep/more.txt": b"more", "deep/deep": b"same name"}
"""What a job of these tests makes."""
_CODE = (
    "import os; os.mkdir('deep'); open('result.txt', 'w').write('42');"
    "open('deep/more.txt', 'w').write('more'); open('deep/deep', 'w').write('same name')"
)


@dataclass(kw_only=True)
class Site:
    """A platform, and where it computes.

    Attributes:
        app: an app that there is.
        inputs, parameters: what its jobs may be told.
        count: how many jobs were taken.
        finish: brings a job to a good end; it made OUTPUTS.
        settle: lets the platform do what it does on its own.
        fake: the service that is spoken to, where it is one of another site.
    """

    platform: Platform
    app: str
    callback: str
    count: Callable[[], int]
    finish: Callable[[str], None]
    stopped: str
    settle: Callable[[], None] = lambda: None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    fake: Any = None

    def definition(self, **changes: Any) -> dict[str, Any]:
        """Return what the ledger hands to a platform for a job."""
        return {
            "appId": self.app,
            "name": "TACObot job",
            "inputs": dict(self.inputs),
            "parameters": dict(self.parameters),
            "maxRunTime": "00:01:00",
            "archive": True,
            "archiveSystem": SYSTEM,
            "archivePath": ARCHIVE,
            "notifications": [
                {
                    "event": "*",
                    "persistent": True,
                    "url": f"{self.callback}/hook?uuid=107&token=canary&status=${{JOB_STATUS}}&note=${{JOB_ERROR}}",
                }
            ],
            **changes,
        }


def speaking_to(fake: FakeSite, token: str, **timeouts: float) -> Conversation:
    """Return a conversation with a fake, as the settings would make one."""
    policy = Policy(origins=[fake.url], connect_timeout_s=2, read_timeout_s=2, **timeouts)  # type: ignore[arg-type]
    tapis = isinstance(fake, fake_tapis.FakeTapis)
    header, scheme = ("X-Tapis-Token", "") if tapis else ("Authorization", "Bearer")
    return Conversation(WebOutgoing(policy), fake.url, Fixed(token), header=header, scheme=scheme)


@contextmanager
def memory(folder: Path) -> Iterator[Site]:
    platform = MemoryPlatform()
    yield Site(
        platform=platform,  # type: ignore[arg-type]
        app=APP,
        callback="http://127.0.0.1:9",
        count=lambda: len(platform.submitted),
        finish=lambda job: platform.statuses.__setitem__(job, "FINISHED"),
        stopped="STOPPED",
    )


@contextmanager
def local(folder: Path) -> Iterator[Site]:
    with receiving() as receiver, bench(folder, receiver.url) as made:
        yield Site(
            platform=made.platform,
            app="run-1.0",
            callback=receiver.url,
            count=lambda: len(list((folder / "platform").glob("*-007"))),
            finish=lambda job: made.work("platform-jobs"),
            settle=lambda: made.work("platform-jobs"),
            stopped="STOPPED",
            parameters={"code": _CODE},
        )


@contextmanager
def agave(folder: Path) -> Iterator[Site]:
    token = secrets.token_hex(16)
    fake = fake_agave.fake_agave(token, fake_agave.app("tacobot9000-0.1.0u1"))
    with _around(fake) as receiver:
        yield Site(
            platform=AgavePlatform(speaking_to(fake, token), registration=True),
            app="tacobot9000-0.1.0u1",
            callback=receiver.url,
            count=lambda: len(fake.jobs),
            finish=lambda job: _made(fake, job, fake_agave.GOOD_WAY),
            stopped="STOPPED",
            inputs={"file1": "agave://data.tacc.cloud/examples/tacobot/test1.txt"},
            parameters={"salsa": True, "avocado": False},
            fake=fake,
        )


@contextmanager
def tapis(folder: Path) -> Iterator[Site]:
    token = secrets.token_hex(16)
    fake = fake_tapis.fake_tapis(token, TACOBOT)
    with _around(fake) as receiver:
        yield Site(
            platform=TapisPlatform(speaking_to(fake, token), default_system=SYSTEM, registration=True),
            app="tacobot9000-0.1.0u1",
            callback=receiver.url,
            count=lambda: len(fake.jobs),
            finish=lambda job: _made(fake, job, fake_tapis.GOOD_WAY),
            stopped="CANCELLED",
            inputs={"file1": "agave://data.tacc.cloud/examples/tacobot/test1.txt"},
            parameters={"salsa": True, "avocado": False},
            fake=fake,
        )


TACOBOT = fake_tapis.app(
    "tacobot9000",
    "0.1.0u1",
    fileInputs=[{"name": "file1", "targetPath": "*", "inputMode": "REQUIRED"}],
    fileInputArrays=[{"name": "more", "targetDir": "more", "inputMode": "OPTIONAL"}],
    parameterSet={
        "appArgs": [
            {"name": "salsa", "arg": "--salsa", "inputMode": "INCLUDE_ON_DEMAND"},
            {"name": "cheese", "inputMode": "INCLUDE_ON_DEMAND"},
            {"name": "menu", "arg": "--menu=classic", "inputMode": "FIXED"},
        ],
        "envVariables": [{"key": "avocado", "inputMode": "INCLUDE_ON_DEMAND"}],
    },
)

SITES: Mapping[str, Callable[[Path], Any]] = {
    "memory": memory,
    "local": local,
    "agave": agave,
    "tapis": tapis,
}
REMOTE: Sequence[str] = ("agave", "tapis")


@contextmanager
def _around(fake: FakeSite) -> Iterator[Receiver]:
    """Serve a fake, with somebody who takes its notifications; in the end, nothing may have been said that is not documented."""
    with ExitStack() as stack:
        stack.enter_context(serving(fake))
        yield stack.enter_context(receiving())
    assert fake.broken == []


def _made(fake: Any, id: str, way: Sequence[str]) -> None:
    for path, content in OUTPUTS.items():
        fake.make(id, path, content)
    fake.move(id, *way)
