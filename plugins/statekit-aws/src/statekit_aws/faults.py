"""What botocore's exceptions mean; those with a service's answer are explained in ``codes``."""

from __future__ import annotations

import ssl
from typing import Final

from botocore import exceptions as errors
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from statekit.driver import Failure, Fault

from .codes import failure

__all__ = ["TABLE", "ChangedError", "DamagedError", "MisfitError", "UnreadableError", "WeakSignatureError", "fault"]


class DamagedError(Exception):
    """The bytes do not match the checksum that came with them. Nothing was sent."""


class ChangedError(Exception):
    """The object changed between the requests of one call."""


class UnreadableError(Exception):
    """An item or a listing is not of the form in which this driver writes it."""


class MisfitError(Exception):
    """The table's key is not the one that records need."""


class WeakSignatureError(Exception):
    """The client signs by version 2, which drops conditions silently. What it signed is not handed out."""


_VERSION: Final = 'sign by version 4: make the client with Config(signature_version="s3v4")'
_CREDENTIALS: Final = "see where boto3 looks for credentials in the README of statekit-aws"
_REGION: Final = "set the region with the option region, or with AWS_DEFAULT_REGION"
_PROFILE: Final = "there is no such profile in boto3's configuration files"
_CERTIFICATE: Final = "the server's certificate is not trusted: see AWS_CA_BUNDLE"


def _all(meaning: Failure, *kinds: type[BaseException]) -> dict[type[BaseException], Failure]:
    return dict.fromkeys(kinds, meaning)


