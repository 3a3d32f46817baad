"""The XML API: objects by path with everything about them in the headers; signed URLs; CORS; form posts.

One GET answers body, generation, metageneration, custom metadata and custom time. Supported are GET, HEAD,
PUT and DELETE of an object, POST to start a resumable upload, multipart uploads, POST of a form to a bucket, OPTIONS.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from statekit_conformance.engines.gcs import attributes, cors, errors, media, moments, signing
from statekit_conformance.engines.gcs.access import Access
from statekit_conformance.engines.gcs.buckets import Buckets
from statekit_conformance.engines.gcs.checksums import Announced
from statekit_conformance.engines.gcs.conditions import NONE, Conditions
from statekit_conformance.engines.gcs.forms import Forms
from statekit_conformance.engines.gcs.http import Request, Response, decoded
from statekit_conformance.engines.gcs.json_api import integer, refuse_unserved
from statekit_conformance.engines.gcs.json_uploads import incomplete
from statekit_conformance.engines.gcs.limits import Limits
from statekit_conformance.engines.gcs.objects import Objects, Source, Target
from statekit_conformance.engines.gcs.records import Record
from statekit_conformance.engines.gcs.uploads import Span, Uploads
from statekit_conformance.engines.gcs.xml_parts import XmlParts

_UNSERVED = ("acl", "tagging", "versions", "compose")
_OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-content-disposition": "Content-Disposition",
}


class XmlApi:
    """Handlers of ``/bucket`` and ``/bucket/object``."""

    def __init__(
        self, buckets: Buckets, objects: Objects, uploads_: Uploads, parts: XmlParts, access: Access, forms: Forms
    ) -> None:
        self._buckets = buckets
        self._objects = objects
        self._uploads = uploads_
        self._parts = parts
        self._access = access
        self._forms = forms
        self._handlers = {
            "GET": self._get,
            "HEAD": self._get,
            "PUT": self._put,
            "DELETE": self._delete,
            "POST": self._start,
        }

    def __call__(self, request: Request) -> Response:
        """Serve a request.

        Raises:
            Refusal: What is to be answered instead.
        """
        bucket, _, name = request.path.removeprefix("/").partition("/")
        bucket, name = decoded(bucket), decoded(name)
        if request.method == "OPTIONS":
            return Response(200, cors.preflight(self._rules(bucket), request.headers))
        if request.method == "POST" and not name:
            return self._forms.post(request, bucket)
        unserved = [parameter for parameter in _UNSERVED if parameter in request.query]
        if unserved or not name or request.method not in self._handlers:
            raise errors.not_implemented(f"{request.method} {', '.join(unserved)} in the XML API")
        refuse_unserved(request)
        if XmlParts.concerns(request):
            self._access.check(request)
            return self._parts.serve(request, bucket, name)
        return self._handlers[request.method](request, bucket, name)

    def allowed_origin(self, request: Request) -> cors.Headers:
        """Return the CORS headers that every answer to a request carries, refusals too."""
        if "origin" not in request.headers:
            return []
        bucket = request.path.removeprefix("/").partition("/")[0]
        return cors.exposed(self._rules(bucket), request.headers, request.method)

    def _get(self, request: Request, bucket: str, name: str) -> Response:
        signed = self._access.check(request)
        conditions = Conditions.of_headers(request.headers).reading(request.headers)
        source = Source(bucket, name, integer(request.query, "generation"), conditions)
        record, view = self._objects.open(source)
        headers = _about(record) + (_overrides(request.query) if signed else [])
        return media.respond(record, view, request.headers.get("range"), headers, with_body=request.method == "GET")

    def _put(self, request: Request, bucket: str, name: str) -> Response:
        if "upload_id" in request.query:
            return self._continue(request)
        signed = self._access.check(request)
        if "x-goog-copy-source" in request.headers:
            raise errors.not_implemented("x-goog-copy-source in the XML API")
        target = self._target(request, bucket, name)
        self._objects.precheck(target)
        announced = self._announced(request, signed)
        received = self._objects.receive(request.body, announced, Limits.of_headers(request.headers))
        return Response(200, _stored(self._objects.insert(target, received)))

    def _delete(self, request: Request, bucket: str, name: str) -> Response:
        self._access.check(request)
        conditions = Conditions.of_headers(request.headers)
        self._objects.delete(Source(bucket, name, integer(request.query, "generation"), conditions))
        return Response(204)

    def _start(self, request: Request, bucket: str, name: str) -> Response:
        """Start a resumable upload; its URL needs no signature of its own."""
        signed = self._access.check(request)
        if request.headers.get("x-goog-resumable") != "start":
            raise errors.not_implemented("POST of an object without x-goog-resumable: start")
        upload = self._uploads.begin(
            self._target(request, bucket, name),
            self._announced(request, signed),
            None,
            Limits.of_headers(request.headers),
        )
        where = f"{request.origin}/{quote(bucket)}/{quote(name)}?upload_id={upload}"
        return Response(201, [("Location", where), ("X-GUploader-UploadID", upload)])

    def _continue(self, request: Request) -> Response:
        span = Span.of(request.headers.get("content-range"), request.body.length)
        outcome = self._uploads.receive(request.query["upload_id"], span, request.body, Announced.of(request.headers))
        return incomplete(outcome) if isinstance(outcome, int) else Response(200, _stored(outcome))

    def _target(self, request: Request, bucket: str, name: str) -> Target:
        said = attributes.of_headers(request.headers)
        return Target(bucket, name, said, Conditions.of_headers(request.headers))

    def _announced(self, request: Request, signed: signing.Signed | None) -> Announced:
        announced = Announced.of(request.headers)
        payload = signing.payload_hash(request.headers, signed.headers) if signed else signing.UNSIGNED
        sha256 = None if payload == signing.UNSIGNED else payload.lower()
        return Announced(announced.crc32c, announced.md5, sha256)

    def _rules(self, bucket: str) -> Sequence[Mapping[str, Any]]:
        try:
            found = self._buckets.get(bucket, NONE)
        except errors.Refusal:
            return ()
        return found.attributes.get("cors") or ()


def _about(record: Record) -> list[tuple[str, str]]:
    return [
        ("ETag", f'"{record.xml_etag}"'),
        ("Last-Modified", moments.http_date(record.updated)),
        *attributes.to_headers(record.attributes),
    ]


def _stored(record: Record) -> list[tuple[str, str]]:
    return [
        ("ETag", f'"{record.xml_etag}"'),
        ("x-goog-generation", str(record.generation)),
        ("x-goog-metageneration", str(record.metageneration)),
        ("x-goog-hash", media.hashes(record.content)),
        ("x-goog-stored-content-length", str(record.content.size)),
    ]


def _overrides(query: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the headers that a signed URL asks for in place of the object's own."""
    return [(header, query[name]) for name, header in _OVERRIDES.items() if name in query]
