"""Submissions to the platform whose process dies, or whose store fails, in the middle: sent again, they are the same job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from datacatalog.domain.errors import AlreadyExists, PlatformDown
from datacatalog.services.env import Env, Principal
from datacatalog.services.submitting import submit
from tests.acceptance.agave import with_app
from tests.acceptance.site import Site, closed, opened
from tests.harness import install

ADA = Principal(name="ada", via="bearer", level="UPDATE")


@pytest.fixture
def site(tmp_path: Any) -> Iterator[Site]:
    made = opened(install(with_app(tmp_path / "home"), platform={"isolation": "none"}))
    yield made
    closed(made)


class Cut:
    """A platform that takes a job, and then does not answer."""

    def __init__(self, platform: Any) -> None:
        self._platform = platform

    def submit(self, *arguments: Any, **more: Any) -> Any:
        self._platform.submit(*arguments, **more)
        raise PlatformDown("no answer")


def definition(path: str = "cut/off") -> dict[str, Any]:
    return {
        "appId": "say-1.0",
        "name": "saying",
        "parameters": {"word": "x"},
        "archive": True,
        "archivePath": path,
    }


def cut_off(site: Site) -> Env:
    """Submit a job of which its sender never hears; return what works."""
    env = site.app.env
    with pytest.raises(PlatformDown):
        submit(definition(), ADA, replace(env, platform=Cut(env.platform)), delivery_id="once")
    return env


def test_submission_that_was_cut_off_is_the_same_job_when_it_is_sent_again_after_its_end(site: Site):
    env = cut_off(site)
    site.catalog.work("platform-jobs")
    (made,) = env.platform.jobs()
    assert made.status == "FINISHED"
    assert submit(definition(), ADA, env, delivery_id="once").id == made.id


def test_directory_of_a_submission_that_was_cut_off_stays_its_own(site: Site):
    env = cut_off(site)
    with pytest.raises(AlreadyExists):
        submit(definition("cut/off/below"), ADA, env, delivery_id="another")
