"""Every exception that the packages below us declare has a meaning."""

import inspect
import ssl

import google.api_core.exceptions
import google.auth.exceptions
import google.cloud.storage.exceptions
import google.resumable_media.common
import pytest
import requests
import requests.exceptions
import urllib3.exceptions
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from statekit_gcs.answers import Answer, UnreadableError
from statekit_gcs.faults import TABLE, ChangedError, DamagedError, UploadGoneError, error_of, fault

from statekit.driver import Fault

MODULES = (
    google.api_core.exceptions,
    google.auth.exceptions,
    google.cloud.storage.exceptions,
    google.resumable_media.common,
    requests.exceptions,
    urllib3.exceptions,
)
DECLARED = [
    kind
    for module in MODULES
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, Exception) and not issubclass(kind, Warning) and kind.__module__ == module.__name__
]


@pytest.mark.parametrize("kind", DECLARED, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_class_is_explained(kind):
    known = next(ancestor for ancestor in kind.__mro__ if ancestor in TABLE)
    assert known is kind or issubclass(kind, api.ResumableTransferError) or known.__module__ == kind.__module__


def test_the_table_names_every_class_but_those_of_transfers_that_are_not_made():
    unnamed = {kind for kind in DECLARED if kind not in TABLE}
    assert {kind for kind in unnamed if not issubclass(kind, api.ResumableTransferError)} == set()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Fault.REJECTED),
        (401, Fault.DENIED),
        (403, Fault.DENIED),
        (404, Fault.MISCONFIGURED),
        (405, Fault.REJECTED),
        (408, Fault.TIMED_OUT),
        (409, Fault.BUSY),
        (411, Fault.REJECTED),
        (412, Fault.REJECTED),
        (416, Fault.REJECTED),
        (418, Fault.UNKNOWN),
        (429, Fault.THROTTLED),
        (301, Fault.MISCONFIGURED),
        (307, Fault.MISCONFIGURED),
        (500, Fault.LOST),
        (501, Fault.REJECTED),
        (502, Fault.LOST),
        (503, Fault.LOST),
        (504, Fault.TIMED_OUT),
        (507, Fault.LOST),
    ],
)
def test_a_status_means(status, expected):
    assert fault(error_of(Answer(status, {}, b"words"))).fault is expected


def test_too_many_requests_is_waited_out_for_a_second_at_least():
    assert fault(api.TooManyRequests("slow down")).retry_after == 1.0
    assert fault(error_of(Answer(429, {"retry-after": "0"}, b""))).retry_after == 1.0
    assert fault(error_of(Answer(429, {"retry-after": "7"}, b""))).retry_after == 7.0
    assert fault(error_of(Answer(503, {"retry-after": "3"}, b""))).retry_after == 3.0
    assert fault(error_of(Answer(503, {"retry-after": "Fri, 31 Dec 1999"}, b""))).retry_after is None


def test_advice_says_what_to_do():
    assert "statekit provision --url" in (fault(api.NotFound("no bucket")).advice or "")
    assert "roles/storage.objectUser" in (fault(api.Forbidden("no")).advice or "")
    assert "Application Default Credentials" in (fault(auth.DefaultCredentialsError()).advice or "")


def test_a_refused_connection_proves_that_nothing_was_sent():
    with pytest.raises(requests.ConnectionError) as caught:
        requests.get("http://127.0.0.1:1", timeout=5)
    assert fault(caught.value).fault is Fault.UNREACHED


def test_a_host_that_is_not_there_was_not_reached():
    reason = urllib3.exceptions.NameResolutionError("nowhere.invalid", None, OSError())
    wrapped = urllib3.exceptions.MaxRetryError(None, "/", reason)
    assert fault(requests.ConnectionError(wrapped)).fault is Fault.UNREACHED
    assert fault(requests.ConnectTimeout()).fault is Fault.UNREACHED


def test_a_connection_that_broke_after_sending_proves_nothing():
    broken = urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset"))
    assert fault(requests.ConnectionError(broken)).fault is Fault.LOST
    assert fault(requests.ReadTimeout()).fault is Fault.TIMED_OUT
    assert fault(TimeoutError()).fault is Fault.TIMED_OUT
    assert fault(ConnectionResetError()).fault is Fault.LOST


def test_a_certificate_that_is_not_trusted_is_for_people_to_mend():
    reason = urllib3.exceptions.SSLError(ssl.SSLCertVerificationError(1, "self-signed"))
    wrapped = requests.exceptions.SSLError(urllib3.exceptions.MaxRetryError(None, "/", reason))
    assert fault(wrapped).fault is Fault.MISCONFIGURED


def test_a_token_that_cannot_be_had_for_now_is_had_later():
    assert fault(auth.RefreshError("later", retryable=True)).fault is Fault.UNREACHED
    assert fault(auth.RefreshError("never")).fault is Fault.DENIED
    assert fault(auth.TransportError("down")).fault is Fault.UNREACHED


def test_our_own():
    assert fault(DamagedError()).fault is Fault.REJECTED
    assert fault(ChangedError()).fault is Fault.BUSY
    assert fault(UploadGoneError()).fault is Fault.LOST
    assert fault(UnreadableError()).fault is Fault.CORRUPT


@pytest.mark.parametrize("exc", [ValueError("x"), KeyboardInterrupt(), Exception(), SystemExit(1), MemoryError()])
def test_what_no_table_names_is_unknown(exc):
    assert fault(exc).fault is Fault.UNKNOWN
