"""Asking a site for what Agave's routes serve."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.site import Site
from tests.harness import SYSTEM

SAY: dict[str, Any] = {
    "id": "say-1.0",
    "command": [
        "{python}",
        "-c",
        "import sys; open('said.txt', 'w').write(sys.argv[1])",
        "{parameters.word}",
    ],
    "parameters": {"word": {"type": "string", "required": True}},
}


def with_app(home: Path) -> Path:
    """Write the app's file where an installation is to be."""
    (home / "apps").mkdir(parents=True)
    (home / "apps" / "say-1.0.json").write_text(json.dumps(SAY))
    return home


def bearer(site: Site, user: str = "ada", *, level: str = "UPDATE", tenant: str = "") -> dict[str, str]:
    """Return the header that somebody asks with."""
    token = site.app.bearer.make(
        user, level=level, at=site.app.env.clock.now(), lifetime=timedelta(hours=1), tenant=tenant
    )
    return {"Authorization": f"Bearer {token}"}


def ask(
    site: Site, method: str, path: str, *, by: dict[str, str] | None = None, **more: Any
) -> httpx.Response:
    """Ask as somebody, or with the site's own nonce."""
    params = {**({} if by else {"x-nonce": site.catalog.nonce}), **more.pop("params", {})}
    headers = {**(by or {}), **(more.pop("headers", None) or {})}
    return site.client.request(method, path, params=params, headers=headers, **more)


def result(answer: httpx.Response, http: int = 200) -> Any:
    assert answer.status_code == http, answer.text
    return answer.json()["result"]


def submit(site: Site, word: str = "hello", **more: Any) -> dict[str, Any]:
    """Submit a job; return it."""
    asking = {name: more.pop(name) for name in ("by", "headers") if name in more}
    definition = {"appId": "say-1.0", "name": "saying", "parameters": {"word": word}, **more}
    found: dict[str, Any] = result(ask(site, "POST", "/jobs/v2", json=definition, **asking), 201)
    return found


def root(site: Site) -> Path:
    """Return the folder that the default storage system is."""
    return site.catalog.home / "storage" / SYSTEM
