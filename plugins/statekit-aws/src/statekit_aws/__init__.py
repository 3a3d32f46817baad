"""Amazon's DynamoDB and S3 as backends of statekit: ``dynamodb://table``, ``s3://bucket`` and ``aws://`` for both.

Importing this module imports no SDK; opening a backend does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from statekit.driver import CONTRACT, AnyBackend, Backend, Drivers, Opening, Reach, Survives

from .options import AWSOptions, DynamoDBOptions, S3Options

__all__ = ["BACKENDS", "AWSOptions", "DynamoDBOptions", "S3Options", "statekit_backends"]


def _open(opening: Opening[Any]) -> Drivers:
    from .opening import open_drivers

    return open_drivers(opening)


def _provision(opening: Opening[Any], /, *, dry_run: bool) -> Sequence[str]:
    from .provision import provision

    return provision(opening, dry_run=dry_run)


def _welcome(opening: Opening[Any], origins: Sequence[str], /, *, dry_run: bool) -> Sequence[str]:
    from .cors import welcome

    return welcome(opening, origins, dry_run=dry_run)


def _backend(name: str, options: type[Any], *, records: bool, objects: bool) -> AnyBackend:
    opener: Callable[[Opening[Any]], Drivers] = _open
    return Backend(
        contract=CONTRACT,
        name=name,
        schemes=(name,),
        options=options,
        records=records,
        objects=objects,
        reach=Reach.NETWORK,
        survives=Survives.SERVER,
        open=opener,
        provision=_provision,
        welcome=_welcome if objects else None,
    )


BACKENDS: Final = (
    _backend("dynamodb", DynamoDBOptions, records=True, objects=False),
    _backend("s3", S3Options, records=False, objects=True),
    _backend("aws", AWSOptions, records=True, objects=True),
)


def statekit_backends() -> Iterable[AnyBackend]:
    """Return the backends of this plugin: the hook that statekit calls."""
    return BACKENDS
