"""What stands in a ledger, read for the model: plain values, no rules of the product applied."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from datacatalog.domain.identifiers.typed import overlay
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.ports.stores import Work
from tests.faults.clients import archive_of
from tests.faults.model import Seen
from tests.harness import Catalog

_UNFINISHED = re.compile(r"\.datacatalog-[0-9a-f]{16}\.part")


def look_at(
    catalog: Catalog,
    jobs: Iterable[str],
    *,
    made: Mapping[str, Mapping[str, str]] | None = None,
    launched: Collection[str] = (),
) -> list[Seen]:
    """Return jobs as they stand now, each read as one state of the ledger.

    Args:
        made: job -> path -> sha256, where all of them are to be finished and indexed by now.
        launched: those that ran on the platform.
    """

    def read(work: Work, uuid: TypedUuid) -> Seen:
        body = work.records.get(uuid).body
        seen = Seen(uuid=uuid, state=body["state"], history=_history(uuid, work))
        if made is None:
            return seen
        return replace(
            seen,
            settled=True,
            made=made[uuid],
            lying=checksums_below(archive_of(catalog, body["archive_path"]), body["archive_path"]),
            recorded=_recorded(uuid, work),
            steps=platform_steps(catalog, seen) if uuid in launched else None,
        )

    return [catalog.app.env.store.read(partial(read, uuid=TypedUuid(uuid))) for uuid in jobs]


def _history(uuid: TypedUuid, work: Work) -> list[tuple[int, dict[str, Any]]]:
    entries: list[tuple[int, dict[str, Any]]] = []
    while page := work.history.page(uuid, after=entries[-1][0] if entries else 0, limit=1000):
        entries += [(number, entry.document()) for number, entry in page]
    return entries


def _recorded(uuid: TypedUuid, work: Work) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for link in work.links.to(uuid, Relation.GENERATED_BY, kind=Kind.FILE):
        checksums = found.setdefault(work.records.get(link.source).body["name"], [])
        fixity = work.records.find(overlay(Kind.FIXITY, link.source))
        if fixity is not None:
            checksums.append(fixity.body["checksum"])
    return found


def platform_steps(catalog: Catalog, job: Seen) -> list[str]:
    """Return the statuses of a job in the platform's own record of it; none where it never took the job."""
    links = (entry["data"].get("job_link", "") for _, entry in job.history if entry["data"])
    root = catalog.app.settings.path(catalog.app.settings.config["platform"]["work"])
    for link in filter(None, links):
        record = root / link.rpartition("/")[2] / "status.json"
        return [step["status"] for step in json.loads(record.read_bytes())["steps"]]
    return []


def checksums_below(folder: Path, shown_as: str) -> dict[str, str]:
    """Return path -> SHA-256 of every file below a folder, with `shown_as` in place of the folder.

    What a process left that was killed while it put a file is not one yet.
    """
    return {
        str(Path(shown_as) / Path(at, name).relative_to(folder)): hashlib.sha256(
            Path(at, name).read_bytes()
        ).hexdigest()
        for at, _, names in os.walk(folder)
        for name in names
        if not _UNFINISHED.fullmatch(name)
    }


def damage_of_file(path: Path) -> str:
    """Return what SQLite finds wrong with a ledger file; "ok" where nothing is."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()
    return "; ".join(str(row[0]) for row in rows)
