"""What S3's answers mean: pure, without a connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final

from botocore.exceptions import ClientError

from statekit.driver import Committed, Meta, Millis, Page, Stat, Upload
from statekit_aws.codes import code_of
from statekit_aws.faults import UnreadableError

from .checksums import decoded
from .metadata import unpacked

__all__ = [
    "Answer",
    "begun",
    "copied",
    "listed",
    "meaning",
    "part_copied",
    "size",
    "stat",
    "uploads",
    "version",
    "written",
]

Response = Mapping[str, Any]


class Answer(Enum):
    """What an error says where it is an answer."""

    ABSENT = "absent"
    """There is no such object. A missing bucket is another thing; HEAD alone cannot tell them apart."""
    UNMATCHED = "unmatched"
    """The condition did not hold."""
    BEYOND = "beyond"
    """The range begins at or behind the end."""


_CODES: Final = {
    "NoSuchKey": Answer.ABSENT,
    "NotFound": Answer.ABSENT,
    "PreconditionFailed": Answer.UNMATCHED,
    "InvalidRange": Answer.BEYOND,
    "404": Answer.ABSENT,
    "412": Answer.UNMATCHED,
    "416": Answer.BEYOND,
}


def meaning(error: ClientError) -> Answer | None:
    """Return what an error answers; None if it is a fault."""
    return _CODES.get(code_of(error))


def version(etag: str) -> str:
    """Return the version for an ETag. Some answers have it without quotes (SeaweedFS's to a copy)."""
    return etag.removeprefix("W/").strip('"')


def written(response: Response) -> Committed:
    """Read the answer to a write or a completion."""
    return Committed(version(response["ETag"]))


def copied(response: Response) -> Committed:
    """Read the answer to a copy."""
    return Committed(version(response["CopyObjectResult"]["ETag"]))


def part_copied(response: Response) -> tuple[str, int | None]:
    """Read the answer to a copied part: its version, and its checksum where the server computes it."""
    result = response["CopyPartResult"]
    return version(result["ETag"]), decoded(result.get("ChecksumCRC32C"))


def stat(key: str, response: Response) -> Stat:
    """Read what HEAD and GET say of an object."""
    etag = version(response["ETag"])
    return Stat(key, etag, size(response), _millis(response["LastModified"]), unpacked(response), _checksum(response))


def size(response: Response) -> int:
    """Return the whole object's size, also from the answer to a range: ``bytes 0-9/100``."""
    total = str(response.get("ContentRange", "")).rpartition("/")[2]
    return int(total) if total.isdigit() else int(response["ContentLength"])


def _checksum(response: Response) -> int | None:
    """Return the whole content's CRC32C. With a range, it may be of a part, or of parts' checksums."""
    if "ContentRange" in response or response.get("ChecksumType") == "COMPOSITE":
        return None
    return decoded(response.get("ChecksumCRC32C"))


def listed(response: Response, name: Callable[[str], str], given: str | None) -> Page[Stat]:
    """Read a page of a listing, which has no metadata.

    Args:
        response: The answer.
        name: Returns core's key.
        given: The cursor that was sent.

    Raises:
        UnreadableError: The listing would never end (SeaweedFS cannot write every key into its cursor).
    """
    items = tuple(
        Stat(name(line["Key"]), version(line["ETag"]), line["Size"], _millis(line["LastModified"]), None, None)
        for line in response.get("Contents", ())
    )
    prefixes = tuple(name(line["Prefix"]) for line in response.get("CommonPrefixes", ()))
    cursor = response.get("NextContinuationToken") if response.get("IsTruncated") else None
    if cursor is not None and cursor == given:
        raise UnreadableError
    return Page(items, cursor, prefixes)


def begun(key: str, response: Response, meta: Meta) -> Upload:
    """Read the answer to the beginning of an upload. When it began, only the listing says."""
    return Upload(key, response["UploadId"], meta, None)


def uploads(response: Response, name: Callable[[str], str]) -> Page[Upload]:
    """Read a part of the unfinished uploads. Their metadata is not listed.

    The next part follows the markers that the server gave, and no others: S3 orders by key, SeaweedFS by upload.
    """
    lines = response.get("Uploads", ())
    items = tuple(Upload(name(line["Key"]), line["UploadId"], None, _millis(line["Initiated"])) for line in lines)
    if not response.get("IsTruncated"):
        return Page(items)
    given = {"KeyMarker": response.get("NextKeyMarker"), "UploadIdMarker": response.get("NextUploadIdMarker")}
    return Page(items, json.dumps({marker: value for marker, value in given.items() if value}))


def _millis(moment: datetime) -> Millis:
    return int(moment.timestamp() * 1000)
