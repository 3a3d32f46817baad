"""What is sent for each call of the object driver: pure, without a connection."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from statekit.driver import ABSENT, ANY, Buffer, Expect, Match, Meta, Part, Upload

from .checksums import encoded
from .metadata import packed

__all__ = ["LARGEST_COPY", "WHOLE", "CopySteps", "ObjectRequests", "Parameters", "tag", "untagged"]

Parameters: TypeAlias = dict[str, Any]

WHOLE: Final = 4 * 1024 * 1024
"""Who asks for so many bytes from the start wants all: without a range the answer has the object's checksum, and an
empty object is no error. Core's readers begin with so many, and its ``get`` with more."""
LARGEST_COPY: Final = 5 * 1024**3
"""Bytes that CopyObject takes: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"""
_STEP: Final = 128 * 1024**2
"""Bytes of a larger copy's steps: what S3 copies well within one request's time."""
_MOST_PARTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class CopySteps:
    """How far a copy by parts has come.

    Attributes:
        upload: The upload that it is made of.
        size: The source's bytes.
        tags: The parts that are there, in order.
    """

    upload: str
    size: int
    tags: tuple[str, ...] = ()

    @property
    def step(self) -> int:
        """Bytes of each part but the last."""
        return max(_STEP, -(-self.size // _MOST_PARTS))

    @property
    def start(self) -> int:
        """Where the next part begins; ``size`` or more when there is none."""
        return len(self.tags) * self.step

    @property
    def token(self) -> str:
        """What core hands back at the next call."""
        return json.dumps([self.upload, self.size, *self.tags])

    @classmethod
    def read(cls, token: str) -> CopySteps:
        """Read a token."""
        upload, size, *tags = json.loads(token)
        return cls(upload, size, tuple(tags))

    def with_part(self, tag: str) -> CopySteps:
        """Return it one part further."""
        return CopySteps(self.upload, self.size, (*self.tags, tag))


class ObjectRequests:
    """The requests for objects.

    Args:
        bucket: The bucket.
        prefix: What every key in it begins with.
        checks: Whether the server is to check CRC32C.
    """

    def __init__(self, bucket: str, prefix: str, *, checks: bool) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self.checks = checks
        self._reading: Parameters = {"ChecksumMode": "ENABLED"} if checks else {}

    def bucket(self) -> Parameters:
        """Name the bucket."""
        return {"Bucket": self._bucket}

    def key(self, key: str) -> str:
        """Return the key in the bucket."""
        return self._prefix + key

    def name(self, key: str) -> str:
        """Return core's key for a key in the bucket."""
        return key[len(self._prefix) :]

    def place(self, key: str) -> Parameters:
        """Name an object."""
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    def stat(self, key: str, expect: Expect = ANY) -> Parameters:
        """Describe an object: HeadObject."""
        return {**self.place(key), **_condition(expect), **self._reading}

    def read(self, key: str, *, start: int, length: int, expect: Expect) -> Parameters:
        """Read a part of an object: GetObject, which returns a checksum only without a range."""
        request = {**self.place(key), **_condition(expect)}
        if start == 0 and length >= WHOLE:
            return {**request, **self._reading}
        return {**request, "Range": f"bytes={start}-{start + length - 1}"}

    def write(self, key: str, data: Buffer, *, meta: Meta, crc32c: int, expect: Expect) -> Parameters:
        """Store an object: PutObject."""
        body = data if isinstance(data, bytes) else bytes(data)  # boto3 takes no memoryview
        return {
            **self.place(key),
            "Body": body,
            **packed(meta),
            **_condition(expect),
            **self._checksum(crc32c),
        }

    def delete(self, key: str, expect: Expect) -> Parameters:
        """Delete an object: DeleteObject.

        ``If-Match: *`` makes it say whether there was one:
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
        """
        return {**self.place(key), **({"IfMatch": "*"} if expect is ANY else _condition(expect))}

    def page(
        self, prefix: str, *, delimiter: str | None, start_after: str | None, cursor: str | None, limit: int
    ) -> Parameters:
        """List a part of the objects: ListObjectsV2."""
        request: Parameters = {"Bucket": self._bucket, "Prefix": self.key(prefix), "MaxKeys": limit}
        if delimiter is not None:
            request["Delimiter"] = delimiter
        if cursor is not None:
            return {**request, "ContinuationToken": cursor}
        return {**request, "StartAfter": self.key(start_after)} if start_after is not None else request

    def copy(self, source: str, target: str, *, pinned: Match, meta: Meta, expect: Expect) -> Parameters:
        """Copy an object: CopyObject. The source's checksum goes with it."""
        return {
            **self.place(target),
            **self._source(source, pinned),
            **packed(meta),
            **_condition(expect),
            "MetadataDirective": "REPLACE",
        }

    def copy_part(self, source: str, target: str, steps: CopySteps, *, pinned: Match) -> Parameters:
        """Copy the next part: UploadPartCopy."""
        end = min(steps.start + steps.step, steps.size) - 1
        return {
            **self.place(target),
            **self._source(source, pinned),
            "UploadId": steps.upload,
            "PartNumber": len(steps.tags) + 1,
            "CopySourceRange": f"bytes={steps.start}-{end}",
        }

    def _source(self, source: str, pinned: Match) -> Parameters:
        return {"CopySource": self.place(source), "CopySourceIfMatch": _quoted(pinned.version)}

    def begin(self, key: str, *, meta: Meta) -> Parameters:
        """Begin an upload: CreateMultipartUpload. A checksum of the whole is compared when it is completed."""
        checksum = {"ChecksumAlgorithm": "CRC32C", "ChecksumType": "FULL_OBJECT"} if self.checks else {}
        return {**self.place(key), **packed(meta), **checksum}

    def part(self, upload: Upload, number: int, data: Buffer, *, crc32c: int) -> Parameters:
        """Send one part: UploadPart."""
        body = data if isinstance(data, bytes) else bytes(data)
        return {**self.upload(upload), "PartNumber": number, "Body": body, **self._checksum(crc32c)}

    def upload(self, upload: Upload) -> Parameters:
        """Name an upload."""
        return {**self.place(upload.key), "UploadId": upload.id}

    def finish(self, upload: Upload, parts: Iterable[Part], *, size: int, crc32c: int, expect: Expect) -> Parameters:
        """Make the parts an object: CompleteMultipartUpload."""
        whole = {"ChecksumType": "FULL_OBJECT", "MpuObjectSize": size} if self.checks else {}
        listed = [(part.number, part.tag) for part in parts]
        return {**self._complete(upload, listed, expect), **self._checksum(crc32c), **whole}

    def finish_copy(self, upload: Upload, steps: CopySteps, expect: Expect) -> Parameters:
        """Make the copied parts an object: CompleteMultipartUpload, with the checksum that the server computed."""
        return self._complete(upload, list(enumerate(steps.tags, 1)), expect)

    def _complete(self, upload: Upload, parts: list[tuple[int, str]], expect: Expect) -> Parameters:
        listed = [{"PartNumber": number, **self._named(part)} for number, part in parts]
        return {**self.upload(upload), "MultipartUpload": {"Parts": listed}, **_condition(expect)}

    def _named(self, part: str) -> Parameters:
        version, checksum = untagged(part)
        return {"ETag": _quoted(version), **({} if checksum is None else self._checksum(checksum))}

    def uploads(self, prefix: str, *, cursor: str | None, limit: int) -> Parameters:
        """List unfinished uploads: ListMultipartUploads, from the markers of the part before."""
        request: Parameters = {"Bucket": self._bucket, "Prefix": self.key(prefix), "MaxUploads": limit}
        return request if cursor is None else {**request, **json.loads(cursor)}

    def _checksum(self, crc32c: int) -> Parameters:
        return {"ChecksumCRC32C": encoded(crc32c)} if self.checks else {}


def tag(version: str, crc32c: int | None) -> str:
    """Return what has to be known of a part when its upload is completed."""
    return version if crc32c is None else f"{version} {crc32c:08x}"


def untagged(text: str) -> tuple[str, int | None]:
    """Return a part's version and checksum."""
    version, _, checksum = text.partition(" ")
    return version, int(checksum, 16) if checksum else None


def _quoted(version: str) -> str:
    return f'"{version}"'


def _condition(expect: Expect) -> Parameters:
    """Return an expectation as headers (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html)."""
    if expect is ANY:
        return {}
    return {"IfNoneMatch": "*"} if expect is ABSENT else {"IfMatch": _quoted(expect.version)}
