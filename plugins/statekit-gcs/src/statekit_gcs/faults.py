"""What the exceptions of Google's packages, requests and urllib3 mean.

A 5xx does not say whether a write happened: https://cloud.google.com/storage/docs/retry-strategy. Core settles it.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final

from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud.storage import exceptions as storage  # type: ignore[import-untyped]
from google.resumable_media import common as media
from requests import exceptions as http
from urllib3 import exceptions as wire

from statekit.driver import Failure, Fault

from .answers import Answer, UnreadableError
from .signing import KeylessError

__all__ = [
    "TABLE",
    "ChangedError",
    "DamagedError",
    "NoProjectError",
    "UnsentError",
    "UploadGoneError",
    "error_of",
    "fault",
]

_PAUSE: Final = 1.0
"""Seconds between two changes of one object: https://cloud.google.com/storage/quotas#objects."""
_SLOW_UPLOAD: Final = 408
_NO_BUCKET: Final = "create the bucket: python -m statekit provision --url gs://…"
_NO_PROJECT: Final = "name the project of the new bucket: --url 'gs://…?project=…', or GOOGLE_CLOUD_PROJECT"
_CREDENTIALS: Final = "set up Application Default Credentials, or name a key with service_account_file"
_SIGNING: Final = "sign with a service account's key: name one with service_account_file"
_PERMISSION: Final = "grant the account roles/storage.objectUser on the bucket"
_CERTIFICATE: Final = "check the endpoint, and the certificate authorities that this machine trusts"


class DamagedError(Exception):
    """The bytes do not match the checksum that came with them. Nothing was made visible."""


class ChangedError(Exception):
    """The object was replaced between the two requests of one call."""


class UnsentError(Exception):
    """The time was over before the request was sent. What an earlier one of the same call did is not visible yet."""


class UploadGoneError(Exception):
    """The parts of an upload are not there (any more): it was finished, aborted, or reclaimed."""


class NoProjectError(Exception):
    """A bucket is to be created, and nobody says in which project."""


def _each(failure: Failure, *kinds: type[BaseException]) -> dict[type[BaseException], Failure]:
    return dict.fromkeys(kinds, failure)


TABLE: Final[Mapping[type[BaseException], Failure]] = {
    **_each(Failure(Fault.REJECTED), DamagedError, media.DataCorruption, storage.DataCorruption),
    **_each(Failure(Fault.BUSY), ChangedError),
    **_each(Failure(Fault.UNREACHED), UnsentError),
    **_each(Failure(Fault.LOST), UploadGoneError),
    **_each(Failure(Fault.CORRUPT), UnreadableError),
    **_each(Failure(Fault.MISCONFIGURED, advice=_NO_PROJECT), NoProjectError),
    **_each(Failure(Fault.MISCONFIGURED, advice=_SIGNING), KeylessError),
    # Google's answers, by status.
    **_each(
        Failure(Fault.REJECTED),
        *(api.BadRequest, api.InvalidArgument, api.FailedPrecondition, api.OutOfRange, api.MethodNotAllowed),
        *(api.LengthRequired, api.PreconditionFailed, api.RequestRangeNotSatisfiable, api.MethodNotImplemented),
        *(api.NotModified, api.DuplicateCredentialArgs, api.AsyncRestUnsupportedParameterError),
        storage.InvalidPathError,
    ),
    **_each(Failure(Fault.DENIED, advice=_CREDENTIALS), api.Unauthorized, api.Unauthenticated),
    **_each(Failure(Fault.DENIED, advice=_PERMISSION), api.Forbidden, api.PermissionDenied),
    **_each(Failure(Fault.MISCONFIGURED, advice=_NO_BUCKET), api.NotFound),
    **_each(
        Failure(Fault.MISCONFIGURED, advice="check the endpoint: it sends elsewhere"),
        *(api.Redirection, api.MovedPermanently, api.TemporaryRedirect, http.TooManyRedirects),
    ),
    **_each(Failure(Fault.BUSY), api.Conflict, api.AlreadyExists, api.Aborted),
    **_each(Failure(Fault.THROTTLED, retry_after=_PAUSE), api.TooManyRequests, api.ResourceExhausted),
    **_each(
        Failure(Fault.LOST),
        *(api.ServerError, api.InternalServerError, api.BadGateway, api.ServiceUnavailable, api.DataLoss),
    ),
    **_each(Failure(Fault.TIMED_OUT), api.GatewayTimeout, api.DeadlineExceeded),
    **_each(
        Failure(Fault.UNKNOWN),
        *(api.GoogleAPIError, api.GoogleAPICallError, api.ClientError, api.RetryError, api.Unknown, api.Cancelled),
        *(api.ResumeIncomplete, media.InvalidResponse, storage.InvalidResponse),
    ),
    # Credentials: what fails here fails before the request is sent.
    **_each(
        Failure(Fault.DENIED, advice=_CREDENTIALS),
        *(auth.GoogleAuthError, auth.RefreshError, auth.UserAccessTokenError, auth.DefaultCredentialsError),
        *(auth.OAuthError, auth.ReauthFailError, auth.ReauthSamlChallengeFailError, auth.MalformedError),
        *(auth.InvalidResource, auth.InvalidOperation, auth.InvalidValue, auth.InvalidType, auth.OSError),
    ),
    **_each(Failure(Fault.MISCONFIGURED, advice=_CERTIFICATE), auth.MutualTLSChannelError, auth.ClientCertError),
    **_each(Failure(Fault.UNREACHED), auth.TransportError, auth.TimeoutError, auth.ResponseError),
    # requests.
    **_each(Failure(Fault.UNREACHED), http.ConnectTimeout, http.ProxyError),
    **_each(Failure(Fault.TIMED_OUT), http.ReadTimeout, http.Timeout, TimeoutError),
    **_each(
        Failure(Fault.LOST),
        *(http.ConnectionError, http.SSLError, http.ChunkedEncodingError, http.ContentDecodingError),
        *(http.InvalidJSONError, http.JSONDecodeError, OSError),
    ),
    **_each(
        Failure(Fault.MISCONFIGURED, advice="check the endpoint and the proxy: the URL is not one"),
        *(http.MissingSchema, http.InvalidSchema, http.InvalidURL, http.InvalidProxyURL, http.URLRequired),
    ),
    **_each(Failure(Fault.REJECTED), http.InvalidHeader),
    **_each(
        Failure(Fault.UNKNOWN),
        *(http.RequestException, http.HTTPError, http.StreamConsumedError, http.RetryError),
        http.UnrewindableBodyError,
    ),
    # urllib3, which reads the bodies.
    **_each(
        Failure(Fault.UNREACHED),
        *(wire.ConnectTimeoutError, wire.NewConnectionError, wire.NameResolutionError, wire.ProxyError),
        *(wire.EmptyPoolError, wire.ClosedPoolError, wire.FullPoolError),
    ),
    **_each(Failure(Fault.TIMED_OUT), wire.TimeoutError, wire.ReadTimeoutError),
    **_each(
        Failure(Fault.LOST),
        *(wire.ProtocolError, wire.ConnectionError, wire.IncompleteRead, wire.InvalidChunkLength, wire.SSLError),
        *(wire.ResponseNotChunked, wire.DecodeError, wire.ResponseError, wire.HeaderParsingError),
    ),
    **_each(
        Failure(Fault.MISCONFIGURED, advice="check the endpoint and the proxy: the URL is not one"),
        *(wire.LocationValueError, wire.LocationParseError, wire.URLSchemeUnknown, wire.HostChangedError),
        *(wire.ProxySchemeUnknown, wire.ProxySchemeUnsupported),
    ),
    **_each(Failure(Fault.REJECTED), wire.InvalidHeader, wire.TimeoutStateError),
    **_each(
        Failure(Fault.UNKNOWN),
        *(wire.HTTPError, wire.PoolError, wire.RequestError, wire.MaxRetryError, wire.BodyNotHttplibCompatible),
        wire.UnrewindableBodyError,
    ),
}
"""Every exception that these packages declare. The nearest class in the method resolution order counts."""

