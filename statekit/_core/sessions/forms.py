"""What is stored of sessions and their owners. A stored form is for ever: fields are only ever added at the end."""

from __future__ import annotations

from typing import Final

import msgspec

from statekit._core.codec import DAMAGED
from statekit._core.limits import SESSION_BYTES, check_payload
from statekit.errors import CorruptDataError, UnserialisableError

__all__ = ["Live", "Moved", "Roster", "decode_cell", "decode_roster", "encode_form", "encode_live"]


class Live(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """A session.

    Attributes:
        created_at: When the login happened; milliseconds.
        ends_at: When the absolute lifetime is over.
        saved_at: When it was last saved.
        owner: Whose it is.
        label: For people.
        root: The sid of the login's first session; empty: its own.
        previous: The sid of the session that was rotated into this one; empty: none.
        data: The values, each still encoded: what nobody asks for is never decoded.
    """

    created_at: int
    ends_at: int
    saved_at: int
    owner: str | None
    label: str | None
    root: bytes
    previous: bytes
    data: dict[str, msgspec.Raw]


class Moved(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """What a rotation leaves behind for a while, so that a logout under the old id ends the new session.

    Attributes:
        to: The new session's sid.
    """

    to: bytes


class Roster(msgspec.Struct, frozen=True, array_like=True):
    """An owner's sessions.

    Attributes:
        epoch: Another one after each ``revoke_all``; empty before the first.
        live: sid → (the login's root sid, when the absolute lifetime is over).
        doomed: sids of sessions that are revoked and may still have to be deleted.
    """

    epoch: bytes = b""
    live: dict[bytes, tuple[bytes, int]] = {}
    doomed: tuple[bytes, ...] = ()


_CELLS: Final[msgspec.msgpack.Decoder[Live | Moved]] = msgspec.msgpack.Decoder(Live | Moved)
_ROSTERS: Final = msgspec.msgpack.Decoder(Roster)

encode_form: Final = msgspec.msgpack.Encoder().encode


def encode_live(live: Live) -> bytes:
    """Encode a session.

    Raises:
        UnserialisableError: A key has no UTF-8 form.
        LimitExceededError: The data are larger than the contract allows.
    """
    try:
        body = encode_form(live)
    except UnicodeEncodeError:
        raise UnserialisableError("a session's key holds a lone surrogate, which has no UTF-8 form") from None
    if len(body) > SESSION_BYTES:
        check_payload(len(encode_form(live.data)))
    return body


def decode_cell(body: bytes) -> Live | Moved:
    """Decode a session's record.

    Raises:
        CorruptDataError: It is not one.
    """
    try:
        return _CELLS.decode(body)
    except DAMAGED as exc:
        raise CorruptDataError("a stored session cannot be read", clause="S-30") from exc


def decode_roster(body: bytes) -> Roster:
    """Decode an owner's record.

    Raises:
        CorruptDataError: It is not one.
    """
    try:
        return _ROSTERS.decode(body)
    except msgspec.DecodeError as exc:
        raise CorruptDataError("a stored owner record cannot be read", clause="S-30") from exc
