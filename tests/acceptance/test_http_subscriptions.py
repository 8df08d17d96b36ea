"""Subscriptions over HTTP, from the command line and from Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from datacatalog import Catalog
from datacatalog.domain.errors import UnknownRecord
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.signing import written_secret
from datacatalog.ports.sharing import Grant
from datacatalog.services.env import Principal
from datacatalog.services.jobs import JobPlan, create_job
from datacatalog.services.nonces import create_nonce
from datacatalog.services.subscriptions import Wish, subscribe
from tests.acceptance.cli import Shell
from tests.acceptance.receiver import Receiver, port_without_listener
from tests.acceptance.site import CANARIES, Site, closed, opened
from tests.harness import install

BASE = "/catalog/v1/subscriptions"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    found = Receiver(port_without_listener())
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Site]:
    hosts = [f"127.0.0.1:{receiver.port}", "*.example.org"]
    site = opened(
        install(
            tmp_path_factory.mktemp("site"),
            outgoing={"hosts": hosts, "private_networks": ["127.0.0.0/8"]},
        )
    )
    yield site
    closed(site)


@pytest.fixture
def shell(site: Site) -> Shell:
    return Shell(site.catalog.home)


def ask(
    site: Site, method: str, path: str = "", document: Any = None, *, headers: Any = None, **query: str
) -> httpx.Response:
    content = None if document is None else json.dumps(document)
    shown = {} if headers else {"x-nonce": site.catalog.nonce}
    return site.client.request(
        method, BASE + path, params={**shown, **query}, content=content, headers=headers or {}
    )


def subscribed(site: Site, **changes: Any) -> dict[str, Any]:
    wish = {"subject": site.pipeline, "url": "https://hooks.example.org/?key=unguessable", **changes}
    answer = ask(site, "POST", "", wish)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["result"]
    assert answer.headers["location"].endswith(f"{BASE}/{made['id']}")
    CANARIES.update({made["secret"], "unguessable"})
    return made


# ------------------------------------------------------------------------------------------------ HTTP


def test_subscription_is_made_shown_changed_and_removed(site: Site):
    made = subscribed(site, events=["finish"])
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made["url"] == "https://hooks.example.org/?***"
    assert ask(site, "GET", f"/{made['id']}").json()["result"] == made
    assert made in ask(site, "GET").json()["result"]["subscriptions"]
    paused = ask(site, "PATCH", f"/{made['id']}", {"paused": True}).json()["result"]
    assert paused == {**made, "paused": True}
    rotated = ask(site, "POST", f"/{made['id']}/rotate").json()["result"]
    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != secret
    CANARIES.add(rotated["secret"])
    assert ask(site, "DELETE", f"/{made['id']}").json()["result"] == {"id": made["id"], "action": "removed"}
    assert ask(site, "GET", f"/{made['id']}").status_code == 404
    assert ask(site, "DELETE", f"/{made['id']}").status_code == 404


def test_list_is_read_page_by_page(site: Site):
    ids = {subscribed(site)["id"] for _ in range(3)}
    seen, after = set(), {}
    while True:
        page = ask(site, "GET", limit="1", **after).json()["result"]
        seen |= {each["id"] for each in page["subscriptions"]}
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert ids <= seen


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "subject"),
        ({"subject": None}, "subject"),
        ({"subject": 7}, "subject"),
        ({"url": ""}, "url"),
        ({"url": ["https://hooks.example.org"]}, "url"),
        ({"url": "https://hooks.example.net/"}, "url"),
        ({"url": "https://" + "ada:pa55" + "@hooks.example.org/"}, "url"),
        ({"events": "finish"}, "events"),
        ({"events": [7]}, "events"),
        ({"events": ["Finish"]}, "events"),
        ({"secret": "whsec_c2hvcnQ="}, "secret"),
        ({"secret": 1}, "secret"),
        ({"paused": True}, "paused"),
    ],
)
def test_wish_that_cannot_be_granted_is_refused_by_the_name_of_its_field(
    site: Site, document: dict[str, Any], field: str
):
    whole = {"subject": site.pipeline, "url": "https://hooks.example.org/"}
    before = len(ask(site, "GET").json()["result"]["subscriptions"])
    answer = ask(site, "POST", "", {**whole, **document} if document else {})
    assert answer.status_code == 400, answer.text
    assert [error["path"] for error in answer.json()["result"]["errors"]] == [field]
    assert len(ask(site, "GET").json()["result"]["subscriptions"]) == before


@pytest.mark.parametrize(
    ("path", "method", "document", "field"),
    [
        ("", "PATCH", {"paused": "yes"}, "paused"),
        ("", "PATCH", {}, "paused"),
        ("", "PATCH", {"url": "https://other.example.org"}, "url"),
        ("/rotate", "POST", {"overlap_s": -1}, "overlap_s"),
        ("/rotate", "POST", {"overlap_s": 1e9}, "overlap_s"),
        ("/rotate", "POST", {"secret": "x"}, "secret"),
    ],
)
def test_change_that_is_not_understood_changes_nothing(
    site: Site, path: str, method: str, document: dict[str, Any], field: str
):
    made = subscribed(site)
    before = site.dump()["subscriptions"]
    answer = ask(site, method, f"/{made['id']}{path}", document)
    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["result"]["errors"]] == [field]
    assert site.dump()["subscriptions"] == before


def test_unknown_pipeline_and_unknown_subscription_are_not_found(site: Site):
    unknown = site.pipeline[:-4] + "0000"
    wish = {"subject": unknown, "url": "https://hooks.example.org/"}
    assert ask(site, "POST", "", wish).status_code == 404
    for method, path, document in (
        ("GET", "/sub_0", None),
        ("PATCH", "/sub_0", {"paused": True}),
        ("DELETE", "/sub_0", None),
        ("POST", "/sub_0/rotate", None),
    ):
        assert ask(site, method, path, document).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_all_subscriptions_at_once_are_neither_changed_nor_removed(site: Site, method: str):
    answer = ask(site, method, "", {})
    assert answer.status_code == 405
    assert {*answer.headers["allow"].split(", ")} == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize("level", [None, "READ", "EXECUTE"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("POST", ""), ("GET", "/x"), ("PATCH", "/x"), ("DELETE", "/x"), ("POST", "/x/rotate")],
)
def test_subscriptions_take_the_level_update(site: Site, method: str, path: str, level: str | None):
    nonce = create_nonce(site.app.env, actor="*", owner="tests", level=level) if level else "made-up"
    answer = site.client.request(method, BASE + path, params={"x-nonce": nonce})
    assert answer.status_code in (401, 403)


def test_subscriptions_of_other_tenants_are_not_there(site: Site):
    made = subscribed(site)
    token = site.app.bearer.make(
        "grace", level="UPDATE", at=site.clock.now(), lifetime=timedelta(minutes=5), tenant="elsewhere"
    )
    headers = {"Authorization": f"Bearer {token}"}
    assert ask(site, "GET", headers=headers).json()["result"] == {"subscriptions": [], "next": None}
    for method, path, document in (
        ("GET", f"/{made['id']}", None),
        ("PATCH", f"/{made['id']}", {"paused": True}),
        ("POST", f"/{made['id']}/rotate", None),
        ("DELETE", f"/{made['id']}", None),
    ):
        assert ask(site, method, path, document, headers=headers).status_code == 404
    wish = {"subject": site.pipeline, "url": "https://hooks.example.org/"}
    assert ask(site, "POST", "", wish, headers=headers).status_code == 404
    assert ask(site, "GET", f"/{made['id']}").json()["result"]["paused"] is False


# ---------------------------------------------------------------------------------------- command line


def test_subscription_is_added_listed_paused_resumed_rotated_and_removed(
    site: Site, shell: Shell, tmp_path: Path
):
    secret, url = tmp_path / "secret", tmp_path / "url"
    secret.write_text(written_secret(b"s" * 32) + "\n")
    url.write_text("https://hooks.example.org/?key=unguessable\n")
    made = shell.ask(
        "subscriptions", "add", site.pipeline, f"@{url}", "--event", "finish", "--secret-file", str(secret)
    )
    assert made["secret"] == written_secret(b"s" * 32)
    assert (made["url"], made["events"]) == ("https://hooks.example.org/?***", ["finish"])
    name = made["id"]
    assert name in [row["id"] for row in shell.ask("subscriptions", "list")]
    assert shell.ask("subscriptions", "pause", name) == {"id": name, "paused": True}
    assert shell.ask("subscriptions", "show", name)["paused"] is True
    assert shell.ask("subscriptions", "resume", name) == {"id": name, "paused": False}
    rotated = shell.ask("subscriptions", "rotate", name, "--overlap", "0s")
    assert rotated["secret"] != made["secret"]
    stdin = written_secret(b"i" * 32)
    assert shell.ask("subscriptions", "rotate", name, "--secret-file", "-", stdin=stdin)["secret"] == stdin
    assert shell.ask("subscriptions", "remove", name) == {"id": name, "removed": True}
    assert shell.fails("subscriptions", "show", name) == (3, "unknown-record")


def test_no_list_and_no_table_shows_a_secret(site: Site, shell: Shell):
    made = subscribed(site)
    for words in (["list"], ["show", made["id"]], ["dead"], ["pause", made["id"]], ["resume", made["id"]]):
        shown = shell.ok("subscriptions", *words) + shell.ok("--json", "subscriptions", *words)
        assert made["secret"] not in shown
        assert "unguessable" not in shown


def test_ping_tells_what_was_answered(site: Site, shell: Shell, receiver: Receiver):
    name = subscribed(site, url=receiver.url("/ping"))["id"]
    assert shell.ask("subscriptions", "test", name) == {"id": name, "answered": 204, "taken": True}
    assert receiver.at("/ping")[0].event["type"] == "org.datacatalog.ping"
    receiver.answers["/ping"] = [418]
    refused = shell.run("--json", "subscriptions", "test", name)
    assert (refused.status, refused.json["answered"], refused.json["taken"]) == (1, 418, False)


def test_url_that_may_not_be_reached_is_refused_with_the_reason(site: Site, shell: Shell):
    ran = shell.run("--json", "subscriptions", "add", site.pipeline, "http://169.254.169.254/latest")
    assert (ran.status, ran.error["code"]) == (2, "invalid-field")
    assert "none of the hosts that may be reached" in ran.error["message"]


def test_dead_deliveries_are_listed_and_retried_one_by_one(site: Site, shell: Shell, receiver: Receiver):
    name = subscribed(site, url=receiver.url("/dead"), events=["create"])["id"]
    receiver.answers["/dead"] = [404, 404]
    for _ in range(2):
        site.job()
    site.catalog.work("webhooks")
    rows = shell.ask("subscriptions", "dead", name)
    assert [row["reason"] for row in rows] == ["answered 404"] * 2
    one = rows[0]["delivery"]
    assert shell.ask("subscriptions", "retry", name, "--delivery", one) == {"id": name, "retried": 1}
    site.catalog.work("webhooks")
    assert [row["delivery"] for row in shell.ask("subscriptions", "dead", name)] == [rows[1]["delivery"]]
    assert shell.ask("subscriptions", "dead", name, "--limit", "1")
    assert shell.fails("subscriptions", "retry", name, "--delivery", one) == (3, "unknown-record")


# ---------------------------------------------------------------------------------------------- Python


def test_catalog_subscribes_by_what_a_pipeline_is_called(site: Site, shell: Shell):
    with Catalog(site.app) as catalog:
        made = catalog.subscribe("tests/taco:1", "https://hooks.example.org/", events=["finish"], by="ada")
        assert (made["subject"], made["events"], made["owner"]) == (site.pipeline, ["finish"], "ada")
        assert made["secret"].startswith("whsec_")
        with pytest.raises(UnknownRecord):
            catalog.subscribe("tests/no-such-pipeline", "https://hooks.example.org/")
        catalog.unsubscribe(made["id"])
        with pytest.raises(UnknownRecord):
            catalog.unsubscribe(made["id"])
    named = shell.ask("subscriptions", "add", "tests/taco:1", "https://hooks.example.org/")
    assert named["subject"] == site.pipeline


# --------------------------------------------------------------------------------------------- tenants


def test_each_tenant_is_told_of_its_own_jobs_even_on_a_pipeline_that_is_shared(
    site: Site, receiver: Receiver
):
    home = site.app.env
    guest = Principal(name="grace", via="bearer", level="UPDATE", tenant="guests")
    theirs = home.acting_for(guest)
    subscribed(site, url=receiver.url("/home"), events=["create"])
    grant = Grant(id="g", tenant="default", to_tenant="guests", created=site.clock.now())
    home.store.transact(lambda work: work.grants.put(grant))
    wish = Wish(subject=site.pipeline, url=receiver.url("/guests"), events=["create"])
    theirs.store.transact(lambda work: subscribe(wish, guest, work, theirs))
    plan = JobPlan(pipeline_uuid=TypedUuid(site.pipeline), data={"whose": "guests"})
    guests_job = create_job(plan, theirs).job.uuid
    site.catalog.work("webhooks")
    home.store.transact(lambda work: work.grants.remove("g"))
    home_job = site.job().job.uuid
    site.catalog.work("webhooks")
    assert [each.event["subject"] for each in receiver.at("/guests")] == [guests_job]
    assert [each.event["subject"] for each in receiver.at("/home")] == [home_job]
