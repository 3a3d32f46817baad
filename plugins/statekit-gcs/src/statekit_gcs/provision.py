"""The bucket: what statekit wants of its settings, making it so, and looking whether it is.

Lifecycle rules reclaim what expired, and parts that nobody finished. They run when Google sees fit, so nothing depends
on them but the bill. https://cloud.google.com/storage/docs/lifecycle
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from statekit.driver import Opening

from .connect import lender_of
from .faults import NoProjectError
from .flows import MISSING, OK, Flow, expected
from .options import GcsOptions
from .place import Place, place_of
from .requests import LISTED_NAMES, Bucket
from .transport import Sender

__all__ = ["examine", "provision"]

_FIELDS: Final = "metageneration,lifecycle,versioning,softDeletePolicy,retentionPolicy,defaultEventBasedHold"
_FORBIDDEN: Final = 403
_RECORD_DAYS: Final = 2
"""R-16 wants 24 h; a rule counts whole days."""
_PART_DAYS: Final = 7
_UNRECLAIMED: Final = "its lifecycle does not reclaim what expired: python -m statekit provision --url gs://…"


def provision(opening: Opening[GcsOptions], *, dry_run: bool) -> Sequence[str]:
    """Create the bucket where it is missing, and add the lifecycle rules that it lacks.

    Args:
        opening: The place, and as options the project and location of a new bucket.
        dry_run: Only say what would be done.

    Returns:
        What was done, or would be, and what was found: a line each, for people.

    Raises:
        NoProjectError: A bucket is to be created and no project is known.
    """
    sender = Sender(lender_of(opening), opening.attempt_timeout)
    try:
        lines = sender.run(_provision(place_of(opening), opening.options, dry_run=dry_run), opening.attempt_timeout)
    finally:
        sender.close()
    return tuple(f"bucket {opening.authority}: {line}" for line in lines)


def _provision(place: Place, options: GcsOptions, *, dry_run: bool) -> Flow[Sequence[str]]:
    bucket, would = Bucket(place.bucket), "would be " if dry_run else ""
    answer = yield bucket.settings(_FIELDS)
    if answer.status == MISSING:
        project = _project(options)
        if not dry_run:
            expected((yield bucket.create(_resource(place, options), project=project)), OK)
        where = f" in {options.location}" if options.location else ""
        created = f"{would}created{where}: private, uniform access, no soft delete"
        return [created, *(f"{would}given the rule: {_described(rule)}" for rule in _wanted(place))]
    found = expected(answer, OK).json()
    lacking = _lacking(place, found)
    if lacking and not dry_run:
        rules = {"lifecycle": {"rule": [*_rules(found), *lacking]}}
        expected((yield bucket.configure(rules, metamatch=str(found["metageneration"]))), OK)
    states = ((rule, f"{would}given" if rule in lacking else "has") for rule in _wanted(place))
    return ["exists", *(f"{state} the rule: {_described(rule)}" for rule, state in states), *_warnings(found)]


def _resource(place: Place, options: GcsOptions) -> dict[str, Any]:
    """Describe a new bucket: private, and without copies of what was deleted, which each save of a session would leave.

    https://cloud.google.com/storage/docs/soft-delete
    """
    location = {} if options.location is None else {"location": options.location}
    return {
        **location,
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"},
        "softDeletePolicy": {"retentionDurationSeconds": "0"},
        "lifecycle": {"rule": _wanted(place)},
    }


def _project(options: GcsOptions) -> str:
    project = options.project or os.environ.get("GOOGLE_CLOUD_PROJECT")
    if not project:
        raise NoProjectError
    return project


def _wanted(place: Place) -> list[dict[str, Any]]:
    """Return the lifecycle rules for a place."""
    conditions: tuple[dict[str, Any], ...] = (
        {"daysSinceCustomTime": _RECORD_DAYS, "matchesPrefix": [place.records]},
        {"age": _PART_DAYS, "matchesPrefix": [place.parts, place.uploads]},
    )
    return [{"action": {"type": "Delete"}, "condition": condition} for condition in conditions]


def _rules(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list((settings.get("lifecycle") or {}).get("rule") or ())


def _lacking(place: Place, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [rule for rule in _wanted(place) if rule not in _rules(settings)]


def _described(rule: Mapping[str, Any]) -> str:
    condition = rule["condition"]
    prefixes = " and ".join(condition["matchesPrefix"])
    if "age" in condition:
        return f"delete {prefixes} after {condition['age']} days"
    return f"delete {prefixes} {condition['daysSinceCustomTime']} days after their custom time"


def examine(place: Place) -> Flow[tuple[str, ...]]:
    """List a record, which says what is wrong, and look at the settings, which roles for objects may not see.

    Returns:
        Warnings.
    """
    bucket = Bucket(place.bucket)
    expected((yield bucket.list(place.records, fields=LISTED_NAMES, limit=1)), OK)
    answer = yield bucket.settings(_FIELDS)
    if answer.status == _FORBIDDEN:
        return ()
    found = expected(answer, OK).json()
    lacking = [_UNRECLAIMED] if _lacking(place, found) else []
    return tuple(f"bucket {place.bucket}: {warning}" for warning in (*lacking, *_warnings(found)))


def _warnings(settings: Mapping[str, Any]) -> list[str]:
    kept = int((settings.get("softDeletePolicy") or {}).get("retentionDurationSeconds", 0))
    found = {
        f"soft delete keeps, and bills, every overwritten session for {kept // 86_400} days": kept > 0,
        "versioning keeps, and bills, every overwritten session": bool(
            (settings.get("versioning") or {}).get("enabled")
        ),
        "a retention policy or a hold refuses to overwrite and delete": bool(
            settings.get("retentionPolicy") or settings.get("defaultEventBasedHold")
        ),
    }
    return [warning for warning, applies in found.items() if applies]
