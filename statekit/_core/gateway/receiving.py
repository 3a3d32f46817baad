"""Uploads: PUT and forms. Nothing is stored unless everything holds, the size included, which is counted on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from statekit._core import metadata
from statekit._core.keys import check_key
from statekit._core.objects.describe import Put
from statekit._core.objects.files import Writing
from statekit._core.objects.plans import ObjectPlans
from statekit._core.permits import Permit
from statekit._core.plan import Plan, clean_up
from statekit.driver import FILENAME
from statekit.types import ObjectInfo

from .exchange import Answer, Headers, Refusal, Request, document
from .forms import PIECE, Form
from .serving import etag_of

__all__ = ["Verify", "receive_form", "receive_put"]

Verify = Callable[[Mapping[str, str], str, str], Permit]
"""Returns the permit that a request shows: takes where it is shown, its name there, and its signature's."""

_UNSPOKEN: Final = "x-ignore-"
"""What a form's fields begin with that nobody judges, as with S3 and GCS."""


def receive_put(plans: ObjectPlans, permit: Permit, request: Request) -> Plan[Answer]:
    """Store a body."""
    if request.length is None:
        raise Refusal(411, "MissingContentLength", "say how many bytes there are, in Content-Length")
    if request.headers.get("content-type") != permit.content_type:
        raise Refusal(403, "AccessDenied", "another content type was signed")
    if permit.if_absent and request.headers.get("if-none-match") != "*":
        raise Refusal(403, "AccessDenied", "If-None-Match: * was signed, and has to be sent")
    _check_length(permit, request.length)
    info = yield from _store(plans, permit.key, permit, lambda: request.body.take(PIECE))
    return Answer(200, (("ETag", etag_of(info)),))


def receive_form(plans: ObjectPlans, verify: Verify, request: Request) -> Plan[Answer]:
    """Store a form's file."""
    if request.length is None:
        raise Refusal(411, "MissingContentLength", "say how many bytes there are, in Content-Length")
    if request.key:
        raise Refusal(405, "MethodNotAllowed", "forms are posted to the gateway itself", (("Allow", "GET, HEAD, PUT"),))
    form = Form(request.headers.get("content-type", ""), request.body)
    yield from form.read_fields()
    permit = verify(form.fields, "policy", "x-amz-signature")
    _check_fields(permit, form.fields)
    key = _key(permit, form)
    info = yield from _store(plans, key, permit, form.next_data)
    return _done(permit, key, info)


def _check_length(permit: Permit, length: int) -> None:
    if length > permit.largest:
        raise _too_large(permit)
    if length < permit.smallest:
        raise _too_small(permit)


def _check_fields(permit: Permit, fields: Mapping[str, str]) -> None:
    """Refuse a field with another value than was signed, and one that was not."""
    answer = "success_action_redirect" if isinstance(permit.success, str) else "success_action_status"
    signed = {"content-type": permit.content_type, answer: str(permit.success)}
    for name, value in signed.items():
        if fields.get(name) != value:
            raise Refusal(403, "AccessDenied", f"the field {name} was signed with another value")
    spoken = {"key", "policy", "x-amz-signature", *signed}
    if any(name not in spoken and not name.startswith(_UNSPOKEN) for name in fields):
        raise Refusal(403, "AccessDenied", "there is a field that was not signed")


def _key(permit: Permit, form: Form) -> str:
    """Return the object's key.

    Raises:
        Refusal: It is not the one that was signed, or does not begin so.
        InvalidKeyError: It is outside the grammar.
    """
    given = form.fields.get("key", "")
    if not permit.prefix:
        if given != permit.key:
            raise Refusal(403, "AccessDenied", "another key was signed")
        return given
    if not given.startswith(permit.key):
        raise Refusal(403, "AccessDenied", "the key does not begin as was signed")
    key = given.replace(FILENAME, form.filename)
    check_key(key)
    return key


def _store(plans: ObjectPlans, key: str, permit: Permit, next_data: Callable[[], Plan[bytes]]) -> Plan[ObjectInfo]:
    """Store what arrives, if there is as much of it as was signed."""
    put = Put(
        content_type=permit.content_type,
        cache_control=permit.cache_control,
        content_disposition=permit.content_disposition,
        metadata=metadata.decode(permit.user),
        if_absent=permit.if_absent,
    )
    writing = Writing(plans, key, put, None, signed=True)
    measured = _Measured(permit, next_data)
    try:
        while data := (yield from measured.next()):
            yield from writing.write(data)
        return (yield from writing.finish())
    except BaseException as error:
        yield from clean_up(error, partial(writing.abort, error))
        raise


class _Measured:
    """What arrives, counted."""

    def __init__(self, permit: Permit, next_data: Callable[[], Plan[bytes]]) -> None:
        self._permit, self._next = permit, next_data
        self._size = 0

    def next(self) -> Plan[bytes]:
        """Return the next bytes; none at the end.

        Raises:
            Refusal: They are too many, or too few at the end.
        """
        data = yield from self._next()
        self._size += len(data)
        if self._size > self._permit.largest:
            raise _too_large(self._permit)
        if not data and self._size < self._permit.smallest:
            raise _too_small(self._permit)
        return data


def _done(permit: Permit, key: str, info: ObjectInfo) -> Answer:
    """Answer as the form asks: by redirecting, with a document, or with nothing."""
    etag = etag_of(info)
    if isinstance(permit.success, str):
        return Answer(303, (("Location", _redirected(permit.success, key, etag)),))
    headers: Headers = (("ETag", etag),)
    if permit.success != 201:
        return Answer(permit.success, headers)
    body = document("PostResponse", Key=key, ETag=etag)
    return Answer(201, (*headers, ("Content-Type", "application/xml")), body)


def _redirected(url: str, key: str, etag: str) -> str:
    parts = urlsplit(url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), ("key", key), ("etag", etag)]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _too_large(permit: Permit) -> Refusal:
    return Refusal(413, "EntityTooLarge", f"there are more than the {permit.largest} bytes that were signed")


def _too_small(permit: Permit) -> Refusal:
    return Refusal(400, "EntityTooSmall", f"there are fewer than the {permit.smallest} bytes that were signed")
