"""Resources: buckets, objects and pages of them as the JSON API shows them.

Every link points back to the address that the request came to, so no client is ever sent to the real service.
"""

from typing import Any
from urllib.parse import quote

from statekit_conformance.engines.gcs import moments
from statekit_conformance.engines.gcs.buckets import Bucket
from statekit_conformance.engines.gcs.checksums import crc32c_text, md5_text
from statekit_conformance.engines.gcs.listing import Page
from statekit_conformance.engines.gcs.records import Record
from statekit_conformance.engines.gcs.rewriting import Progress

_DEFAULT_CLASS = "STANDARD"


def of_bucket(bucket: Bucket, origin: str) -> dict[str, Any]:
    """Show a bucket."""
    return {
        "kind": "storage#bucket",
        "id": bucket.name,
        "name": bucket.name,
        "selfLink": f"{origin}/storage/v1/b/{bucket.name}",
        "projectNumber": "1",
        "metageneration": str(bucket.metageneration),
        "timeCreated": moments.rfc3339(bucket.created),
        "updated": moments.rfc3339(bucket.updated),
        "etag": bucket.etag,
        "location": "US",
        "locationType": "multi-region",
        "storageClass": _DEFAULT_CLASS,
        **bucket.attributes,
    }


def of_record(record: Record, origin: str) -> dict[str, Any]:
    """Show an object."""
    link = f"/storage/v1/b/{record.bucket}/o/{quote(record.name, safe='')}"
    content = record.content
    resource = {
        "kind": "storage#object",
        "id": f"{record.bucket}/{record.name}/{record.generation}",
        "selfLink": origin + link,
        "mediaLink": f"{origin}/download{link}?generation={record.generation}&alt=media",
        "name": record.name,
        "bucket": record.bucket,
        "generation": str(record.generation),
        "metageneration": str(record.metageneration),
        "storageClass": _DEFAULT_CLASS,
        "size": str(content.size),
        "crc32c": crc32c_text(content.crc32c),
        "etag": record.etag,
        "timeCreated": moments.rfc3339(record.created),
        "updated": moments.rfc3339(record.updated),
        "timeStorageClassUpdated": moments.rfc3339(record.created),
        "timeFinalized": moments.rfc3339(record.created),
        **record.attributes,
    }
    if content.md5 is not None:
        resource["md5Hash"] = md5_text(content.md5)
    if content.components is not None:
        resource["componentCount"] = content.components
    return resource


def of_page(page: Page, origin: str) -> dict[str, Any]:
    """Show one page of a listing; what is empty is left out."""
    resource: dict[str, Any] = {"kind": "storage#objects"}
    if page.items:
        resource["items"] = [of_record(record, origin) for record in page.items]
    if page.prefixes:
        resource["prefixes"] = page.prefixes
    if page.token is not None:
        resource["nextPageToken"] = page.token
    return resource


def of_progress(progress: Progress, origin: str) -> dict[str, Any]:
    """Show how far a rewrite is."""
    resource: dict[str, Any] = {
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": str(progress.rewritten),
        "objectSize": str(progress.size),
        "done": progress.record is not None,
    }
    if progress.record is not None:
        resource["resource"] = of_record(progress.record, origin)
    else:
        resource["rewriteToken"] = progress.token
    return resource
