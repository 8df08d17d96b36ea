"""What `datacatalog doctor` looks at around the catalog: clock, disks, the collector of traces."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from datacatalog.ports.examining import Remark

CLOCK_SLACK = timedelta(minutes=1)
STEP_S = 0.02
"""The clock and the time that passes may differ by so much while they are compared."""
COMPARED_S = 0.1
FREE_MIN = 0.02
FREE_MIN_BYTES = 256 << 20
INODES_MIN = 0.01
SECONDS = 3


def clock(files: Iterable[Path], now: Callable[[], float] = time.time) -> Remark:
    """Tell whether the clock is not behind what was written before, and keeps pace with the time that passes."""
    at, newest = datetime.fromtimestamp(now(), UTC), datetime.fromtimestamp(0, UTC)
    for path in files:
        with suppress(OSError):
            newest = max(newest, datetime.fromtimestamp(path.stat().st_mtime, UTC))
    if at + CLOCK_SLACK < newest:
        found = f"it says {at:%F %T}, but files are of {newest:%F %T}"
        return Remark("clock", found, well=False, do="set the clock")
    stepped_s = _stepped(now)
    if abs(stepped_s) > STEP_S:
        found = f"it went {stepped_s:+.3f} s off the time that passed, within {COMPARED_S} s"
        do = "have it slewed, not stepped (chrony, systemd-timesyncd); leases and waits are measured with it"
        return Remark("clock", found, well=False, do=do)
    return Remark("clock", f"{at:%F %T} UTC, and keeps pace")


def _stepped(now: Callable[[], float]) -> float:
    began, at = time.monotonic(), now()
    time.sleep(COMPARED_S)
    return (now() - at) - (time.monotonic() - began)


def disks(places: Sequence[tuple[str, Path]]) -> Remark:
    """Tell whether there is room where this installation writes.

    Args:
        places: what lies there, and a path that may not be there yet.
    """
    told, wrong = [], []
    for called, path in _once_each_disk(places):
        free, whole, inodes = _room(path)
        if not whole:  # No disk at all, such as /proc.
            continue
        text = f"{called}: {_size(free)} of {_size(whole)} free on {path}"
        if free < FREE_MIN_BYTES or free < whole * FREE_MIN:
            wrong.append(text)
        elif inodes is not None and inodes < INODES_MIN:
            wrong.append(f"{called}: {inodes:.1%} of the inodes free on {path}")
        told.append(text)
    if wrong:
        do = "make room, or move it: what finds no room is refused, and nothing that was acknowledged is lost"
        return Remark("disk", "; ".join(wrong), well=False, do=do)
    return Remark("disk", "; ".join(told))


def _once_each_disk(places: Sequence[tuple[str, Path]]) -> Iterator[tuple[str, Path]]:
    """Yield a path of each file system, with all that lies there."""
    found: dict[int, tuple[list[str], Path]] = {}
    for called, path in places:
        there = path
        while not there.exists() and there != there.parent:
            there = there.parent
        found.setdefault(there.stat().st_dev, ([], there))[0].append(called)
    for names, there in found.values():
        yield ", ".join(dict.fromkeys(names)), there


def _room(path: Path) -> tuple[int, int, float | None]:
    """Return the bytes that are free, all bytes, and the share of inodes that is free; None: they are not counted."""
    usage, inodes = shutil.disk_usage(path), os.statvfs(path)
    return usage.free, usage.total, inodes.f_favail / inodes.f_files if inodes.f_files else None


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def tracing(endpoint: str, *, offline: bool) -> Remark:
    """Tell whether traces can be made, and whether somebody takes them."""
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        return Remark(
            "tracing",
            "what makes traces is not installed",
            well=False,
            do="pip install 'datacatalog[otel]', or set tracing.endpoint to null",
        )
    if offline:
        return Remark("tracing", "not asked (--offline)")
    parts = urlsplit(endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=SECONDS).close()
    except OSError as e:
        found = f"{parts.hostname} port {port}: {e.strerror or e}"
        do = "start the collector, or mend tracing.endpoint; traces are dropped meanwhile, and nothing else"
        return Remark("tracing", found, well=False, do=do)
    return Remark("tracing", f"{parts.hostname} port {port} takes connections")
