"""What is stored beside an object's bytes: core's metadata in S3's headers, and back.

S3's user metadata has 2 KB (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html). The driver's own
entries, which no application sees: the write id, what was replaced, and a mark where no content type was given, because
S3 then makes one up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from statekit.driver import Meta

__all__ = ["packed", "unpacked"]

_OWN: Final = "statekit-"
_WRITE_ID: Final = "statekit-write-id"
_REPLACES: Final = "statekit-replaces"
_UNTYPED: Final = "statekit-untyped"


def packed(meta: Meta) -> dict[str, Any]:
    """Return metadata as parameters of a request."""
    own = {
        _WRITE_ID: meta.write_id,
        _REPLACES: meta.replaces,
        _UNTYPED: "1" if meta.content_type is None else None,
    }
    headers = {
        "ContentType": meta.content_type,
        "CacheControl": meta.cache_control,
        "ContentDisposition": meta.content_disposition,
    }
    return {**_given(headers), "Metadata": {**(meta.user or {}), **_given(own)}}


def unpacked(response: Mapping[str, Any]) -> Meta:
    """Read metadata from an answer. Servers differ in the case of the keys, which are lower case as core gives them."""
    entries = {key.lower(): value for key, value in response.get("Metadata", {}).items()}
    return Meta(
        None if _UNTYPED in entries else response.get("ContentType"),
        response.get("CacheControl"),
        response.get("ContentDisposition"),
        {key: value for key, value in entries.items() if not key.startswith(_OWN)},
        entries.get(_WRITE_ID),
        entries.get(_REPLACES),
    )


def _given(values: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}
