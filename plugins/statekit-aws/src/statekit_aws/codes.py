"""What the services' error codes mean.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html

A server error proves nothing: after an InternalError a PUT may or may not have been processed
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/ErrorBestPractices.html). So all of them are LOST, which costs a
look at what is stored. SlowDown and throttling are refusals at the door.
"""

from __future__ import annotations

from typing import Any, Final

from botocore.exceptions import ClientError

from statekit.driver import Failure, Fault

__all__ = ["CODES", "CREATE", "STATUSES", "code_of", "failure", "status_of"]

CREATE: Final = "create what is missing with python -m statekit provision --url URL"
_REGION: Final = "set the region in which the bucket is, with the option region"
_CREDENTIALS: Final = "see where boto3 looks for credentials, and what they may do, in the README of statekit-aws"
_RENEW: Final = "the credentials have expired: renew them, or let boto3 find ones that renew themselves"
_CLOCK: Final = "this host's clock is wrong"
_LACKING: Final = "the server does not know a header or an operation that this needs"
_DAMAGED: Final = "the bytes that arrived were not the bytes that were sent"


def _all(failure: Failure, *codes: str) -> dict[str, Failure]:
    return dict.fromkeys(codes, failure)


CODES: Final[dict[str, Failure]] = {
    **_all(
        Failure(Fault.LOST),
        # NoSuchUpload: an earlier completion may have made it the object.
        *("NoSuchUpload", "RequestTimeout", "InternalError", "InternalFailure", "InternalServerError"),
        *("ServiceUnavailable", "ServiceUnavailableException", "ServiceFailure", "Busy"),
    ),
    **_all(
        Failure(Fault.BUSY),
        *("ConditionalRequestConflict", "OperationAborted", "ResourceInUseException", "TemporaryRedirect"),
        *("TransactionConflictException", "TransactionInProgressException", "ReplicatedWriteConflictException"),
    ),
    **_all(
        Failure(Fault.THROTTLED),
        *("SlowDown", "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException"),
        *("ProvisionedThroughputExceededException", "ProvisionedThroughputExceeded", "RequestLimitExceeded"),
        *("RequestThrottled", "RequestThrottledException", "BandwidthLimitExceeded", "LimitExceededException"),
        *("EC2ThrottledException", "PriorRequestNotComplete", "KMS.ThrottlingException"),
    ),
    **_all(
        Failure(Fault.DENIED, advice=_CREDENTIALS),
        *("AccessDenied", "AccessDeniedException", "AccountProblem", "AllAccessDisabled", "NotSignedUp"),
        *("InvalidAccessKeyId", "InvalidSecurity", "SignatureDoesNotMatch", "InvalidSignatureException"),
        *("UnrecognizedClientException", "InvalidClientTokenId", "InvalidToken", "OptInRequired", "AuthFailure"),
        *("IncompleteSignature", "IncompleteSignatureException", "MissingAuthenticationToken"),
        *("MissingAuthenticationTokenException", "MissingSecurityHeader", "UnauthorizedAccess"),
    ),
    **_all(Failure(Fault.DENIED, advice=_RENEW), "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"),
    **_all(Failure(Fault.DENIED, advice=_CLOCK), "RequestTimeTooSkewed", "RequestExpired"),
    **_all(
        Failure(Fault.MISCONFIGURED, advice=CREATE),
        *("NoSuchBucket", "ResourceNotFoundException", "TableNotFoundException"),
    ),
    **_all(
        Failure(Fault.MISCONFIGURED, advice=_REGION),
        *("PermanentRedirect", "Redirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
    ),
    **_all(
        Failure(Fault.MISCONFIGURED, advice=_LACKING),
        *("NotImplemented", "UnknownOperationException", "UnknownOperation", "MethodNotAllowed"),
    ),
    **_all(
        Failure(Fault.MISCONFIGURED),
        *("InvalidBucketName", "InvalidBucketState", "BucketAlreadyExists", "EndpointNotFound", "NoSuchVersion"),
        *("BucketAlreadyOwnedByYou", "RegionDisabledException", "InvalidContextAssertion"),
        *("MalformedPolicyDocument", "PackedPolicyTooLarge"),
        *("KMS.DisabledException", "KMS.NotFoundException", "KMS.KMSInvalidStateException", "EncryptionTypeMismatch"),
    ),
    **_all(Failure(Fault.REJECTED, advice=_DAMAGED), "BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch"),
    **_all(
        Failure(Fault.REJECTED),
        *("ConditionalCheckFailedException", "PreconditionFailed", "NoSuchKey", "InvalidRange"),
        *("ValidationException", "SerializationException", "ItemCollectionSizeLimitExceededException"),
        *("EntityTooLarge", "EntityTooSmall", "IncompleteBody", "InvalidArgument", "InvalidPart", "InvalidPartOrder"),
        *(
            "InvalidRequest",
            "InvalidObjectState",
            "ObjectNotInActiveTierError",
            "InvalidStorageClass",
            "InvalidTag",
            "InvalidURI",
            "TooManyParts",
        ),
        *("KeyTooLongError", "MalformedXML", "MaxMessageLengthExceeded", "MetadataTooLarge", "InvalidWriteOffset"),
        *("MissingContentLength", "MissingRequestBodyError", "RequestEntityTooLarge", "RequestHeaderSectionTooLarge"),
    ),
}
"""By code. DynamoDB's limit of 400 KB an item is a ValidationException; core stays below it (K-09)."""

STATUSES: Final[dict[int, Failure]] = {
    301: Failure(Fault.MISCONFIGURED, advice=_REGION),
    307: Failure(Fault.BUSY),
    400: Failure(Fault.REJECTED),
    401: Failure(Fault.DENIED, advice=_CREDENTIALS),
    403: Failure(Fault.DENIED, advice=_CREDENTIALS),
    404: Failure(Fault.MISCONFIGURED, advice=CREATE),  # what may be absent is an answer before it gets here
    405: Failure(Fault.MISCONFIGURED, advice=_LACKING),
    409: Failure(Fault.BUSY),
    411: Failure(Fault.REJECTED),
    412: Failure(Fault.REJECTED),
    413: Failure(Fault.REJECTED),
    429: Failure(Fault.THROTTLED),
    501: Failure(Fault.MISCONFIGURED, advice=_LACKING),
}
"""By status, for answers without a code: HEAD's have no body. Above 500 everything else is LOST."""


def code_of(error: ClientError) -> str:
    """Return the service's error code; for an answer without a body, its status."""
    return str((error.response or {}).get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    """Return the HTTP status; 0 if there was none."""
    code = code_of(error)
    if code.isdigit():
        return int(code)
    return int(_metadata(error).get("HTTPStatusCode", 0))


def failure(error: ClientError) -> Failure:
    """Explain a service's error."""
    found = CODES.get(code_of(error))
    if found is None:
        status = status_of(error)
        # A 200 may carry an error that nobody has listed here: it happened while the request was being worked on.
        found = STATUSES.get(status, Failure(Fault.LOST if status >= 500 else Fault.UNKNOWN))
    wait = _metadata(error).get("HTTPHeaders", {}).get("retry-after", "")
    return Failure(found.fault, float(wait), found.advice) if wait.isdigit() else found


def _metadata(error: ClientError) -> dict[str, Any]:
    found: dict[str, Any] = dict((error.response or {}).get("ResponseMetadata", {}))
    return found
