"""A confined ledger reads alike on every store."""

from __future__ import annotations

import random

import pytest

from datacatalog.domain.kinds import Kind
from datacatalog.domain.records import Link
from datacatalog.services.tenancy import confined
from tests.contracts.ledgers import Ledger
from tests.unit.test_tenancy import KINDS, LINKS, REACH, TENANTS, everything, fill, record, store, uuid_of


@pytest.mark.parametrize("seed", range(3))
def test_confined_ledger_reads_like_one_that_holds_what_is_within_reach(ledger: Ledger, seed: int):
    dice = random.Random(seed)
    some = [
        record(kind, number, dice.choice((*TENANTS, "given", "")), visible=dice.random() < 0.8)
        for kind in KINDS
        for number in range(1, 13)
    ]
    said = [
        Link(
            source=uuid_of(kind, number), relation=relation, target=uuid_of(Kind.SAMPLE, dice.randint(1, 14))
        )
        for kind, relations in LINKS.items()
        for number in range(1, 13)
        for relation in relations
    ]
    out = {each.uuid for each in some if (each.admin.get("tenant") or "home") not in REACH.reads}
    part = store()
    fill(ledger.store, some, said, lambda uuid: True)
    fill(part, some, said, lambda uuid: uuid not in out)
    for limit in (1, 3, 100):
        expected = part.read(lambda work, n=limit: everything(work, n))
        assert ledger.store.read(lambda work, n=limit: everything(confined(work, REACH), n)) == expected
