"""What Agave and Tapis platforms promise besides the port: marks, apps, accounts, and the fakes' own strictness."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datacatalog.adapters.platforms.agave import AgavePlatform
from datacatalog.adapters.platforms.tapis import TapisPlatform
from datacatalog.domain.errors import InvalidField, Misconfigured, NotSupported, PlatformDown, Refused
from tests.contracts.fake_agave import Job
from tests.contracts.fake_site import Trouble
from tests.contracts.platform_sites import SYSTEM, TACOBOT, Site, agave, speaking_to, tapis
from tests.contracts.rest_contract import operation_of
from tests.contracts.tapis_contract import OPERATIONS

KINDS = {"agave": agave, "tapis": tapis}


@pytest.fixture(params=KINDS)
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with KINDS[request.param](tmp_path) as made:
        yield made


@pytest.fixture
def on_agave(tmp_path: Path) -> Iterator[Site]:
    with agave(tmp_path) as made:
        yield made


@pytest.fixture
def on_tapis(tmp_path: Path) -> Iterator[Site]:
    with tapis(tmp_path) as made:
        yield made


# ------------------------------------------------------------------------------------------- marks


def test_job_is_found_by_its_mark_also_where_nothing_can_be_searched(on_agave: Site) -> None:
    on_agave.fake.searching = False
    first = on_agave.platform.submit(on_agave.definition(), key="k")
    taken = on_agave.fake.jobs[first.id].document
    for n in range(120):
        other = {**taken, "id": f"{n}-242ac11b-0001-007", "name": f"job {n}"}
        on_agave.fake.jobs[other["id"]] = Job(request={}, document=other)
    again = on_agave.platform.submit(on_agave.definition(), key="k")
    assert again.id == first.id
    assert on_agave.count() == 121


def test_name_at_agave_is_the_jobs_own_as_far_as_there_is_room(on_agave: Site) -> None:
    job = on_agave.platform.submit(on_agave.definition(name="n" * 64), key="k", tenant="sd2e")
    name = on_agave.fake.jobs[job.id].document["name"]
    assert len(name) == 64
    assert name.startswith("n" * 40)
    assert " sd2e-" in name


def test_job_that_somebody_else_named_alike_is_none_of_ours(on_agave: Site) -> None:
    job = on_agave.platform.submit(on_agave.definition(), key="k")
    on_agave.fake.jobs[job.id].document["name"] = "TACObot job 0123456789abcdef"
    assert on_agave.platform.submit(on_agave.definition(), key="k").id != job.id


def test_oldest_of_several_is_the_one_that_was_submitted(remote: Site) -> None:
    first = remote.platform.submit(remote.definition(), key="k")
    second = remote.platform.submit(remote.definition(), key="other")
    theirs, ours = remote.fake.jobs[second.id].document, remote.fake.jobs[first.id].document
    theirs |= {"name": ours["name"], **({"tags": ours["tags"]} if "tags" in ours else {})}
    assert remote.platform.submit(remote.definition(), key="k").id == first.id
    assert remote.count() == 2


def test_jobs_of_nobody_are_those_of_the_installation(remote: Site) -> None:
    kind: Any = AgavePlatform if remote.platform.name == "agave" else TapisPlatform
    more = {"default_system": SYSTEM} if kind is TapisPlatform else {}
    token = remote.fake.token.removeprefix("Bearer ")
    platform = kind(speaking_to(remote.fake, token), owned_by="sd2e", **more)
    job = platform.submit(remote.definition(), key="k")
    assert job.tenant == "sd2e"
    assert [one.id for one in platform.jobs(tenant="sd2e")] == [job.id]


# -------------------------------------------------------------------------------------- refusals


def test_platform_that_refuses_a_job_says_why(on_tapis: Site) -> None:
    said = b'{"status": "error", "message": "JOBS_INVALID_SYSTEM frontera is offline", "version": "1"}'
    on_tapis.fake.trouble.append(Trouble("POST", "/v3/jobs/submit", (400, said)))
    with pytest.raises(InvalidField, match="job_definition: JOBS_INVALID_SYSTEM frontera is offline"):
        on_tapis.platform.submit(on_tapis.definition(), key="k")


def test_token_that_is_not_accepted_is_told_as_such(remote: Site) -> None:
    remote.fake.token = "another"
    with pytest.raises(Misconfigured, match=r"does not accept the token \(platform_token of secrets.json\)"):
        remote.platform.submit(remote.definition(), key="k")
    assert remote.count() == 0


def test_account_that_may_not_do_it_is_told_as_such(remote: Site) -> None:
    remote.fake.trouble.append(Trouble("GET", "/", (403, b'{"message": "no EXECUTE on the app"}'), times=2))
    with pytest.raises(Refused, match="no EXECUTE on the app"):
        remote.platform.app(remote.app)


def test_page_in_place_of_an_answer_is_a_platform_that_is_down(remote: Site) -> None:
    job = remote.platform.submit(remote.definition(), key="k")
    remote.fake.trouble.append(Trouble("GET", "/", (200, b"<html>Maintenance</html>"), times=1))
    with pytest.raises(PlatformDown, match="not acceptable as JSON"):
        remote.platform.job(job.id)
    assert remote.platform.job(job.id).id == job.id


# ------------------------------------------------------------------------------------------- apps


def test_app_is_registered_and_then_known(remote: Site) -> None:
    definition = {"name": "salsabot", "version": "1.0", "inputs": [], "parameters": []}
    if remote.platform.name == "tapis":
        definition |= {"containerImage": "docker://example.org/salsabot:1"}
    assert remote.platform.register(definition, owner="tacobot")["id"] == "salsabot-1.0"
    assert remote.platform.register(definition, owner="tacobot")["id"] == "salsabot-1.0"
    assert "salsabot-1.0" in remote.platform.apps()


def test_app_is_registered_only_where_that_is_allowed(remote: Site) -> None:
    kind: Any = AgavePlatform if remote.platform.name == "agave" else TapisPlatform
    more = {"default_system": SYSTEM} if kind is TapisPlatform else {}
    with pytest.raises(NotSupported):
        kind(speaking_to(remote.fake, "t"), **more).register({"name": "x", "version": "1"}, owner="o")
    assert remote.fake.calls == []


def test_version_that_is_not_named_is_the_latest(on_tapis: Site) -> None:
    assert on_tapis.platform.app("tacobot9000")["id"] == on_tapis.app
    job = on_tapis.platform.submit(on_tapis.definition(appId="tacobot9000"), key="k")
    assert on_tapis.fake.jobs[job.id].request["appVersion"] == TACOBOT["version"]


def test_outputs_of_a_tapis_job_that_never_archived_are_where_it_ran(on_tapis: Site) -> None:
    job = on_tapis.platform.submit(on_tapis.definition(), key="k")
    where = on_tapis.fake.jobs[job.id].document
    on_tapis.fake.move(job.id, "RUNNING", "FAILED")
    where["remoteOutcome"] = "FAILED_SKIP_ARCHIVE"
    on_tapis.fake.files[(where["execSystemId"], f"{where['execSystemOutputDir'].strip('/')}/log")] = b"why"
    with on_tapis.platform.output(job.id, "/log") as file:
        assert file.read() == b"why"


# ------------------------------------------------------------------------------ the table itself


@pytest.mark.parametrize(
    "changes",
    [
        {"appVersion": None},
        {"nodeCount": "1"},
        {"callback": "x"},
        {"jobType": "HPC"},
        {"name": "n" * 65},
        {"tags": ["a", "a"]},
        {"maxMinutes": 0},
        {"subscriptions": [{"eventCategoryFilter": "JOB_NEW_STATUS", "deliveryTargets": []}]},
        {
            "subscriptions": [
                {"eventCategoryFilter": "FINISHED", "deliveryTargets": [{"deliveryMethod": "WEBHOOK"}]}
            ]
        },
        {"fileInputs": [{"name": "file1", "sourceUrl": "agave://system/path"}]},
        {"parameterSet": {"appArgs": [{"name": "salsa"}]}},
    ],
)
def test_request_that_is_not_as_published_is_noticed(changes: dict[str, Any]) -> None:
    whole = {"name": "n", "appId": "a", "appVersion": "1", **changes}
    found = operation_of(OPERATIONS, "POST", "/v3/jobs/submit")
    assert found is not None
    assert found[0].complaints({}, {name: value for name, value in whole.items() if value is not None})
    assert found[0].complaints({"key": "k"}, {"name": "n", "appId": "a", "appVersion": "1"})
    assert found[0].complaints({}, {"name": "n", "appId": "a", "appVersion": "1"}) == []
