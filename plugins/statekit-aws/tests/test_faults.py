"""Every exception that botocore declares, and every error code of the services that matters, has a meaning."""

import inspect
import re
import ssl
from pathlib import Path

import botocore
import botocore.exceptions
import botocore.session
import pytest
import statekit_aws
from botocore.exceptions import ClientError, IncompleteReadError
from statekit_aws.clients import refuse_part
from statekit_aws.codes import CODES
from statekit_aws.faults import TABLE, ChangedError, DamagedError, MisfitError, UnreadableError, fault
from statekit_aws.s3.answers import meaning

from statekit.driver import Fault

DECLARED = [
    kind
    for _, kind in inspect.getmembers(botocore.exceptions, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ == "botocore.exceptions" and not issubclass(kind, Warning)
]


SENT = {
    "dynamodb": (
        *("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Scan", "CreateTable"),
        *("DescribeTable", "DescribeTimeToLive", "UpdateTimeToLive"),
    ),
    "s3": (
        *(
            "HeadObject",
            "GetObject",
            "PutObject",
            "DeleteObject",
            "CopyObject",
            "ListObjectsV2",
            "CreateMultipartUpload",
        ),
        *("UploadPart", "UploadPartCopy", "CompleteMultipartUpload", "AbortMultipartUpload", "ListMultipartUploads"),
        *("HeadBucket", "CreateBucket", "GetBucketLifecycleConfiguration", "PutBucketLifecycleConfiguration"),
        *("GetBucketCors", "PutBucketCors"),
    ),
    "sts": ("AssumeRole",),
}


def modelled():
    """Return the codes of all errors that botocore's models say these operations may answer with."""
    session, found = botocore.session.Session(), set()
    for service, operations in SENT.items():
        model = session.get_service_model(service)
        for operation in operations:
            for shape in model.operation_model(operation).error_shapes:
                found.add(shape.metadata.get("error", {}).get("code", shape.name))
    return sorted(found)


def answer(code, status=400, **headers):
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": metadata}, "PutItem")


@pytest.mark.parametrize("kind", DECLARED, ids=lambda kind: kind.__name__)
def test_the_table_names_every_exception_that_botocore_declares(kind):
    assert kind in TABLE


@pytest.mark.parametrize("code", modelled())
def test_the_table_names_every_error_that_the_services_declare(code):
    assert code in CODES or meaning(answer(code)) is not None


def test_every_operation_that_is_sent_is_looked_at():
    """Those of the sources, by the names that boto3 gives them."""
    package = Path(statekit_aws.__file__).parent
    source = "".join(path.read_text() for path in package.rglob("*.py"))
    named = {botocore.xform_name(operation) for operations in SENT.values() for operation in operations}
    asked = set(re.findall(r'(?:call|_call|_write)\(\s*"([a-z_0-9]+)"', source))
    assert asked <= named
    assert len(asked) > 20


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
