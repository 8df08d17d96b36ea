"""What `doctor` is told of a MongoDB server: what it is, how safe its writes are, how far away it is, what its clock says."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.errors import OperationFailure

from datacatalog.adapters.stores.mongo.client import Server, told
from datacatalog.ports.examining import Remark

SKEW_MAX = timedelta(seconds=5)
SLOW_S = 0.1
ASKED = 5


def examine(server: Server) -> Sequence[Remark]:
    """Raises StoreDown."""
    with told():
        hello = server.database.client.admin.command("hello")
        took_s, skew = _asked(server)
    return [_topology(hello), _writes(server, hello), latency(took_s), clock(skew)]


def _asked(server: Server) -> tuple[float, timedelta | None]:
    """Return how long the quickest of some questions took [s], and how far the server's clock is ahead."""
    best = float("inf")
    skew: timedelta | None = None
    for _ in range(ASKED):
        before, began = datetime.now(UTC), time.perf_counter()
        hello = server.database.client.admin.command("hello")
        took_s = time.perf_counter() - began
        if took_s < best:
            best, local = took_s, hello.get("localTime")
            if local is not None:  # in UTC, whether it says so or not
                skew = local.replace(tzinfo=UTC) - (before + timedelta(seconds=took_s / 2))
    return best, skew


def _topology(hello: Mapping[str, Any]) -> Remark:
    version = f"wire version {hello.get('maxWireVersion', '?')}"
    if hello.get("msg") == "isdbgrid":
        return Remark("topology", f"a sharded cluster, {version}")
    if "setName" not in hello:
        return Remark("topology", f"a stand-alone server, {version}: as safe as its disk")
    hosts = hello.get("hosts", [])
    found = (
        f"replica set {hello['setName']} of {len(hosts)}, {version}, primary {hello.get('primary', 'none')}"
    )
    if "primary" not in hello:
        do = "bring back enough members for a majority; nothing can be written before"
        return Remark("topology", found, well=False, do=do)
    return Remark("topology", found)


def _writes(server: Server, hello: Mapping[str, Any]) -> Remark:
    concern = server.database.write_concern.document
    found = f"write concern {concern.get('w', 1)}, journal {bool(concern.get('j'))}"
    if concern.get("w") != "majority" or not concern.get("j"):
        return Remark(
            "writes", found, well=False, do="take w and j out of store.url: the defaults are the safe ones"
        )
    if hello.get("readOnly"):
        return Remark("writes", "the server is read-only", well=False, do="reach its primary")
    try:
        server.database.command({"connectionStatus": 1})
    except OperationFailure as e:
        return Remark("writes", str(e.details or e), well=False, do="see the rights of the user of store.url")
    return Remark("writes", found)


def latency(took_s: float) -> Remark:
    found = f"an answer takes {took_s * 1000:.1f} ms"
    if took_s > SLOW_S:
        do = "run gateway and workers near the server: every commit takes two rounds"
        return Remark("latency", found, well=False, do=do)
    return Remark("latency", found)


def clock(skew: timedelta | None) -> Remark:
    if skew is None:
        return Remark("clock", "the server does not tell the time")
    found = (
        f"the server's is {abs(skew).total_seconds():.2f} s {'ahead' if skew > timedelta(0) else 'behind'}"
    )
    if abs(skew) > SKEW_MAX:
        do = "have all machines keep the time (NTP): due times and leases are read on all of them"
        return Remark("clock", found, well=False, do=do)
    return Remark("clock", found)
