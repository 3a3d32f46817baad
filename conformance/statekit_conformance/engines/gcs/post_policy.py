"""POST policy documents: parsed, verified and enforced. Pure functions.

A policy is JSON in base64, signed as it stands. It says until when a form may be posted and what its fields
must be; every field must be spoken for, except the file, the policy itself, its signature, and names with
``x-ignore-``.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from statekit_conformance.engines.gcs import errors, moments, signing
from statekit_conformance.engines.gcs.limits import NO_LIMITS, Limits

_UNSPOKEN = {"policy", "x-goog-signature", "file"}
_FILENAME = "${filename}"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: ``eq`` or ``starts-with`` on a field. Field names are in lower case."""

    operator: str
    field: str
    operand: str

    def holds(self, value: str) -> bool:
        """Tell whether a field's value satisfies the condition."""
        return value == self.operand if self.operator == "eq" else value.startswith(self.operand)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy document: until when, what the fields must be, and how large the file may be."""

    expiration: int
    conditions: tuple[Condition, ...]
    limits: Limits = NO_LIMITS

    @classmethod
    def parse(cls, encoded: str) -> Self:
        """Read a policy document.

        Raises:
            Refusal: 400 if it is malformed.
        """
        try:
            document = json.loads(base64.b64decode(encoded, validate=True))
            expiration = moments.parse_rfc3339(document["expiration"])
            listed = [_normal(item) for item in document["conditions"]]
        except (binascii.Error, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise _malformed(f"{type(error).__name__} while reading it") from None
        ranges = [(item[1], item[2]) for item in listed if item[0] == "content-length-range"]
        conditions = tuple(Condition(*item) for item in listed if item[0] in {"eq", "starts-with"})
        if len(ranges) + len(conditions) != len(listed):
            raise _malformed("a condition is none of eq, starts-with and content-length-range")
        limits = Limits(max((low for low, _ in ranges), default=0), min((high for _, high in ranges), default=None))
        return cls(expiration, conditions, limits)

    def check(self, fields: Mapping[str, str], bucket: str, key: str, now: int) -> None:
        """Refuse a form that the policy does not permit.

        Args:
            fields: The form's fields before the file, names in lower case.
            bucket: The bucket that the form was posted to.
            key: The object's name, with the file's name filled in.
            now: The time, in microseconds.

        Raises:
            Refusal: 400 if the policy has expired, or a field breaks or lacks a condition.
        """
        if now > self.expiration:
            raise signing.expired()
        values = {**fields, "bucket": bucket}
        for condition in self.conditions:
            candidates = [values.get(condition.field)]
            if condition.field == "key":
                candidates.append(key)
            if not any(value is not None and condition.holds(value) for value in candidates):
                raise _unsatisfied(condition.field)
        spoken = {condition.field for condition in self.conditions} | _UNSPOKEN
        for name in fields:
            if name not in spoken and not name.startswith("x-ignore-"):
                raise _unsatisfied(name)


def verify(fields: Mapping[str, str], keys: signing.Keys) -> Policy:
    """Verify a form's signature over its policy, and return the policy.

    Raises:
        Refusal: 400 for a missing or malformed field, 403 for a signature that does not fit.
    """
    for name in ("policy", "x-goog-algorithm", "x-goog-credential", "x-goog-date", "x-goog-signature"):
        if not fields.get(name):
            raise errors.denied(f"the form has no {name}")
    signing.check_algorithm(fields["x-goog-algorithm"])
    scope = signing.Scope.of(fields["x-goog-credential"])
    if fields["x-goog-date"][:8] != scope.date:
        raise errors.invalid("the credential's date is not that of x-goog-date")
    try:
        signature = bytes.fromhex(fields["x-goog-signature"])
    except ValueError:
        raise errors.invalid("x-goog-signature is not hexadecimal") from None
    if not keys.verify(scope.account, signature, fields["policy"].encode()):
        raise signing.mismatch(fields["policy"])
    return Policy.parse(fields["policy"])


def filled_in(key: str, filename: str) -> str:
    """Return the object's name with the file's own name, without its folders, for ``${filename}``."""
    return key.replace(_FILENAME, filename.replace("\\", "/").rpartition("/")[2])


def _normal(item: Any) -> tuple[Any, ...]:
    """Bring ``{"field": value}`` and ``["eq", "$field", value]`` into one form."""
    if isinstance(item, Mapping):
        ((field, value),) = item.items()
        return "eq", _text(field).lower(), _text(value)
    operator = _text(item[0]).lower()
    if operator == "content-length-range":
        low, high = item[1:]
        return operator, int(low), int(high)
    _, field, value = item
    return operator, _text(field).removeprefix("$").lower(), _text(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _malformed(why: str) -> errors.Refusal:
    return errors.Refusal(400, "invalid", "InvalidPolicyDocument", f"malformed policy document: {why}")


def _unsatisfied(field: str) -> errors.Refusal:
    return errors.Refusal(
        400, "invalid", "InvalidPolicyDocument", "the form does not satisfy the policy", Details=field
    )
