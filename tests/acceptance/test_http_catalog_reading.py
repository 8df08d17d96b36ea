"""Reading the catalog over HTTP: kinds, lists with filters and pages, single records by whatever they are called."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import SPECS, Kind, Relation, TypedUuid
from datacatalog.domain.records import Link
from datacatalog.services.jobs import job_for, move
from datacatalog.services.records import delete_record, put_record
from tests.acceptance.site import Site, refused

BASE = "/catalog/v1"


def put(site: Site, kind: Kind, **document: Any) -> str:
    """Write a record; return its UUID."""
    env = site.app.env
    return str(env.store.transact(lambda w: put_record(kind, document, w, env)).record.uuid)


def sample(site: Site, **fields: Any) -> str:
    """Write a sample of its own; return its UUID."""
    parent = site.catalog.hierarchy()[Kind.EXPERIMENT]
    return put(
        site,
        Kind.SAMPLE,
        **{"sample_id": f"sample.tests.{secrets.token_hex(8)}", "child_of": [parent], **fields},
    )


def hide(site: Site, uuid: str) -> None:
    env = site.app.env
    env.store.transact(lambda w: delete_record(TypedUuid(uuid), w, env))


def found(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def uuids(answer: httpx.Response) -> list[str]:
    return [record["uuid"] for record in found(answer)["records"]]


def test_kinds_are_listed_with_what_they_can_be_asked_for(site: Site):
    kinds = found(site.get(BASE))["kinds"]
    assert [kind["kind"] for kind in kinds] == list(SPECS)
    (samples,) = [kind for kind in kinds if kind["name"] == "samples"]
    assert samples["prefix"] == "103"
    assert samples["identifiers"] == ["sample_id"]
    assert {"sample_id", "child_of"} <= {*samples["filters"]}
    assert (samples["links"], samples["writable"]) == (["child_of"], True)
    for kind in kinds:
        assert uuids(site.get(kind["href"])) is not None
        assert not [name for name in kind["filters"] if name.startswith("_")]
    assert [k["name"] for k in kinds if not k["writable"]] == ["pipelines", "jobs"]


@pytest.mark.parametrize("spec", SPECS.values(), ids=lambda spec: spec.collection)
def test_kind_is_reached_by_its_collection_and_by_its_own_name(site: Site, spec: Any):
    by_collection, by_name = site.get(f"{BASE}/{spec.collection}"), site.get(f"{BASE}/{spec.kind}")
    assert by_collection.json() == by_name.json()
    assert refused(site.get(f"{BASE}/{spec.collection}", nothing="x"), 400)["errors"][0]["path"] == "nothing"


# ------------------------------------------------------------------------------------------- one record


def test_record_is_found_by_uuid_in_any_spelling_and_by_identifier(site: Site):
    identifier = f"sample.uw.{secrets.token_hex(4)}/H1 ü?#&"
    uuid = sample(site, sample_id=identifier)
    document = found(site.get(f"{BASE}/samples/{uuid}"))
    assert (document["uuid"], document["sample_id"]) == (uuid, identifier)
    assert document["child_of"]
    assert not [name for name in document if name.startswith("_")]
    for reference in (uuid.upper(), uuid.replace("-", ""), quote(identifier, safe="")):
        assert found(site.get(f"{BASE}/samples/{reference}")) == document


def test_identifier_that_ends_like_a_part_of_a_record_is_an_identifier(site: Site):
    identifier = f"sample.{secrets.token_hex(4)}/log"
    uuid = sample(site, sample_id=identifier)
    assert found(site.get(f"{BASE}/samples/{identifier}"))["uuid"] == uuid


def test_file_is_found_by_path_and_by_uri(site: Site):
    path = f"/uploads/{secrets.token_hex(4)}/a b.txt"
    uuid = put(site, Kind.FILE, name=path)
    for reference in (path, f"agave://data-sd2e-community{path}"):
        assert found(site.get(f"{BASE}/files/{quote(reference, safe='')}"))["uuid"] == uuid


@pytest.mark.parametrize(
    "path",
    [
        "samples/103246e1-bcdf-5b6e-a8dc-000000000000",
        "samples/999246e1-bcdf-5b6e-a8dc-000000000000",
        "samples/sample.nobody",
        "samples/a%00b",
        "samples/%ED%A0%80",
        "samples/",
        "samples/103246e1-bcdf-5b6e-a8dc-000000000000/nothing",
        "samples/103246e1-bcdf-5b6e-a8dc-000000000000/log",
        "samples/103246e1-bcdf-5b6e-a8dc-000000000000/history",
        "jobs/107246e1-bcdf-5b6e-a8dc-000000000000/history",
        "jobs/107246e1-bcdf-5b6e-a8dc-000000000000/files",
        "nothing",
        "nothing/x",
        "",
        "lookup?ref=sample.nobody",
    ],
)
def test_what_is_not_there_is_answered_404(site: Site, path: str):
    assert refused(site.client.get(f"{BASE}/{path}", params=_nonce(site, path)), 404)


def _nonce(site: Site, path: str) -> dict[str, str]:
    _, _, query = path.partition("?")
    return {"x-nonce": site.catalog.nonce, **dict([query.split("=")] if query else [])}


def test_record_of_another_kind_is_not_there(site: Site):
    uuid = sample(site)
    refused(site.get(f"{BASE}/files/{uuid}"), 404)
    refused(site.get(f"{BASE}/files/{uuid}/log"), 404)


def test_anything_is_looked_up_by_whatever_it_is_called(site: Site):
    path = f"/uploads/{secrets.token_hex(4)}.txt"
    file, job = put(site, Kind.FILE, name=path), site.job().job.uuid
    references = {
        file: "file",
        path: "file",
        f"agave://data-sd2e-community{path}": "file",
        job: "pipelinejob",
    }
    for reference, kind in {**references, "tests/taco:1": "pipeline"}.items():
        answer = site.get(f"{BASE}/lookup", ref=reference)
        assert found(answer)["kind"] == kind
        at = found(answer)["href"].removeprefix(site.app.settings.api_url)
        assert found(site.get(at)) == found(answer)["record"]
        assert site.get(at).headers["etag"] == answer.headers["etag"]


@pytest.mark.parametrize("query", [{}, {"ref": ""}, {"ref": "x", "kind": "y"}])
def test_lookup_wants_one_reference_and_nothing_else(site: Site, query: dict[str, str]):
    refused(site.get(f"{BASE}/lookup", **query), 400)


def test_hidden_record_is_not_there_unless_asked_for(site: Site):
    identifier = f"sample.{secrets.token_hex(4)}"
    uuid = sample(site, sample_id=identifier)
    hide(site, uuid)
    for path in (uuid, identifier, f"{uuid}/log"):
        refused(site.get(f"{BASE}/samples/{path}"), 404)
        refused(site.get(f"{BASE}/samples/{path}", hidden="false"), 404)
        assert site.get(f"{BASE}/samples/{path}", hidden="true").status_code == 200
        refused(site.get(f"{BASE}/samples/{path}", hidden="yes"), 400)
    refused(site.get(f"{BASE}/lookup", ref=uuid), 404)
    assert found(site.get(f"{BASE}/samples/{uuid}", hidden="true"))["hidden"] is True
    assert uuids(site.get(f"{BASE}/samples", sample_id=identifier)) == []
    assert uuids(site.get(f"{BASE}/samples", sample_id=identifier, hidden="true")) == [uuid]


# ------------------------------------------------------------------------------------------------ lists


def walk(site: Site, path: str, **query: str) -> list[str]:
    """Read all pages; return the UUIDs."""
    collected, after = [], None
    while True:
        page = found(site.get(path, **query, **({"after": after} if after else {})))
        assert len(page["records"]) <= int(query["limit"])
        collected += [record["uuid"] for record in page["records"]]
        after = page["next"]
        if after is None:
            return collected


def test_list_is_read_page_by_page(site: Site):
    strain = secrets.token_hex(4)
    made = sorted(sample(site, strain=strain) for _ in range(7))
    for limit in ("1", "2", "3", "7", "100"):
        assert walk(site, f"{BASE}/samples", strain=strain, limit=limit) == made
    first = found(site.get(f"{BASE}/samples", strain=strain, limit="3"))
    assert first["next"] == made[2]
    assert all(record["child_of"] for record in first["records"])


def test_documents_of_a_list_are_those_of_single_records(site: Site):
    sample(site)
    for record in found(site.get(f"{BASE}/samples", limit="5"))["records"]:
        assert found(site.get(f"{BASE}/samples/{record['uuid']}")) == record


def test_files_are_found_by_the_job_that_made_them_page_by_page(site: Site):
    job = site.job(State.FINISHED).job.uuid
    folder = f"/products/v2/{secrets.token_hex(4)}"
    made = sorted(
        put(site, Kind.FILE, name=f"{folder}/{n}.txt", level=str(n % 2), generated_by=[job]) for n in range(6)
    )
    for limit in ("1", "4", "6", "50"):
        assert walk(site, f"{BASE}/files", generated_by=job, limit=limit) == made
    assert len(walk(site, f"{BASE}/files", generated_by=job, level="1", limit="2")) == 3
    assert len(walk(site, f"{BASE}/files", generated_by=job, path_prefix=f"{folder}/1", limit="2")) == 1
    hide(site, made[2])
    assert walk(site, f"{BASE}/files", generated_by=job, limit="2") == [*made[:2], *made[3:]]
    assert walk(site, f"{BASE}/files", generated_by=job, limit="2", hidden="true") == made


def test_files_are_found_by_the_beginning_of_their_path_in_its_order(site: Site):
    top = f"/uploads/{secrets.token_hex(4)}"
    names = [
        f"{top}/a",
        f"{top}/a/1",
        f"{top}/a/2",
        f"{top}/a/ü",
        f"{top}/a/\U0001f32e",
        f"{top}/ab",
        f"{top}/b",
    ]
    made = {name: put(site, Kind.FILE, name=name) for name in names}
    twin = put(site, Kind.FILE, name=f"{top}/a/1", storage_system="elsewhere")
    for limit in ("1", "2", "3", "100"):
        walked = walk(site, f"{BASE}/files", path_prefix=f"{top}/a/", limit=limit)
        assert walked == [
            *sorted([made[f"{top}/a/1"], twin]),
            *(made[f"{top}/a/{tail}"] for tail in ("2", "ü", "\U0001f32e")),
        ]
    assert len(walk(site, f"{BASE}/files", path_prefix=f"{top}/a", limit="3")) == 7
    assert walk(site, f"{BASE}/files", path_prefix=f"{top}/c", limit="3") == []
    assert walk(site, f"{BASE}/files", path_prefix=top, name=f"{top}/b", limit="3") == [made[f"{top}/b"]]


def test_records_are_found_by_what_they_are_linked_to(site: Site):
    made = site.catalog.hierarchy()
    uuid = sample(site)
    assert uuid in uuids(site.get(f"{BASE}/samples", child_of=made[Kind.EXPERIMENT].upper(), limit="1000"))
    assert uuids(site.get(f"{BASE}/samples", child_of=uuid)) == []


def test_jobs_are_found_by_state_in_any_case_and_by_pipeline(site: Site):
    pipeline = site.catalog.pipeline(id=secrets.token_hex(4), components=[{"id": secrets.token_hex(4)}])
    job = site.catalog.job(pipeline).job.uuid
    for state in ("created", "CREATED", "Created"):
        assert uuids(site.get(f"{BASE}/jobs", state=state, pipeline_uuid=pipeline.upper())) == [job]
    assert uuids(site.get(f"{BASE}/jobs", state="FAILED", pipeline_uuid=pipeline)) == []
    complaint = refused(site.get(f"{BASE}/jobs", state="DONE"), 400)["errors"][0]
    assert complaint["path"] == "state"
    assert "FINISHED" in complaint["message"]


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("samples", "name=x", "name"),
        ("samples", "_admin=x", "_admin"),
        ("pipelines", "_fingerprint=x", "_fingerprint"),
        ("jobs", "uuid=x", "uuid"),
        ("samples", "limit=0", "limit"),
        ("samples", "limit=1001", "limit"),
        ("samples", "limit=-1", "limit"),
        ("samples", "limit=x", "limit"),
        ("samples", "limit=", "limit"),
        ("samples", "after=x", "after"),
        ("samples", "hidden=1", "hidden"),
        ("samples", "strain=a&strain=b", "strain"),
        ("samples", "strain=a%00b", "strain"),
        ("samples", "strain=%ED%A0%80", "query"),
        ("samples", "strain=%FF", "query"),
        ("samples", "child_of=x", "child_of"),
        ("files", "path_prefix=", "path_prefix"),
        ("files", "path_prefix=/a&after=x", "after"),
        ("files", "path_prefix=/a&after=105246e1-bcdf-5b6e-a8dc-000000000000:/b", "after"),
        ("files", "generated_by=107246e1-bcdf-5b6e-a8dc-000000000000&child_of=104246e1-bcdf-5b6e-a8dc-000000000000", "generated_by"),
        ("fixities", "child_of=105246e1-bcdf-5b6e-a8dc-000000000000", "child_of"),
        ("samples/sample.x", "limit=1", "limit"),
        ("jobs/107246e1-bcdf-5b6e-a8dc-000000000000/history", "after=x", "after"),
        ("jobs/107246e1-bcdf-5b6e-a8dc-000000000000/files", "after=x", "after"),
        ("jobs/107246e1-bcdf-5b6e-a8dc-000000000000/log", "state=x", "state"),
    ],
)  # fmt: skip
def test_query_that_cannot_be_is_refused_and_names_the_place(site: Site, path: str, query: str, field: str):
    answer = site.client.get(f"{BASE}/{path}?x-nonce={site.catalog.nonce}&{query}")
    assert [error["path"] for error in refused(answer, 400)["errors"]] == [field]


def test_the_same_parameter_twice_is_one(site: Site):
    uuid = sample(site, strain=(strain := secrets.token_hex(4)))
    url = f"{BASE}/samples?x-nonce={site.catalog.nonce}&strain={strain}&strain={strain}"
    assert uuids(site.client.get(url)) == [uuid]


# ------------------------------------------------------------------------------------- parts of a record


def test_history_of_a_job_is_read_page_by_page(site: Site):
    job = site.job(State.FINALIZED)
    whole = site.catalog.history(job.job.uuid)
    for limit in ("1", "2", "100"):
        entries, after = [], "0"
        while after is not None:
            page = found(site.get(f"{BASE}/jobs/{job.job.uuid}/history", limit=limit, after=str(after)))
            entries += page["history"]
            after = page["next"]
        assert [entry.pop("sequence") for entry in entries] == list(range(1, len(whole) + 1))
        assert entries == whole
    assert found(site.get(f"{BASE}/jobs/{job.job.uuid}"))["history"] == whole
    refused(site.get(f"{BASE}/pipelines/{site.pipeline}/history"), 404)


def test_files_of_a_job_come_with_their_fixity(site: Site):
    job = site.job(State.FINISHED).job.uuid
    folder = f"/products/v2/{secrets.token_hex(4)}"
    with_fixity = put(site, Kind.FILE, name=f"{folder}/1", generated_by=[job])
    without = put(site, Kind.FILE, name=f"{folder}/2", generated_by=[job])
    fixity = put(site, Kind.FIXITY, name=f"{folder}/1", checksum="sha256:" + "0" * 64, size=3)
    files, after = {}, None
    for _ in range(2):
        query = {"after": after} if after else {}
        page = found(site.get(f"{BASE}/jobs/{job}/files", limit="1", **query))
        files.update({file["uuid"]: file for file in page["files"]})
        after = page["next"]
    assert files.keys() == {with_fixity, without}
    assert files[with_fixity]["fixity"]["size"] == 3
    assert files[with_fixity]["fixity"]["child_of"] == [with_fixity]
    assert files[without]["fixity"] is None
    assert files[without]["generated_by"] == [job]
    hide(site, fixity)
    assert {file["fixity"] for file in found(site.get(f"{BASE}/jobs/{job}/files"))["files"]} == {None}


# ------------------------------------------------------------------------------------------------ ETags


def test_etag_spares_who_knows_the_record(site: Site):
    uuid = sample(site)
    path = f"{BASE}/samples/{uuid}"
    first = site.get(path)
    etag = first.headers["etag"]
    assert etag.startswith('"0-')
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["content-location"] == path
    assert "last-modified" not in first.headers
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer = site.client.get(path, params=_nonce(site, ""), headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    for other in ('"x"', '"0"', ""):
        answer = site.client.get(path, params=_nonce(site, ""), headers={"If-None-Match": other})
        assert (answer.status_code, answer.headers["etag"]) == (200, etag)
    refused(site.client.get(path, params=_nonce(site, ""), headers={"If-None-Match": "0"}), 400)


def test_record_is_answered_only_as_it_is_wanted(site: Site):
    path = f"{BASE}/samples/{sample(site)}"
    etag = site.get(path).headers["etag"]
    for wanted, code in ((etag, 200), ("*", 200), (f'"x", {etag}', 200), (f"W/{etag}", 412), ('"x"', 412)):
        answer = site.client.get(path, params=_nonce(site, ""), headers={"If-Match": wanted})
        assert answer.status_code == code


def test_etag_changes_with_the_document_the_links_and_the_visibility(site: Site):
    uuid = TypedUuid(sample(site))
    design = TypedUuid(site.catalog.hierarchy()[Kind.EXPERIMENT_DESIGN])
    store, seen = site.app.env.store, []

    def look() -> None:
        seen.append(site.get(f"{BASE}/samples/{uuid}", hidden="true").headers["etag"])

    look()
    store.transact(lambda w: w.links.add([Link(source=uuid, relation=Relation.CHILD_OF, target=design)]))
    look()
    body = {"replicate": 2}
    site.client.patch(f"{BASE}/samples/{uuid}", params=_nonce(site, ""), json=body)
    look()
    hide(site, uuid)
    look()
    assert len({*seen}) == 4


def test_etag_of_a_job_changes_with_every_event_even_of_one_second(site: Site):
    job = site.job(State.RUNNING)
    env, seen = site.app.env, []
    for _ in range(5):
        seen.append(site.get(f"{BASE}/jobs/{job.job.uuid}").headers["etag"])
        env.store.transact(lambda w: move(job_for(job.job.uuid, w), Event.UPDATE, None, w, env))
    assert len({*seen}) == 5


def test_head_answers_as_get_does_without_the_body(site: Site):
    uuid = sample(site)
    for path in ("", "/samples", f"/samples/{uuid}", f"/samples/{uuid}/log", f"/lookup?ref={uuid}"):
        query = {**_nonce(site, path)}
        head = site.client.head(f"{BASE}{path.partition('?')[0]}", params=query)
        get = site.client.get(f"{BASE}{path.partition('?')[0]}", params=query)
        assert (head.status_code, head.headers) == (get.status_code, get.headers)


@pytest.mark.parametrize("part", ["log", "history", "files", "lineage", "export"])
def test_what_is_below_a_record_is_asked_for_at_its_uuid_alone_and_the_answer_says_so(site: Site, part: str):
    sample(site, sample_id="sample.tests.named")
    for query in ({}, {"format": "svg"}):
        answer = site.get(f"{BASE}/samples/sample.tests.named/{part}", **query)
        assert refused(answer, 404)["code"] == "unknown-record"
        assert f"'{part}' is asked for at the UUID" in answer.json()["message"]
