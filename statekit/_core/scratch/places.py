"""What a workspace's record and blobs are called in the stores."""

from __future__ import annotations

import hashlib
from typing import Final

from statekit._core.keys import RESERVED, check_key

__all__ = ["BLOBS", "blob_place", "split_blob", "workspace_id"]

BLOBS: Final = f"{RESERVED}/scratch/"
"""What the keys of all blobs begin with, after the namespace."""


def workspace_id(name: str) -> str:
    """Return the name under which a workspace is stored: 64 characters that every record key has room for.

    Raises:
        InvalidKeyError: The name is outside the grammar of keys.
    """
    check_key(name)
    return hashlib.sha256(name.encode()).hexdigest()


def blob_place(prefix: str, workspace: str, blob: str) -> str:
    """Return a blob's key, as the driver has it."""
    return f"{prefix}{BLOBS}{workspace}/{blob}"


def split_blob(prefix: str, place: str) -> tuple[str, str]:
    """Return the workspace and the blob's name for a driver's key."""
    workspace, _, blob = place.removeprefix(prefix + BLOBS).partition("/")
    return workspace, blob
