"""Certify an engine: what it can do is asked by the vendor's SDK alone, before any backend is judged on it.

A clause of the contract that needs what the engine lacks is then the engine's fault on that target, with the
finding as evidence. The engine must be fresh; probes leave data behind, and kill and restart it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from statekit_conformance.engines.engine import Engine, Survival
from statekit_conformance.engines.errors import EngineError
from statekit_conformance.engines.findings import Finding, Probe

_HERE = "statekit_conformance.engines"
_FAMILIES: Mapping[str, str] = {
    "redis": f"{_HERE}.probes_redis",
    "redis-cluster": f"{_HERE}.probes_redis",
    "s3": f"{_HERE}.probes_s3",
    "dynamodb": f"{_HERE}.probes_dynamodb",
    "gcs": f"{_HERE}.probes_gcs",
}


@dataclass(frozen=True)
class Certificate:
    """What an engine was found to do.

    Attributes:
        engine: The engine's name.
        version: Its version.
        protocol: The protocol it was asked by.
        survives: Whose death it says that acknowledged writes outlive.
        findings: One for each probe.
    """

    engine: str
    version: str
    protocol: str
    survives: Survival
    findings: tuple[Finding, ...]

    def lack(self, capability: str) -> Finding | None:
        """Return the evidence that the engine lacks a capability, or None if it has it.

        A capability that no probe of its protocol decides is taken to be there: nothing speaks against it.
        """
        return next(
            (finding for finding in self.findings if capability in finding.certifies and not finding.holds),
            None,
        )

    @property
    def capabilities(self) -> Mapping[str, bool]:
        """Every capability that was asked about, and whether the engine has it."""
        names = sorted({name for finding in self.findings for name in finding.certifies})
        return {name: self.lack(name) is None for name in names}

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "engine": self.engine,
            "version": self.version,
            "protocol": self.protocol,
            "survives": self.survives,
            "capabilities": dict(self.capabilities),
            "findings": [finding.as_json() for finding in self.findings],
        }


def certify(engine: Engine, protocol: str) -> Certificate:
    """Ask a started engine everything that is asked of its protocol.

    Args:
        engine: The engine, fresh; what it does not keep over a kill is gone afterwards.
        protocol: One of those that it serves.

    Raises:
        EngineError: The engine does not speak the protocol, or does not come back after a kill.
    """
    if protocol not in engine.serves:
        raise EngineError(f"{engine.name} serves {', '.join(engine.serves)}, not {protocol}")
    family = import_module(_FAMILIES[protocol])
    with family.site(engine) as site:
        asked = [probe.find(site) for probe in family.PROBES]
    known = [
        Finding("known", (lacking,), holds=False, evidence=seen, seconds=0) for lacking, seen in engine.known.items()
    ]
    return Certificate(engine.name, engine.version, protocol, engine.survives, (*known, *asked))


def probes(protocol: str) -> Mapping[str, tuple[str, ...]]:
    """Return the capabilities that each probe of a protocol certifies, by the probe's name."""
    table: tuple[Probe[Any], ...] = import_module(_FAMILIES[protocol]).PROBES
    return {probe.name: probe.certifies for probe in table}
