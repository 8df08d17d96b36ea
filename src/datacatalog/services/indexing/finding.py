"""The walk: which files are there, which of them are as they were, and what the others are.

It runs outside of transactions. Files come in chunks in the order of their paths; of each chunk the ledger is asked which it has
seen as they are now, and only the others are read.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from datacatalog.domain.errors import NoSuchPath, StorageDown, UnsafePath
from datacatalog.domain.filetypes import HEAD_BYTES, UNKNOWN, infer_type
from datacatalog.domain.indexed import is_settled, nanoseconds, states_in
from datacatalog.domain.kinds import Kind
from datacatalog.ports.storage import FileInfo, Look
from datacatalog.ports.stores import Work
from datacatalog.services.indexing.plan import Choice, Plan

FIRST_CHUNK, LAST_CHUNK = 128, 2048
"""Files that are looked at, and written, together: few at first, so that a little progress is soon made; and never so many that a
commit, in a ledger of a million files, holds others up or fills the memory with the pages that it touches."""

KEPT_MAX = 32 * LAST_CHUNK
"""After how many files that are as they were the progress is written all the same."""

_GLANCES = 4096
_BEYOND = "\x01"
"""Behind a path, less than any longer path that begins so: no name has a NUL."""


class Found(NamedTuple):
    """A file that is to be recorded.

    Attributes:
        checksum: "" where no request asks for fixity, or it could not be read.
        seen: what stands for this state of the file and what is done with it; None where it may change unnoticed.
    """

    info: FileInfo
    type: str
    choice: Choice
    checksum: str
    seen: str | None


@dataclass(slots=True)
class Batch:
    """What is written in one commit.

    Attributes:
        last: the path up to which everything is done once this is written.
        new: files that the ledger had no record of; known: those that it had one of.
        paths: of all files that were picked, those included that are as they were.
        bytes: their sizes.
        unreadable: paths of files that could not be read, and of directories; those files among them that end in white space have no record either, since
            to the ledger such a path is the one without it, which is another file's.
    """

    last: str = ""
    new: list[Found] = field(default_factory=list)
    known: list[Found] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    bytes: int = 0
    unreadable: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Seen:
    """What the ledger knows of a chunk: names that have a record, and (path, state) of files that are as they were."""

    names: set[str] = field(default_factory=set)
    states: set[tuple[str, str]] = field(default_factory=set)


def batches(plan: Plan, after: str | None, *, pass_over: bool = False) -> Generator[Batch, None, None]:
    """Yield what is to be written, in the order of paths.

    Args:
        after: the path up to which everything was done before.
        pass_over: tell of directories that cannot be looked into, and go on.
    Raises:
        NoSuchPath: the archive path does not exist.
        StorageDown: it cannot be read; without `pass_over`, or a directory in it.
    """
    closed: list[str] = []
    walk = _picked(plan, after, closed if pass_over else None)
    batch, size = Batch(), FIRST_CHUNK
    while chunk := list(islice(walk, size)):
        _find(plan, chunk, batch)
        batch.unreadable += closed
        closed.clear()
        if batch.new or batch.known or len(batch.paths) >= KEPT_MAX:
            yield batch
            batch = Batch()
        size = min(2 * size, LAST_CHUNK)
    batch.unreadable += closed
    if batch.paths or batch.unreadable:
        yield batch


def _picked(plan: Plan, after: str | None, closed: list[str] | None) -> Iterator[tuple[FileInfo, Choice]]:
    """Yield the files that a request picks; directories that cannot be looked into are added to `closed`, where it is given."""
    told = None if closed is None else lambda path, _: closed.append(path)
    for info in plan.env.storage.walk(plan.system, plan.path, after=after, unreadable=told):
        choice = plan.always or plan.choice(info.path)
        if choice is not None:
            yield info, choice


def _find(plan: Plan, chunk: Sequence[tuple[FileInfo, Choice]], batch: Batch) -> None:
    batch.last = chunk[-1][0].path
    if any(info.path[-1].isspace() for info, _ in chunk):
        batch.unreadable += [info.path for info, _ in chunk if info.path[-1].isspace()]
        chunk = [each for each in chunk if not each[0].path[-1].isspace()]
        if not chunk:
            return
    seen = _seen(plan, chunk)
    names, states, paths = seen.names, seen.states, batch.paths
    changed = chunk
    if states:
        changed = []
        for each in chunk:
            info, choice = each
            if (info.path, f"{info.version} {choice.digest}") in states:
                paths.append(info.path)
                batch.bytes += info.size_bytes
            else:
                changed.append(each)
    for found in _looked_at(plan, changed, batch.unreadable):
        path = found.info.path
        paths.append(path)
        batch.bytes += found.info.size_bytes
        (batch.known if path in names else batch.new).append(found)


def _seen(plan: Plan, chunk: Sequence[tuple[FileInfo, Choice]]) -> _Seen:
    low, high = chunk[0][0].path, chunk[-1][0].path + _BEYOND
    names = {info.path for info, _ in chunk}

    def glance(work: Work) -> _Seen:
        seen, start = _Seen(), low
        while True:
            rows = work.records.glance(Kind.FILE, ("name", "_seen"), start, high, limit=_GLANCES)
            for _, revision, visible, (name, state) in rows:
                if name is None or name not in names:
                    continue
                seen.names.add(name)
                if visible and state is not None:
                    for each in states_in(state, revision):
                        seen.states.add((name, each))
            if len(rows) < _GLANCES:
                return seen
            start = rows[-1].values[0] or high

    return plan.env.store.read(glance)


def _looked_at(
    plan: Plan, chunk: Sequence[tuple[FileInfo, Choice]], unreadable: list[str]
) -> Iterator[Found]:
    """Find out what files are; one that cannot be read is recorded without a checksum, one that is gone is passed over."""
    now_ns = nanoseconds(plan.env.clock.now())
    looks = plan.env.storage.look(plan.system, [info.path for info, choice in chunk if choice.fixity])
    for info, choice in chunk:
        _, now, checksum, head, error = next(looks) if choice.fixity else _glimpse(plan, info)
        if now is not None:
            settled = is_settled(now.changed_ns, now.modified_ns, now_ns)
            seen = f"{now.version} {choice.digest}" if settled else None
            yield Found(now, infer_type(info.path, head), choice, checksum, seen)
        elif not isinstance(error, NoSuchPath):
            unreadable.append(info.path)
            yield Found(info, infer_type(info.path), choice, "", None)


def _glimpse(plan: Plan, info: FileInfo) -> Look:
    """Look at a file whose checksum nobody asks for: into it only where its name does not tell its type."""
    if infer_type(info.path) != UNKNOWN:
        return Look(info.path, info)
    try:
        with plan.env.storage.open(plan.system, info.path) as file:
            return Look(info.path, info, head=file.read(HEAD_BYTES))
    except (NoSuchPath, StorageDown, UnsafePath) as error:
        return Look(info.path, error=error)
