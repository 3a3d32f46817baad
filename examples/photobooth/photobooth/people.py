"""Who may come in: whoever is first to give a name chooses its password. Good enough for a demonstration.

A person is an object that is put only if it is absent: of two who choose the same name at once, one has it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import re
import unicodedata
from typing import Final

from statekit import AsyncState, ConflictError, NotFoundError

_NAME: Final = re.compile(r"\w[\w.'\- ]{0,38}\w|\w")
_SALT: Final = 16
"""Bytes."""


def name_of(text: str) -> str | None:
    """Return the name that somebody typed, as it is stored; None if it is none."""
    name = " ".join(unicodedata.normalize("NFC", text).split()).casefold()
    return name if _NAME.fullmatch(name) else None


async def admit(state: AsyncState, name: str, password: str) -> bool:
    """Return whether the password is the name's; a new name takes it for its own."""
    key = f"people/{name}"
    try:
        known = await state.objects.get(key)
    except NotFoundError:
        chosen = await asyncio.to_thread(_digest, password, os.urandom(_SALT))
        try:
            await state.objects.put(key, chosen, if_absent=True)
        except ConflictError:
            known = await state.objects.get(key)
        else:
            return True
    given = await asyncio.to_thread(_digest, password, known.data[:_SALT])
    return hmac.compare_digest(given, known.data)


def _digest(password: str, salt: bytes) -> bytes:
    return salt + hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)
