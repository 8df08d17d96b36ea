"""Whoever guesses is slowed down, told of once a minute, and learns nothing; what is right is never held up."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from datacatalog.adapters.stores.sqlite import SqliteStore
from datacatalog.domain.errors import DatacatalogError
from datacatalog.domain.tokens import TOKEN_LENGTH
from datacatalog.ports.stores import Done, Work
from datacatalog.services.throttle import FREE_GUESSES
from tests.acceptance.guessing import guess
from tests.acceptance.site import Site
from tests.acceptance.world import world


@pytest.mark.parametrize("target", ["update token", "administrative token", "nonce", "bearer token"])
def test_guessing_leads_nowhere_and_is_told_of_once_a_minute(target: str, caplog: pytest.LogCaptureFixture):
    guess(world(), target, 600, caplog)


def test_guess_counts_once_however_often_a_ledger_runs_what_met_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    """As stores do that run work anew where others have changed what it had looked at."""
    whole = SqliteStore.transact_each

    def again(body: Callable[[Work], Any]) -> Callable[[Work], Any]:
        def run(work: Work) -> Any:
            with contextlib.suppress(DatacatalogError):
                body(work)
            return body(work)

        return run

    def transact_each(store: SqliteStore, bodies: Sequence[Callable[[Work], Any]]) -> Sequence[Done]:
        return whole(store, [again(body) for body in bodies])

    monkeypatch.setattr(SqliteStore, "transact_each", transact_each)
    job = site.job()
    for _ in range(FREE_GUESSES):
        assert site.event(job, "update", token="w" * TOKEN_LENGTH).status_code == 403
    assert site.event(job, "update", token="w" * TOKEN_LENGTH).status_code == 429
