"""What every platform promises; see datacatalog.ports.platforms.

Those of other sites speak to a service on loopback that holds every request against the published interface.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from datacatalog.domain.errors import (
    InvalidField,
    NoSuchPath,
    PlatformDown,
    UnknownRecord,
    UnsafePath,
)
from datacatalog.domain.jobs.statuses import table_for
from tests.contracts.fake_site import Trouble
from tests.contracts.platform_sites import ARCHIVE, OUTPUTS, REMOTE, SITES, Site

COMPUTING = ("local", *REMOTE)
UNKNOWN = ("7381691026605150696-242ac11b-0001-007", "", "..", "a/b", "?x", "x\n", "é")
SUBMISSIONS = {"agave": "/jobs/v2", "tapis": "/v3/jobs/submit"}


@pytest.fixture(params=SITES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with SITES[request.param](tmp_path) as made:
        yield made


@pytest.fixture(params=COMPUTING)
def computing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with SITES[request.param](tmp_path) as made:
        yield made


@pytest.fixture(params=REMOTE)
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with SITES[request.param](tmp_path) as made:
        yield made


# ------------------------------------------------------------------------------------------- apps


def test_app_is_described_by_its_id(site: Site) -> None:
    assert site.platform.app(site.app)["id"] == site.app
    assert site.app in site.platform.apps()


def test_unknown_app_is_unknown(site: Site) -> None:
    for called in ("no-such-app-1.0", "", "..", "a/b-1.0", "a b", "?x=y", "é"):
        with pytest.raises(UnknownRecord):
            site.platform.app(called)


def test_job_of_an_unknown_app_is_not_taken(computing: Site) -> None:
    with pytest.raises((UnknownRecord, InvalidField)):
        computing.platform.submit(computing.definition(appId="no-such-app-1.0"), key="k")
    assert computing.count() == 0


# ------------------------------------------------------------------------------------- submitting


def test_same_key_is_the_same_job(site: Site) -> None:
    first = site.platform.submit(site.definition(), key="launch:107:1")
    again = site.platform.submit(site.definition(), key="launch:107:1")
    assert again.id == first.id
    assert site.count() == 1


def test_another_key_is_another_job(site: Site) -> None:
    first = site.platform.submit(site.definition(), key="launch:107:1")
    other = site.platform.submit(site.definition(), key="launch:107:2")
    assert other.id != first.id
    assert site.count() == 2


def test_job_is_told_by_its_id_from_submission_on(site: Site) -> None:
    job = site.platform.submit(site.definition(), key="k")
    told = site.platform.job(job.id)
    assert (told.id, told.status, told.link) == (job.id, "PENDING", job.link)


def test_unknown_job_is_unknown(site: Site) -> None:
    for job in UNKNOWN:
        for question in (site.platform.job, site.platform.cancel, site.platform.history):
            with pytest.raises(UnknownRecord):
                question(job)


def test_unknown_job_has_no_outputs(computing: Site) -> None:
    for job in UNKNOWN:
        with pytest.raises(UnknownRecord):
            computing.platform.outputs(job)
        with pytest.raises(UnknownRecord):
            computing.platform.output(job, "/result.txt")


def test_what_is_told_of_a_job_holds_no_callback(computing: Site) -> None:
    job = computing.platform.submit(computing.definition(), key="k")
    assert "canary" not in repr(job)
    assert "canary" not in repr(computing.platform.job(job.id).detail)


def test_job_is_shown_in_the_words_of_agave(computing: Site) -> None:
    job = computing.platform.submit(computing.definition(), key="k")
    detail = computing.platform.job(job.id).detail
    assert (detail["id"], detail["appId"], detail["archivePath"]) == (job.id, computing.app, ARCHIVE)
    assert detail["status"] == "PENDING"


# ------------------------------------------------------------------------------------ jobs, history


def test_jobs_are_listed_newest_first_and_by_pages(computing: Site) -> None:
    made = [computing.platform.submit(computing.definition(), key=f"k{n}").id for n in range(3)]
    assert [job.id for job in computing.platform.jobs()] == made[::-1]
    assert [job.id for job in computing.platform.jobs(limit=1, offset=1)] == [made[1]]
    assert list(computing.platform.jobs(limit=5, offset=3)) == []


def test_jobs_are_listed_by_tenant(computing: Site) -> None:
    tenants = ("sd2e", "a tenant's name", "x" * 60)
    own = {
        tenant: computing.platform.submit(computing.definition(), key=tenant, tenant=tenant).id
        for tenant in tenants
    }
    for tenant in tenants:
        assert [job.id for job in computing.platform.jobs(tenant=tenant)] == [own[tenant]]
    assert list(computing.platform.jobs(tenant="others")) == []


def test_job_tells_its_tenant(computing: Site) -> None:
    job = computing.platform.submit(computing.definition(), key="k", tenant="sd2e")
    assert job.tenant == "sd2e"
    assert computing.platform.job(job.id).tenant == "sd2e"


def test_history_begins_with_submission_and_ends_with_the_end(computing: Site) -> None:
    job = computing.platform.submit(computing.definition(), key="k")
    assert [step.status for step in computing.platform.history(job.id)] == ["PENDING"]
    computing.finish(job.id)
    steps = computing.platform.history(job.id)
    assert steps[0].status == "PENDING"
    assert "RUNNING" in [step.status for step in steps]
    assert steps[-1].status == "FINISHED"
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert all(step.at.tzinfo is not None for step in steps)


def test_status_is_one_that_the_table_of_the_platform_knows(computing: Site) -> None:
    job = computing.platform.submit(computing.definition(), key="k")
    computing.finish(job.id)
    known = table_for(computing.platform.name).events
    assert {step.status for step in computing.platform.history(job.id)} <= set(known)


# ------------------------------------------------------------------------------------------ cancel


def test_cancelled_job_is_stopped(computing: Site) -> None:
    job = computing.platform.submit(computing.definition(), key="k")
    computing.platform.cancel(job.id)
    computing.settle()
    assert computing.platform.job(job.id).status == computing.stopped


def test_cancelling_what_is_over_changes_nothing(computing: Site) -> None:
    job = computing.platform.submit(computing.definition(), key="k")
    computing.finish(job.id)
    computing.platform.cancel(job.id)
    computing.settle()
    assert computing.platform.job(job.id).status == "FINISHED"


# ----------------------------------------------------------------------------------------- outputs


def test_outputs_are_listed_and_read_below_the_job(computing: Site) -> None:
    job = computing.platform.submit(computing.definition(), key="k")
    computing.finish(job.id)
    top = {entry.path: entry for entry in computing.platform.outputs(job.id)}
    assert not top["/result.txt"].directory
    assert top["/result.txt"].size_bytes == 2
    assert top["/deep"].directory
    below = [entry.path for entry in computing.platform.outputs(job.id, "/deep")]
    assert below == ["/deep/deep", "/deep/more.txt"]
    for path, content in OUTPUTS.items():
        with computing.platform.output(job.id, f"/{path}") as file:
            assert file.read() == content


def test_listing_a_file_tells_of_the_file(computing: Site) -> None:
    job = computing.platform.submit(computing.definition(), key="k")
    computing.finish(job.id)
    for path in ("/result.txt", "/deep/deep"):
        assert [entry.path for entry in computing.platform.outputs(job.id, path)] == [path]


def test_what_a_job_did_not_make_is_not_there(computing: Site) -> None:
    job = computing.platform.submit(computing.definition(), key="k")
    computing.finish(job.id)
    with pytest.raises(NoSuchPath):
        computing.platform.outputs(job.id, "/nothing")
    with pytest.raises(NoSuchPath):
        computing.platform.output(job.id, "/nothing")


def test_outputs_of_a_job_end_at_its_directory(computing: Site) -> None:
    job = computing.platform.submit(computing.definition(), key="k")
    computing.finish(job.id)
    for path in ("/../secrets.json", "relative", "/a/../../b", "/a\0b"):
        with pytest.raises(UnsafePath):
            computing.platform.outputs(job.id, path)
        with pytest.raises(UnsafePath):
            computing.platform.output(job.id, path)


# ------------------------------------------------------------------------------ platforms elsewhere


def test_job_is_not_submitted_twice_when_the_answer_was_lost(remote: Site) -> None:
    remote.fake.trouble.append(Trouble("POST", SUBMISSIONS[remote.platform.name], answer=None))
    with pytest.raises(PlatformDown):
        remote.platform.submit(remote.definition(), key="launch:107:1")
    assert remote.count() == 1
    job = remote.platform.submit(remote.definition(), key="launch:107:1")
    assert remote.count() == 1
    assert job.id in remote.fake.jobs


def test_job_that_ran_meanwhile_is_still_the_one_that_was_submitted(remote: Site) -> None:
    first = remote.platform.submit(remote.definition(), key="k")
    for n in range(5):
        remote.platform.submit(remote.definition(), key=f"other {n}")
    remote.finish(first.id)
    again = remote.platform.submit(remote.definition(), key="k")
    assert (again.id, again.status) == (first.id, "FINISHED")


def test_platform_that_is_gone_is_down_for_everybody(remote: Site) -> None:
    job = remote.platform.submit(remote.definition(), key="k")
    remote.fake.trouble.append(Trouble("GET", "/", (503, b"<html>Service Unavailable</html>"), times=100))
    remote.fake.trouble.append(Trouble("POST", "/", (502, b""), times=100))
    questions = [
        lambda: remote.platform.app(remote.app),
        lambda: remote.platform.apps(),
        lambda: remote.platform.submit(remote.definition(), key="other"),
        lambda: remote.platform.job(job.id),
        lambda: remote.platform.jobs(),
        lambda: remote.platform.history(job.id),
        lambda: remote.platform.outputs(job.id),
        lambda: remote.platform.output(job.id, "/a"),
        lambda: remote.platform.cancel(job.id),
    ]
    for question in questions:
        with pytest.raises(PlatformDown):
            question()
    assert remote.count() == 1
