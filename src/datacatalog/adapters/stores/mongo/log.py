"""The log of commits: numbered documents, each of them one commit, of which all but the newest are known to be applied.

| field | |
| --- | --- |
| `_id` | the commit's number |
| token | which attempt wrote it |
| touched | the marks that its writes touch, eight bytes each; null: everything |
| writes | what becomes of which document (see applying), until the contents are dropped |
| pieces | in how many further documents (collection `commit_pieces`) the writes are, instead |
| applied | whether the collections have it |
| hold | nobody but this holder may commit next, until it is lifted or its time is over |
| at | when it was written, by the clock of who wrote it; nothing depends on it |
| forgotten | of an old commit: only that it was is known any more |
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.errors import (
    ConnectionFailure,
    DuplicateKeyError,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
)

from datacatalog.adapters.stores.mongo import marks, moments, tidying
from datacatalog.adapters.stores.mongo.applying import Write, apply, decoded, encoded
from datacatalog.adapters.stores.mongo.client import Server, down, told
from datacatalog.adapters.stores.mongo.moments import Moment
from datacatalog.adapters.stores.mongo.schema import COMMITS, PIECES
from datacatalog.domain.errors import StoreDown

PIECE_BYTES = 8_000_000
"""How much a document of the log holds; 16 MB is what a server takes."""

PATIENCE_S = 0.03
"""How long another process, which has just committed, is given to apply it."""

HOLD_S = 5.0
"""How long a hold holds."""

UNSURE_S = 10.0
"""How long to find out whether a commit was written, when the server does not answer."""

LATELY_S = 5.0
"""For how long it counts that a number was seen to be free: by far not enough for all the commits whose numbers are kept."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A commit, as far as its place in the log goes."""

    number: int
    token: str
    touched: bytes | None
    applied: bool
    hold: str | None


@dataclass(slots=True)
class Draft:
    """A commit that has no number yet.

    Attributes:
        stored: in how many pieces its writes lie on the server already.
    """

    writes: Sequence[Write]
    touched: bytes | None
    hold: str | None = None
    token: str = field(default_factory=lambda: secrets.token_hex(12))
    kept: Sequence[RawBSONDocument] = ()
    stored: int = 0


