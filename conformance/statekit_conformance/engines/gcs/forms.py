"""Form posts: a browser's upload, judged by its fields before the file and by its size while it arrives."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit
from xml.etree import ElementTree as ET

from statekit_conformance.engines.gcs import attributes, errors, multipart, post_policy
from statekit_conformance.engines.gcs.checksums import Announced
from statekit_conformance.engines.gcs.http import Request, Response
from statekit_conformance.engines.gcs.moments import Clock
from statekit_conformance.engines.gcs.multipart import Part
from statekit_conformance.engines.gcs.objects import Objects, Target
from statekit_conformance.engines.gcs.records import Record
from statekit_conformance.engines.gcs.signing import Keys

_FIELDS_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Form:
    """The fields before the file, names in lower case, and the file's own name."""

    fields: dict[str, str]
    filename: str


class Forms:
    """POST of a form to a bucket. A form without a valid policy is refused: nobody may write anonymously."""

    def __init__(self, objects: Objects, keys: Keys, clock: Clock) -> None:
        self._objects = objects
        self._keys = keys
        self._clock = clock

    def post(self, request: Request, bucket: str) -> Response:
        """Store a form's file.

        Raises:
            Refusal: 400 for the form, its policy's conditions or the size; 403 for the signature; 404; 429.
        """
        arriving = multipart.events(request.body, request.headers.get("content-type", ""))
        form = _form(arriving)
        policy = post_policy.verify(form.fields, self._keys)
        key = post_policy.filled_in(form.fields.get("key", ""), form.filename)
        policy.check(form.fields, bucket, key, self._clock())
        target = Target(bucket, key, attributes.of_headers(form.fields))
        self._objects.precheck(target)
        received = self._objects.receive(_file(arriving), Announced.of(form.fields), policy.limits)
        record = self._objects.insert(target, received)
        return _answer(form.fields, record, request.origin)


def _form(arriving: Iterator[Part | bytes]) -> Form:
    """Read the fields up to the file.

    Raises:
        Refusal: 400 if a field has no name or comes twice, if there is no file, or if the fields are too
            large.
    """
    values: dict[str, bytearray] = {}
    current, size = bytearray(), 0
    for event in arriving:
        if not isinstance(event, Part):
            current += event
            size += len(event)
            if size > _FIELDS_LIMIT:
                raise errors.too_large(_FIELDS_LIMIT)
            continue
        name = (event.name or "").lower()
        if name == "file":
            return Form({field: _text(value) for field, value in values.items()}, event.filename or "")
        if not name or name in values:
            raise multipart.malformed(f"the field {name!r} has no name or comes twice")
        current = values[name] = bytearray()
    raise multipart.malformed("the form has no file")


def _file(arriving: Iterator[Part | bytes]) -> Iterator[bytes]:
    for event in arriving:
        if isinstance(event, Part):
            raise multipart.malformed("the file must be the last field")
        yield event


def _text(value: bytearray) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise multipart.malformed("a field is not UTF-8") from None


def _answer(fields: dict[str, str], record: Record, origin: str) -> Response:
    """Answer as the form asks: by redirecting, with a document, or with nothing."""
    etag = f'"{record.xml_etag}"'
    where = f"{origin}/{record.bucket}/{quote(record.name)}"
    headers = [("ETag", etag), ("Location", where), ("x-goog-generation", str(record.generation))]
    redirect = fields.get("success_action_redirect", "")
    if redirect.startswith(("http://", "https://")):
        return Response(303, [("Location", _redirected(redirect, record, etag))])
    if fields.get("success_action_status") == "201":
        document = _document({"Location": where, "Bucket": record.bucket, "Key": record.name, "ETag": etag})
        return Response(201, [*headers, ("Content-Type", "application/xml; charset=UTF-8")], document)
    return Response(200 if fields.get("success_action_status") == "200" else 204, headers)


def _redirected(url: str, record: Record, etag: str) -> str:
    parts = urlsplit(url)
    added = [("bucket", record.bucket), ("key", record.name), ("etag", etag)]
    return urlunsplit(parts._replace(query=urlencode(parse_qsl(parts.query) + added)))


def _document(elements: dict[str, str]) -> bytes:
    root = ET.Element("PostResponse")
    for name, text in elements.items():
        ET.SubElement(root, name).text = text
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
