"""All 19,607 orders in which up to five callbacks of a job can come; see tests/unit/test_callbacks_orders.py."""

from __future__ import annotations

import pytest

from tests.unit.test_callbacks_orders import STATUSES, planted, sequences


@pytest.mark.faults
def test_every_order_of_up_to_five_callbacks_ends_where_the_lifecycle_says() -> None:
    tree = planted()
    tree.walk(STATUSES, 5)
    assert tree.nodes == sequences(7, 5) == 19607
