"""One piece of work on the ledger in MongoDB."""

from __future__ import annotations

from datetime import datetime

from datacatalog.adapters.stores.mongo.desk import (
    MongoAnswers,
    MongoCredentials,
    MongoExecutions,
    MongoProgress,
)
from datacatalog.adapters.stores.mongo.history import MongoHistory
from datacatalog.adapters.stores.mongo.links import MongoLinks
from datacatalog.adapters.stores.mongo.outbox import MongoOutbox
from datacatalog.adapters.stores.mongo.prepared import MongoPrepared
from datacatalog.adapters.stores.mongo.records import MongoRecords
from datacatalog.adapters.stores.mongo.sharing import MongoGrants, MongoSubscriptions
from datacatalog.adapters.stores.mongo.shelf import Shelf
from datacatalog.adapters.stores.mongo.surroundings import Surroundings
from datacatalog.adapters.stores.mongo.view import View
from datacatalog.adapters.stores.signal import Signal
from datacatalog.ports.stores import Prepared


class MongoWork:
    """Implements ports.stores.Work."""

    def __init__(self, view: View, surroundings: Surroundings, signal: Signal) -> None:
        """Args: signal: to be marked when a message is sent."""
        shelf = Shelf(view)
        self.records = MongoRecords(shelf, surroundings)
        self.links = MongoLinks(shelf)
        self.history = MongoHistory(view)
        self.outbox = MongoOutbox(view, surroundings, signal)
        self.executions = MongoExecutions(view)
        self.answers = MongoAnswers(view)
        self.progress = MongoProgress(view)
        self.credentials = MongoCredentials(view)
        self.grants = MongoGrants(view)
        self.subscriptions = MongoSubscriptions(view)

    def insert(self, prepared: Prepared, *, at: datetime) -> None:
        if not isinstance(prepared, MongoPrepared):
            raise TypeError("another store prepared this")
        self.records.insert(prepared, at=at)
        new = {record.uuid for record in prepared.records}
        self.links.say({source: said for source, said in prepared.said.items() if source not in new})
