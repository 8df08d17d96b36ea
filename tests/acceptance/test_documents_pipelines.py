"""Pipelines as the documents describe them: created, described anew, retired, brought back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from datacatalog.domain.kinds import Kind
from tests.acceptance.site import Site
from tests.shared import shared
from tests.unit.schema_material import printed_in_the_documents

ACTOR = "pipelines-manager"


def tacobot() -> dict[str, Any]:
    """Return the pipeline document that the documents print."""
    (document,) = [d for d in printed_in_the_documents() if d.get("name") == "Tacobot 9001"]
    return document


def vectors() -> dict[str, str]:
    """Return fixture file -> the UUID it was published with."""
    found = json.loads(shared("vectors", "uuids.json").read_text())
    published = [v for v in found if str(v.get("input_file", "")).startswith("pipeline/")]
    return {Path(v["input_file"]).name: v["uuid"] for v in published}


@pytest.fixture
def fresh(new_site) -> Site:
    return new_site()


def create(site: Site, document: dict[str, Any] | None = None) -> tuple[str, str]:
    """Create a pipeline; return its UUID and its token."""
    answer = site.send(ACTOR, document or one())
    assert answer.status_code == 201, answer.text
    outcome = answer.json()["result"]["outcome"]
    return outcome["uuid"], outcome["token"]


def one(**changes: Any) -> dict[str, Any]:
    """Return a document of a pipeline that no test made before."""
    one.n = getattr(one, "n", 0) + 1  # type: ignore[attr-defined]
    parts = [
        {"id": f"taco-{one.n}", "inputs": {}, "parameters": {}},  # type: ignore[attr-defined]
        {"repo": "sd2e/salsa:1"},
        {"uri": "https://sauce.example.org/"},
    ]
    return {"id": f"tests/one-{one.n}", "name": "One", "components": parts, **changes}  # type: ignore[attr-defined]


def body_of(site: Site, uuid: str) -> dict[str, Any]:
    return dict(site.app.env.store.read(lambda work: work.records.get(uuid)).body)  # type: ignore[arg-type]


def visible(site: Site, uuid: str) -> bool:
    return site.app.env.store.read(lambda work: work.records.get(uuid)).visible  # type: ignore[arg-type]


def test_printed_pipeline_gets_the_printed_uuid(fresh: Site):
    answer = fresh.send(ACTOR, tacobot())
    assert answer.status_code == 201
    outcome = answer.json()["result"]["outcome"]
    assert outcome["created"] is True
    assert outcome["uuid"].startswith("106")
    assert len(outcome["token"]) == 17
    body = body_of(fresh, outcome["uuid"])
    assert {k: body[k] for k in tacobot()} == tacobot()


def test_every_published_pipeline_can_be_created_with_its_published_uuid(fresh: Site):
    known = vectors()
    assert len(known) == 5
    for file in sorted(shared("fixtures", "pipelinejobs", "pipeline").glob("*.json")):
        answer = fresh.send(ACTOR, file.read_text())
        assert answer.status_code == 201, (file.name, answer.text)
        if file.name in known:
            assert answer.json()["result"]["outcome"]["uuid"] == known[file.name], file.name


def test_log_tells_what_the_documents_log_tells_but_for_the_token(site: Site):
    answer = site.send(ACTOR, one()).json()["result"]
    uuid, token = answer["outcome"]["uuid"], answer["outcome"]["token"]
    assert answer["log"] == ["Action selected: create", f"Created pipeline {uuid}"]
    assert token not in str(answer["log"])


def test_created_again_is_the_same_pipeline_and_gives_no_token(site: Site):
    document = one()
    uuid, _ = create(site, document)
    before = site.dump()
    answer = site.send(ACTOR, document)
    assert answer.status_code == 200
    assert answer.json()["result"]["outcome"] == {"uuid": uuid, "created": False}
    assert {k: v for k, v in site.dump().items() if k != "executions"} == {
        k: v for k, v in before.items() if k != "executions"
    }


def test_order_of_components_makes_no_other_pipeline(site: Site):
    document = one()
    uuid, _ = create(site, document)
    turned = {**document, "components": document["components"][::-1]}
    assert site.send(ACTOR, turned).json()["result"]["outcome"] == {"uuid": uuid, "created": False}


def test_other_components_under_a_taken_id_are_refused(site: Site):
    document = one()
    create(site, document)
    first, *rest = document["components"]
    before = site.dump()
    answer = site.send(ACTOR, {**document, "components": [{**first, "parameters": {"x": 1}}, *rest]})
    assert (answer.status_code, answer.json()["result"]["code"]) == (409, "duplicate")
    assert site.dump() == before


def test_other_words_without_the_token_are_refused(site: Site):
    document = one()
    create(site, document)
    before = site.dump()
    answer = site.send(ACTOR, {**document, "name": "Another"})
    assert (answer.status_code, answer.json()["result"]["code"]) == (409, "already-exists")
    assert site.dump() == before


def test_document_with_another_uuid_is_refused(site: Site):
    answer = site.send(ACTOR, one(uuid="1064aaf1-459c-5e42-820d-b822aa4b3990"))
    assert answer.status_code == 400
    assert answer.json()["result"]["errors"][0]["path"] == "uuid"


def test_document_with_its_token_in_the_url_describes_the_pipeline_anew(site: Site):
    document = one(description="old", accepts=["CSV"])
    uuid, token = create(site, document)
    del document["description"]
    answer = site.send(ACTOR, {**document, "name": "New"}, token=token)
    assert answer.status_code == 200
    assert answer.json()["result"]["outcome"] == {"uuid": uuid, "revision": 1, "token": token}
    assert answer.json()["result"]["log"] == ["Action selected: update", f"Updated pipeline {uuid}"]
    body = body_of(site, uuid)
    assert (body["name"], body["accepts"], body.get("description")) == ("New", ["CSV"], None)


def test_update_message_changes_what_it_names_and_nothing_else(site: Site):
    uuid, token = create(site, one(description="old"))
    before = body_of(site, uuid)
    message = {"uuid": uuid, "action": "update", "body": {"name": "New"}, "token": token}
    assert site.send(ACTOR, message).status_code == 200
    assert body_of(site, uuid) == {**before, "name": "New"}


@pytest.mark.parametrize(
    "body",
    [
        {"components": [{"id": "other", "inputs": {}, "parameters": {}}]},
        {"id": "tests/other"},
        {"accepts": "CSV"},
        {"name": {"$gt": ""}},
        {"surprise": 1},
        {"state": "RETIRED"},
        {"history": []},
        {"_salt": "mine"},
        {"_fingerprint": "mine"},
        {"_admin": {"owner": "me"}},
        {"_visible": False},
        {"token": "x" * 17},
        {"uuid": "1064aaf1-459c-5e42-820d-b822aa4b3990"},
        {"child_of": ["nobody"]},
        {"derived_from": "105"},
    ],
)
def test_update_of_what_makes_the_pipeline_or_fits_no_schema_is_refused(site: Site, body: dict[str, Any]):
    uuid, token = create(site)
    before = site.dump()
    answer = site.send(ACTOR, {"uuid": uuid, "action": "update", "body": body, "token": token})
    assert answer.status_code == 400
    assert answer.json()["result"]["errors"][0]["path"]
    assert site.dump() == before


@pytest.mark.parametrize(
    ("off", "on"),
    [
        (("{}", {"action": "disable"}), ("{}", {"action": "enable"})),
        (({"action": "delete"}, {}), ({"action": "undelete"}, {})),
        (({"action": "retire"}, {}), ({"action": "undelete"}, {})),
        (("", {"action": "retire"}), ("", {"action": "undelete"})),
    ],
)
def test_pipeline_is_taken_out_of_service_and_brought_back(site: Site, off: Any, on: Any):
    document = one()
    uuid, token = create(site, document)

    def send(way: Any) -> None:
        body, url = way
        said = {"uuid": uuid, "token": token}
        answer = (
            site.send(ACTOR, {**body, **said}, **url)
            if isinstance(body, dict)
            else site.send(ACTOR, body, **url, **said)
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["result"]["outcome"]["token"] == token

    send(off)
    assert not visible(site, uuid)
    refused = site.send(ACTOR, document)
    assert (refused.status_code, refused.json()["result"]["code"]) == (409, "not-in-service")
    send(off)
    send(on)
    assert visible(site, uuid)
    assert site.send(ACTOR, document).status_code == 200


def test_removing_for_good_is_for_administrators_and_only_while_no_job_uses_it(site: Site):
    uuid, token = create(site)
    message = {"uuid": uuid, "action": "delete", "force": True}
    assert site.send(ACTOR, {**message, "token": token}).status_code == 403
    job = site.catalog.job(uuid)
    assert site.send(ACTOR, {**message, "token": site.admin()}).status_code == 409
    gone = {"uuid": job.job.uuid, "action": "delete", "force": True, "token": site.admin()}
    assert site.send("jobs-manager", gone).status_code == 200
    assert site.send(ACTOR, {**message, "token": site.admin()}).status_code == 200
    answer = site.send(ACTOR, {**message, "token": site.admin()})
    assert (answer.status_code, answer.json()["result"]["code"]) == (404, "unknown-record")


def test_unknown_pipeline_is_said_to_be_unknown(site: Site):
    answer = site.send(
        ACTOR, "{}", action="disable", uuid="1064aaf1-459c-5e42-820d-b822aa4b3990", token="x" * 17
    )
    assert answer.status_code == 404
    answer = site.send(ACTOR, one(), token="x" * 17)
    assert answer.status_code == 404


def test_links_of_a_pipeline_document_are_kept(site: Site):
    made = site.catalog.hierarchy()
    parent = made[Kind.CHALLENGE_PROBLEM]
    uuid, token = create(site, one(child_of=[parent]))
    links = site.app.env.store.read(lambda work: work.links.of(uuid))  # type: ignore[arg-type]
    assert [(link.relation, link.target) for link in links] == [("child_of", parent)]
    other = made[Kind.EXPERIMENT]
    message = {"uuid": uuid, "action": "update", "body": {"child_of": [other]}, "token": token}
    assert site.send(ACTOR, message).status_code == 200
    links = site.app.env.store.read(lambda work: work.links.of(uuid))  # type: ignore[arg-type]
    assert {link.target for link in links} == {parent, other}


def test_both_spellings_of_the_type_make_the_same_pipeline(site: Site):
    document = one()
    uuid, _ = create(site, {**document, "type": "data-transfer"})
    assert body_of(site, uuid)["pipeline_type"] == "data-transfer"
    again = site.send(ACTOR, {**document, "pipeline_type": "data-transfer"})
    assert again.json()["result"]["outcome"] == {"uuid": uuid, "created": False}
    answer = site.send(ACTOR, one(type="data-transfer", pipeline_type="primary-etl"))
    assert (answer.status_code, answer.json()["result"]["code"]) == (400, "conflicting-fields")
