"""Letting pages of other origins in: the bucket's CORS rules.

https://cloud.google.com/storage/docs/cross-origin
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from statekit.driver import Opening

from .connect import lender_of
from .flows import OK, Flow, expected
from .options import GcsOptions
from .place import place_of
from .requests import Bucket
from .transport import Sender

__all__ = ["welcome"]

_METHODS: Final = ["GET", "HEAD", "PUT", "POST"]
_HEADERS: Final = ["*"]
_SECONDS: Final = 3600


def welcome(opening: Opening[GcsOptions], origins: Sequence[str], *, dry_run: bool) -> Sequence[str]:
    """Write one rule for these origins, in place of the one written before; others stay."""
    sender = Sender(lender_of(opening), opening.attempt_timeout)
    bucket = place_of(opening).bucket
    try:
        kept = sender.run(_written(Bucket(bucket), origins, dry_run=dry_run), opening.attempt_timeout)
    finally:
        sender.close()
    beside = f", beside {kept} other rules" if kept else ""
    return (f"bucket {bucket}: pages of {', '.join(origins)} {'would be' if dry_run else 'are'} let in{beside}",)


def _written(bucket: Bucket, origins: Sequence[str], *, dry_run: bool) -> Flow[int]:
    """Write the rules if nobody else changed the bucket meanwhile; return how many others there are."""
    found = expected((yield bucket.settings("metageneration,cors")), OK).json()
    others = [rule for rule in found.get("cors") or () if not _is_ours(rule)]
    if not dry_run:
        rules = {"cors": [*others, {**_rule(), "origin": list(origins)}]}
        expected((yield bucket.configure(rules, metamatch=str(found["metageneration"]))), OK)
    return len(others)


def _rule() -> dict[str, Any]:
    return {"method": _METHODS, "responseHeader": _HEADERS, "maxAgeSeconds": _SECONDS}


def _is_ours(rule: Mapping[str, Any]) -> bool:
    """Whether a rule is as we write them: the service gives rules no names."""
    return {name: value for name, value in rule.items() if name != "origin"} == _rule()
