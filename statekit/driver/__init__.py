"""The driver contract: the only package that the author of a backend imports.

A backend implements a RecordDriver, an ObjectDriver, or both, and registers a Backend. Everything that must be the same
everywhere (keys, limits, time, encoding, retries, merging) is done above, once.
"""

from .checklist import missing
from .faults import Failure, Fault
from .hooks import (
    CONTRACT,
    AnyBackend,
    AsyncDrivers,
    Backend,
    Clock,
    Drivers,
    Opening,
    Reach,
    Survives,
)
from .objects import AsyncMultipartDriver, AsyncObjectDriver, MultipartDriver, ObjectDriver
from .records import AsyncRecordDriver, RecordDriver
from .signing import AsyncSigningDriver, Grant, Signed, SigningDriver
from .types import (
    ABSENT,
    ANY,
    UNSEEN,
    Buffer,
    Chunk,
    Committed,
    Continue,
    Entry,
    Expect,
    Gone,
    Match,
    Meta,
    Millis,
    Page,
    Part,
    Parts,
    Record,
    Refused,
    Sight,
    Stat,
    Token,
    Upload,
)

__all__ = [
    "ABSENT",
    "ANY",
    "CONTRACT",
    "UNSEEN",
    "AnyBackend",
    "AsyncDrivers",
    "AsyncMultipartDriver",
    "AsyncObjectDriver",
    "AsyncRecordDriver",
    "AsyncSigningDriver",
    "Backend",
    "Buffer",
    "Chunk",
    "Clock",
    "Committed",
    "Continue",
    "Drivers",
    "Entry",
    "Expect",
    "Failure",
    "Fault",
    "Gone",
    "Grant",
    "Match",
    "Meta",
    "Millis",
    "MultipartDriver",
    "ObjectDriver",
    "Opening",
    "Page",
    "Part",
    "Parts",
    "Reach",
    "Record",
    "RecordDriver",
    "Refused",
    "Sight",
    "Signed",
    "SigningDriver",
    "Stat",
    "Survives",
    "Token",
    "Upload",
    "missing",
]
