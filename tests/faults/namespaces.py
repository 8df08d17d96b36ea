"""Two machines made of network namespaces: the servers in one, the catalog's processes in the other, a wire between them that can be cut.

Both are reached from the test by links of their own, which are never cut. What is cut is a port of a bridge in a third namespace: no end sees
its link go down, frames just get lost, as with a switch that fails.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.faults.engines import NotHere


@dataclass(frozen=True, slots=True)
class Wire:
    """The namespaces, and who is where.

    Attributes:
        core, edge: what stands before commands that are to run there.
        core_host, edge_host: their addresses as the test sees them.
        far_core: the address of the core as the edge sees it, over the wire that can be cut.
        host: the address of the test as the edge sees it.
        bridge: the namespace of the wire.
    """

    core: Sequence[str]
    edge: Sequence[str]
    core_host: str
    edge_host: str
    far_core: str
    host: str
    bridge: str

    def cut(self) -> None:
        """Lose everything that goes over the wire from now on."""
        _ip("ip", "-n", self.bridge, "link", "set", "to-edge", "nomaster")

    def mend(self) -> None:
        _ip("ip", "-n", self.bridge, "link", "set", "to-edge", "master", "br0")


def _ip(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NotHere(f"{' '.join(command)}: {done.stderr.strip()}")


@contextmanager
def two_machines() -> Iterator[Wire]:
    """Make the namespaces, and remove them again.  Raises NotHere."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        raise NotHere("network namespaces need root and the command ip")
    tag, net = secrets.token_hex(3), f"10.{secrets.choice(range(64, 128))}.{secrets.choice(range(256))}"
    core, edge, wire = (f"faults-{tag}-{name}" for name in ("core", "edge", "wire"))
    outside = {core: f"fc{tag}", edge: f"fe{tag}"}
    made: list[str] = []
    try:
        for name in (core, edge, wire):
            _ip("ip", "netns", "add", name)
            made.append(name)
            _ip("ip", "-n", name, "link", "set", "lo", "up")
        for number, (name, link) in enumerate(outside.items()):
            _ip("ip", "link", "add", link, "type", "veth", "peer", "name", "host0", "netns", name)
            _address(link, f"{net}.{1 + 4 * number}/30")
            _address("host0", f"{net}.{2 + 4 * number}/30", name)
        _ip("ip", "-n", wire, "link", "add", "br0", "type", "bridge")
        _ip("ip", "-n", wire, "link", "set", "br0", "up")
        for number, (name, port) in enumerate(((core, "to-core"), (edge, "to-edge"))):
            _ip("ip", "-n", wire, "link", "add", port, "type", "veth", "peer", "name", "wire0", "netns", name)
            _ip("ip", "-n", wire, "link", "set", port, "master", "br0", "up")
            _address("wire0", f"{net}.{17 + number}/28", name)
        yield Wire(
            core=["ip", "netns", "exec", core],
            edge=["ip", "netns", "exec", edge],
            core_host=f"{net}.2",
            edge_host=f"{net}.6",
            far_core=f"{net}.17",
            host=f"{net}.5",
            bridge=wire,
        )
    finally:
        # Their links go with them.
        for name in made:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def _address(link: str, address: str, namespace: str | None = None) -> None:
    within = [] if namespace is None else ["-n", namespace]
    _ip("ip", *within, "address", "add", address, "dev", link)
    _ip("ip", *within, "link", "set", link, "up")
