"""Questions to S3 about uploads in parts, asked by boto3."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from statekit_conformance.engines.findings import Probe, one_winner, probe, require
from statekit_conformance.engines.s3_site import BUCKET, Site

_PART = 5 * 1024 * 1024  # bytes, the least that every part but the last must have


def a_multipart_completion_respects_its_condition(site: Site) -> str:
    """IfMatch and IfNoneMatch on completion."""
    stale = site.put("parts", b"1")
    current = site.put("parts", b"2")
    require(not _completes(site, "parts", IfMatch=stale), "a completion on a stale version was applied")
    require(not _completes(site, "parts", IfNoneMatch="*"), "a completion on an existing key was applied")
    require(site.get("parts") == b"2", "a refused completion changed the object")
    require(_completes(site, "parts", IfMatch=current), "a completion on the current version was refused")
    require(_completes(site, "parts-2", IfNoneMatch="*"), "a completion on a free key was refused")
    require(len(site.get("parts-2") or b"") == _PART + 1, "a completed object is not the sum of its parts")
    return "a completion on a stale version or an existing key is refused"


def completions_if_absent_have_one_winner(site: Site) -> str:
    """Four uploads of one key, completed at once."""

    def prepare(n: int) -> list[dict[str, Any]]:
        return [_upload(site, f"parts-race-{n}", b"%d" % number) for number in range(4)]

    def complete(uploads: list[dict[str, Any]], number: int) -> bool:
        send = site.client.complete_multipart_upload
        return site.accepted(send, **uploads[number], IfNoneMatch="*")

    return one_winner(prepare, complete, lambda uploads: site.number(uploads[0]["Key"]), writers=4)


def an_upload_in_parts_takes_no_notice_of_keys_below(site: Site) -> str:
    """Complete `v` while `v/x` exists."""
    site.put("v/x", b"1")
    site.client.complete_multipart_upload(Bucket=BUCKET, **_upload(site, "v", b"2"))
    require((site.get("v"), site.get("v/x")) == (b"2", b"1"), "a key and a key below it are not both there")
    return "a key is uploaded in parts beside keys below it"


def unfinished_uploads_are_listed_until_aborted(site: Site) -> str:
    """ListMultipartUploads before and after an abort, and the key meanwhile."""

    def listed() -> list[str]:
        uploads = site.client.list_multipart_uploads(Bucket=BUCKET, Prefix="unfinished")
        return [upload["UploadId"] for upload in uploads.get("Uploads", [])]

    upload = _upload(site, "unfinished", b"x")
    require(listed() == [upload["UploadId"]], f"{listed()} are listed, not the one that was begun")
    require(site.get("unfinished") is None, "an unfinished upload can be read")
    site.client.abort_multipart_upload(Bucket=BUCKET, Key="unfinished", UploadId=upload["UploadId"])
    require(listed() == [], "an aborted upload is still listed")
    return "an unfinished upload is listed until it is aborted, and cannot be read"


def unfinished_uploads_are_listed_with_their_time(site: Site) -> str:
    """ListMultipartUploads of one that was just begun."""
    upload = _upload(site, "dated", b"x")
    (listed,) = site.client.list_multipart_uploads(Bucket=BUCKET, Prefix="dated")["Uploads"]
    age = (datetime.now(UTC) - listed["Initiated"]).total_seconds()
    site.client.abort_multipart_upload(Bucket=BUCKET, Key="dated", UploadId=upload["UploadId"])
    require(abs(age) < 300, f"an upload that was just begun is listed with {listed['Initiated']}")
    return "an unfinished upload is listed with the moment at which it was begun"


def an_object_of_parts_has_the_checksum_of_the_whole(site: Site) -> str:
    """CRC32C of two parts, asked for as that of the full object."""
    data = (b"x" * _PART, b"y")
    upload = _upload(site, "summed", *data, ChecksumAlgorithm="CRC32C", ChecksumType="FULL_OBJECT")
    whole = {"ChecksumType": "FULL_OBJECT", "ChecksumCRC32C": _crc32c(b"".join(data))}
    site.client.complete_multipart_upload(Bucket=BUCKET, **upload, **whole)
    head = site.client.head_object(Bucket=BUCKET, Key="summed", ChecksumMode="ENABLED")
    told = head.get("ChecksumCRC32C")
    require(told == whole["ChecksumCRC32C"], f"it is {whole['ChecksumCRC32C']}, and {told} was told")
    return "an object of two parts has the CRC32C of its whole content"


def _upload(site: Site, key: str, *parts: bytes, **options: str) -> dict[str, Any]:
    """Begin an upload and send its parts; return what completes it."""
    place: dict[str, Any] = {"Bucket": BUCKET, "Key": key}
    place["UploadId"] = site.client.create_multipart_upload(**place, **options)["UploadId"]
    sent = []
    for number, data in enumerate(parts, 1):
        checksum = {"ChecksumCRC32C": _crc32c(data)} if options else {}
        part = site.client.upload_part(**place, PartNumber=number, Body=data, **checksum)
        sent.append({"PartNumber": number, "ETag": part["ETag"], **checksum})
    return {"Key": key, "UploadId": place["UploadId"], "MultipartUpload": {"Parts": sent}}


def _crc32c(data: bytes) -> str:
    from google_crc32c import value

    return base64.b64encode(value(data).to_bytes(4, "big")).decode()


def _completes(site: Site, key: str, **condition: str) -> bool:
    upload = _upload(site, key, b"x" * _PART, b"y")
    return site.accepted(site.client.complete_multipart_upload, **upload, **condition)


PROBES: tuple[Probe[Site], ...] = (
    probe("objects.multipart_conditional", a_multipart_completion_respects_its_condition),
    probe("objects.multipart_atomic", completions_if_absent_have_one_winner),
    probe("objects.slash_neighbours_in_parts", an_upload_in_parts_takes_no_notice_of_keys_below),
    probe("objects.uploads_listed", unfinished_uploads_are_listed_until_aborted),
    probe("objects.uploads_dated", unfinished_uploads_are_listed_with_their_time),
    probe("objects.multipart_checksums", an_object_of_parts_has_the_checksum_of_the_whole),
)