_CONNECTING: Final = (wire.NewConnectionError, wire.ConnectTimeoutError, wire.ProxyError, ConnectionRefusedError)


def error_of(answer: Answer) -> Exception:
    """Return the exception of Google's for an answer that is none of those that were hoped for."""
    error: Exception = api.from_http_status(answer.status, _words(answer), response=answer)  # type: ignore[no-untyped-call]
    return error


def _words(answer: Answer) -> str:
    return answer.body[:400].decode(errors="replace") or "no reason was given"


def fault(exc: BaseException, /) -> Failure:
    """Explain an exception. Pure and total (E-01)."""
    failure = next((TABLE[kind] for kind in type(exc).__mro__ if kind in TABLE), Failure(Fault.UNKNOWN))
    if isinstance(exc, api.GoogleAPICallError):
        failure = _by_status(getattr(exc, "code", None)) if type(exc) is api.GoogleAPICallError else failure
        return _paused(failure, getattr(exc, "response", None))
    if isinstance(exc, auth.GoogleAuthError):
        return Failure(Fault.UNREACHED) if getattr(exc, "retryable", False) else failure
    if failure.fault.applied and _was_connecting(exc):
        return _not_connected(exc)
    return failure


def _by_status(status: object) -> Failure:
    """Explain a status for which Google's packages have no class."""
    if status == _SLOW_UPLOAD:
        return Failure(Fault.TIMED_OUT)
    return Failure(Fault.LOST if isinstance(status, int) and status >= 500 else Fault.UNKNOWN)


def _paused(failure: Failure, response: Any) -> Failure:
    """Add how long the service asks to wait."""
    headers = getattr(response, "headers", None)
    asked = str(headers.get("retry-after", "")) if isinstance(headers, Mapping) else ""
    if not (asked.isascii() and asked.isdecimal()):
        return failure
    return Failure(failure.fault, max(float(asked), failure.retry_after or 0.0), failure.advice)


def _was_connecting(exc: BaseException) -> bool:
    """Whether the connection was never made, so that nothing was sent."""
    return any(isinstance(cause, (*_CONNECTING, ssl.SSLCertVerificationError)) for cause in _causes(exc))


def _not_connected(exc: BaseException) -> Failure:
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(exc)):
        return Failure(Fault.MISCONFIGURED, advice=_CERTIFICATE)
    return Failure(Fault.UNREACHED)


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it wraps: requests keeps urllib3's as an argument, urllib3 keeps it as a reason."""
    seen: BaseException | None = exc
    for _ in range(8):
        if seen is None:
            return
        yield seen
        reason = vars(seen).get("reason") if isinstance(seen, wire.MaxRetryError) else None
        wrapped = (reason, *seen.args[:2])
        seen = next((inner for inner in wrapped if isinstance(inner, BaseException)), seen.__cause__)
