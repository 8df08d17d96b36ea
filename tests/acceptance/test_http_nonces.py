"""Nonces and bearer tokens: what each opens, how often, for how long, and that guessing them leads nowhere."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from datacatalog.domain.jobs.lifecycle import State
from datacatalog.domain.tokens import digest_of
from datacatalog.services.dispatch import ACTORS
from datacatalog.services.jobs import Created
from datacatalog.services.nonces import create_nonce, revoke_nonce
from tests.acceptance.site import Site, from_elsewhere


def _used_up(site: Site) -> str:
    nonce = create_nonce(site.app.env, actor="*", owner="tests", max_uses=1, level="UPDATE")
    assert site.get("/actors/v2", nonce=nonce).status_code == 200
    return nonce


def _revoked(site: Site) -> str:
    nonce = create_nonce(site.app.env, actor="*", owner="tests", level="UPDATE")
    assert site.get("/actors/v2", nonce=nonce).status_code == 200
    assert revoke_nonce(nonce, site.app.env)
    return nonce


def _outlived(site: Site) -> str:
    nonce = create_nonce(site.app.env, actor="*", owner="tests", lifetime=timedelta(seconds=60))
    site.clock.ahead += timedelta(seconds=60)
    return nonce


BAD_NONCES: Mapping[str, Callable[[Site], str | None]] = {
    "none": lambda site: None,
    "made up": lambda site: "TACC_" + "x" * 32,
    "another's prefix": lambda site: site.catalog.nonce[:-1],
    "its digest": lambda site: digest_of(site.catalog.nonce),
    "used up": _used_up,
    "revoked": _revoked,
    "outlived": _outlived,
    "an administrative token": lambda site: site.admin(),
    "an update token": lambda site: site.job().token,
    "an operator": lambda site: '{"$ne": ""}',
}


def _bearer(site: Site, **changes: Any) -> str:
    config = site.app.settings.config["bearer"]
    now = site.clock.now()
    claims = {
        "sub": "someone",
        "level": "UPDATE",
        "iss": config["issuer"],
        "aud": config["audience"],
        "exp": now + timedelta(minutes=5),
        **changes,
    }
    key = claims.pop("key", site.app.settings.secrets.bearer_key)
    algorithm = claims.pop("algorithm", "HS256")
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, key, algorithm=algorithm)


def _tampered(site: Site) -> str:
    head, body, tail = _bearer(site, level="READ").split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    sly = base64.urlsafe_b64encode(json.dumps({**claims, "level": "UPDATE"}).encode()).rstrip(b"=")
    return ".".join([head, sly.decode(), tail])


BAD_BEARERS: Mapping[str, Callable[[Site], str]] = {
    "printed in the documents": lambda site: "969d11396c43b0b810387e4da840cb37",
    "empty": lambda site: "",
    "rubbish": lambda site: "a.b.c",
    "expired": lambda site: _bearer(site, exp=site.clock.now() - timedelta(seconds=1)),
    "never expiring": lambda site: _bearer(site, exp=None),
    "of nobody": lambda site: _bearer(site, sub=None),
    "for others": lambda site: _bearer(site, aud="others"),
    "for nobody": lambda site: _bearer(site, aud=None),
    "by others": lambda site: _bearer(site, iss="others"),
    "unsigned": lambda site: _bearer(site, key=None, algorithm="none"),
    "signed with another key": lambda site: _bearer(site, key="k" * 40),
    "signed otherwise": lambda site: _bearer(site, algorithm="HS512"),
    "tampered with": _tampered,
    "of no known level": lambda site: _bearer(site, level="ROOT"),
    "of several levels": lambda site: _bearer(site, level=["UPDATE"]),
    "an administrative token": lambda site: site.admin(),
    "a nonce": lambda site: site.catalog.nonce,
}


def _everywhere(site: Site, job: Created, headers: dict[str, str], **query: str) -> list[httpx.Response]:
    """Ask for everything that needs a credential."""
    base = "/actors/v2/jobs-manager"
    body = json.dumps({"uuid": job.job.uuid, "name": "finish", "token": job.token})
    ask = site.client
    said: dict[str, Any] = {"params": query, "headers": headers}
    return [
        *(ask.post(f"/actors/v2/{actor}/messages", content=body, **said) for actor in ACTORS),
        ask.get("/actors/v2", **said),
        ask.get(base, **said),
        ask.get(f"{base}/executions", **said),
        ask.get(f"{base}/executions/x", **said),
        ask.get(f"{base}/executions/x/logs", **said),
        ask.get(f"{base}/nonces", **said),
        ask.post(f"{base}/nonces", content="{}", **said),
        ask.delete(f"{base}/nonces/{site.catalog.nonce}", **said),
    ]


@pytest.mark.parametrize("bad", BAD_NONCES)
def test_bad_nonce_opens_nothing(site: Site, bad: str):
    job = site.job(State.RUNNING)
    nonce = BAD_NONCES[bad](site)
    before = site.dump()
    for answer in _everywhere(site, job, {}, **({"x-nonce": nonce} if nonce is not None else {})):
        assert answer.status_code in (401, 429)
        assert answer.json()["result"]["code"] in ("bad-credentials", "missing-credentials", "throttled")
        assert not nonce or nonce not in answer.text
    assert site.dump() == before


@pytest.mark.parametrize("bad", BAD_BEARERS)
def test_bad_bearer_token_opens_nothing_not_even_beside_a_good_nonce(site: Site, bad: str):
    job = site.job(State.RUNNING)
    headers = {"Authorization": f"Bearer {BAD_BEARERS[bad](site)}"}
    before = site.dump()
    answers = _everywhere(site, job, headers)
    from_elsewhere(site)
    answers += _everywhere(site, job, headers, **{"x-nonce": site.catalog.nonce})
    assert {answer.status_code for answer in answers} <= {401, 429}
    assert answers[0].headers["www-authenticate"] == 'Bearer realm="datacatalog"'
    assert site.dump() == before


@pytest.mark.parametrize("scheme", ["Basic", "bearer:", "Token", ""])
def test_only_bearer_is_known_in_the_header(site: Site, scheme: str):
    headers = {"Authorization": f"{scheme} {_bearer(site)}".strip()}
    assert site.client.get("/actors/v2", headers=headers).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_good_bearer_token_opens_in_any_spelling_of_the_scheme(site: Site, scheme: str):
    job = site.job(State.RUNNING)
    answer = site.client.post(
        "/actors/v2/jobs-manager/messages",
        content=json.dumps({"uuid": job.job.uuid, "name": "finish", "token": job.token}),
        headers={"Authorization": f"{scheme} {_bearer(site, level=None)}"},
    )
    assert answer.status_code == 200


LEVELS = {"READ": (200, 403, 403), "EXECUTE": (200, 200, 403), "UPDATE": (200, 200, 200)}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["nonce", "bearer"])
def test_level_opens_what_it_includes(site: Site, level: str, kind: str):
    job = site.job(State.RUNNING)
    headers, query = {}, {}
    if kind == "nonce":
        query = {"x-nonce": create_nonce(site.app.env, actor="jobs-manager", owner="o", level=level)}
    else:
        headers = {"Authorization": f"Bearer {_bearer(site, level=level)}"}
    base, said = "/actors/v2/jobs-manager", {"params": query, "headers": headers}
    body = json.dumps({"uuid": job.job.uuid, "name": "finish", "token": job.token})
    answers = (
        site.client.get(f"{base}/executions", **said),  # type: ignore[arg-type]
        site.client.post(f"{base}/messages", content=body, **said),  # type: ignore[arg-type]
        site.client.get(f"{base}/nonces", **said),  # type: ignore[arg-type]
    )
    assert tuple(a.status_code for a in answers) == LEVELS[level]


def test_nonce_of_one_actor_opens_no_other(site: Site):
    job = site.job(State.FINISHED)
    nonce = create_nonce(site.app.env, actor="jobs-indexer", owner="o", level="UPDATE")
    before = site.dump()
    for actor in ACTORS:
        answer = site.send(actor, nonce=nonce, uuid=job.job.uuid, token=job.token, name="indexed")
        assert answer.status_code == (200 if actor == "jobs-indexer" else 403)
        assert (site.dump() == before) is (actor not in ("jobs-indexer", "agave-proxy"))
    assert site.get("/actors/v2", nonce=nonce).status_code == 403


@pytest.mark.parametrize(("uses", "threads"), [(1, 20), (7, 20), (20, 8)])
def test_nonce_with_so_many_uses_opens_exactly_so_often(site: Site, uses: int, threads: int):
    job = site.job()
    nonce = create_nonce(site.app.env, actor="jobs-manager", owner="o", max_uses=uses)

    def use(n: int) -> int:
        body = {"uuid": job.job.uuid, "name": "update", "token": job.token, "data": {"n": n}}
        return site.send("jobs-manager", body, nonce=nonce).status_code

    with ThreadPoolExecutor(threads) as pool:
        counted = Counter(pool.map(use, range(uses + 10)))
    assert counted[200] == uses
    assert sum(counted[code] for code in (401, 429)) == 10
    assert site.history(job) == ["create"] + ["update"] * uses


def test_guessing_nonces_is_slowed_down_and_a_right_one_still_passes(site: Site):
    codes = [site.get("/actors/v2", nonce=f"TACC_{n}").status_code for n in range(12)]
    assert codes == [401] * 10 + [429] * 2
    assert site.get("/actors/v2").status_code == 200
    from_elsewhere(site)
    assert site.get("/actors/v2", nonce="TACC_x").status_code == 401


# ------------------------------------------------------------------------------ nonces over HTTP


def nonces(
    site: Site, body: Any = None, *, actor: str = "jobs-manager", by: str | None = None
) -> httpx.Response:
    return site.client.post(
        f"/actors/v2/{actor}/nonces",
        params={"x-nonce": by or site.catalog.nonce},
        content=body if isinstance(body, bytes) else json.dumps({} if body is None else body),
    )


def test_nonce_is_made_shown_once_listed_without_itself_and_revoked(site: Site):
    made = nonces(site, {"level": "EXECUTE", "maxUses": 2, "lifetimeSeconds": 60}).json()["result"]
    secret = made["id"]
    assert secret.startswith("TACC_")
    assert len(secret) >= 37
    listed = site.get("/actors/v2/jobs-manager/nonces")
    assert secret not in listed.text
    (shown,) = [n for n in listed.json()["result"] if n["id"] == digest_of(secret)[:12]]
    assert (shown["level"], shown["remainingUses"], shown["owner"]) == ("EXECUTE", 2, "tests")
    assert secret not in str(site.dump())
    job = site.job()
    said = {"uuid": job.job.uuid, "token": job.token, "event": "run"}
    assert site.send("jobs-manager", nonce=secret, **said).status_code == 200
    query = {"x-nonce": site.catalog.nonce}
    assert (
        site.client.delete(f"/actors/v2/jobs-manager/nonces/{shown['id']}", params=query).status_code == 200
    )
    assert site.send("jobs-manager", nonce=secret, **said).status_code == 401
    again = site.client.delete(f"/actors/v2/jobs-manager/nonces/{secret}", params=query)
    assert (again.status_code, secret in again.text) == (404, False)


def test_nonce_without_conditions_is_unlimited(site: Site):
    keeper = create_nonce(site.app.env, actor="*", owner="tests", level="UPDATE")
    made = nonces(site, b"", by=keeper).json()["result"]
    assert made["maxUses"] == -1
    (shown,) = [
        n
        for n in site.get("/actors/v2/jobs-manager/nonces").json()["result"]
        if n["id"] == digest_of(made["id"])[:12]
    ]
    assert (shown["remainingUses"], shown["expireTime"], shown["level"]) == (-1, None, "EXECUTE")


@pytest.mark.parametrize(
    "body",
    [
        {"level": "ROOT"},
        {"level": {"$ne": ""}},
        {"level": None},
        {"maxUses": 0},
        {"maxUses": -2},
        {"maxUses": True},
        {"maxUses": "1"},
        {"maxUses": 1.5},
        {"lifetimeSeconds": 0},
        {"lifetimeSeconds": -1e300},
        {"lifetimeSeconds": "60"},
        {"lifetimeSeconds": True},
        {"owner": "me"},
        {"actor": "*"},
        [],
        b"{",
    ],
)
def test_nonce_that_cannot_be_is_not_made(site: Site, body: Any):
    before = site.dump()
    answer = nonces(site, body)
    assert (answer.status_code, answer.json()["status"]) == (400, "error")
    assert site.dump() == before


def test_nonce_neither_outlives_the_one_that_made_it_nor_has_more_uses(site: Site):
    env = site.app.env
    passing = create_nonce(env, actor="*", owner="o", level="UPDATE", lifetime=timedelta(seconds=60))
    made = nonces(site, {"lifetimeSeconds": 3600}, by=passing).json()["result"]
    assert made["expireTime"] == nonces(site, {}, by=passing).json()["result"]["expireTime"]
    assert made["expireTime"] < nonces(site, {}).json()["result"]["expireTime"]
    counted = create_nonce(env, actor="*", owner="o", level="UPDATE", max_uses=1)
    answer = nonces(site, {}, by=counted)
    assert (answer.status_code, answer.json()["result"]["code"]) == (403, "insufficient-credentials")


def test_nonce_of_callbacks_shows_nothing(site: Site):
    known = site.app.settings.secrets.nonces["jobs-manager"]
    for path in ("", "/executions", "/executions/1", "/executions/1/logs", "/nonces"):
        assert site.get(f"/actors/v2/jobs-manager{path}", nonce=known).status_code == 403


def test_whoever_keeps_the_nonces_of_one_actor_cannot_revoke_those_of_others(site: Site):
    keeper = create_nonce(site.app.env, actor="jobs-manager", owner="keeper", level="UPDATE")
    for theirs in (
        create_nonce(site.app.env, actor="jobs-indexer", owner="o"),
        create_nonce(site.app.env, actor="*", owner="o"),
    ):
        answer = site.client.delete(
            f"/actors/v2/jobs-manager/nonces/{digest_of(theirs)[:12]}", params={"x-nonce": keeper}
        )
        assert answer.status_code == 404
    own = create_nonce(site.app.env, actor="jobs-manager", owner="o")
    answer = site.client.delete(f"/actors/v2/jobs-manager/nonces/{own}", params={"x-nonce": keeper})
    assert answer.status_code == 200
