"""An object's metadata: as a resource of the JSON API, in which it is written, and as headers, in which it is read.

The XML API fills in headers that nobody set (``Content-Type: application/octet-stream``, ``Cache-Control: private,
max-age=0``), so what was not set is written down. Custom metadata under ``statekit-`` is this driver's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from statekit.driver import Meta

__all__ = ["EXPIRES", "KEY", "META", "UNTYPED", "WRITTEN", "of_headers", "to_resource"]

META: Final = "x-goog-meta-"
"""What the headers of custom metadata begin with."""
UNTYPED: Final = "application/octet-stream"
EXPIRES: Final = "statekit-expires"
"""A record's expiry in milliseconds; missing for none. It is what counts; the custom time is for the lifecycle."""
WRITTEN: Final = "statekit-written"
"""The expiry that the record was written with, which a touch does not change."""
KEY: Final = "statekit-key"
"""The percent-encoded key of what an upload will become."""
_OWN: Final = "statekit-"
_WRITE_ID: Final = "statekit-write-id"
_REPLACES: Final = "statekit-replaces"
_UNSET: Final = "statekit-unset"


def to_resource(meta: Meta) -> dict[str, Any]:
    """Return metadata as a resource (O-58)."""
    headers = {
        "contentType": meta.content_type,
        "cacheControl": meta.cache_control,
        "contentDisposition": meta.content_disposition,
    }
    own = {
        _WRITE_ID: meta.write_id,
        _REPLACES: meta.replaces,
        _UNSET: " ".join(k for k, v in headers.items() if v is None),
    }
    metadata = {**(meta.user or {}), **{name: value for name, value in own.items() if value}}
    given = {name: value for name, value in headers.items() if value is not None}
    return {"contentType": UNTYPED, **given, "metadata": metadata}


def of_headers(headers: Mapping[str, str]) -> Meta:
    """Read metadata from the headers of an answer, their names in lower case. Others' objects have it too."""
    custom = {name.removeprefix(META): value for name, value in headers.items() if name.startswith(META)}
    unset = custom.get(_UNSET, "").split()
    return Meta(
        content_type=None if "contentType" in unset else headers.get("content-type"),
        cache_control=None if "cacheControl" in unset else headers.get("cache-control"),
        content_disposition=None if "contentDisposition" in unset else headers.get("content-disposition"),
        user={name: value for name, value in custom.items() if not name.startswith(_OWN)},
        write_id=custom.get(_WRITE_ID),
        replaces=custom.get(_REPLACES),
    )
