"""Where the ledger is kept, in the catalog's own words.

A `Store` runs pieces of work, each all-or-nothing. What a piece of work reads is one state of the ledger;
what it writes becomes visible and durable together, outgoing messages included. Every adapter passes
tests/contracts/test_store.py.
"""

from datacatalog.ports.stores.credentials import Credential, Credentials
from datacatalog.ports.stores.messages import (
    Answers,
    DeadLetter,
    Delivery,
    Execution,
    Executions,
    Outbox,
    Progress,
)
from datacatalog.ports.stores.records import Glance, History, Links, Page, Records
from datacatalog.ports.stores.store import Prepared, Store, Work
from datacatalog.ports.stores.together import Done, Together

__all__ = [
    "Answers",
    "Credential",
    "Credentials",
    "DeadLetter",
    "Delivery",
    "Done",
    "Execution",
    "Executions",
    "Glance",
    "History",
    "Links",
    "Outbox",
    "Page",
    "Prepared",
    "Progress",
    "Records",
    "Store",
    "Together",
    "Work",
]
