"""What is stored of a workspace: its record and its manifests.

A stored form is for ever: fields are only ever added at the end.

A *blob* is an object that holds one file's bytes, or a manifest. Its name is ``holder/n-sha256``: who stored it, the
how-manieth blob of that holder it is, and what it must contain.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from statekit.errors import CorruptDataError

__all__ = ["Entry", "Lease", "Manifest", "blob_name", "decode_lease", "decode_manifest", "encode_form", "holder_of"]


class Lease(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A workspace's record.

    Attributes:
        fence: The fencing token: larger for each holder.
        holder: Who holds the lease, 32 hexadecimal digits; empty: nobody.
        lease_until: When it lapses; milliseconds.
        ttl: Milliseconds that the workspace lives after its last renewal.
        manifest: The name of the last checkpoint's manifest; empty: none.
        files: How many files it names.
        size: Their bytes together.
    """

    fence: int
    holder: str
    lease_until: int
    ttl: int
    manifest: str = ""
    files: int = 0
    size: int = 0


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One file of a checkpoint.

    Attributes:
        name: Where it is in the workspace.
        size: Bytes.
        blob: The name of the object that holds them.
    """

    name: str
    size: int
    blob: str

    @property
    def digest(self) -> str:
        """The content's SHA-256 in hexadecimal digits."""
        return self.blob.rpartition("-")[2]


class Manifest(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """All files of one checkpoint, sorted by name."""

    entries: tuple[Entry, ...] = ()


_LEASES: Final = msgspec.msgpack.Decoder(Lease)
_MANIFESTS: Final = msgspec.msgpack.Decoder(Manifest)

encode_form: Final = msgspec.msgpack.Encoder().encode


def blob_name(holder: str, number: int, digest: str) -> str:
    """Return the name of a holder's next blob. No other blob ever has it."""
    return f"{holder}/{number}-{digest}"


def holder_of(blob: str) -> str:
    """Return who stored a blob."""
    return blob.partition("/")[0]


def decode_lease(body: bytes) -> Lease:
    """Decode a workspace's record.

    Raises:
        CorruptDataError: It is not one.
    """
    try:
        return _LEASES.decode(body)
    except msgspec.DecodeError as exc:
        raise CorruptDataError("a stored workspace cannot be read", clause="X-20") from exc


def decode_manifest(blob: str, data: bytes) -> Manifest:
    """Decode a manifest, and see whether it is the one with this name.

    Raises:
        CorruptDataError: It is not.
    """
    if hashlib.sha256(data).hexdigest() != blob.rpartition("-")[2]:
        raise CorruptDataError("a checkpoint's manifest does not match its checksum", clause="X-20")
    try:
        return _MANIFESTS.decode(data)
    except msgspec.DecodeError as exc:
        raise CorruptDataError("a checkpoint's manifest cannot be read", clause="X-20") from exc