class Log:
    """Appends to the log, and sees to it that what it says is applied.

    Attributes:
        applied: the collections have all commits up to this one.
    """

    def __init__(self, server: Server) -> None:
        self.applied = -1
        self._server = server
        self.start()

    def start(self) -> None:
        """Begin anew, in a child; what is known of the log stays true."""
        self._holds: dict[int, float] = {}
        self._lock = threading.Lock()
        self._asked: Moment | None = None

    # -------------------------------------------------------------------------------------- looking

    def ready(self) -> int:
        """Return the number of a commit up to which the collections have everything.  Raises StoreDown."""
        if self.applied < 0:
            self.settle(self._newest())
        return self.applied

    def free(self) -> tuple[int, Moment]:
        """Return as `ready` does, and when the number after that was free; that was lately.  Raises StoreDown."""
        with self._lock:
            asked, number = self._asked, self.applied
        if number >= 0 and asked is not None and moments.passed(asked) < LATELY_S:
            return number, asked
        asked = moments.now()
        number = self.current()
        self._note(number, asked)
        return number, asked

    def current(self) -> int:
        """Return the number of the newest commit, applied.  Raises StoreDown."""
        return self.settle(self._newest())

    def contents(self, number: int) -> Sequence[Write]:
        """Return what a commit says.  Raises StoreDown: the log has forgotten it."""
        with told():
            found = self._server.collection(COMMITS).find_one({"_id": number})
            if found is None or found.get("forgotten"):
                raise StoreDown(f"commit {number} is not in the log any more")
            return list(self._writes_of(found, whole=True))

    def look(self, after: int) -> Sequence[Entry]:
        """Return the commits after this one, oldest first; of too many only the newest.  Raises StoreDown."""
        with told():
            found = self._server.collection(COMMITS).find({"_id": {"$gt": after}}, {"writes": 0})
            return [_entry(each) for each in found.sort("_id", -1).limit(2 * tidying.KEPT)][::-1]

    def settle(self, entries: Sequence[Entry]) -> int:
        """Have the last of these applied, and so all before; return its number.

        Raises StoreDown.
        """
        if not entries:
            self._note(max(self.applied, 0))
            return self.applied
        newest = entries[-1]
        self._note(newest.number - 1)
        if newest.applied:
            self._note(newest.number)
        elif newest.number > self.applied and not self._is_applied_soon(newest.number):
            self._apply_found(newest.number)
        return newest.number

    def await_lift(self, newest: Entry, mine: str) -> None:
        """Wait where somebody else holds the log, until it is lifted or its time is over.  Raises StoreDown."""
        since = self._holds.setdefault(newest.number, time.monotonic())
        pause = 0.002
        held = newest.hold not in (None, mine)
        while held and time.monotonic() < since + HOLD_S:
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
            later = self.look(newest.number - 1)
            held = len(later) == 1 and later[0].hold is not None
        for number in [each for each in self._holds if each < newest.number]:
            self._holds.pop(number, None)

    def _newest(self) -> Sequence[Entry]:
        with told():
            found = self._server.collection(COMMITS).find({}, {"writes": 0}).sort("_id", -1).limit(1)
            return [_entry(each) for each in found]

    # ------------------------------------------------------------------------------------- appending

    def insert(self, number: int, draft: Draft, free: Moment) -> bool:
        """Append a commit as this number; False: another one has it, or had it.

        Args:
            free: when this number was not taken yet.
        Raises:
            StoreDown: nothing was written, unless its text says that this is unknown.
        """
        self._prepare(draft)
        if moments.passed(free) > LATELY_S:
            # Then those who took it may be forgotten, number and all: it is free, and not the next one.
            free, newest = moments.now(), self._newest()
            if newest and newest[-1].number >= number:
                return False
        document: dict[str, Any] = {
            "_id": number,
            "token": draft.token,
            "touched": draft.touched,
            "applied": not draft.writes,
            "at": datetime.now(UTC),
        }
        if draft.stored:
            document["pieces"] = draft.stored
        elif draft.writes:
            document["writes"] = list(draft.kept)
        if draft.hold is not None:
            document["hold"] = draft.hold
        inserted = self._insert(document)
        if inserted:
            self._check_order(number, free)
            self._note(number if not draft.writes else -1, free)
        return inserted

    def _check_order(self, number: int, free: Moment) -> None:
        """Make sure that a commit which was appended by now was the newest then.

        Raises StoreDown: that cannot be told any more. If it was not, it lies below all others, where nobody sees it.
        """
        if moments.passed(free) <= LATELY_S:
            return
        try:
            newest = self._newest()
        except StoreDown as error:
            raise _unknown(error) from error
        if newest[-1].number >= number + tidying.NUMBERED:
            raise StoreDown("this process was stopped; whether its commit was written is unknown")

    def _insert(self, document: Mapping[str, Any]) -> bool:
        end = time.monotonic() + UNSURE_S
        unsure = False
        while True:
            try:
                self._server.collection(COMMITS).insert_one(dict(document))
                return True
            except DuplicateKeyError:
                mine = self._is_mine(document["_id"], document["token"])
                if mine is not None:
                    return mine
            except (ConnectionFailure, WriteConcernError) as error:
                unsure = unsure or not isinstance(error, ServerSelectionTimeoutError)
                if not unsure:
                    raise down(error) from error
                if time.monotonic() > end:
                    raise _unknown(down(error)) from error
                time.sleep(0.1)
            except PyMongoError as error:
                raise _unknown(down(error)) if unsure else down(error) from error
            if time.monotonic() > end:
                raise StoreDown(
                    "MongoDB: no majority agrees on the newest commit; whether ours was written is unknown"
                )

    def _is_mine(self, number: int, token: str) -> bool | None:
        """Tell whether an attempt of ours has this number; None: that cannot be said yet."""
        commits = self._server.collection(COMMITS)
        try:
            found = commits.find_one({"_id": number}, {"token": 1})
            if found is None:  # no majority has it
                time.sleep(0.005)
                return None
            if found["token"] != token:
                return False
            # What was met may not be with a majority, or in a journal, yet: once this is, so is what was before it.
            sure = commits.update_one({"_id": number, "token": token}, {"$set": {"sure": True}})
            return True if sure.matched_count else None
        except ConnectionFailure:
            time.sleep(0.1)
            return None
        except PyMongoError as error:
            raise _unknown(down(error)) from error

    def _prepare(self, draft: Draft) -> None:
        """Encode a draft's writes, once; what is too large for one document is stored beforehand."""
        if draft.kept or draft.stored or not draft.writes:
            return
        kept = [encoded(write) for write in draft.writes]
        if sum(len(each.raw) for each in kept) <= PIECE_BYTES:
            draft.kept = kept
            return
        pieces = list(_pieces(kept))
        with told():
            for index, piece in enumerate(pieces):
                document = {"_id": f"{draft.token}/{index}", "at": datetime.now(UTC), "writes": piece}
                self._server.collection(PIECES).replace_one({"_id": document["_id"]}, document, upsert=True)
        draft.stored = len(pieces)

    # -------------------------------------------------------------------------------------- applying

    def apply(self, number: int, draft: Draft) -> None:
        """Apply a commit of ours that was appended. Where that fails, whoever meets it next does it: it is committed all the same."""
        try:
            if number > self.applied:
                apply(self._server, number, draft.writes)
            self._mark(number)
            if draft.stored:
                tidying.drop_pieces(self._server, draft.token)
        except StoreDown:
            return
        tidying.tidy(self._server, number)

    def skip_to(self, number: int) -> None:
        """Have all commits to come numbered above this one.  Raises StoreDown."""
        # One after the other: whoever sees the newest takes the next number.
        while True:
            free, newest = moments.now(), self.current()
            if newest >= number:
                return
            self.insert(newest + 1, Draft(writes=(), touched=None), free)

    def lift(self, number: int) -> None:
        """Lift a hold of ours.  Raises StoreDown."""
        with told():
            self._server.collection(COMMITS).update_one({"_id": number}, {"$set": {"hold": None}})

    def _apply_found(self, number: int) -> None:
        """Apply a commit whose process may have died."""
        with told():
            found = self._server.collection(COMMITS).find_one({"_id": number})
            if found is None or found["applied"]:
                self._note(number)
                return
            writes = list(self._writes_of(found))
        apply(self._server, number, writes)
        self._mark(number)
        if "pieces" in found:
            tidying.drop_pieces(self._server, found["token"])

    def _writes_of(self, found: Mapping[str, Any], *, whole: bool = False) -> Iterator[Write]:
        yield from map(decoded, found.get("writes", ()))
        for index in range(found.get("pieces", 0)):
            piece = self._server.collection(PIECES).find_one({"_id": f"{found['token']}/{index}"})
            if piece is None and whole:
                raise StoreDown(f"commit {found['_id']} is not in the log as a whole any more")
            # Pieces are dropped once they were applied, so what is missing was.
            yield from map(decoded, piece["writes"] if piece is not None else ())

    def _is_applied_soon(self, number: int) -> bool:
        """Wait a little for whoever committed it; tell whether it was applied."""
        pause = 0.001
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            time.sleep(pause)
            pause *= 2
            if self.applied >= number:
                return True
            later = self.look(number - 1)
            if later and (later[0].applied or later[-1].number > number):
                self._note(number)
                return True
        return False

    def _mark(self, number: int) -> None:
        """Let others know; where that is lost, they apply it once more, or see it from the next commit."""
        self._note(number)
        with told():
            self._server.unheard(COMMITS).update_one({"_id": number}, {"$set": {"applied": True}})

    def _note(self, number: int, free: Moment | None = None) -> None:
        """Note what is applied; and when there was no commit yet above what is applied by now."""
        with self._lock:
            self.applied = max(self.applied, number)
            self._asked = free or self._asked


def conflict(seen: set[str], base: int, entries: Sequence[Entry]) -> bool:
    """Tell whether what was seen of state `base` may be otherwise after these commits."""
    if not entries:
        return False
    if entries[-1].number != base + len(entries):
        return True  # there were others, whose marks are not kept any more
    return marks.meet(seen, [each.touched for each in entries])


def _unknown(error: StoreDown) -> StoreDown:
    return StoreDown(f"{error}; whether the commit was written is unknown")


def _entry(found: Mapping[str, Any]) -> Entry:
    return Entry(found["_id"], found["token"], found["touched"], found["applied"], found.get("hold"))


def _pieces(kept: Sequence[RawBSONDocument]) -> Iterator[Sequence[RawBSONDocument]]:
    """Yield the writes in parts that a document has room for."""
    part: list[RawBSONDocument] = []
    size = 0
    for each in kept:
        if part and size + len(each.raw) > PIECE_BYTES:
            yield part
            part, size = [], 0
        part.append(each)
        size += len(each.raw)
    yield part
