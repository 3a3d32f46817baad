"""The JSON API's uploads: media, multipart and resumable."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from statekit_conformance.engines.gcs import attributes, errors, multipart, resources
from statekit_conformance.engines.gcs.checksums import Announced
from statekit_conformance.engines.gcs.conditions import Conditions
from statekit_conformance.engines.gcs.http import Request, Response, json_object, json_response
from statekit_conformance.engines.gcs.json_api import integer, refuse_unserved
from statekit_conformance.engines.gcs.multipart import Part
from statekit_conformance.engines.gcs.objects import Objects, Target
from statekit_conformance.engines.gcs.routes import dispatch, route
from statekit_conformance.engines.gcs.uploads import Span, Uploads

_METADATA_LIMIT = 1024 * 1024


class JsonUploads:
    """Handlers of ``/upload/storage/v1``."""

    def __init__(self, objects: Objects, uploads: Uploads) -> None:
        self._objects = objects
        self._uploads = uploads
        path = "/upload/storage/v1/b/{}/o"
        self._routes = (
            route("POST", path, self._begin),
            route("PUT", path, self._continue),
            route("DELETE", path, self._cancel),
        )

    def __call__(self, request: Request) -> Response:
        """Serve a request.

        Raises:
            Refusal: What is to be answered instead.
        """
        refuse_unserved(request)
        return dispatch(self._routes, request)

    def _begin(self, request: Request, bucket: str) -> Response:
        if request.query.get("upload_id"):
            return self._continue(request, bucket)
        kinds = {"media": self._media, "multipart": self._multipart, "resumable": self._resumable}
        kind = kinds.get(request.query.get("uploadType", ""))
        if kind is None:
            raise errors.invalid("uploadType must be media, multipart or resumable")
        return kind(request, bucket)

    def _media(self, request: Request, bucket: str) -> Response:
        resource = {"contentType": request.headers.get("content-type", "application/octet-stream")}
        return self._store(request, bucket, resource, request.body)

    def _multipart(self, request: Request, bucket: str) -> Response:
        arriving = multipart.events(request.body, request.headers.get("content-type", ""))
        resource, media_type = _opening(arriving)
        return self._store(request, bucket, {"contentType": media_type, **resource}, _rest(arriving))

    def _store(self, request: Request, bucket: str, resource: Mapping[str, Any], pieces: Iterable[bytes]) -> Response:
        target = _target(request, bucket, resource)
        announced = Announced.of(request.headers, resource)
        self._objects.precheck(target)
        record = self._objects.insert(target, self._objects.receive(pieces, announced))
        return json_response(resources.of_record(record, request.origin))

    def _resumable(self, request: Request, bucket: str) -> Response:
        resource = request.json()
        media_type = request.headers.get("x-upload-content-type")
        target = _target(request, bucket, {"contentType": media_type, **resource})
        total = integer(request.headers, "x-upload-content-length")
        upload = self._uploads.begin(target, Announced.of(request.headers, resource), total)
        where = f"{request.path}?uploadType=resumable&name={quote(target.name, safe='')}&upload_id={upload}"
        headers = [("Location", request.origin + where), ("X-GUploader-UploadID", upload)]
        return Response(200, headers)

    def _continue(self, request: Request, _bucket: str) -> Response:
        span = Span.of(request.headers.get("content-range"), request.body.length)
        announced = Announced.of(request.headers)
        outcome = self._uploads.receive(_upload_id(request), span, request.body, announced)
        if isinstance(outcome, int):
            return incomplete(outcome)
        return json_response(resources.of_record(outcome, request.origin))

    def _cancel(self, request: Request, _bucket: str) -> Response:
        self._uploads.cancel(_upload_id(request))
        return Response(499)


def incomplete(received: int) -> Response:
    """Answer that an upload goes on, and from where."""
    return Response(308, [("Range", f"bytes=0-{received - 1}")] if received else [])


def _upload_id(request: Request) -> str:
    upload = request.query.get("upload_id")
    if not upload:
        raise errors.required("upload_id is missing")
    return upload


def _target(request: Request, bucket: str, resource: Mapping[str, Any]) -> Target:
    name = request.query.get("name") or resource.get("name")
    if not isinstance(name, str):
        raise errors.required("the object has no name")
    said = attributes.of_resource(resource)
    if "contentEncoding" in request.query:
        said["contentEncoding"] = request.query["contentEncoding"]
    return Target(bucket, name, said, Conditions.of_query(request.query))


def _opening(arriving: Iterator[Part | bytes]) -> tuple[dict[str, Any], str]:
    """Read up to the second part's headers; return the first part and the second's media type."""
    if not isinstance(next(arriving, None), Part):
        raise multipart.malformed("no metadata part")
    metadata = b""
    for event in arriving:
        if isinstance(event, Part):
            return json_object(metadata), event.headers.get("content-type", "application/octet-stream")
        metadata += event
        if len(metadata) > _METADATA_LIMIT:
            raise errors.too_large(_METADATA_LIMIT)
    raise multipart.malformed("no media part")


def _rest(arriving: Iterator[Part | bytes]) -> Iterator[bytes]:
    for event in arriving:
        if isinstance(event, Part):
            raise multipart.malformed("more than two parts")
        yield event
