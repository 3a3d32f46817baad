"""Presigned requests: what may be asked for, which is what every engine enforces, and who signs it.

Where the engine signs, its own signature is used; elsewhere the gateway's.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, urlsplit

from msgspec.structs import replace

from statekit._core.keys import check_key, redact
from statekit._core.limits import check_header
from statekit._core.permits import Signer
from statekit._core.pipeline import Operation, Wire, fetch
from statekit._core.plan import Plan
from statekit.driver import FILENAME, Grant, Meta, Signed, SigningDriver
from statekit.errors import InvalidInputError, InvalidKeyError, LimitExceededError, UnsupportedError
from statekit.types import Presigned

from .describe import Put
from .plans import ObjectPlans

__all__ = ["HOUR", "LARGEST", "LONGEST", "PresignPlans", "upload_grant"]

HOUR: Final = timedelta(hours=1)
LONGEST: Final = timedelta(days=7)
"""S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html; GCS:
https://cloud.google.com/storage/docs/access-control/signed-urls"""
LARGEST: Final = 5 * 1024**3
"""Bytes that S3 takes in one request: https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html"""
INLINE: Final = frozenset(
    {
        *(f"image/{name}" for name in ("avif", "gif", "jpeg", "png", "webp")),
        *(f"audio/{name}" for name in ("aac", "flac", "mp4", "mpeg", "ogg", "wav", "webm")),
        *(f"video/{name}" for name in ("mp4", "ogg", "webm")),
        "text/plain",
    }
)
"""Types that a browser shows without running anything: not HTML, not SVG, not XML, not PDF."""
_STATUSES: Final = (200, 201, 204)
_FILENAME_BYTES: Final = 255
_UNNAMED: Final = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\ud800-\udfff]")
_URL: Final = re.compile(r"[!-~]{1,2000}")


class PresignPlans:
    """The operations that sign.

    Args:
        objects: The object store's operations.
    """

    def __init__(self, objects: ObjectPlans) -> None:
        self._objects = objects

    @property
    def wire(self) -> Wire:
        """What operations share."""
        return self._objects.wire

    def presign_get(
        self,
        timeout: float | None,
        key: str,
        expires_in: timedelta,
        filename: str | None,
        content_type: str | None,
        *,
        inline: bool,
    ) -> Plan[Presigned]:
        """Sign a download."""
        with self.wire.begin("presign_get", timeout) as op:
            self._objects.place(op, key)
            if content_type is not None:
                check_header("content_type", content_type)
            if inline and (content_type or "").lower() not in INLINE:
                raise UnsupportedError(
                    f"inline needs a content_type that no browser runs: {', '.join(sorted(INLINE))}", clause="O-35"
                )
            overrides = {"response-content-disposition": _disposition(filename, inline=inline)}
            if content_type is not None:
                overrides["response-content-type"] = content_type
            grant = Grant(method="GET", key=key, lifetime=_lifetime(expires_in), overrides=overrides)
            return (yield from self.sign(op, grant))

    def presign_put(
        self, timeout: float | None, key: str, size: int, put: Put, expires_in: timedelta
    ) -> Plan[Presigned]:
        """Sign an upload of an exact size."""
        with self.wire.begin("presign_put", timeout) as op:
            self._objects.place(op, key)
            grant = upload_grant(key, (size, size), put, expires_in, form=False)
            return (yield from self.sign(op, replace(grant, if_absent=put.if_absent)))

    def presign_post(
        self,
        timeout: float | None,
        key: str | None,
        prefix: str | None,
        sizes: tuple[int, int],
        put: Put,
        expires_in: timedelta,
        success: int | str,
    ) -> Plan[Presigned]:
        """Sign an upload by a form."""
        with self.wire.begin("presign_post", timeout) as op:
            start, whole = _target(key, prefix)
            op.key = redact(start)
            if put.if_absent:
                raise UnsupportedError(
                    "S3 ignores conditions in a form: use presign_put, or a ticket, which publishes with a condition",
                    clause="O-34",
                )
            _check_success(success)
            grant = upload_grant(start, sizes, put, expires_in, form=True)
            return (yield from self.sign(op, replace(grant, prefix=not whole, success=success)))

    def sign(self, op: Operation, grant: Grant) -> Plan[Presigned]:
        """Have a grant signed, by the engine or for the gateway.

        Raises:
            UnsupportedError: Neither is there.
        """
        driver, signer = self._objects.driver(), self._objects.signer
        if isinstance(driver, SigningDriver):
            full = replace(grant, key=self._objects.prefix + grant.key)
            signed: Signed = yield from fetch(op, driver, driver.sign, full)
        else:
            signed = _by_gateway(signer, grant, op.now)
        expires_at = datetime.fromtimestamp(signed.expires_at / 1000, UTC)
        return Presigned(grant.method, signed.url, signed.headers, signed.fields, expires_at)


