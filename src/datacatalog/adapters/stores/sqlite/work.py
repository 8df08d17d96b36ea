"""One piece of work on the ledger file."""

from __future__ import annotations

from datetime import datetime

from datacatalog.adapters.stores.rules import CheckRecord
from datacatalog.adapters.stores.sqlite.bulk import SqlitePrepared, insert_links
from datacatalog.adapters.stores.sqlite.desk import (
    SqliteAnswers,
    SqliteCredentials,
    SqliteExecutions,
    SqliteProgress,
)
from datacatalog.adapters.stores.sqlite.history import SqliteHistory
from datacatalog.adapters.stores.sqlite.links import SqliteLinks
from datacatalog.adapters.stores.sqlite.outbox import SqliteOutbox
from datacatalog.adapters.stores.sqlite.records import SqliteRecords
from datacatalog.adapters.stores.sqlite.session import Session
from datacatalog.adapters.stores.sqlite.sharing import SqliteGrants, SqliteSubscriptions
from datacatalog.ports.clock import Clock
from datacatalog.ports.stores import Prepared


class SqliteWork:
    """Implements ports.stores.Work.

    Records remember what was read; the other parts have no memory and are made as they are asked for.
    """

    __slots__ = ("_carried", "_clock", "_session", "records")

    def __init__(self, session: Session, check: CheckRecord, clock: Clock, *, carried: bool = False) -> None:
        self._session = session
        self._clock = clock
        self._carried = carried
        self.records = SqliteRecords(session, check)

    def insert(self, prepared: Prepared, *, at: datetime) -> None:
        if not isinstance(prepared, SqlitePrepared):
            raise TypeError("another store prepared this")
        self.records.insert(prepared, at=at)
        insert_links(self._session, prepared.links)

    @property
    def links(self) -> SqliteLinks:
        return SqliteLinks(self._session)

    @property
    def history(self) -> SqliteHistory:
        return SqliteHistory(self._session)

    @property
    def outbox(self) -> SqliteOutbox:
        return SqliteOutbox(self._session, self._clock, carried=self._carried)

    @property
    def executions(self) -> SqliteExecutions:
        return SqliteExecutions(self._session)

    @property
    def answers(self) -> SqliteAnswers:
        return SqliteAnswers(self._session)

    @property
    def progress(self) -> SqliteProgress:
        return SqliteProgress(self._session)

    @property
    def credentials(self) -> SqliteCredentials:
        return SqliteCredentials(self._session)

    @property
    def grants(self) -> SqliteGrants:
        return SqliteGrants(self._session)

    @property
    def subscriptions(self) -> SqliteSubscriptions:
        return SqliteSubscriptions(self._session)
