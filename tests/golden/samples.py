"""What the golden files hold. ``python -m tests.golden.samples`` writes files that are missing, and changes none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from statekit._core import codec, envelope
from statekit._core.ids import sid_of
from statekit._core.scratch.forms import Entry, Lease, Manifest
from statekit._core.seal import KeyRing
from statekit._core.sessions.forms import Live, Moved, Roster, encode_form
from statekit._core.tickets.forms import Slip, encode_slip
from statekit._core.vault import Vault
from statekit.driver import Record

FOLDER: Final = Path(__file__).parent
NOW: Final = 1_800_000_000_000
ENDS_AT: Final = NOW + 90 * 86_400_000
EXPIRES_AT: Final = NOW + 14 * 86_400_000

ID: Final = "statekit-golden-session-identifier-0000000A"
NEXT_ID: Final = "statekit-golden-session-identifier-0000000E"
OWNER: Final = "ada@example.org"
NAMESPACE: Final = "golden"
RING: Final = "0badc0de:" + "Z29sZGVuIGtleSBvZiAzMiBieXRlcyBmb3IgdGVzdHM="

MANIFEST_DIGEST: Final = "72380f115cc3accd5da8977f33a8d35701ef8d9c0bfd36158a09dfc445c3ead6"

WRITE_ID: Final = bytes(range(12))
LINEAGE: Final = bytes(range(100, 124))

DATA: Final[dict[str, Any]] = {
    "none": None,
    "true": True,
    "int": -5,
    "large int": 2**70,
    "float": 1.5,
    "str": "naïve ✓",
    "bytes": b"\x00\xff",
    "list": [1, [2, []]],
    "dict": {"a": {"b": 1}, 2: "int key", (1, 2): "tuple key"},
    "tuple": (1, ("a",)),
    "set": {1, 2, 3},
    "frozenset": frozenset({"a", "b"}),
    "datetime": datetime(2027, 1, 15, 8, 30, 1, 250_000, UTC),
    "naive datetime": datetime(2027, 1, 15, 8, 30, 1, 250_000),  # noqa: DTZ001
    "offset datetime": datetime(2027, 1, 15, 8, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    "date": date(2027, 1, 15),
    "time": time(8, 30, 1, 250_000),
    "timedelta": timedelta(days=-1, seconds=5, microseconds=7),
    "Decimal": Decimal("1.10"),
    "UUID": UUID("12345678-1234-5678-1234-567812345678"),
}


def _live(owner: str | None = OWNER, label: str | None = "phone", **fields: Any) -> Live:
    data = {key: msgspec.Raw(codec.encode(value)) for key, value in DATA.items()}
    every: dict[str, Any] = {"root": b"", "previous": b"", **fields}
    return Live(NOW, ENDS_AT, NOW + 5000, owner, label, every["root"], every["previous"], data)


def _plain(form: Live | Moved | Roster | Lease) -> bytes:
    return envelope.encode(encode_form(form), write_id=WRITE_ID, lineage=LINEAGE, sealed=False)


def _stored(ticket: Slip) -> bytes:
    return envelope.encode(encode_slip(ticket), write_id=WRITE_ID, lineage=LINEAGE, sealed=False)


def roster() -> Roster:
    """An owner's record with a session, what it is being rotated into, and two that are doomed."""
    one, two = sid_of(ID), sid_of(NEXT_ID)
    return Roster(bytes(range(50, 62)), {one: (one, ENDS_AT), two: (one, ENDS_AT)}, (b"d" * 32, b"e" * 32))


def lease() -> Lease:
    """A workspace's record while it is held, with a checkpoint."""
    return Lease(NOW, "0" * 32, NOW + 30_000, 604_800_000, f"{'0' * 32}/3-{MANIFEST_DIGEST}", 2, 5)


def manifest() -> Manifest:
    """A checkpoint of two files, one of them by another holder."""
    blobs = (f"{'0' * 32}/1-{hashlib.sha256(b'ada').hexdigest()}", f"{'f' * 32}/12-{hashlib.sha256(b'11').hexdigest()}")
    return Manifest((Entry("ada/ä.txt", 3, blobs[0]), Entry("z", 2, blobs[1])))


def slip(**fields: Any) -> Slip:
    """A ticket, reserved unless told otherwise."""
    every: dict[str, Any] = {
        "phase": "reserved",
        "key": "photos/cat.jpg",
        "owner": OWNER,
        "sizes": (1, 5_000_000),
        "if_absent": True,
        "headers": ("image/jpeg", "max-age=60", None),
        "user": {"who": "=b64=zqk"},
        "ends_at": ENDS_AT,
        "write_id": "AAECAwQFBgcICQoL",
    }
    return Slip(**{**every, **fields})


DONE: Final[dict[str, Any]] = {"source": "v1", "expected": "v2", "version": "v3", "size": 1234, "at": NOW}


def session_key(identifier: str = ID) -> str:
    """The key under which a session is stored."""
    return f"{NAMESPACE}/s/{sid_of(identifier).hex()}"


WRITTEN: Final[dict[str, Callable[[], bytes]]] = {
    "envelope": lambda: envelope.encode(b"body", write_id=WRITE_ID, lineage=LINEAGE, sealed=False),
    "envelope-without-lineage": lambda: envelope.encode(b"", write_id=WRITE_ID, lineage=b"", sealed=False),
    "session": lambda: _plain(_live()),
    "session-of-nobody": lambda: _plain(_live(None, None)),
    "session-after-a-rotation": lambda: _plain(_live(root=b"r" * 32, previous=b"p" * 32)),
    "moved": lambda: _plain(Moved(sid_of(NEXT_ID))),
    "owner": lambda: _plain(roster()),
    "ticket": lambda: _stored(slip()),
    "ticket-that-is-done": lambda: _stored(slip(phase="done", owner=None, **DONE)),
    "owner-without-sessions": lambda: _plain(Roster(bytes(range(50, 62)))),
    "workspace": lambda: _plain(lease()),
    "workspace-that-is-free": lambda: _plain(Lease(NOW, "", NOW, 604_800_000)),
    "manifest": lambda: encode_form(manifest()),
}
"""What is written today, byte for byte."""

SEALED: Final[dict[str, Callable[[], bytes]]] = {
    "sealed-session": lambda: Vault(KeyRing.parse([RING])).close(
        session_key(), encode_form(_live()), WRITE_ID, LINEAGE
    ),
}
"""What is written with a random nonce, so that only reading can be compared."""


def golden(name: str) -> bytes:
    """Return a golden file's bytes."""
    return bytes.fromhex((FOLDER / f"{name}.hex").read_text())


def record(name: str) -> Record:
    """Return a golden record as a driver would."""
    return Record(golden(name), "v1", EXPIRES_AT)


def main() -> None:
    """Write the files that are missing."""
    for name, make in {**WRITTEN, **SEALED}.items():
        path = FOLDER / f"{name}.hex"
        if not path.exists():
            text = make().hex()
            path.write_text("\n".join(text[at : at + 100] for at in range(0, len(text), 100)) + "\n")


if __name__ == "__main__":
    main()
