"""/jobs/v2, /apps/v2 and their neighbours: jobs of the platform, as Agave's clients ask for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from datacatalog.domain.errors import AlreadyExists
from tests.acceptance.agave import SAY, ask, bearer, result, root, submit, with_app
from tests.acceptance.site import CANARIES, Site, closed, opened, refused
from tests.harness import SYSTEM, install


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = with_app(tmp_path_factory.mktemp("site") / "home")
    site = opened(install(home, platform={"registration": True, "isolation": "none"}))
    yield site
    closed(site)


def work(site: Site) -> None:
    site.catalog.work("platform-jobs", "platform-stops")


# ----------------------------------------------------------------------------------- submitting


def test_job_that_is_submitted_is_listed_first_and_shown(site: Site):
    submit(site, "earlier")
    job = submit(site)
    assert (job["appId"], job["status"], job["owner"]) == ("say-1.0", "PENDING", "tests")
    assert result(ask(site, "GET", "/jobs/v2/"))[0]["id"] == job["id"]
    assert result(ask(site, "GET", f"/jobs/v2/{job['id']}")) == job
    assert result(ask(site, "GET", f"/jobs/v2/{job['id']}/status"))["status"] == "PENDING"


def test_job_is_submitted_as_a_file_too(site: Site):
    definition = {"appId": "say-1.0", "name": "filed", "parameters": {"word": "x"}}
    file = {"fileToUpload": ("job.json", json.dumps(definition))}
    assert result(ask(site, "POST", "/jobs/v2/", files=file), 201)["name"] == "filed"
    assert refused(ask(site, "POST", "/jobs/v2", files={"other": ("x", b"{}")}), 400)
    assert refused(
        ask(site, "POST", "/jobs/v2", content=b"{", headers={"Content-Type": "application/json"}), 400
    )
    assert refused(ask(site, "POST", "/jobs/v2", content=b"{}", headers={"Content-Type": "text/yaml"}), 415)


def test_same_request_again_is_the_same_job_and_another_one_is_refused(site: Site):
    headers = {"Idempotency-Key": "once"}
    first = submit(site, "once", headers=headers)
    assert submit(site, "once", headers=headers)["id"] == first["id"]
    other = ask(
        site,
        "POST",
        "/jobs/v2",
        headers=headers,
        json={"appId": "say-1.0", "name": "x", "parameters": {"word": "2"}},
    )
    assert refused(other, 409)["code"] == "already-exists"
    assert submit(site, "once", by=bearer(site, "eve"), headers=headers)["id"] != first["id"]
    assert submit(site, "once")["id"] != first["id"]


def test_same_request_is_the_same_job_even_when_its_outputs_are_there(site: Site):
    asked: dict[str, Any] = {
        "archive": True,
        "archivePath": "repeated/out",
        "headers": {"Idempotency-Key": "again"},
    }
    first = submit(site, **asked)
    work(site)
    assert submit(site, **asked)["id"] == first["id"]
    other = {"appId": "say-1.0", "name": "x", "parameters": {"word": "x"}, "archivePath": "repeated/out"}
    assert refused(ask(site, "POST", "/jobs/v2", json=other), 400)["errors"][0]["path"] == "archivePath"


def test_request_that_was_refused_may_be_sent_again_as_it_should_have_been(site: Site):
    headers = {"X-Request-Id": "mended"}
    answer = ask(site, "POST", "/jobs/v2", headers=headers, json={"appId": "none-1.0", "name": "x"})
    assert refused(answer, 404)
    assert submit(site, headers=headers)["id"] == submit(site, headers=headers)["id"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"appId": "none-1.0"}, "unknown-record"),
        ({"appId": ""}, "invalid-field"),
        ({"appId": ["say-1.0"]}, "invalid-field"),
        ({"name": ""}, "invalid-field"),
        ({"parameters": {}}, "invalid-field"),
        ({"parameters": {"word": "x", "more": 1}}, "invalid-field"),
        ({"archive": True, "archivePath": "/products/v2/106/x"}, "invalid-field"),
        ({"archive": True, "archivePath": "../up"}, "unsafe-path"),
        ({"archive": True, "archivePath": "/taken"}, "invalid-field"),
        ({"archive": True, "archivePath": 7}, "invalid-field"),
        ({"notifications": [{"event": "*", "url": "http://169.254.169.254/"}]}, "invalid-field"),
    ],
)
def test_definition_that_cannot_be_used_is_refused_and_leaves_no_job(
    site: Site, changes: dict[str, Any], code: str
):
    (root(site) / "taken").mkdir(exist_ok=True)
    (root(site) / "taken" / "result.txt").touch()
    before = [each["id"] for each in result(ask(site, "GET", "/jobs/v2"))]
    definition = {"appId": "say-1.0", "name": "x", "parameters": {"word": "x"}, **changes}
    assert refused(ask(site, "POST", "/jobs/v2", json=definition))["code"] == code
    assert [each["id"] for each in result(ask(site, "GET", "/jobs/v2"))] == before


def test_ledger_knows_nothing_of_a_job_that_is_submitted_here(site: Site):
    submit(site)
    work(site)
    assert site.get("/catalog/v1/jobs").json()["result"]["records"] == []


# ----------------------------------------------------------------------------- what becomes of jobs


def test_outputs_go_into_no_other_jobs_archive_however_long_that_job_takes(site: Site):
    def asked(path: str, app: str = "say-1.0") -> Any:
        definition = {"appId": app, "name": "x", "parameters": {"word": "x"}, "archivePath": path}
        return ask(site, "POST", "/jobs/v2", json=definition, by=bearer(site, "eve", level="EXECUTE"))

    site.job(archive_path="/mine/managed")
    for path in ("/mine/managed", "/mine/managed/below"):
        assert refused(asked(path), 409)["code"] == "already-exists"
    assert refused(asked("/mine"), 400)
    assert refused(asked("/theirs/out", "none-1.0"), 404)
    result(asked("/theirs/out"), 201)
    assert refused(asked("/theirs/out/below"), 409)
    for path in ("/theirs/out", "/theirs/out/below", "/theirs"):
        with pytest.raises(AlreadyExists):
            site.job(archive_path=path)


def test_readers_of_a_job_learn_no_secret_of_its_definition(site: Site):
    # With the update token of a callback, whoever may only read could change the job.
    urls = ["https://hooks.example.org/opens", "http://testserver/m?uuid=107&token=opens&x-nonce=opens"]
    definition = {"appId": "say-1.0", "notifications": [{"event": "*", "url": url} for url in urls]}
    job = site.job(data={"definition": definition, "callback": urls[1]})
    said = site.event(job, "run", data={"notifications": definition["notifications"]})
    assert said.status_code == 200
    reader = bearer(site, "eve", level="READ")
    base = f"/catalog/v1/jobs/{job.job.uuid}"
    for path in (base, f"{base}/history", f"{base}/log", "/catalog/v1/jobs", f"{base}/lineage"):
        told = ask(site, "GET", path, by=reader)
        assert (told.status_code, "opens" in told.text) == (200, False)


def test_outputs_are_listed_and_downloaded_wherever_they_lie(site: Site):
    kept = submit(site, "kept")
    archived = submit(site, "archived", archive=True)
    named = submit(site, "named", archive=True, archivePath="mine/here")
    work(site)
    for job, word in ((kept, "kept"), (archived, "archived"), (named, "named")):
        base = f"/jobs/v2/{job['id']}/outputs"
        found = result(ask(site, "GET", f"{base}/listings/"))
        assert [each["name"] for each in found] == [".", "said.txt", "saying.err", "saying.out"]
        assert found[1]["path"] == "/said.txt"
        assert ask(site, "GET", f"{base}/media/said.txt").text == word
        assert result(ask(site, "GET", f"{base}/listings/said.txt"))[0]["length"] == len(word)
    assert named["archivePath"] == "/mine/here"
    assert (root(site) / archived["archivePath"][1:] / "said.txt").read_text() == "archived"


@pytest.mark.parametrize(
    "path", ["%2e%2e/status.json", "%2e%2e%2f%2e%2e%2fjob.json", "link.json", "out/job.json"]
)
def test_outputs_lead_to_nothing_else(site: Site, path: str):
    job = submit(site)
    work(site)
    folder = site.catalog.home / "platform" / job["id"]
    (folder / "attempt-1" / "work" / "link.json").symlink_to(folder / "job.json")
    (folder / "attempt-1" / "work" / "out").symlink_to(folder)
    for what in ("media", "listings"):
        answer = ask(site, "GET", f"/jobs/v2/{job['id']}/outputs/{what}/{path}")
        assert refused(answer, 400)["code"] == "unsafe-path"


def test_history_tells_every_step_and_why(site: Site):
    job = submit(site, archive=True)
    work(site)
    steps = result(ask(site, "GET", f"/jobs/v2/{job['id']}/history"))
    assert [step["status"] for step in steps][:2] == ["PENDING", "STAGING_INPUTS"]
    assert steps[-1]["status"] == "FINISHED"
    page = result(ask(site, "GET", f"/jobs/v2/{job['id']}/history", params={"limit": 1, "offset": 1}))
    assert page == [steps[1]]


def test_job_that_waits_is_stopped(site: Site):
    job = submit(site)
    answer = ask(site, "POST", f"/jobs/v2/{job['id']}", json={"action": "stop"})
    assert result(answer)["id"] == job["id"]
    work(site)
    assert result(ask(site, "GET", f"/jobs/v2/{job['id']}"))["status"] == "STOPPED"
    for order in ({"action": "resubmit"}, {"action": {}}, {}):
        assert refused(ask(site, "POST", f"/jobs/v2/{job['id']}", json=order), 400)["code"] == "invalid-field"
    assert ask(site, "DELETE", f"/jobs/v2/{job['id']}").status_code == 405


def test_jobs_are_found_by_what_they_are(site: Site):
    job = submit(site, name="findable")
    for found in (
        ask(site, "GET", "/jobs/v2", params={"name": "findable", "status": "PENDING"}),
        ask(site, "GET", "/jobs/v2/name/findable"),
    ):
        assert [each["id"] for each in result(found)] == [job["id"]]
    assert result(ask(site, "GET", "/jobs/v2", params={"name": "findable", "status": "RUNNING"})) == []
    assert result(ask(site, "GET", "/jobs/v2", params={"limit": 1, "offset": 10_000})) == []
    for query in ({"color": "red"}, {"limit": "0"}, {"offset": "-1"}):
        assert refused(ask(site, "GET", "/jobs/v2", params=query), 400)["code"] == "invalid-field"
    assert refused(ask(site, "GET", "/jobs/v2/color/red"), 400)["code"] == "invalid-field"


def hrefs(answer: Any) -> Iterator[str]:
    """Yield every link in an answer, however deep."""
    if isinstance(answer, dict):
        if isinstance(found := answer.get("href"), str):
            yield found
        answer = list(answer.values())
    if isinstance(answer, list):
        for part in answer:
            yield from hrefs(part)


def test_every_link_in_an_answer_leads_somewhere(site: Site):
    done = submit(site, "linked", archive=True)
    work(site)
    never_begun = submit(site, "stopped", archive=True)
    result(ask(site, "POST", f"/jobs/v2/{never_begun['id']}", json={"action": "stop"}))
    work(site)
    outputs = f"/jobs/v2/{never_begun['id']}/outputs"
    assert [entry["name"] for entry in result(ask(site, "GET", f"{outputs}/listings"))] == ["."]
    assert refused(ask(site, "GET", f"{outputs}/listings/said.txt"), 404)
    assert refused(ask(site, "GET", f"{outputs}/media/said.txt"), 404)
    archive = f"/files/v2/listings/system/{SYSTEM}{done['archivePath']}"
    waiting = ["/apps/v2", "/jobs/v2", "/systems/v2", "/files/v2/listings/", archive]
    followed: set[str] = set()
    while waiting:
        url = waiting.pop()
        if url not in followed:
            followed.add(url)
            answer = ask(site, "GET", url.removeprefix(site.app.settings.api_url))
            assert answer.status_code == 200, (url, answer.text)
            if "/media/" not in url:
                waiting += hrefs(answer.json()["result"])
    assert {"listings", "media", "outputs", "history"} <= {
        part for url in followed for part in url.split("/")
    }


# ----------------------------------------------------------------------------------- whose jobs


def test_jobs_of_another_tenant_are_not_there(site: Site):
    eve = bearer(site, "eve", tenant="elsewhere")
    job, hers = submit(site), submit(site, by=eve)
    assert [each["id"] for each in result(ask(site, "GET", "/jobs/v2", by=eve))] == [hers["id"]]
    assert hers["id"] not in [each["id"] for each in result(ask(site, "GET", "/jobs/v2"))]
    base = f"/jobs/v2/{job['id']}"
    for path in (
        base,
        f"{base}/status",
        f"{base}/history",
        f"{base}/outputs/listings",
        f"{base}/outputs/media/x",
    ):
        assert refused(ask(site, "GET", path, by=eve), 404)["code"] == "unknown-record"
    assert refused(ask(site, "POST", base, by=eve, json={"action": "stop"}), 404)
    work(site)
    assert result(ask(site, "GET", base))["status"] == "FINISHED"


def test_urls_of_notifications_are_shown_to_the_owner_of_the_job_alone(site: Site):
    CANARIES.add("t0ken-of-a-notification")
    url = f"{site.catalog.url}/hook?token=t0ken-of-a-notification"
    ada, bob = bearer(site, "ada"), bearer(site, "bob")
    job = submit(site, by=ada, notifications=[{"event": "FAILED", "url": url}])
    assert "t0ken" not in json.dumps(job)
    assert "t0ken" not in ask(site, "GET", f"/jobs/v2/{job['id']}", by=ada).text
    about = {"associatedUuid": job["id"]}
    (told,) = result(ask(site, "GET", "/notifications/v2", by=ada, params=about))
    assert (told["url"], told["event"], told["persistent"], told["owner"]) == (url, "FAILED", False, "ada")
    assert [each["associatedUuid"] for each in result(ask(site, "GET", "/notifications/v2/", by=ada))] == [
        job["id"]
    ]
    assert refused(ask(site, "GET", "/notifications/v2", by=bob, params=about), 404)
    assert result(ask(site, "GET", "/notifications/v2", by=bob)) == []
    assert ask(site, "POST", "/notifications/v2", by=ada, json={}).status_code == 405


def test_what_the_ledger_is_called_back_by_is_shown_to_nobody(site: Site):
    site.catalog.pipeline(id="say-1.0", components=[{"id": "say-1.0", "inputs": {}, "parameters": {}}])
    ada = bearer(site, "ada")
    launch = {"job_definition": {"appId": "say-1.0", "name": "launched", "parameters": {"word": "x"}}}
    sent = ask(site, "POST", "/actors/v2/agave-proxy/messages", by=ada, json=launch)
    assert sent.status_code < 300, sent.text
    site.catalog.work("launch-job")
    (job,) = result(ask(site, "GET", "/jobs/v2/name/launched", by=ada))
    told = result(ask(site, "GET", "/notifications/v2", by=ada, params={"associatedUuid": job["id"]}))
    assert told == []


def test_each_thing_takes_the_level_of_its_action(site: Site):
    reader, runner = bearer(site, level="READ"), bearer(site, level="EXECUTE")
    definition = {"appId": "say-1.0", "name": "x", "parameters": {"word": "x"}}
    assert ask(site, "GET", "/jobs/v2", by=reader).status_code == 200
    assert ask(site, "POST", "/jobs/v2", by=reader, json=definition).status_code in (401, 403)
    assert ask(site, "POST", "/jobs/v2", by=runner, json=definition).status_code == 201
    assert ask(site, "POST", "/apps/v2", by=runner, json=SAY).status_code in (401, 403)
    assert site.client.get("/jobs/v2").status_code == 401


# ------------------------------------------------------------------- apps, systems, who asks


def test_apps_are_registered_replaced_and_listed(site: Site):
    app = {**SAY, "id": "told-1.0"}
    assert result(ask(site, "POST", "/apps/v2/", json=app), 201)["id"] == "told-1.0"
    assert result(ask(site, "POST", "/apps/v2/told-1.0", json={**app, "label": "Told"}))["label"] == "Told"
    assert refused(ask(site, "POST", "/apps/v2/say-2.0", json={**app, "id": "say-2.0"}), 404)
    assert refused(ask(site, "POST", "/apps/v2/told-1.0", json=SAY), 400)["code"] == "conflicting-fields"
    assert refused(ask(site, "POST", "/apps/v2", json=SAY), 409)["code"] == "duplicate"
    assert {each["id"] for each in result(ask(site, "GET", "/apps/v2"))} == {"say-1.0", "told-1.0"}
    assert result(ask(site, "GET", "/apps/v2", params={"privateOnly": "true"})) == []
    link = result(ask(site, "GET", "/apps/v2/told-1.0"))["_links"]["self"]["href"]
    assert link == f"{site.catalog.url}/apps/v2/told-1.0"
    assert ask(site, "DELETE", "/apps/v2/told-1.0").status_code == 405
    assert submit(site, appId="told-1.0")["appId"] == "told-1.0"


def test_apps_are_registered_only_where_the_settings_allow_it(new_site: Any):
    site = new_site()
    assert refused(ask(site, "POST", "/apps/v2", json=SAY), 403)["code"] == "not-supported"


def test_systems_and_oneself_are_told(site: Site):
    assert [(each["id"], each["type"]) for each in result(ask(site, "GET", "/systems/v2"))] == [
        (SYSTEM, "STORAGE"),
        ("local", "EXECUTION"),
    ]
    assert [
        each["id"] for each in result(ask(site, "GET", "/systems/v2/", params={"type": "execution"}))
    ] == ["local"]
    assert result(ask(site, "GET", f"/systems/v2/{SYSTEM}"))["default"] is True
    assert refused(ask(site, "GET", "/systems/v2/none"), 404)
    assert refused(ask(site, "GET", "/systems/v2", params={"type": "x"}), 400)
    me = result(ask(site, "GET", "/profiles/v2/me", by=bearer(site, "eve", level="READ", tenant="elsewhere")))
    assert me == {"username": "eve", "tenant": "elsewhere", "level": "READ"}
