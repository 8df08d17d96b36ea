"""Sites for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import CANARIES, Site, closed, from_elsewhere, opened
from tests.harness import install


@pytest.fixture(autouse=True)
def no_secret_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Look through what every test of this folder makes the catalog log."""
    caplog.set_level("DEBUG")
    yield
    for record in caplog.get_records("call"):
        if record.name.startswith(("datacatalog", "uvicorn", "asyncio")):
            text = f"{record.getMessage()} {record.exc_text or ''}"
            assert not [canary for canary in CANARIES if canary in text]


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site for all tests of a module; each makes jobs of its own."""
    site = opened(install(tmp_path_factory.mktemp("site")))
    yield site
    closed(site)


@pytest.fixture
def site(shared_site: Site) -> Site:
    """The module's site, with the clock put right and no guess of an earlier test counted."""
    shared_site.clock.ahead = timedelta(0)
    from_elsewhere(shared_site)
    return shared_site


@pytest.fixture
def new_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Make sites of one's own; the arguments go over the shipped configuration."""
    made: list[Site] = []

    def make(**sections: Mapping[str, Any]) -> Site:
        made.append(opened(install(tmp_path / f"site{len(made)}", **sections)))
        return made[-1]

    yield make
    for site in made:
        closed(site)
