"""A site for tests: a real installation, its gateway, and a look at everything its store holds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import httpx
from starlette.testclient import TestClient

from datacatalog.bootstrap import App
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.interfaces.http.gateway import asgi
from datacatalog.ports.stores.copying import TABLES
from datacatalog.services.access import make_admin_token
from datacatalog.services.jobs import Created, job_for, move
from tests.harness import Catalog

Dump = Mapping[str, list[JsonObject]]

WAY_TO: Mapping[State, tuple[Event, ...]] = {
    State.CREATED: (),
    State.RUNNING: (Event.RUN,),
    State.FAILED: (Event.FAIL,),
    State.FINISHED: (Event.RUN, Event.FINISH),
    State.INDEXING: (Event.RUN, Event.FINISH, Event.INDEX),
    State.VALIDATING: (Event.RUN, Event.FINISH, Event.VALIDATE),
    State.VALIDATED: (Event.RUN, Event.FINISH, Event.VALIDATE, Event.VALIDATED),
    State.REJECTED: (Event.RUN, Event.FINISH, Event.VALIDATE, Event.REJECT),
    State.FINALIZED: (Event.RUN, Event.FINISH, Event.VALIDATE, Event.VALIDATED, Event.FINALIZE),
    State.RETIRED: (Event.FAIL, Event.RETIRE),
    State.RESET: (Event.RESET,),
}
"""Events that take a new job to each state."""

CANARIES: set[str] = set()
"""Every secret that a site was given or gave; no log may ever show one (see conftest)."""

_sources = itertools.count(1)


class MovedClock:
    """The system's clock, moved by as much as a test likes."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return self._clock.now() + self.ahead


@dataclass(slots=True)
class Site:
    """An installation behind its gateway.

    Attributes:
        client: speaks to the gateway, from an address that no other site's client has.
        clock: what the gateway and the services take for the time.
    """

    catalog: Catalog
    app: App
    client: TestClient
    clock: MovedClock
    pipeline: str = field(default="")

    def send(
        self,
        actor: str,
        body: Mapping[str, Any] | list[Any] | str | bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        nonce: str | None = "",
        **query: str,
    ) -> httpx.Response:
        """Send a message; `nonce` "": the site's own, None: none."""
        content = json.dumps(body) if isinstance(body, dict | list) else body
        shown = self.catalog.nonce if nonce == "" else nonce
        params = {**({"x-nonce": shown} if shown is not None else {}), **query}
        return self.client.post(
            f"/actors/v2/{actor}/messages", params=params, content=content, headers=dict(headers or {})
        )

    def get(self, path: str, *, nonce: str | None = "", **query: str) -> httpx.Response:
        shown = self.catalog.nonce if nonce == "" else nonce
        params = {**({"x-nonce": shown} if shown is not None else {}), **query}
        return self.client.get(path, params=params)

    def event(self, job: Created, name: str, *, token: str | None = None, **fields: Any) -> httpx.Response:
        """Send a JSON event with the job's own token, or another."""
        body = {"uuid": job.job.uuid, "name": name, "token": token or job.token, **fields}
        return self.send("jobs-manager", body)

    def job(self, state: State = State.CREATED, **changes: Any) -> Created:
        """Create a job and take it to a state."""
        created = self.catalog.job(self.pipeline, **changes)
        CANARIES.add(created.token)

        def go(work: Any) -> None:
            for event in WAY_TO[state]:
                move(job_for(created.job.uuid, work), event, None, work, self.app.env)

        if WAY_TO[state]:
            self.app.env.store.transact(go)
        return created

    def state(self, job: Created) -> str:
        return self.catalog.state(job.job.uuid)

    def history(self, job: Created) -> list[str]:
        """Return the names of what happened to a job, those marked that were implied or noted."""
        marks = (("implied", "(implied)"), ("noted", "(noted)"))
        return [
            entry["name"] + "".join(mark for key, mark in marks if entry.get(key))
            for entry in self.catalog.history(job.job.uuid)
        ]

    def admin(self) -> str:
        """Return a fresh administrative token."""
        token = make_admin_token(self.app.settings.secrets.administrator_key, self.app.env)
        CANARIES.add(token)
        return token

    def dump(self) -> Dump:
        """Return every row of every table of the ledger, whatever keeps it."""
        store = self.app.env.store
        return store.snapshot(lambda state: {table: list(state.rows(table)) for table in TABLES})  # type: ignore[attr-defined,no-any-return]


def changed(before: Dump, after: Dump) -> set[str]:
    """Return the names of the tables that differ."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def opened(catalog: Catalog) -> Site:
    """Put a gateway before an installation."""
    clock = MovedClock(catalog.app.env.clock)
    app = replace(catalog.app, env=replace(catalog.app.env, clock=clock))
    site = Site(catalog=catalog, app=app, client=TestClient(asgi(app)), clock=clock)
    from_elsewhere(site)
    site.pipeline = catalog.pipeline()
    keys = catalog.app.settings.secrets
    CANARIES.update(
        {catalog.nonce, keys.token_key, keys.administrator_key, keys.bearer_key, *keys.nonces.values()}
    )
    return site


def from_elsewhere(site: Site) -> None:
    """Let the site's client come from an address that none came from before."""
    n = next(_sources)
    site.client = TestClient(site.client.app, client=(f"10.0.{n // 256}.{n % 256}", 1234))


def closed(site: Site) -> None:
    site.client.app.state.gateway.close()  # type: ignore[attr-defined]
    site.catalog.stop_all()
    site.catalog.app.close()


def refused(answer: httpx.Response, http: int | None = None) -> dict[str, Any]:
    """Return the result of an answer that must be a well-formed refusal."""
    assert 400 <= answer.status_code < 500, answer.text
    assert http in (None, answer.status_code), answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"message", "result", "status", "version"}
    assert body["status"] == "error"
    assert body["message"]
    result: dict[str, Any] = body["result"]
    assert result.keys() == {"code", "errors"}
    for error in result["errors"]:
        assert {"path", "message"} <= error.keys() <= {"path", "message", "schema"}
    return result
