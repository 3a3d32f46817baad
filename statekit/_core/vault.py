"""How records are closed before they are stored, and opened after: an envelope, and a seal where keys are given."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from statekit.driver import Record
from statekit.errors import CorruptDataError

from . import envelope
from .envelope import Stored
from .seal import KeyRing

__all__ = ["Vault"]


@dataclass(frozen=True, slots=True)
class Vault:
    """Closes and opens records.

    Attributes:
        ring: Seals with its first key and opens with any; None stores records unsealed.
        accepts_plain: Whether unsealed records are read although there is a ring: those of the time before it.
    """

    ring: KeyRing | None = None
    accepts_plain: bool = False

    def close(self, key: str, body: bytes, write_id: bytes, lineage: bytes) -> bytes:
        """Return the bytes to store under ``key``. A sealed value moved to another key does not verify there."""
        if self.ring is None:
            return envelope.encode(body, write_id=write_id, lineage=lineage, sealed=False)
        body = self.ring.seal(body, key.encode())
        return envelope.encode(body, write_id=write_id, lineage=lineage, sealed=True)

    def open(self, key: str, record: Record | None) -> Stored | None:
        """Open what was read under ``key``; None stays None.

        Raises:
            CorruptDataError: It is damaged; or sealed with a key that is not in the ring; or unsealed where only
                sealed ones are accepted.
        """
        if record is None:
            return None
        stored = envelope.decode(record)
        if self.ring is None and not stored.sealed:
            return stored
        if self.ring is None:
            raise CorruptDataError("a stored record is sealed, and no keys are configured", clause="S-31")
        if stored.sealed:
            return replace(stored, body=self.ring.unseal(stored.body, key.encode()), sealed=False)
        if self.accepts_plain:
            return stored
        raise CorruptDataError("a stored record is not sealed; the key `plain` would accept it", clause="S-31")
