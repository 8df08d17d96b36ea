"""`Catalog`: one object to ask a catalog everything, and to put records into it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from datacatalog.bootstrap import App
from datacatalog.catalog.asking import Asking
from datacatalog.catalog.entries import Entry
from datacatalog.catalog.names import Reference, kind_named, text_of
from datacatalog.catalog.reading import entries_of
from datacatalog.catalog.subscribing import Subscribing
from datacatalog.domain.errors import DatacatalogError, InvalidField, InvalidJson
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.kinds import Kind
from datacatalog.domain.strict_json import parse_object
from datacatalog.domain.telling import kind_of
from datacatalog.managers.opening import Hold
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env
from datacatalog.services.loading import ACTIONS, load_record
from datacatalog.services.records import Written, delete_record, patch_record, put_record, undelete_record
from datacatalog.settings import machine_user

CONFIG_FILE = "config.yml"
_BATCH = 1000


class Catalog(Asking, Subscribing):
    """An open catalog. Close it, or use it in a `with` statement; threads may share it.

    Every kind of record is an attribute that finds, counts and gets: `catalog.jobs`, `catalog.files`, `catalog.samples`,
    `catalog.measurements`, `catalog.experiments`, `catalog.experiment_designs`, `catalog.challenge_problems`,
    `catalog.references`, `catalog.processes`, `catalog.pipelines`, `catalog.fixities` and so on; see `Records`.

    A `reference` is the typed UUID of a record, its identifier, an absolute path on the default storage system, or
    `agave://system/path`; or an entry, which stands for its UUID. What it does not name is UnknownRecord.
    """

    def __init__(self, config: App | str | Path | None = None) -> None:
        """Open a catalog.

        Args:
            config: its `config.yml`, or the folder with it; None: the one that `$DATACATALOG_CONFIG` names, else
                `~/.datacatalog/config.yml`; or an App of datacatalog.bootstrap, which stays open.
        Raises:
            Misconfigured, StoreDown.
        """
        if config is None or isinstance(config, App):
            self._hold = Hold(config)
            return
        path = Path(config).expanduser()
        self._hold = Hold({"config": str(path / CONFIG_FILE if path.is_dir() else path)})

    @property
    def env(self) -> Env:  # type: ignore[override]
        """What services work with."""
        return self._hold.app.env

    def close(self) -> None:
        """Let go of the catalog; again does nothing."""
        self._hold.release()

    def __repr__(self) -> str:
        return "<closed catalog>" if self._hold.closed else f"<catalog of {self._hold.app.settings.home}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------------------------------------------- writing

    def put(
        self,
        kind: str,
        document: Mapping[str, Any],
        *,
        strategy: str = "merge",
        if_revision: int | None = None,
        by: str | None = None,
    ) -> Entry:
        """Add a record, or write its document over the one that is there; return it as it is then.

        Args:
            kind: such as `sample`. Jobs and pipelines are not written this way.
            document: as published; what it links to is named by UUIDs.
            strategy: `merge`, `replace` or `drop`.
            if_revision: what is there must be of this revision.
            by: who writes, for the update log; None: the user of this machine.
        Raises:
            InvalidField, InvalidLink, InvalidRecord, Duplicate, PreconditionFailed: nothing was written.
        """
        of, plain = kind_named(kind), _plain(document)
        return self._written(
            lambda work: put_record(
                of, plain, work, self.env, strategy=strategy, if_revision=if_revision, by=_who(by)
            )
        )

    def patch(
        self,
        reference: Reference,
        patch: Mapping[str, Any],
        *,
        if_revision: int | None = None,
        by: str | None = None,
    ) -> Entry:
        """Change some fields of a record (a JSON merge patch, RFC 7396: None removes a field); return it.

        Raises:
            UnknownRecord, InvalidField, InvalidLink, InvalidRecord, Duplicate, PreconditionFailed: nothing was written.
        """
        plain = _plain(patch)
        return self._written(
            lambda work: patch_record(
                self._uuid(reference, work), plain, work, self.env, if_revision=if_revision, by=_who(by)
            )
        )

    def delete(self, reference: Reference, *, force: bool = False, by: str | None = None) -> None:
        """Hide a record, or with `force` remove it for good.  Raises UnknownRecord, InvalidField."""
        self.env.store.transact(
            lambda work: delete_record(
                self._uuid(reference, work, gone=force), work, self.env, force=force, by=_who(by)
            )
        )

    def undelete(self, uuid: Reference, *, by: str | None = None) -> Entry:
        """Bring a hidden record back; return it.  Raises UnknownRecord, InvalidField."""
        return self._written(
            lambda work: undelete_record(read_typed(text_of(uuid)), work, self.env, by=_who(by))
        )

    def load(
        self,
        documents: Iterable[Mapping[str, Any]],
        kind: str | None = None,
        *,
        strategy: str = "merge",
        by: str | None = None,
    ) -> dict[str, int]:
        """Put many records in, of any kind, jobs and pipelines included; loading them again changes nothing.

        Args:
            documents: as published; what they link to may be named by identifiers and paths. 1000 are written at a time, all
                of these or none.
            kind: what all of them are; None: each one's UUID or fields tell.
            strategy, by: see `put`.
        Returns:
            How many were `created`, `updated` and `unchanged`.
        Raises:
            InvalidField, InvalidLink, InvalidRecord, Duplicate, AlreadyExists: the note of the error has the number of the
            document, counted from 1; its batch was not written, those before it were.
        """
        if isinstance(documents, str | bytes | Path | Mapping):
            raise InvalidField("documents", "must be several documents; 'datacatalog load' reads files")
        of = None if kind is None else kind_named(kind)
        counts, waiting = Counter[str](), enumerate(documents, start=1)
        while batch := list(islice(waiting, _BATCH)):
            counts += self._loaded(batch, of, strategy, _who(by))
        return {action: counts[action] for action in ACTIONS}

    def _loaded(
        self, batch: list[tuple[int, Mapping[str, Any]]], kind: Kind | None, strategy: str, by: str
    ) -> Counter[str]:
        def body(work: Work) -> Counter[str]:
            counts = Counter[str]()
            for number, document in batch:
                with _noted(number):
                    plain = _plain(document)
                    of = kind or kind_of(plain)
                    counts[load_record(of, plain, work, self.env, strategy=strategy, by=by)] += 1
            return counts

        return self.env.store.transact(body)

    def _written(self, write: Callable[[Work], Written]) -> Entry:
        return self.env.store.transact(lambda work: next(entries_of([write(work).record], work)))


def _who(by: str | None) -> str:
    return machine_user() if by is None else by


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document as JSON keeps it, independent of the one that was passed.  Raises InvalidField."""
    try:
        return parse_object(json.dumps(dict(document)))
    except (TypeError, ValueError, RecursionError, InvalidJson) as e:
        raise InvalidField("document", f"cannot be kept as JSON: {e}") from e


@contextmanager
def _noted(number: int) -> Iterator[None]:
    try:
        yield
    except DatacatalogError as e:
        e.add_note(f"document {number}")
        raise
