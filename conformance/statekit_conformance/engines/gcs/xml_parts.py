"""The XML API's multipart uploads as requests: ``?uploads`` begins one, ``?uploadId=`` goes on with it."""

from xml.etree import ElementTree as ET

from statekit_conformance.engines.gcs import attributes, errors, media
from statekit_conformance.engines.gcs.checksums import Announced
from statekit_conformance.engines.gcs.conditions import NONE, Conditions
from statekit_conformance.engines.gcs.http import Request, Response
from statekit_conformance.engines.gcs.json_api import integer
from statekit_conformance.engines.gcs.objects import Objects
from statekit_conformance.engines.gcs.part_uploads import MOST, PartUploads

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_LIST_LIMIT = 4 * 1024 * 1024


class XmlParts:
    """Handlers of multipart uploads. The caller has judged access."""

    def __init__(self, objects: Objects, uploads: PartUploads) -> None:
        self._objects = objects
        self._uploads = uploads
        self._handlers = {"PUT": self._part, "POST": self._complete, "DELETE": self._abort}

    @staticmethod
    def concerns(request: Request) -> bool:
        """Tell whether a request is about a multipart upload."""
        return "uploads" in request.query or "uploadId" in request.query

    def serve(self, request: Request, bucket: str, name: str) -> Response:
        """Serve a request.

        Raises:
            Refusal: What is to be answered instead; 501 for preconditions, which these uploads do not have, and for
                listings.
        """
        if Conditions.of_headers(request.headers) != NONE:
            raise errors.not_implemented("preconditions on multipart uploads, nor does the real service")
        beginning = "uploads" in request.query and request.method == "POST"
        handler = self._begin if beginning else self._handlers.get(request.method)
        if handler is None or ("uploads" in request.query and not beginning):
            raise errors.not_implemented(f"{request.method} of a multipart upload")
        return handler(request, bucket, name)

    def _begin(self, request: Request, bucket: str, name: str) -> Response:
        upload = self._uploads.begin(bucket, name, attributes.of_headers(request.headers))
        return _document("InitiateMultipartUploadResult", Bucket=bucket, Key=name, UploadId=upload)

    def _part(self, request: Request, _bucket: str, _name: str) -> Response:
        number = integer(request.query, "partNumber")
        if number is None or not 0 < number <= MOST:
            raise errors.invalid(f"partNumber must be 1 to {MOST}")
        received = self._objects.receive(request.body, Announced.of(request.headers))
        part = self._uploads.store(request.query["uploadId"], number, received)
        return Response(200, [("ETag", f'"{part.etag}"'), ("x-goog-hash", media.hashes(part.content))])

    def _complete(self, request: Request, bucket: str, name: str) -> Response:
        record = self._uploads.complete(request.query["uploadId"], _named(request.body.whole(_LIST_LIMIT)))
        answer = _document(
            "CompleteMultipartUploadResult",
            Location=f"{request.origin}/{bucket}/{name}",
            Bucket=bucket,
            Key=name,
            ETag=f'"{record.xml_etag}"',
        )
        answer.headers += [
            ("x-goog-generation", str(record.generation)),
            ("x-goog-metageneration", str(record.metageneration)),
            ("x-goog-hash", media.hashes(record.content)),
        ]
        return answer

    def _abort(self, request: Request, _bucket: str, _name: str) -> Response:
        self._uploads.abort(request.query["uploadId"])
        return Response(204)


def _named(document: bytes) -> list[tuple[int, str]]:
    """Read the parts that a completion names; its elements may or may not be in a namespace."""
    try:
        parts = [element for element in ET.fromstring(document) if _tag(element) == "Part"]  # noqa: S314 - on loopback
        fields = [{_tag(field): field.text or "" for field in part} for part in parts]
        return [(int(field["PartNumber"]), field["ETag"]) for field in fields]
    except (ET.ParseError, KeyError, ValueError):
        raise errors.Refusal(400, "invalid", "MalformedCompleteMultipartUploadRequest", "not a list of parts") from None


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _document(kind: str, **elements: str) -> Response:
    root = ET.Element(kind, xmlns=_NAMESPACE)
    for name, text in elements.items():
        ET.SubElement(root, name).text = text
    body = bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
    return Response(200, [("Content-Type", "application/xml; charset=UTF-8")], body)