def upload_grant(key: str, sizes: tuple[int, int], put: Put, expires_in: timedelta, *, form: bool) -> Grant:
    """Return the grant of an upload to an exact key, without a condition.

    Raises:
        InvalidInputError: A size or something stored beside the bytes is not usable.
        LimitExceededError: Too large, or for too long.
    """
    smallest, largest = sizes
    _check_size("the smallest size", smallest)
    _check_size("the largest size", largest)
    if smallest > largest:
        raise InvalidInputError("the smallest size is at most the largest")
    lifetime = _lifetime(expires_in)
    return Grant(method="POST" if form else "PUT", key=key, lifetime=lifetime, meta=_meta(put), size=sizes)


def _by_gateway(signer: Signer | None, grant: Grant, now: int) -> Signed:
    if signer is None:
        raise UnsupportedError(
            "this backend signs nothing itself, and no gateway is configured: mount statekit.gateway, and set its "
            "public URL (gateway, STATEKIT_GATEWAY_URL) and keys (keys, STATEKIT_KEYS, from statekit keygen)",
            clause="O-34",
        )
    return signer.sign(grant, now)


def _target(key: str | None, prefix: str | None) -> tuple[str, bool]:
    """Return the key of a form, or what it begins with, and whether it is all of it.

    Raises:
        InvalidKeyError: It is outside the grammar, or no directory.
        InvalidInputError: There are both, or neither.
    """
    if (key is None) is (prefix is None):
        raise InvalidInputError("a form is for a key, or for a prefix")
    start = key if key is not None else prefix or ""
    if FILENAME in start:
        raise InvalidKeyError(f"engines replace {FILENAME} in a form's key: use prefix")
    if key is None and not start.endswith("/"):
        raise InvalidKeyError("a form's prefix ends with a slash, so that it ends where a segment does")
    check_key(start if key is not None else start[:-1])
    return start, key is not None


def _lifetime(expires_in: timedelta) -> int:
    seconds = expires_in // timedelta(seconds=1)
    if seconds < 1:
        raise InvalidInputError("expires_in is at least a second")
    if expires_in > LONGEST:
        raise LimitExceededError("expires_in is at most 7 days, on every engine", clause="O-33")
    return seconds


def _check_size(name: str, size: int) -> None:
    if type(size) is not int or size < 0:
        raise InvalidInputError(f"{name} is a number of bytes")
    if size > LARGEST:
        raise LimitExceededError(f"{name} is {size} bytes, and {LARGEST} go in one request on every engine")


def _check_success(success: int | str) -> None:
    if isinstance(success, int):
        if success not in _STATUSES:
            raise InvalidInputError("a form answers with 200, 201 or 204, or redirects to a URL")
        return
    parts = urlsplit(success) if _URL.fullmatch(success) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc:
        raise InvalidInputError("a form redirects to an absolute URL, http or https, of at most 2,000 ASCII characters")


def _meta(put: Put) -> Meta:
    """Return what the engine stores beside the bytes: no write id, for this signature may be used more than once."""
    if put.content_type is None:
        raise InvalidInputError("an upload is signed for its content type")
    return replace(put.meta(), write_id=None, replaces=None)


def _disposition(filename: str | None, *, inline: bool) -> str:
    """Return a Content-Disposition, with the name in both forms of RFC 6266.

    Raises:
        InvalidInputError: No file can be called so.
        LimitExceededError: The name is too long.
    """
    kind = "inline" if inline else "attachment"
    if filename is None:
        return kind
    if not filename or _UNNAMED.search(filename):
        raise InvalidInputError("filename is a name without slashes and control characters")
    if len(filename.encode()) > _FILENAME_BYTES:
        raise LimitExceededError(f"filename has at most {_FILENAME_BYTES} bytes of UTF-8")
    plain = re.sub(r"[^ !#-$&-\[\]-~]", "_", filename)
    encoded = quote(filename, safe="")
    extended = "" if plain == filename else f"; filename*=UTF-8''{encoded}"
    return f'{kind}; filename="{plain}"{extended}'
