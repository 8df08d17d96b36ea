"""Writing the catalog over HTTP: what is created, replaced, patched, hidden and removed, and what is refused."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from datacatalog.domain.identifiers.records import record_uuid
from datacatalog.domain.kinds import SPECS, Kind
from datacatalog.services.nonces import create_nonce
from tests.acceptance.site import Site, refused

BASE = "/catalog/v1"
Made = tuple[str, dict[str, Any]]


def ask(site: Site, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
    """Send a request with a body; `headers`, `nonce` and URL parameters may be given."""
    headers = more.pop("headers", {})
    nonce = more.pop("nonce", site.catalog.nonce)
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    called = {"Content-Type": "application/json"} if body is not None else {}
    return site.client.request(
        method,
        f"{BASE}{path}",
        params={"x-nonce": nonce, **more},
        content=content,
        headers={**called, **headers},
    )


def document(site: Site, **fields: Any) -> dict[str, Any]:
    parent = site.catalog.hierarchy()[Kind.EXPERIMENT]
    return {"sample_id": f"sample.tests.{secrets.token_hex(8)}", "child_of": [parent], **fields}


def address(site: Site, sample: dict[str, Any]) -> str:
    return f"/samples/{record_uuid(Kind.SAMPLE, sample, site.app.env.identity)}"


def made(site: Site, **fields: Any) -> Made:
    """Create a sample; return its path and what it was made of."""
    sample = document(site, **fields)
    path = address(site, sample)
    assert ask(site, "PUT", path, sample).status_code == 201
    return path, sample


def shown(site: Site, path: str, **query: str) -> dict[str, Any]:
    answer = ask(site, "GET", path, **query)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()["result"]
    return result


def etag(site: Site, path: str, **query: str) -> str:
    return str(ask(site, "GET", path, **query).headers["etag"])


# --------------------------------------------------------------------------------------- create, replace


def test_record_is_created_at_its_address_and_the_same_again_changes_nothing(site: Site):
    sample = document(site, replicate=1)
    path = address(site, sample)
    first = ask(site, "PUT", path, sample)
    assert first.status_code == 201
    assert first.headers["location"] == f"{site.app.settings.api_url}{BASE}{path}"
    assert first.json()["result"] == shown(site, path)
    assert first.json()["result"] | sample == first.json()["result"]
    assert first.headers["etag"] == etag(site, path)
    assert first.headers["content-location"] == f"{BASE}{path}"
    before = site.dump()
    again = ask(site, "PUT", path, sample)
    assert (again.status_code, again.headers["etag"]) == (200, first.headers["etag"])
    assert "location" not in again.headers
    assert again.json()["message"] == "The sample is unchanged"
    assert site.dump() == before


def test_record_is_created_among_its_kind_under_the_uuid_that_its_document_makes(site: Site):
    sample = document(site)
    answer = ask(site, "POST", "/samples", sample)
    assert answer.status_code == 201
    assert answer.headers["location"].endswith(address(site, sample))
    assert shown(site, address(site, sample)) == answer.json()["result"]
    again = ask(site, "POST", "/sample", {**sample, "replicate": 3})
    assert again.status_code == 200
    assert again.json()["result"]["replicate"] == 3


def test_put_replaces_all_that_was_said_links_too(site: Site):
    path, sample = made(site, replicate=1, strain="a")
    other = ask(site, "PUT", address(site, parent := document(site)), parent).json()["result"]["uuid"]
    answer = ask(site, "PUT", path, {**sample, "child_of": [other], "strain": "b", "replicate": 2})
    assert answer.status_code == 200
    assert ask(site, "PUT", path, {"sample_id": sample["sample_id"], "child_of": [other]}).status_code == 200
    kept = shown(site, path)
    assert kept["child_of"] == [other]
    assert not {"strain", "replicate"} & kept.keys()


def test_strategy_can_be_chosen(site: Site):
    path, sample = made(site, replicate=1, strain="a")
    more = {**sample, "strain": "b", "control_for": ["x"]}
    del more["replicate"]
    assert ask(site, "PUT", path, more, strategy="drop").json()["result"]["strain"] == "a"
    merged = ask(site, "PUT", path, more, strategy="merge").json()["result"]
    assert (merged["strain"], merged["replicate"], merged["control_for"]) == ("b", 1, ["x"])
    assert "replicate" not in ask(site, "POST", "/samples", more, strategy="replace").json()["result"]
    refused(ask(site, "PUT", path, more, strategy="guess"), 400)


def test_document_at_the_address_of_another_record_is_refused(site: Site):
    path, sample = made(site)
    other = document(site)
    before = site.dump()
    refused(ask(site, "PUT", path, other), 400)
    complaint = refused(ask(site, "PUT", path, {**sample, "uuid": address(site, other)[9:]}), 400)
    assert complaint["code"] == "conflicting-fields"
    refused(ask(site, "PUT", path, {**sample, "uuid": "x"}), 400)
    refused(ask(site, "PUT", f"/files/{path[9:]}", sample), 400)
    assert site.dump() == before
    assert ask(site, "PUT", path, {**sample, "uuid": path[9:].upper()}).status_code == 200


# ------------------------------------------------------------------------------------------------ patch


def test_patch_merges_removes_and_replaces_as_rfc_7396_says(site: Site):
    path, sample = made(site, contents=[1, 2], temperature={"value": 30, "unit": "C"}, strain="a")
    patch = {"contents": [3], "temperature": {"value": 37}, "strain": None, "nothing": None}
    answer = ask(site, "PATCH", path, patch, headers={"Content-Type": "application/merge-patch+json"})
    assert answer.status_code == 200
    kept = shown(site, path)
    assert answer.json()["result"] == kept
    assert (kept["contents"], kept["temperature"]) == ([3], {"value": 37, "unit": "C"})
    assert not {"strain", "nothing"} & kept.keys()
    assert kept["child_of"] == sample["child_of"]


@pytest.mark.parametrize("patch", [{"uuid": "x"}, {"sample_id": "y"}, {"child_of": ["x"]}, {"child_of": "x"}, {"_admin": {}}, [], "x", None])  # fmt: skip
def test_patch_that_cannot_be_writes_nothing(site: Site, patch: Any):
    path, _ = made(site)
    before = site.dump()
    refused(ask(site, "PATCH", path, json.dumps(patch).encode()), 400)
    assert site.dump() == before


def test_patch_of_what_is_not_there_is_answered_404(site: Site):
    refused(ask(site, "PATCH", address(site, document(site)), {"replicate": 1}), 404)
    path, _ = made(site)
    assert ask(site, "DELETE", path).status_code == 200
    refused(ask(site, "PATCH", path, {"replicate": 1}), 404)


# ------------------------------------------------------------------------------------- delete and undelete


def test_record_is_hidden_and_brought_back(site: Site):
    path, _ = made(site)
    before = shown(site, path)
    assert ask(site, "DELETE", path).json()["result"] == {"uuid": path[9:], "action": "deleted"}
    refused(ask(site, "GET", path), 404)
    refused(ask(site, "DELETE", path), 404)
    assert shown(site, path, hidden="true") == {**before, "hidden": True}
    assert ask(site, "POST", f"{path}/undelete").json()["result"] == before
    assert ask(site, "POST", f"{path}/undelete").status_code == 200
    assert shown(site, path) == before


def test_hidden_record_that_is_put_again_is_visible_again(site: Site):
    path, sample = made(site)
    ask(site, "DELETE", path)
    answer = ask(site, "PUT", path, sample, headers={"If-None-Match": "*"})
    assert answer.status_code == 200
    assert shown(site, path) == answer.json()["result"]


def test_record_is_removed_for_good_and_its_log_tells_to_who_asks_for_what_is_hidden(site: Site):
    path, sample = made(site)
    answer = ask(site, "DELETE", path, force="true")
    assert answer.json()["result"]["action"] == "purged"
    refused(ask(site, "GET", path, hidden="true"), 404)
    refused(ask(site, "DELETE", path, force="true"), 404)
    refused(ask(site, "POST", f"{path}/undelete"), 404)
    refused(ask(site, "GET", f"{path}/log"), 404)
    actions = [change["action"] for change in shown(site, f"{path}/log", hidden="true")["changes"]]
    assert actions == ["create", "purge"]
    assert ask(site, "PUT", path, sample).status_code == 201
    ask(site, "DELETE", path)
    assert ask(site, "DELETE", path, force="true").status_code == 200


def test_log_tells_who_changed_what(site: Site):
    path, sample = made(site, strain="a")
    other = create_nonce(site.app.env, actor="*", owner="ada", level="UPDATE")
    ask(site, "PATCH", path, {"strain": "b"}, nonce=other)
    ask(site, "PUT", path, sample)
    ask(site, "DELETE", path, nonce=other)
    pages = [shown(site, f"{path}/log", hidden="true", limit="2", after=after) for after in ("0", "2")]
    changes = [change for page in pages for change in page["changes"]]
    assert [page["next"] for page in pages] == [2, None]
    assert [change["sequence"] for change in changes] == [1, 2, 3, 4]
    assert [change["action"] for change in changes] == ["create", "update", "replace", "delete"]
    assert [change["admin"]["by"] for change in changes] == ["tests", "ada", "tests", "ada"]
    assert [change["revision"] for change in changes] == [0, 1, 2, 3]
    assert changes[1]["diff"] == {"strain": ["a", "b"]}


# ------------------------------------------------------------------------------------------ preconditions


@pytest.mark.parametrize("tags", ["{etag}", '"x", {etag}', '{etag} , "y"', "*", 'W/"x",{etag}'])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_record_that_is_as_its_writer_knows_it_is_written(site: Site, method: str, tags: str):
    path, sample = made(site)
    known = tags.format(etag=etag(site, path))
    body = None if method == "DELETE" else {**sample, "replicate": 2}
    assert ask(site, method, path, body, headers={"If-Match": known}).status_code == 200


@pytest.mark.parametrize("tags", ['"x"', "W/{etag}", '"0"', 'W/"x", "y"', ""])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_record_that_is_not_as_its_writer_knows_it_stays(site: Site, method: str, tags: str):
    path, sample = made(site)
    known = tags.format(etag=etag(site, path))
    body = None if method == "DELETE" else {**sample, "replicate": 2}
    before = site.dump()
    answer = ask(site, method, path, body, headers={"If-Match": known})
    assert refused(answer, 412)["code"] == "precondition-failed"
    assert site.dump() == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize("tags", ["0", '"a" "b"', '"a', "*, *", '"a"b', "w/", '"\\"x"'])
def test_etag_that_is_none_is_refused(site: Site, method: str, header: str, tags: str):
    path, sample = made(site)
    before = site.dump()
    answer = ask(site, method, path, None if method == "DELETE" else sample, headers={header: tags})
    assert refused(answer, 400)["errors"][0]["path"] == header
    assert site.dump() == before


def test_only_what_is_not_there_is_created_where_that_is_asked(site: Site):
    sample, alone = document(site), {"If-None-Match": "*"}
    path = address(site, sample)
    assert ask(site, "PUT", path, sample, headers=alone).status_code == 201
    before = site.dump()
    for method, at in (("PUT", path), ("POST", "/samples"), ("PATCH", path), ("DELETE", path)):
        body = None if method == "DELETE" else {**sample, "replicate": 2}
        refused(ask(site, method, at, body, headers=alone), 412)
    for known in (etag(site, path), f"W/{etag(site, path)}"):
        refused(ask(site, "PUT", path, sample, headers={"If-None-Match": known}), 412)
    assert site.dump() == before
    assert ask(site, "PUT", path, sample, headers={"If-None-Match": '"x"'}).status_code == 200
    assert ask(site, "POST", "/samples", document(site), headers=alone).status_code == 201
    for header in ({"If-Match": "*"}, {"If-None-Match": '"x"'}):
        refused(ask(site, "POST", "/samples", sample, headers=header), 400)


def test_what_is_not_there_matches_nothing(site: Site):
    sample = document(site)
    refused(ask(site, "PUT", address(site, sample), sample, headers={"If-Match": "*"}), 412)
    path, sample = made(site)
    ask(site, "DELETE", path)
    hidden = etag(site, path, hidden="true")
    for known in ("*", hidden):
        refused(ask(site, "PUT", path, sample, headers={"If-Match": known}), 412)
    refused(ask(site, "POST", f"{path}/undelete", headers={"If-Match": '"x"'}), 412)
    refused(ask(site, "DELETE", path, force="true", headers={"If-Match": '"x"'}), 412)
    assert ask(site, "POST", f"{path}/undelete", headers={"If-Match": hidden}).status_code == 200


def test_of_clients_that_change_one_record_as_they_know_it_exactly_one_does(site: Site):
    path, sample = made(site)
    with ThreadPoolExecutor(4) as pool:
        for n in range(100):
            known = {"If-Match": etag(site, path)}
            bodies = [{**sample, "round": n, "client": client} for client in range(2)]
            answers = list(pool.map(lambda body: ask(site, "PUT", path, body, headers=known), bodies))  # noqa: B023
            assert sorted(answer.status_code for answer in answers) == [200, 412]
            (won,) = [answer for answer in answers if answer.status_code == 200]
            assert shown(site, path) == won.json()["result"]
    assert len(shown(site, f"{path}/log", limit="1000")["changes"]) == 101


def test_of_clients_that_create_one_record_exactly_one_does(site: Site):
    alone = {"If-None-Match": "*"}
    with ThreadPoolExecutor(4) as pool:
        for _ in range(25):
            sample = document(site)
            path = address(site, sample)
            ways = [("PUT", path), ("POST", "/samples")] * 2
            codes = list(pool.map(lambda w: ask(site, *w, sample, headers=alone).status_code, ways))  # noqa: B023
            assert sorted(codes) == [201, 412, 412, 412]


def test_of_patches_that_race_none_is_lost(site: Site):
    path, _ = made(site)
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda n: ask(site, "PATCH", path, {f"f{n}": n}).status_code, range(40)))
    assert codes == [200] * 40
    assert {f"f{n}" for n in range(40)} <= shown(site, path).keys()


# ----------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", ""),
        (b"{", ""),
        (b"[]", "/"),
        (b'"x"', "/"),
        (b"\xff", ""),
        (b'{"sample_id": "a", "sample_id": "b"}', ""),
        (b'{"replicate": NaN}', ""),
        (b'{"replicate": 1e999}', ""),
        (b'{"replicate": 99999999999999999999}', ""),
        (b'{"strain": "a\\u0000"}', "/strain"),
        (b'{"contents": ["\\ud800"]}', "/contents/0"),
        (b"[" * 100 + b"]" * 100, ""),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_body_that_is_no_strict_json_is_refused_with_its_place(
    site: Site, method: str, body: bytes, path: str
):
    at, _ = made(site)
    before = site.dump()
    complaint = refused(ask(site, method, "/samples" if method == "POST" else at, body), 400)
    assert complaint["code"] == "invalid-json"
    assert complaint["errors"][0]["path"] == path
    assert site.dump() == before


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("called", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "application/json-patch+json"])  # fmt: skip
def test_body_that_is_not_called_json_is_refused(site: Site, method: str, called: str):
    path, sample = made(site)
    at = "/samples" if method == "POST" else path
    answer = ask(site, method, at, sample, headers={"Content-Type": called})
    assert refused(answer, 415)["code"] == "unsupported-media"
    assert ("application/merge-patch+json" in answer.json()["message"]) is (method == "PATCH")
    for fine in ("application/json; charset=UTF-8", "Application/JSON"):
        assert ask(site, method, at, sample, headers={"Content-Type": fine}).status_code == 200


def test_body_over_the_limit_is_refused(new_site):
    site = new_site(gateway={"max_body_bytes": 2000})
    sample = document(site, strain="x" * 2000)
    for method, path in (
        ("POST", "/samples"),
        ("PUT", address(site, sample)),
        ("PATCH", address(site, sample)),
    ):
        refused(ask(site, method, path, sample), 413)


@pytest.mark.parametrize(
    ("kind", "body", "path"),
    [
        ("samples", {}, "sample_id"),
        ("samples", {"sample_id": 1, "child_of": []}, None),
        ("samples", {"sample_id": "s", "child_of": "x"}, None),
        ("samples", {"sample_id": "s", "child_of": ["x"]}, "child_of"),
        ("samples", {"sample_id": "s", "derived_from": ["105246e1-bcdf-5b6e-a8dc-000000000000"]}, "derived_from"),
        ("files", {"type": "CSV"}, "name"),
    ],
)  # fmt: skip
def test_document_that_fits_no_record_is_refused_with_its_place(
    site: Site, kind: str, body: Any, path: str | None
):
    before = site.dump()
    complaint = refused(ask(site, "POST", f"/{kind}", body), 400)
    assert complaint["errors"]
    assert path in (None, complaint["errors"][0]["path"])
    assert site.dump() == before


@pytest.mark.parametrize("query", [{"strategie": "merge"}, {"limit": "1"}, {"hidden": "true"}])
def test_parameter_that_is_not_known_is_refused_before_anything_is_written(site: Site, query: dict[str, str]):
    sample = document(site)
    before = site.dump()
    for method, path in (
        ("POST", "/samples"),
        ("PUT", address(site, sample)),
        ("PATCH", address(site, sample)),
    ):
        refused(ask(site, method, path, sample, **query), 400)
    refused(ask(site, "DELETE", address(site, sample), **query), 400)
    assert site.dump() == before


@pytest.mark.parametrize("spec", SPECS.values(), ids=lambda spec: spec.collection)
def test_kinds_that_are_said_to_be_written_here_are(site: Site, spec: Any):
    (kind,) = [k for k in shown(site, "")["kinds"] if k["kind"] == spec.kind]
    answer = ask(site, "POST", f"/{spec.collection}", {})
    places = [error["path"] for error in refused(answer, 400 if kind["writable"] else 405)["errors"]]
    assert "kind" not in places


@pytest.mark.parametrize("kind", ["jobs", "pipelines", "pipelinejob", "pipeline"])
def test_jobs_and_pipelines_are_not_written_as_documents(site: Site, kind: str):
    uuid = site.job().job.uuid if "job" in kind else site.pipeline
    before = site.dump()
    body = shown(site, f"/{kind}/{uuid}")
    ways = [("POST", f"/{kind}"), ("PUT", f"/{kind}/{uuid}"), ("PATCH", f"/{kind}/{uuid}")]
    for answer in (*(ask(site, *way, body) for way in ways), ask(site, "DELETE", f"/{kind}/{uuid}")):
        assert refused(answer, 405)["code"] == "method-not-allowed"
        assert answer.headers["allow"] == "GET, HEAD"
        assert (
            f"/actors/v2/{'jobs' if 'job' in kind else 'pipelines'}-manager/messages"
            in answer.json()["message"]
        )
    assert ask(site, "POST", f"/{kind}/{uuid}/undelete").headers["allow"] == ""
    assert site.dump() == before


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/samples/103246e1-bcdf-5b6e-a8dc-000000000000", {"GET", "HEAD", "PUT", "PATCH", "DELETE"}),
        ("PUT", "/samples", {"GET", "HEAD", "POST"}),
        ("PUT", "/samples/sample.x", {"GET", "HEAD"}),
        ("DELETE", "", {"GET", "HEAD"}),
        ("POST", "/samples/103246e1-bcdf-5b6e-a8dc-000000000000/log", {"GET", "HEAD"}),
    ],
)
def test_wrong_method_is_told_which_ones_are_right(site: Site, method: str, path: str, allow: set[str]):
    answer = ask(site, method, path)
    assert refused(answer, 405)
    assert answer.json()["message"].startswith(f"{method} is not possible at this address, but ")
    assert {name.strip() for name in answer.headers["allow"].split(",")} == allow


def test_hidden_record_counts_as_not_there_to_who_writes_only_what_is_new(site: Site):
    path, sample = made(site)
    only_new = {"If-None-Match": "*"}
    for method, target in (("POST", "/samples"), ("PUT", path)):
        refused(ask(site, method, target, sample, headers=only_new), 412)
        assert ask(site, "DELETE", path).status_code == 200
        assert ask(site, method, target, sample, headers=only_new).status_code == 200
        assert shown(site, path)["sample_id"] == sample["sample_id"]
