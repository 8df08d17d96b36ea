"""What an installation under test runs on: engines by name, with servers of their own, which may be killed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.fleet import Server


class NotHere(Exception):
    """This machine has not what a scenario needs; it is skipped, by its name, and says what is missing."""


@dataclass(frozen=True, slots=True)
class Engine:
    """An installation's store and transport.

    Attributes:
        sections: what they add to its configuration.
        servers: name -> a server that belongs to this installation alone.
    """

    name: str
    sections: Mapping[str, Any] = field(default_factory=dict)
    servers: Mapping[str, Server] = field(default_factory=dict)


SQLITE = Engine(name="sqlite")
ENGINES = ("sqlite", "sqlite+amqp", "mongodb", "mongodb+amqp")


@contextmanager
def run_engine(name: str, folder: Path) -> Iterator[Engine]:
    """Run the servers of an engine.

    Args:
        folder: what they keep goes below it.
    Raises:
        NotHere.
    """
    store, _, transport = name.partition("+")
    sections: dict[str, Any] = {}
    servers: dict[str, Server] = {}
    with ExitStack() as stack:
        if store == "mongodb":
            from tests.faults.documents import documentdb

            database = stack.enter_context(documentdb(folder / "documentdb"))
            sections["store"] = {"url": f"{database.url}/faults"}
            servers |= {"store": database, "store-gateway": database.gateway}
        if transport == "amqp":
            from tests.faults.broker import broker

            rabbit = stack.enter_context(broker(folder / "broker"))
            sections["transport"] = {"url": f"{rabbit.url}?prefix=faults"}
            servers["broker"] = rabbit
        yield Engine(name=name, sections=sections, servers=servers)
