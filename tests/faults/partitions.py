"""Store and broker are cut off from the catalog's processes for seconds; all of them keep running."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from pathlib import Path

from tests.faults.broker import broker
from tests.faults.documents import documentdb
from tests.faults.engines import Engine
from tests.faults.namespaces import two_machines
from tests.faults.reporting import Report
from tests.faults.stage import Setting, Stage

PARTITIONS = int(os.environ.get("DATACATALOG_PARTITIONS", "6"))
ANY = "0.0.0.0"


def partitions(folder: Path, seed: int) -> Report:
    """Cut store and broker off, for 1 to 8 s each time, and measure how long it takes to recover from it."""
    with ExitStack() as stack:
        wire = stack.enter_context(two_machines())
        store = stack.enter_context(documentdb(folder / "documentdb", wire.core_host, wire.core, listen=ANY))
        rabbit = stack.enter_context(broker(folder / "broker", wire.core_host, wire.core, listen=ANY))
        sections = {
            "store": {"url": f"{store.url}/faults"},
            "transport": {"url": f"{rabbit.url}?prefix=faults"},
        }
        # The same servers, over the wire that is cut.
        environ = {
            "DATACATALOG_STORE__URL": sections["store"]["url"].replace(wire.core_host, wire.far_core),
            "DATACATALOG_TRANSPORT__URL": sections["transport"]["url"].replace(wire.core_host, wire.far_core),
        }
        setting = Setting(
            scenario="partitions",
            seed=seed,
            engine=Engine(name="mongodb+amqp", sections=sections),
            prefix=wire.edge,
            environ=environ,
            host=wire.host,
            gateway_host=wire.edge_host,
            queued=True,
        )

        def disturb(stage: Stage) -> None:
            for _ in range(PARTITIONS):
                time.sleep(stage.rng.uniform(1, 3))
                stage.say("cut")
                wire.cut()
                time.sleep(stage.rng.uniform(1, 8))
                wire.mend()
                stage.partitions += 1
                stage.recover()

        with Stage(folder / "home", setting) as stage:
            return stage.play(disturb)
