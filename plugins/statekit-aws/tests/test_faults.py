"""Every exception that botocore declares, and every error code of the services that matters, has a meaning."""

import inspect
import ssl

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError, IncompleteReadError
from statekit_aws.clients import refuse_part
from statekit_aws.codes import CODES
from statekit_aws.faults import TABLE, ChangedError, DamagedError, MisfitError, UnreadableError, fault

from statekit.driver import Fault

DECLARED = [
    kind
    for _, kind in inspect.getmembers(botocore.exceptions, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ == "botocore.exceptions" and not issubclass(kind, Warning)
]


def answer(code, status=400, **headers):
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": metadata}, "PutItem")


@pytest.mark.parametrize("kind", DECLARED, ids=lambda kind: kind.__name__)
def test_the_table_names_every_exception_that_botocore_declares(kind):
    assert kind in TABLE


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_means_what_the_table_says_whatever_the_status(code):
    assert fault(answer(code, 200)) == CODES[code] == fault(answer(code, 500))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("InternalError", Fault.LOST),
        ("InternalServerError", Fault.LOST),
        ("ServiceUnavailable", Fault.LOST),
        ("NoSuchUpload", Fault.LOST),
        ("ConditionalRequestConflict", Fault.BUSY),
        ("OperationAborted", Fault.BUSY),
        ("TransactionConflictException", Fault.BUSY),
        ("ReplicatedWriteConflictException", Fault.BUSY),
        ("SlowDown", Fault.THROTTLED),
        ("ThrottlingException", Fault.THROTTLED),
        ("ProvisionedThroughputExceededException", Fault.THROTTLED),
        ("RequestLimitExceeded", Fault.THROTTLED),
        ("AccessDenied", Fault.DENIED),
        ("AccessDeniedException", Fault.DENIED),
        ("ExpiredToken", Fault.DENIED),
        ("NoSuchBucket", Fault.MISCONFIGURED),
        ("ResourceNotFoundException", Fault.MISCONFIGURED),
        ("PermanentRedirect", Fault.MISCONFIGURED),
        ("ValidationException", Fault.REJECTED),
        ("EntityTooLarge", Fault.REJECTED),
        ("BadDigest", Fault.REJECTED),
        ("SomethingNobodyHasHeardOf", Fault.REJECTED),
    ],
)
def test_an_error_of_a_service_means(code, expected):
    assert fault(answer(code)).fault is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (301, Fault.MISCONFIGURED),
        (400, Fault.REJECTED),
        (403, Fault.DENIED),
        (404, Fault.MISCONFIGURED),
        (409, Fault.BUSY),
        (429, Fault.THROTTLED),
        (500, Fault.LOST),
        (503, Fault.LOST),
        (418, Fault.UNKNOWN),
        (200, Fault.UNKNOWN),
    ],
)
def test_an_answer_without_a_code_is_explained_by_its_status(status, expected):
    assert fault(answer(str(status), status)).fault is expected
    assert fault(answer("Unheard", status)).fault is expected


@pytest.mark.parametrize("code", ["NoSuchBucket", "ResourceNotFoundException", "404"])
def test_what_is_missing_comes_with_the_command_that_creates_it(code):
    assert "python -m statekit provision --url" in fault(answer(code, 404)).advice


def test_the_service_may_say_how_long_to_wait():
    assert fault(answer("SlowDown", 503, **{"retry-after": "7"})).retry_after == 7.0
    assert fault(answer("SlowDown", 503, **{"retry-after": "Wed, 21 Oct 2015"})).retry_after is None


def test_an_error_without_a_response_is_unknown():
    error = answer("x")
    error.response = None
    assert fault(error).fault is Fault.UNKNOWN


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (botocore.exceptions.EndpointConnectionError, Fault.UNREACHED),
        (botocore.exceptions.ConnectTimeoutError, Fault.UNREACHED),
        (botocore.exceptions.ReadTimeoutError, Fault.TIMED_OUT),
        (botocore.exceptions.ConnectionClosedError, Fault.LOST),
    ],
)
def test_a_connection_that_fails_has_no_response(kind, expected):
    error = kind(endpoint_url="http://127.0.0.1:1")
    assert getattr(error, "response", None) is None
    assert fault(error).fault is expected


def test_a_certificate_that_nobody_trusts_is_a_setting_and_other_ends_of_tls_are_losses():
    distrust = botocore.exceptions.SSLError(endpoint_url="x", error="y")
    distrust.__cause__ = OSError(ssl.SSLCertVerificationError("self-signed"))
    assert fault(distrust).fault is Fault.MISCONFIGURED
    assert fault(botocore.exceptions.SSLError(endpoint_url="x", error="y")).fault is Fault.LOST


def test_missing_credentials_come_with_advice():
    failure = fault(botocore.exceptions.NoCredentialsError())
    assert (failure.fault, "credentials" in failure.advice) == (Fault.DENIED, True)
    assert "region" in fault(botocore.exceptions.NoRegionError()).advice


def test_our_own_errors():
    assert fault(DamagedError()).fault is Fault.REJECTED
    assert fault(ChangedError()).fault is Fault.BUSY
    assert fault(UnreadableError()).fault is Fault.CORRUPT
    assert fault(MisfitError()).fault is Fault.MISCONFIGURED


@pytest.mark.parametrize("exc", [ValueError("x"), KeyboardInterrupt(), Exception(), SystemExit(1), MemoryError()])
def test_what_no_table_names_is_unknown(exc):
    assert fault(exc).fault is Fault.UNKNOWN


def test_an_answer_of_dynamodb_that_ends_early_is_lost_and_not_an_empty_one():
    headers = {"content-length": "20"}
    refuse_part({"headers": headers, "body": b'{"Item": {"k": "x"}}'})
    refuse_part({"headers": {}, "body": b"{}"})
    with pytest.raises(IncompleteReadError) as caught:
        refuse_part({"headers": headers, "body": b'{"Item": {"k": "x"}'})
    assert fault(caught.value).fault is Fault.LOST
