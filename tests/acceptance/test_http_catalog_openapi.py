"""The OpenAPI document and what is served: each tells of all that the other has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from openapi_spec_validator import validate
from starlette.routing import Match, Route

from datacatalog.domain.jobs.lifecycle import State
from datacatalog.domain.kinds import PREFIXES, SPECS, Kind
from datacatalog.interfaces.http.catalog.listing import filters_of
from datacatalog.services.nonces import create_nonce
from tests.acceptance.site import Site

BASE = "/catalog/v1"
UUID = "246e1-bcdf-5b6e-a8dc-4c7e81b91141"


@pytest.fixture(scope="module")
def document(shared_site: Site) -> dict[str, Any]:
    found: dict[str, Any] = shared_site.get("/openapi.json", nonce=None).json()
    return found


def described(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield path, method.upper(), operation


def addresses(path: str, operation: dict[str, Any]) -> list[str]:
    """Return addresses that a described path stands for: of records, by UUID and (to read) by identifier."""
    named = path.split("/")[3] if path.startswith(BASE + "/") else ""
    kind = next((kind for kind, spec in SPECS.items() if spec.collection == named), Kind.SAMPLE)
    path = path.replace("{kind}", "samples").replace("{execution}", "x").replace("{nonce}", "x")
    called = [f"{PREFIXES[kind]}{UUID}"]
    (wanted,) = [p["schema"] for p in operation.get("parameters", ()) if p["name"] == "uuid"] or [None]
    if wanted == {"type": "string"}:
        called.append("an/identifier")
    return list(dict.fromkeys(path.replace("{uuid}", name) for name in called))


def served(site: Site, method: str, address: str) -> Route | None:
    """Return the route that a request goes to; None: no route has it."""
    scope = {"type": "http", "method": method, "path": address, "root_path": ""}
    for route in site.client.app.routes:  # type: ignore[attr-defined]
        if route.matches(scope)[0] is Match.FULL:
            assert isinstance(route, Route)
            return route
    return None


REFUSING = (f"{BASE}/lookup", f"{BASE}/subscriptions", f"{BASE}/{{kind}}")
"""Addresses that take any method, so as to say which of them are possible there."""


def refused(site: Site, method: str, path: str) -> bool:
    """Tell whether a method is answered with 405 and those that are possible."""
    answer = site.client.request(method, path.replace("{kind}", "samples"))
    return answer.status_code == 405 and method not in answer.headers["Allow"].split(", ")


def test_document_is_openapi(document: dict[str, Any]):
    validate(document)


def test_every_operation_has_a_name_of_its_own_and_describes_its_whole_path(document: dict[str, Any]):
    names = [operation.get("operationId") for _, _, operation in described(document)]
    named = [name for name in names if name]
    assert len(named) == len({*named})
    for path, _, operation in described(document):
        parameters = operation.get("parameters", [])
        in_path = {p["name"] for p in parameters if p["in"] == "path"}
        assert in_path == {*re.findall(r"\{(\w+)\}", path)}, path
        assert len({(p["in"], p["name"]) for p in parameters}) == len(parameters)


def test_every_route_is_described_and_every_description_is_served(site: Site, document: dict[str, Any]):
    routes = [route for route in site.client.app.routes if isinstance(route, Route)]  # type: ignore[attr-defined]
    all_served = {
        (route.path, method)
        for route in routes
        for method in (route.methods or ())
        if method != "HEAD" and not (route.path in REFUSING and refused(site, method, route.path))
    }
    told = set()
    for path, method, operation in described(document):
        for address in addresses(path, operation):
            route = served(site, method, address)
            assert route is not None, (method, address)
            told.add((route.path, method))
    assert told == all_served


def test_every_kind_is_described_with_its_filters(document: dict[str, Any]):
    for kind, spec in SPECS.items():
        operation = document["paths"][f"{BASE}/{spec.collection}"]["get"]
        named = {p["name"] for p in operation["parameters"]}
        assert named == {*filters_of(kind), "limit", "after", "hidden"}


def test_everything_that_is_described_asks_for_credentials_but_the_service_itself(document: dict[str, Any]):
    assert document["security"] == [{"bearer": []}, {"nonce": []}]
    free = {path for path, _, operation in described(document) if operation.get("security") == []}
    assert free == {"/", "/healthz", "/readyz", "/openapi.json"}
    for path, _, operation in described(document):
        assert ("401" in operation["responses"]) is (path not in free)


# ----------------------------------------------------------------------------- answers fit what is said


class Talk:
    """A client whose every answer is held to the document."""

    def __init__(self, site: Site, document: dict[str, Any]) -> None:
        self._site, self._document = site, document
        self.heard: set[tuple[str, int]] = set()

    def __call__(
        self, operation: str, method: str, path: str, body: Any = None, *, nonce: str = "", **said: Any
    ) -> Any:
        headers = {name.replace("_", "-"): value for name, value in said.pop("headers", {}).items()}
        answer = self._site.client.request(
            method,
            f"{BASE}{path}",
            params={"x-nonce": nonce or self._site.catalog.nonce, **said},
            content=None if body is None else json.dumps(body),
            headers={"Content-Type": "application/json", **headers},
        )
        self._check(operation, answer)
        return answer

    def _check(self, name: str, answer: httpx.Response) -> None:
        (told,) = [o for _, _, o in described(self._document) if o.get("operationId") == name]
        response = told["responses"][str(answer.status_code)]
        self.heard.add((name, answer.status_code))
        called = answer.headers.get("content-type", "").partition(";")[0]
        assert set(response.get("content", {}) or {""}) >= {called}, (name, called)
        for header in response.get("headers", {}):
            assert header in answer.headers or header == "Link", (name, header)
        if called == "application/json":
            schema = {
                "components": self._document["components"],
                "allOf": [response["content"][called]["schema"]],
            }
            jsonschema.Draft7Validator(schema).validate(answer.json())


def test_answers_fit_what_the_document_says_of_them(site: Site, document: dict[str, Any]):
    ask = Talk(site, document)
    reader = create_nonce(site.app.env, actor="*", owner="reader", level="READ")
    made = site.catalog.hierarchy()
    job = site.job(State.FINALIZED).job.uuid
    sample = {"sample_id": "sample.openapi", "child_of": [made[Kind.EXPERIMENT]]}
    ask("kinds", "GET", "")
    first = ask("post_samples", "POST", "/samples", sample)
    path = f"/samples/{first.json()['result']['uuid']}"
    ask("post_samples", "POST", "/samples", sample)
    ask("post_samples", "POST", "/samples", sample, headers={"If_None_Match": "*"})
    ask("post_samples", "POST", "/samples", {})
    ask("post_samples", "POST", "/samples", sample, nonce=reader)
    ask("post_samples", "POST", "/samples", sample, headers={"Content_Type": "text/plain"})
    ask("get_sample", "GET", path)
    ask("get_sample", "GET", "/samples/sample.openapi")
    ask("get_sample", "GET", path, headers={"If_None_Match": "*"})
    ask("get_sample", "GET", path, nonce="x")
    ask("get_sample", "GET", "/samples/nothing")
    ask("lookup", "GET", "/lookup", ref="sample.openapi")
    ask("lookup", "GET", "/lookup", ref="sample.openapi", headers={"If_None_Match": "*"})
    ask("lookup", "GET", "/lookup", ref="nothing")
    ask("lookup", "GET", "/lookup")
    ask("put_sample", "PUT", path, sample)
    ask("put_sample", "PUT", path, sample, headers={"If_Match": '"x"'})
    ask("patch_sample", "PATCH", path, {"replicate": 1})
    ask("patch_sample", "PATCH", path, {"sample_id": "x"})
    ask("log", "GET", f"{path}/log")
    ask("log", "GET", f"{path}/log", after="x")
    ask("delete_sample", "DELETE", path)
    ask("delete_sample", "DELETE", path)
    ask("undelete", "POST", f"{path}/undelete")
    ask("undelete", "POST", f"/jobs/{job}/undelete")
    ask("put_sample", "PUT", path, {**sample, "uuid": first.json()["result"]["uuid"]})
    for spec in SPECS.values():
        ask(f"list_{spec.collection}", "GET", f"/{spec.collection}", hidden="true")
        ask(f"list_{spec.collection}", "GET", f"/{spec.collection}", nothing="x")
    ask("get_pipelinejob", "GET", f"/jobs/{job}")
    ask("get_pipeline", "GET", f"/pipelines/{site.pipeline}")
    ask("history", "GET", f"/jobs/{job}/history", limit="2")
    name = "/products/v2/openapi.txt"
    ask("post_files", "POST", "/files", {"name": name, "generated_by": [job]})
    ask("post_fixities", "POST", "/fixities", {"name": name, "checksum": "sha256:" + "0" * 64, "size": 1})
    ask("files", "GET", f"/jobs/{job}/files")
    for shape in ("json", "dot", "mermaid", "svg"):
        ask("lineage", "GET", f"/jobs/{job}/lineage", format=shape, direction="both")
    ask("lineage", "GET", f"/jobs/{job}/lineage", format="png")
    for shape in ("prov-json", "prov-n", "ro-crate", "openlineage"):
        ask("export", "GET", f"/jobs/{job}/export", format=shape)
    ask("export", "GET", f"/jobs/{job}/export", format="png")
    ask("delete_sample", "DELETE", path, force="true")
    codes = {code for _, code in ask.heard}
    assert codes == {200, 201, 304, 400, 401, 403, 404, 405, 412, 415}
