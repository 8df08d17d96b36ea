"""Provenance in standard formats: gathered from the ledger, written by the adapter of each format."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from datacatalog.adapters.exports.crates import write_crate
from datacatalog.adapters.exports.openlineage import openlineage
from datacatalog.adapters.exports.prov import prov_json, prov_n
from datacatalog.adapters.exports.rocrate import ro_crate
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.provenance import Provenance
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env
from datacatalog.services.finding import find_record
from datacatalog.services.provenance import provenance_of

CRATE = "ro-crate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How a format is written.

    Attributes:
        filename: what a file of it is called; `{uuid}` stands for the record's.
    """

    write: Callable[[Provenance], bytes]
    media_type: str
    filename: str


FORMATS: Mapping[str, Format] = {
    "prov-json": Format(write=prov_json, media_type="application/json", filename="{uuid}.prov.json"),
    "prov-n": Format(
        write=prov_n, media_type="text/provenance-notation; charset=utf-8", filename="{uuid}.provn"
    ),
    CRATE: Format(write=ro_crate, media_type="application/ld+json", filename="{uuid}-ro-crate-metadata.json"),
    "openlineage": Format(
        write=openlineage, media_type="application/x-ndjson", filename="{uuid}.openlineage.jsonl"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One export, whole.

    Attributes:
        filename: what it may be called where it is kept.
    """

    content: bytes
    media_type: str
    filename: str


def exporter(format: str) -> Format:
    """Return how a format is written.  Raises InvalidField: there is no such format."""
    try:
        return FORMATS[format]
    except KeyError:
        raise InvalidField("format", f"'{format}' is none of {', '.join(FORMATS)}") from None


def export(
    format: str, reference: str, env: Env, *, depth: int | None = None, most: int = sys.maxsize
) -> Exported:
    """Return the provenance of a record in a standard format; of an RO-Crate, its metadata alone.

    Args:
        reference: see services.finding.find_record.
        depth, most: see services.provenance.provenance_of.
    Raises:
        UnknownRecord, InvalidField, MissingExtra.
    """
    chosen = exporter(format)
    provenance = gathered(reference, env, depth=depth, most=most)
    return Exported(
        content=chosen.write(provenance),
        media_type=chosen.media_type,
        filename=chosen.filename.format(uuid=provenance.start),
    )


def export_crate(
    reference: str,
    env: Env,
    target: Path,
    *,
    payload: bool = False,
    depth: int | None = None,
    most: int = sys.maxsize,
) -> int:
    """Write an RO-Crate to a directory, or to a `.zip` file: complete, or not at all.

    Args:
        target: a directory that is not there yet or is empty, or a file whose name ends in `.zip`, which is replaced.
        payload: copy the files that the job generated (of anything but a job: the file itself) into the crate.
    Returns:
        How many files were copied.
    Raises:
        UnknownRecord, InvalidField, MissingExtra, AlreadyExists (the directory has files), ChangedContent (a file is not
        what its checksum says), NoSuchPath (a file is not on its storage), StorageDown.
    """
    provenance = gathered(reference, env, depth=depth, most=most)
    return write_crate(provenance, target, env.storage if payload else None)


def gathered(reference: str, env: Env, *, depth: int | None = None, most: int = sys.maxsize) -> Provenance:
    """Return the provenance of the record that a text names.  Raises UnknownRecord, InvalidField."""

    def body(work: Work) -> Provenance:
        return provenance_of(find_record(reference, work, env).uuid, work, env, depth=depth, most=most)

    return env.store.read(body)
