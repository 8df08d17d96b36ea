"""All scenarios by name. Each takes a folder and a seed, and reports; NotHere where this machine has not what it needs."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tests.faults.clocks import clock_jumps
from tests.faults.disks import failing_flush, full_disk, no_inodes, slow_disk
from tests.faults.engines import ENGINES
from tests.faults.killing import kills
from tests.faults.partitions import partitions
from tests.faults.poison import deadly_messages, strange_words
from tests.faults.reporting import Report

Scenario = Callable[[Path, int], Report]

KILLS = int(os.environ.get("DATACATALOG_KILLS", "200"))
"""In all. Most of them are of the engine that needs no server: with the others, more of the time goes into starting servers anew."""
SHARES: Mapping[str, float] = {"sqlite": 0.7, "sqlite+amqp": 0.1, "mongodb": 0.1, "mongodb+amqp": 0.1}

SCENARIOS: Mapping[str, Scenario] = {
    "full-disk": full_disk,
    "no-inodes": no_inodes,
    "slow-disk": slow_disk,
    "failing-flush": failing_flush,
    "clock-jumps": clock_jumps,
    "deadly-messages": deadly_messages,
    "strange-words": strange_words,
    "partitions": partitions,
    **{
        f"kills-{name}": partial(kills, engine_name=name, times=max(1, round(KILLS * SHARES[name])))
        for name in ENGINES
    },
}


def new_seed() -> int:
    """Return $DATACATALOG_FAULT_SEED, or another one each time."""
    return int(os.environ.get("DATACATALOG_FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
