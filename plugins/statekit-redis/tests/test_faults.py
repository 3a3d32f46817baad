"""Every exception that redis-py declares, and every error code of the server's that matters, has a meaning."""

import inspect

import pytest
import redis
import redis.exceptions
from redis._parsers.base import BaseParser
from statekit_redis.faults import CODES, TABLE, DamagedError, EvictingError, fault

from statekit.driver import Fault

DECLARED = [
    kind
    for _, kind in inspect.getmembers(redis.exceptions, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ == "redis.exceptions"
]


@pytest.mark.parametrize("kind", DECLARED, ids=lambda kind: kind.__name__)
def test_the_table_names_every_exception_that_redis_py_declares(kind):
    assert kind in TABLE


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("LOADING Redis is loading the dataset in memory", Fault.BUSY),
        ("READONLY You can't write against a read only replica.", Fault.BUSY),
        ("MOVED 3999 127.0.0.1:6381", Fault.BUSY),
        ("TRYAGAIN Multiple keys request during rehashing of slot", Fault.BUSY),
        ("CLUSTERDOWN The cluster is down", Fault.BUSY),
        ("MASTERDOWN Link with MASTER is down", Fault.BUSY),
        ("BUSY Redis is busy running a script.", Fault.BUSY),
        ("OOM command not allowed when used memory > 'maxmemory'.", Fault.BUSY),
        ("NOREPLICAS Not enough good replicas to write.", Fault.BUSY),
        ("NOAUTH Authentication required.", Fault.DENIED),
        ("WRONGPASS invalid username-password pair", Fault.DENIED),
        ("NOPERM this user has no permissions", Fault.DENIED),
        ("MISCONF Errors writing to the AOF file", Fault.MISCONFIGURED),
        ("CROSSSLOT Keys in request don't hash to the same slot", Fault.REJECTED),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", Fault.CORRUPT),
        ("NOUPLOAD there is no such upload", Fault.LOST),
        ("ERR something nobody has heard of", Fault.UNKNOWN),
    ],
)
def test_an_error_of_the_servers_means(answer, expected):
    assert fault(BaseParser.parse_error(answer)).fault is expected


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_is_found_at_the_beginning_of_a_message(code):
    assert fault(redis.ResponseError(f"{code} and more")).fault is CODES[code].fault


def test_a_refused_connection_proves_that_nothing_was_sent():
    with pytest.raises(redis.ConnectionError) as caught:
        redis.Redis(port=1, retry=None).ping()
    assert fault(caught.value).fault is Fault.UNREACHED


def test_a_connection_that_broke_after_sending_proves_nothing():
    assert fault(redis.ConnectionError("Connection closed by server.")).fault is Fault.LOST
    assert fault(redis.TimeoutError("Timeout reading from socket")).fault is Fault.TIMED_OUT
    assert fault(TimeoutError()).fault is Fault.TIMED_OUT


def test_our_own_refusals_prove_that_nothing_was_applied():
    assert fault(DamagedError()).fault is Fault.REJECTED
    assert fault(EvictingError()).fault is Fault.MISCONFIGURED


@pytest.mark.parametrize("exc", [ValueError("x"), KeyboardInterrupt(), Exception(), SystemExit(1), MemoryError()])
def test_what_no_table_names_is_unknown(exc):
    assert fault(exc).fault is Fault.UNKNOWN
