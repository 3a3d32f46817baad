"""What is stored of a ticket. A stored form is for ever: fields are only ever added at the end."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from statekit.driver import Meta
from statekit.errors import CorruptDataError

__all__ = ["Phase", "Slip", "decode_slip", "encode_slip"]

Phase = Literal["reserved", "publishing", "done", "failed", "dead"]


class Slip(msgspec.Struct, frozen=True, array_like=True):
    """A ticket.

    Attributes:
        phase: ``reserved`` → ``publishing`` → ``done`` or ``failed``; or ``reserved`` → ``dead``.
        key: Where the object is published.
        owner: Whose ticket it is.
        sizes: Bytes, at least and at most.
        if_absent: Whether nothing may be stored under the key.
        headers: Content type, cache control and content disposition of what is published.
        user: Its metadata, encoded.
        ends_at: When the signature ends; milliseconds.
        write_id: That of the one write that publishes.
        source: From ``publishing`` on: the version of what was uploaded.
        expected: From ``publishing`` on: the version that is replaced; empty: none.
        version: When ``done``: the version that was published.
        size: When ``done``: its bytes.
        at: When ``done``: when that was, by the engine.
    """

    phase: Phase
    key: str
    owner: str | None
    sizes: tuple[int, int]
    if_absent: bool
    headers: tuple[str | None, str | None, str | None]
    user: dict[str, str]
    ends_at: int
    write_id: str
    source: str = ""
    expected: str = ""
    version: str = ""
    size: int = 0
    at: int = 0

    def meta(self, replaces: str | None) -> Meta:
        """Return the metadata of what is published: the ticket's, never the upload's."""
        return Meta(*self.headers, self.user, self.write_id, replaces)


_SLIPS: Final = msgspec.msgpack.Decoder(Slip)

encode_slip: Final = msgspec.msgpack.Encoder().encode


def decode_slip(body: bytes) -> Slip:
    """Decode a ticket's record.

    Raises:
        CorruptDataError: It is not one.
    """
    try:
        return _SLIPS.decode(body)
    except msgspec.DecodeError as exc:
        raise CorruptDataError("a stored ticket cannot be read", clause="O-40") from exc
