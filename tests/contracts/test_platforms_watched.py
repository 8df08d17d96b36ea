"""Every platform can be asked how a job of the ledger ended, and is understood, though none of its callbacks gets through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from datacatalog.interfaces.worker.loop import Worker
from datacatalog.services.jobs import Created
from datacatalog.services.launching import LAUNCH_QUEUE
from datacatalog.services.reconciling import MISSING_MAX, WATCH_QUEUE
from tests.contracts.platform_sites import SITES, Site
from tests.unit.memory import APP, Memory, create_job_again, memory


@pytest.fixture(params=SITES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with SITES[request.param](tmp_path) as made:
        yield made


@pytest.fixture
def here(site: Site) -> Memory:
    """A ledger that computes at the site; who is called back is not the ledger."""
    made = memory()
    there = made.rewired(platform=site.platform, rules=replace(made.env.rules, api_url=site.callback))
    if site.app != APP:
        component = {"id": site.app, "inputs": {}, "parameters": {}}
        there.handle("pipelines-manager", {"id": site.app, "name": "An app", "components": [component]})
    return there


def launched(here: Memory, site: Site) -> tuple[Created, str]:
    """Launch a job; return it, and the platform's id of it."""
    own = ("appId", "name", "inputs", "parameters", "maxRunTime")
    definition = {name: site.definition()[name] for name in own}
    uuid = here.handle("agave-proxy", {"job_definition": definition}).result["uuid"]
    Worker(here.app).work_once([LAUNCH_QUEUE])
    job = create_job_again(uuid, here.env)
    last = here.history(job)[-1]
    assert last["name"] == "resource", last
    return job, str(last["data"]["job_id"])


def looked(here: Memory) -> bool:
    here.clock.move(minutes=11)
    return Worker(here.app).work_once([WATCH_QUEUE])


def test_job_is_found_finished(here: Memory, site: Site) -> None:
    job, known_as = launched(here, site)
    assert looked(here)
    assert here.state(job) == "CREATED"
    site.finish(known_as)
    assert looked(here)
    assert here.names(job) == ["create", "resource", "run", "finish"]
    assert here.history(job)[-1]["data"] == {"id": known_as, "status": "FINISHED", "polled": True}
    assert not looked(here)


def test_job_that_was_stopped_is_found_failed(here: Memory, site: Site) -> None:
    job, known_as = launched(here, site)
    site.platform.cancel(known_as)
    site.settle()
    assert looked(here)
    assert here.names(job) == ["create", "resource", "fail"]
    assert here.history(job)[-1]["data"]["status"] == site.stopped
    assert not looked(here)


def test_job_that_the_platform_has_forgotten_fails_in_the_end(
    here: Memory, site: Site, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    job, _ = launched(here, site)
    (tmp_path / "other").mkdir()
    with SITES[request.node.callspec.params["site"]](tmp_path / "other") as other:
        forgetful = here.rewired(platform=other.platform)
        for _ in range(MISSING_MAX - 1):
            assert looked(forgetful)
            assert here.state(job) == "CREATED"
        assert looked(forgetful)
    assert here.state(job) == "FAILED"
    assert "unknown job at the platform" in here.history(job)[-1]["data"]["reason"]
