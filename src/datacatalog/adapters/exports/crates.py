"""An RO-Crate on disk: a directory or a zip file, with or without the files it speaks of.

It is written under another name, beside its own, and renamed when it is complete: a crate that is there is whole.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from datacatalog.adapters.exports.rocrate import METADATA, Copied, ro_crate
from datacatalog.domain.errors import AlreadyExists, ChangedContent
from datacatalog.domain.kinds import Kind
from datacatalog.domain.provenance import Entity, Provenance, Verb
from datacatalog.ports.storage import Storage

FILES = "files"
"""Where payload lies in a crate: `files/<system>/<path>`."""

_CHUNK_BYTES = 1 << 20


class _Crate(Protocol):
    def create(self, path: str) -> BinaryIO:
        """Open a new file of the crate for writing."""
        ...


def write_crate(provenance: Provenance, target: Path, storage: Storage | None) -> int:
    """Write a crate: complete, or not at all.

    Args:
        target: a directory that is not there yet or is empty, or a file whose name ends in `.zip`, which is replaced.
        storage: where payload is copied from; None: metadata alone.
    Returns:
        How many files were copied.
    Raises:
        AlreadyExists: the directory has files, or something else has its name.
        ChangedContent: a file is not what its checksum in the catalog says.
        NoSuchPath, UnsafePath, StorageDown: a file cannot be read.
        MissingExtra.
    """
    opened = _zipped if target.suffix.lower() == ".zip" else _directory
    with opened(target) as crate:
        copies = {} if storage is None else _copy(provenance, storage, crate)
        with crate.create(METADATA) as file:
            file.write(ro_crate(provenance, copies))
    return len(copies)


def payload_of(provenance: Provenance) -> Iterator[Entity]:
    """Yield the files that a crate may hold: those that the job generated; of anything but a job, the start itself."""
    uuids = {provenance.start}
    if provenance.start in provenance.activities:
        made = (s for s in provenance.statements if s.verb is Verb.GENERATED)
        uuids = {s.subject for s in made if s.object == provenance.start}  # type: ignore[misc]
    for uuid, entity in provenance.entities.items():
        if uuid in uuids and entity.kind is Kind.FILE and "path" in entity.attributes:
            yield entity


def _copy(provenance: Provenance, storage: Storage, crate: _Crate) -> dict[str, Copied]:
    return {entity.uuid: _copy_one(entity, storage, crate) for entity in payload_of(provenance)}


def _copy_one(entity: Entity, storage: Storage, crate: _Crate) -> Copied:
    system, path = str(entity.attributes["system"]), str(entity.attributes["path"])
    place = f"{FILES}/{system}{path}"
    digest, size = hashlib.sha256(), 0
    with storage.open(system, path) as source, crate.create(place) as copy:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            copy.write(chunk)
    found = digest.hexdigest()
    if entity.sha256 is not None and entity.sha256.lower() != found:
        raise ChangedContent(f"agave://{system}{path}", f"sha256:{entity.sha256}", f"sha256:{found}")
    return Copied(path=place, size_bytes=size, sha256=found)


# ------------------------------------------------------------------------------------------- on disk


class _Directory:
    def __init__(self, root: Path) -> None:
        self._root = root

    def create(self, path: str) -> BinaryIO:
        place = self._root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.open("xb")


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def create(self, path: str) -> BinaryIO:
        entry = zipfile.ZipInfo(path, date_time=(1980, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        return self._archive.open(entry, "w", force_zip64=True)  # type: ignore[return-value]


@contextmanager
def _directory(target: Path) -> Iterator[_Crate]:
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise AlreadyExists(f"{target} is there already, and is no empty directory")
    partial = _beside(target)
    partial.mkdir()
    try:
        yield _Directory(partial)
        # Replaces an empty directory; one that got files meanwhile stays, and this fails.
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


@contextmanager
def _zipped(target: Path) -> Iterator[_Crate]:
    if target.is_dir():
        raise AlreadyExists(f"{target} is a directory, and no file that can be replaced")
    partial = _beside(target)
    try:
        with zipfile.ZipFile(partial, "x", allowZip64=True) as archive:
            yield _Zip(archive)
        os.replace(partial, target)
    except BaseException:
        with suppress(FileNotFoundError):
            partial.unlink()
        raise


def _beside(target: Path) -> Path:
    """Return a new name in the same directory, which is made where it is not there."""
    target = target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(f".{target.name[:200]}.{secrets.token_hex(6)}.partial")
