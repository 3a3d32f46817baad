"""Signing: presigned URLs and forms, by boto3's own signer.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from statekit.driver import FILENAME, Grant, Meta, Millis, Signed
from statekit_aws.faults import WeakSignatureError

from .metadata import packed
from .requests import ObjectRequests

__all__ = ["sign"]

_MOMENT: Final = "%Y%m%dT%H%M%SZ"
_EXPIRY: Final = "%Y-%m-%dT%H:%M:%SZ"
_OVERRIDES: Final = {
    "response-content-disposition": "ResponseContentDisposition",
    "response-content-type": "ResponseContentType",
}
_HEADERS: Final = {
    "ContentType": "Content-Type",
    "CacheControl": "Cache-Control",
    "ContentDisposition": "Content-Disposition",
}


def sign(client: Any, requests: ObjectRequests, grant: Grant) -> Signed:
    """Sign a grant with boto3's client, whose credentials it may have to fetch.

    What temporary credentials sign ends with them, if they say when that is.

    Raises:
        WeakSignatureError: The application's own client signs by version 2.
    """
    lifetime = _lifetime(client, grant.lifetime)
    if grant.method == "POST":
        return _form(client, requests, grant, lifetime)
    operation, parameters = _request(grant)
    url = client.generate_presigned_url(
        operation, Params={**requests.place(grant.key), **parameters}, ExpiresIn=lifetime
    )
    return Signed(url, _sent(grant) if grant.method == "PUT" else {}, {}, _end_of(url))


def _request(grant: Grant) -> tuple[str, dict[str, Any]]:
    if grant.method == "GET":
        return "get_object", {_OVERRIDES[name]: value for name, value in (grant.overrides or {}).items()}
    parameters = {**packed(grant.meta or Meta()), "ContentLength": grant.size[0] if grant.size else 0}
    return "put_object", {**parameters, **({"IfNoneMatch": "*"} if grant.if_absent else {})}


def _stored(meta: Meta) -> dict[str, str]:
    """Return what is stored beside the bytes by the names of headers, which are those of a form's fields."""
    given = packed(meta)
    user: Mapping[str, str] = given.pop("Metadata")
    return {
        **{_HEADERS[name]: value for name, value in given.items()},
        **{f"x-amz-meta-{name}": value for name, value in user.items()},
    }


def _sent(grant: Grant) -> dict[str, str]:
    return {**_stored(grant.meta or Meta()), **({"If-None-Match": "*"} if grant.if_absent else {})}


def _form(client: Any, requests: ObjectRequests, grant: Grant, lifetime: int) -> Signed:
    answer = "success_action_redirect" if isinstance(grant.success, str) else "success_action_status"
    fields = {**_stored(grant.meta or Meta()), answer: str(grant.success)}
    conditions: list[Any] = [{name: value} for name, value in fields.items()]
    if grant.size is not None:
        conditions.append(["content-length-range", *grant.size])
    place = requests.place(grant.key)
    key = place["Key"] + (FILENAME if grant.prefix else "")  # of which boto3 makes the condition starts-with
    form = client.generate_presigned_post(place["Bucket"], key, fields, conditions, lifetime)
    if "x-amz-signature" not in form["fields"]:
        raise WeakSignatureError
    policy = json.loads(base64.b64decode(form["fields"]["policy"]))
    return Signed(form["url"], {}, form["fields"], _millis(policy["expiration"], _EXPIRY))


def _lifetime(client: Any, wanted: int) -> int:
    credentials = client._request_signer._credentials  # noqa: SLF001 - a client has no other way to them
    if credentials is None:
        return wanted  # boto3 says so when it signs
    credentials.get_frozen_credentials()  # which refreshes what is about to expire
    expiry: datetime | None = getattr(credentials, "_expiry_time", None)
    if expiry is None:
        return wanted
    return max(1, min(wanted, int((expiry - datetime.now(UTC)).total_seconds())))


def _end_of(url: str) -> Millis:
    query = parse_qs(urlsplit(url).query)
    if "X-Amz-Signature" not in query:
        raise WeakSignatureError
    return _millis(query["X-Amz-Date"][0], _MOMENT) + int(query["X-Amz-Expires"][0]) * 1000


def _millis(text: str, pattern: str) -> Millis:
    return int(datetime.strptime(text, pattern).replace(tzinfo=UTC).timestamp()) * 1000
