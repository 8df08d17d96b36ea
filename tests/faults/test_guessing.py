"""Ten thousand guesses at everything that opens something."""

from __future__ import annotations

import pytest

from tests.acceptance.guessing import guess
from tests.acceptance.world import world


@pytest.mark.faults
@pytest.mark.parametrize("target", ["update token", "administrative token", "nonce", "bearer token"])
def test_ten_thousand_guesses_lead_nowhere_and_are_told_of_once_a_minute(
    target: str, caplog: pytest.LogCaptureFixture
):
    guess(world(), target, 10_000, caplog)
