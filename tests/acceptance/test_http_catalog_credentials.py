"""Who may read and write the catalog over HTTP: every route with every kind of credential."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import httpx
import pytest
from starlette.routing import Route

from datacatalog.domain.identifiers.records import record_uuid
from datacatalog.domain.kinds import Kind
from datacatalog.services.nonces import create_nonce
from tests.acceptance.site import Site, from_elsewhere, refused
from tests.acceptance.test_http_nonces import BAD_BEARERS, BAD_NONCES, _bearer

BASE = "/catalog/v1"


class Way(NamedTuple):
    """One way in: `path` as it is served, with what may stand in it; `level` is what it needs."""

    method: str
    path: str
    level: str
    body: Any = None
    query: Mapping[str, str] = {}


SAMPLE = {"sample_id": "sample.credentials"}
WAYS = (
    Way("GET", BASE, "READ"),
    Way("GET", f"{BASE}/lookup", "READ", query={"ref": "sample.credentials"}),
    Way("GET", f"{BASE}/{{kind}}", "READ"),
    Way("POST", f"{BASE}/{{kind}}", "UPDATE", SAMPLE),
    Way("GET", f"{BASE}/{{kind}}/{{uuid:uuid}}", "READ"),
    Way("PUT", f"{BASE}/{{kind}}/{{uuid:uuid}}", "UPDATE", SAMPLE),
    Way("PATCH", f"{BASE}/{{kind}}/{{uuid:uuid}}", "UPDATE", {"replicate": 1}),
    Way("GET", f"{BASE}/{{kind}}/{{uuid:uuid}}/log", "READ"),
    Way("GET", f"{BASE}/{{kind}}/{{uuid:uuid}}/history", "READ"),
    Way("GET", f"{BASE}/{{kind}}/{{uuid:uuid}}/files", "READ"),
    Way("GET", f"{BASE}/{{kind}}/{{uuid:uuid}}/lineage", "READ"),
    Way("GET", f"{BASE}/{{kind}}/{{uuid:uuid}}/export", "READ", query={"format": "openlineage"}),
    Way("GET", f"{BASE}/{{kind}}/{{ref:path}}", "READ"),
    Way("DELETE", f"{BASE}/{{kind}}/{{uuid:uuid}}", "UPDATE"),
    Way("POST", f"{BASE}/{{kind}}/{{uuid:uuid}}/undelete", "UPDATE"),
)
JOBS = ("/history", "/files", "/export")


def name_of(way: Way) -> str:
    return f"{way.method} {way.path}"


@pytest.fixture(scope="module")
def job(shared_site: Site) -> str:
    return str(shared_site.job().job.uuid)


@pytest.fixture(scope="module", autouse=True)
def sample(shared_site: Site) -> str:
    """A record that is there to be read, and hidden by no test that is refused."""
    parent = shared_site.catalog.hierarchy()[Kind.EXPERIMENT]
    answer = shared_site.client.post(
        f"{BASE}/samples",
        params={"x-nonce": shared_site.catalog.nonce},
        json={**SAMPLE, "child_of": [parent]},
    )
    assert answer.status_code in (200, 201)
    return str(answer.json()["result"]["uuid"])


def go(
    site: Site, way: Way, job: str, headers: Mapping[str, str] | None = None, **query: str
) -> httpx.Response:
    """Go one way, from an address that no wrong guess came from."""
    from_elsewhere(site)
    of_job = way.path.endswith(JOBS)
    uuid = job if of_job else record_uuid(Kind.SAMPLE, SAMPLE, site.app.env.identity)
    path = way.path.replace("{kind}", "jobs" if of_job else "samples").replace("{uuid:uuid}", uuid)
    return site.client.request(
        way.method,
        path.replace("{ref:path}", SAMPLE["sample_id"]),
        params={**way.query, **query},
        content=None if way.body is None else json.dumps(way.body),
        headers={"Content-Type": "application/json", **(headers or {})},
    )


def _is_possible(site: Site, path: str, method: str) -> bool:
    """Tell whether a method is more at an address than an answer that it is not possible there."""
    uuid = record_uuid(Kind.SAMPLE, SAMPLE, site.app.env.identity)
    address = path.replace("{kind}", "samples").replace("{uuid:uuid}", uuid)
    return site.client.request(method, address).status_code != 405


def test_these_are_all_the_ways_to_records(site: Site):
    routes = [route for route in site.client.app.routes if isinstance(route, Route)]  # type: ignore[attr-defined]
    served = {
        (route.path, method)
        for route in routes
        for method in (route.methods or ())
        if route.path.startswith(BASE)
        and method != "HEAD"
        and _is_possible(site, route.path, method)
        # Those are doors of test_privileges.
        and not route.path.startswith(f"{BASE}/subscriptions")
    }
    assert served == {(way.path, way.method) for way in WAYS}


@pytest.mark.parametrize("bad", BAD_NONCES)
def test_bad_nonce_opens_nothing(site: Site, job: str, bad: str):
    nonce = BAD_NONCES[bad](site)
    before = site.dump()
    for way in WAYS:
        answer = go(site, way, job, **({"x-nonce": nonce} if nonce is not None else {}))
        code = refused(answer, 401)["code"]
        assert code == ("missing-credentials" if nonce is None else "bad-credentials")
        assert not nonce or nonce not in answer.text
    assert site.dump() == before


@pytest.mark.parametrize("bad", BAD_BEARERS)
def test_bad_bearer_token_opens_nothing_not_even_beside_a_good_nonce(site: Site, job: str, bad: str):
    headers = {"Authorization": f"Bearer {BAD_BEARERS[bad](site)}"}
    before = site.dump()
    for way in WAYS:
        refused(go(site, way, job, headers), 401)
        refused(go(site, way, job, headers, **{"x-nonce": site.catalog.nonce}), 401)
    assert site.dump() == before


def test_nonce_of_one_actor_does_not_open_the_catalog(site: Site, job: str):
    nonce = create_nonce(site.app.env, actor="jobs-manager", owner="o", level="UPDATE")
    before = site.dump()
    for way in WAYS:
        refused(go(site, way, job, **{"x-nonce": nonce}), 403)
    assert site.dump() == before


@pytest.mark.parametrize("level", ["READ", "EXECUTE", "UPDATE"])
@pytest.mark.parametrize("kind", ["nonce", "bearer"])
def test_level_opens_what_it_includes(site: Site, job: str, level: str, kind: str):
    headers, query = {}, {}
    if kind == "nonce":
        query = {"x-nonce": create_nonce(site.app.env, actor="*", owner="o", level=level)}
    else:
        headers = {"Authorization": f"Bearer {_bearer(site, level=level)}"}
    for way in WAYS:
        answer = go(site, way, job, headers, **query)
        opened = way.level == "READ" or level == "UPDATE"
        assert answer.status_code == (200 if opened else 403), (way, answer.text)


def test_guessing_is_slowed_down_and_a_right_nonce_still_passes(site: Site):
    asked = [site.get(f"{BASE}/samples", nonce=f"TACC_{n}").status_code for n in range(12)]
    assert asked == [401] * 10 + [429] * 2
    assert site.get(f"{BASE}/samples").status_code == 200


def spent(site: Site, uses: int) -> str:
    return create_nonce(site.app.env, actor="*", owner="o", level="UPDATE", max_uses=uses)


def left(site: Site, nonce: str) -> int | None:
    listed = site.get("/actors/v2/jobs-manager/nonces").json()["result"]
    (found,) = [n for n in listed if nonce.startswith(n["label"].rstrip("…"))]
    uses: int = found["remainingUses"]
    return uses


def test_refused_change_costs_no_use_of_a_nonce_and_one_that_happens_costs_one(site: Site, sample: str):
    nonce = spent(site, 2)
    path = f"{BASE}/samples/{sample}"

    def patch(body: Any, **headers: str) -> int:
        headers = {"Content-Type": "application/json", **headers}
        query = {"x-nonce": nonce}
        return site.client.patch(path, params=query, content=json.dumps(body), headers=headers).status_code

    assert patch({"strain": "a"}, **{"If-Match": '"x"'}) == 412
    assert patch({"sample_id": "b"}) == 400
    assert left(site, nonce) == 2
    assert patch({"strain": "b"}) == 200
    assert left(site, nonce) == 1
    assert site.get(path, nonce=nonce).status_code == 200
    assert patch({"strain": "c"}) == 401


@pytest.mark.parametrize("uses", [1, 5])
def test_nonce_with_so_many_uses_changes_exactly_so_much(site: Site, sample: str, uses: int):
    nonce = spent(site, uses)

    def patch(n: int) -> int:
        query, body = {"x-nonce": nonce}, {f"nonce_{uses}_{n}": n}
        return site.client.patch(f"{BASE}/samples/{sample}", params=query, json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(patch, range(uses + 5)))
    assert codes.count(200) == uses
    kept = site.get(f"{BASE}/samples/{sample}").json()["result"]
    assert len([name for name in kept if name.startswith(f"nonce_{uses}_")]) == uses


def test_body_of_who_may_not_write_is_not_even_read(site: Site, sample: str):
    reader = create_nonce(site.app.env, actor="*", owner="o", level="READ")
    answer = site.client.put(
        f"{BASE}/samples/{sample}",
        params={"x-nonce": reader},
        content=b"{",
        headers={"Content-Type": "application/json"},
    )
    assert refused(answer, 403)["code"] == "insufficient-credentials"
