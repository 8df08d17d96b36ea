"""Whoever guesses is slowed down, told of once a minute, and learns nothing; what is right is never held up."""

from __future__ import annotations

import pytest

from tests.acceptance.guessing import guess
from tests.acceptance.world import world


@pytest.mark.parametrize("target", ["update token", "administrative token", "nonce", "bearer token"])
def test_guessing_leads_nowhere_and_is_told_of_once_a_minute(target: str, caplog: pytest.LogCaptureFixture):
    guess(world(), target, 600, caplog)
