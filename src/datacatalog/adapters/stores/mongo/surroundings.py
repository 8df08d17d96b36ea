"""What all pieces of work of one store share."""

from __future__ import annotations

from dataclasses import dataclass, field

from datacatalog.adapters.stores.rules import CheckRecord
from datacatalog.ports.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What pieces of work need besides the collections.

    Attributes:
        check: raises InvalidRecord; called with every record that is about to change.
        clock: tells when a message was handled.
        carried: whether a carrier brings word of messages; then each tells from when on word of it is to be given.
        tenants: some of those that were seen in the ledger; what was there once stays.
    """

    check: CheckRecord
    clock: Clock
    carried: bool = False
    tenants: set[str] = field(default_factory=set)