TABLE: Final[dict[type[BaseException], Failure]] = {
    DamagedError: Failure(Fault.REJECTED),
    ChangedError: Failure(Fault.BUSY),
    UnreadableError: Failure(Fault.CORRUPT),
    MisfitError: Failure(Fault.MISCONFIGURED, advice="the table's only key must be k, a string: use another table"),
    WeakSignatureError: Failure(Fault.MISCONFIGURED, advice=_VERSION),
    # Not one byte of the request left.
    **_all(
        Failure(Fault.UNREACHED),
        *(errors.EndpointConnectionError, errors.ConnectTimeoutError, errors.ProxyConnectionError),
    ),
    errors.ReadTimeoutError: Failure(Fault.TIMED_OUT),
    TimeoutError: Failure(Fault.TIMED_OUT),
    # It broke, and nobody knows when. ResponseParserError: the answer is none of the service's, a proxy's perhaps.
    **_all(
        Failure(Fault.LOST),
        *(errors.ConnectionClosedError, errors.HTTPClientError, errors.ConnectionError, errors.SSLError),
        *(errors.ResponseStreamingError, errors.IncompleteReadError, ResponseParserError, HTTPError, OSError),
    ),
    **_all(Failure(Fault.CORRUPT), errors.ChecksumError, errors.FlexibleChecksumError),
    errors.CapacityNotAvailableError: Failure(Fault.THROTTLED),
    **_all(
        Failure(Fault.DENIED, advice=_CREDENTIALS),
        *(errors.NoCredentialsError, errors.PartialCredentialsError, errors.CredentialRetrievalError),
        *(errors.NoAuthTokenError, errors.TokenRetrievalError, errors.UnknownTokenProviderError),
        *(errors.UnknownCredentialError, errors.RefreshWithMFAUnsupportedError, errors.MetadataRetrievalError),
        *(errors.SSOError, errors.SSOTokenLoadError, errors.UnauthorizedSSOTokenError, errors.LoginError),
        *(errors.LoginRefreshRequired, errors.LoginInsufficientPermissions, errors.LoginTokenLoadError),
        *(errors.LoginAuthorizationCodeError, errors.InvalidIMDSEndpointError, errors.InvalidIMDSEndpointModeError),
    ),
    **_all(
        Failure(Fault.MISCONFIGURED, advice=_REGION),
        *(errors.NoRegionError, errors.UnknownRegionError, errors.InvalidRegionError, errors.ServiceNotInRegionError),
    ),
    errors.ProfileNotFound: Failure(Fault.MISCONFIGURED, advice=_PROFILE),
    **_all(
        Failure(Fault.MISCONFIGURED),
        *(errors.BaseEndpointResolverError, errors.EndpointVariantError, errors.UnknownEndpointError),
        *(errors.UnknownFIPSEndpointError, errors.EndpointProviderError, errors.EndpointResolutionError),
        *(errors.UnknownEndpointResolutionBuiltInName, errors.InvalidEndpointConfigurationError),
        *(errors.InvalidEndpointDiscoveryConfigurationError, errors.InvalidHostLabelError, errors.InvalidDNSNameError),
        *(errors.InvalidS3AddressingStyleError, errors.InvalidS3UsEast1RegionalEndpointConfigError),
        *(errors.InvalidSTSRegionalEndpointsConfigError, errors.UnsupportedS3ArnError),
        *(errors.UnsupportedS3ControlArnError, errors.UnsupportedOutpostResourceError),
        *(errors.UnsupportedS3ConfigurationError, errors.UnsupportedS3AccesspointConfigurationError),
        *(errors.UnsupportedS3ControlConfigurationError, errors.UnsupportedServiceProtocolsError),
        *(errors.ConfigParseError, errors.ConfigNotFound, errors.InvalidConfigError, errors.InfiniteLoopConfigError),
        *(errors.InvalidRetryConfigurationError, errors.InvalidMaxRetryAttemptsError, errors.InvalidRetryModeError),
        *(errors.InvalidProxiesConfigError, errors.InvalidDefaultsMode, errors.InvalidChecksumConfigError),
        *(errors.DataNotFoundError, errors.UnknownServiceError, errors.ApiVersionNotFoundError),
        *(errors.UnknownSignatureVersionError, errors.UnsupportedSignatureVersionError, errors.UnknownServiceStyle),
        *(errors.MD5UnavailableError, errors.MissingDependencyException),
    ),
    # botocore refuses to send it.
    **_all(
        Failure(Fault.REJECTED),
        *(errors.ParamValidationError, errors.ValidationError, errors.MissingParametersError, errors.RangeError),
        *(errors.UnknownKeyError, errors.UnknownParameterError, errors.AliasConflictParameterError),
        *(errors.UnseekableStreamError, errors.AwsChunkedWrapperError),
    ),
    **_all(
        Failure(Fault.UNKNOWN),
        *(errors.BotoCoreError, errors.ClientError, errors.EventStreamError, errors.PaginationError),
        *(errors.OperationNotPageableError, errors.WaiterError, errors.WaiterConfigError),
        *(errors.InvalidExpressionError, errors.UnknownClientMethodError, errors.StubResponseError),
        *(errors.StubAssertionError, errors.UnStubbedResponseError, errors.UndefinedModelAttributeError),
        errors.MissingServiceIdError,
    ),
}
"""Every exception that botocore declares. The nearest class in the method resolution order counts."""


def fault(exc: BaseException, /) -> Failure:
    """Explain an exception. Pure and total (E-01)."""
    if isinstance(exc, errors.ClientError):
        return failure(exc)
    if isinstance(exc, errors.SSLError) and isinstance(_ssl(exc), ssl.SSLCertVerificationError):
        return Failure(Fault.MISCONFIGURED, advice=_CERTIFICATE)
    return next((TABLE[kind] for kind in type(exc).__mro__ if kind in TABLE), Failure(Fault.UNKNOWN))


def _ssl(exc: BaseException) -> BaseException:
    """Return the error of TLS that is wrapped in others: as their cause, or as their argument (urllib3)."""
    seen = exc
    for _ in range(8):
        inner = next((arg for arg in seen.args if isinstance(arg, BaseException)), seen.__cause__ or seen.__context__)
        if inner is None:
            break
        seen = inner
    return seen
