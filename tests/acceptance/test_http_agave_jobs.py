"""/jobs/v2: jobs of the platform, as Agave's clients ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.site import Site, closed, opened, refused
from tests.harness import install

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


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home: Path = tmp_path_factory.mktemp("site")
    (home / "apps").mkdir()
    (home / "apps" / "say-1.0.json").write_text(httpx.Request("POST", "http://x", json=SAY).content.decode())
    site = opened(install(home))
    yield site
    closed(site)


def ask(site: Site, method: str, path: str, *, nonce: str | None = "", **more: Any) -> httpx.Response:
    params = {"x-nonce": site.catalog.nonce if nonce == "" else nonce, **more.pop("params", {})}
    return site.client.request(method, path, params={k: v for k, v in params.items() if v}, **more)


def submit(
    site: Site, word: str = "hello", *, headers: dict[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    definition = {"appId": "say-1.0", "name": "saying", "parameters": {"word": word}, **more}
    answer = ask(site, "POST", "/jobs/v2", json=definition, headers=headers)
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()["result"]
    return result


def test_job_that_is_submitted_is_listed_first_and_shown(site: Site):
    submit(site, "earlier")
    job = submit(site)
    assert (job["appId"], job["status"], job["owner"]) == ("say-1.0", "PENDING", "tests")
    assert [each["id"] for each in site.get("/jobs/v2/").json()["result"]][0] == job["id"]
    assert site.get(f"/jobs/v2/{job['id']}").json()["result"] == job
    assert site.get(f"/jobs/v2/{job['id']}/status").json()["result"]["status"] == "PENDING"


def test_unknown_job_and_unknown_app_are_said_to_be_unknown(site: Site):
    assert refused(site.get("/jobs/v2/1-242ac11b-0001-007"), 404)["code"] == "unknown-record"
    answer = ask(site, "POST", "/jobs/v2", json={"appId": "none-1.0", "name": "x"})
    assert refused(answer, 404)["code"] == "unknown-record"
