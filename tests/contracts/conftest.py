"""The ledger under every engine there is: a test that asks for `store` or `transport` runs once with each.

A further engine is one more line in `ENGINES`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from datacatalog.ports.stores import Store
from datacatalog.ports.transport import Transport
from tests.contracts import mongo_databases
from tests.contracts.ledgers import ENGINES, Gatekeeper, Ledger, MovableClock


@pytest.fixture(autouse=True)
def databases() -> Iterator[None]:
    """Let the databases that stand for a test's files be used by the next test."""
    yield
    mongo_databases.give_back()


@pytest.fixture(params=ENGINES)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    clock, gatekeeper = MovableClock(), Gatekeeper()
    store, transport = ENGINES[request.param](tmp_path / "ledger.db", clock, gatekeeper)
    yield Ledger(store=store, transport=transport, clock=clock, gatekeeper=gatekeeper)
    store.close()


@pytest.fixture
def store(ledger: Ledger) -> Store:
    return ledger.store


@pytest.fixture
def transport(ledger: Ledger) -> Transport:
    return ledger.transport


@pytest.fixture
def clock(ledger: Ledger) -> MovableClock:
    return ledger.clock


@pytest.fixture
def gatekeeper(ledger: Ledger) -> Gatekeeper:
    return ledger.gatekeeper
