"""Faults: every exception that there is gets an explanation, the same one each time, and is left as it was."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import sqlite3
import ssl
import struct
import threading

import pytest

from statekit.driver import Failure, Fault
from statekit_conformance import clause


class UnheardOf(Exception):  # noqa: N818
    """No table names it."""


class Unprintable(Exception):  # noqa: N818
    """Its text cannot be had."""

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class Misleading(Exception):  # noqa: N818
    """Has what SDKs' exceptions have, and of other types."""

    response = code = errno = status_code = args_ = message = errors = sqlite_errorcode = None


class Nonsense(Misleading):
    """The same with other nonsense."""

    response = property(lambda _: {"Error": None, "ResponseMetadata": "none"})
    code = errno = status_code = sqlite_errorcode = "418"
    errors = 5


class Interrupting(BaseException):
    """Not even an Exception."""


OSERRORS = [OSError(code, "text") for code in sorted(errno.errorcode)] + [OSError(), OSError("x"), OSError(99_999, "y")]
OTHERS = [
    UnheardOf(),
    UnheardOf("a", 2, None, object()),
    Unprintable(),
    Misleading(),
    Nonsense(),
    Interrupting(),
    KeyboardInterrupt(),
    SystemExit(3),
    GeneratorExit(),
    asyncio.CancelledError(),
    TimeoutError("timed out"),
    socket.gaierror(socket.EAI_AGAIN, "again"),
    ssl.SSLError(1, "handshake"),
    ssl.SSLCertVerificationError(1, "certificate"),
    ConnectionResetError(errno.ECONNRESET, "reset"),
    BrokenPipeError(),
    sqlite3.OperationalError("database is locked"),
    sqlite3.DatabaseError(),
    json.JSONDecodeError("no", "{", 0),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"),
    struct.error("short"),
    MemoryError(),
    RecursionError(),
    StopIteration(5),
    ExceptionGroup("several", [UnheardOf(), OSError(errno.EIO, "io")]),
    threading.BrokenBarrierError(),
    Exception(),
    Exception(None),
    BaseException(b"bytes"),
]


def everything_loaded(driver):
    """Return an instance of each class of exceptions in this process, the SDK's among them, but the driver's own.

    Those, made of nonsense, would be nonsense.
    """
    own = type(driver.raw).__module__.rpartition(".")[0] or type(driver.raw).__module__
    waiting, seen = [BaseException], set()
    while waiting:
        kind = waiting.pop()
        if kind not in seen:
            seen.add(kind)
            waiting += type.__subclasses__(kind)
    foreign = [kind for kind in seen if not kind.__module__.startswith(own)]
    return [instance for kind in foreign if (instance := instance_of(kind)) is not None]


def instance_of(kind):
    """Make an instance, an unfinished one if there is no simple way; None if there is none at all."""
    for arguments in ((), ("text",), ("text", "more"), (1, "text"), ({}, "operation")):
        try:
            return kind(*arguments)
        except BaseException:
            continue
    try:
        return kind.__new__(kind)
    except BaseException:
        return None


@pytest.fixture(params=["records", "objects"])
def driver(request, subject):
    """Each driver that the backend has."""
    places = {"records": subject.site.settings.sessions, "objects": subject.site.settings.objects}
    if not getattr(places[request.param].backend, request.param):
        pytest.skip(f"the backend holds no {request.param}")
    return subject.records() if request.param == "records" else subject.objects_driver()


def explanation(driver, exc):
    """Return a driver's explanation. What it raises instead is named and not shown: its text may not be had."""
    try:
        return driver.fault(exc)
    except BaseException as error:
        name = type(error).__name__
    pytest.fail(f"fault raised {name} for {type(exc).__module__}.{type(exc).__qualname__}", pytrace=False)


def explained(driver, exc):
    """Return a driver's explanation, which must be one, and the same when it is asked again."""
    before = (exc.args, dict(getattr(exc, "__dict__", {})), exc.__cause__, exc.__context__, exc.__traceback__)
    failure = explanation(driver, exc)
    assert isinstance(failure, Failure)
    assert isinstance(failure.fault, Fault)
    assert failure.retry_after is None or failure.retry_after >= 0
    assert failure.advice is None or (isinstance(failure.advice, str) and failure.advice)
    assert explanation(driver, exc) == failure
    after = (exc.args, dict(getattr(exc, "__dict__", {})), exc.__cause__, exc.__context__, exc.__traceback__)
    assert after == before
    return failure


@clause("E-01")
def test_every_exception_gets_a_failure(driver):
    for exc in (*OTHERS, *OSERRORS):
        explained(driver, exc)


@clause("E-01")
def test_every_exception_of_the_sdk_gets_a_failure(driver):
    for exc in everything_loaded(driver):
        explained(driver, exc)


@clause("E-01")
@pytest.mark.parametrize(
    "exc",
    [UnheardOf(), UnheardOf("x"), Unprintable(), Misleading(), Interrupting()],
    ids=["unheard of", "with text", "unprintable", "misleading", "no Exception"],
)
def test_what_no_table_names_is_unknown(driver, exc):
    assert explained(driver, exc).fault is Fault.UNKNOWN


@clause("E-01")
def test_a_raised_exception_with_a_cause_is_explained_as_it_is(driver):
    try:
        try:
            raise OSError(errno.ECONNREFUSED, "refused")  # noqa: TRY301
        except OSError as cause:
            raise UnheardOf from cause
    except UnheardOf as error:
        explained(driver, error)


@clause("E-01")
def test_explaining_a_closed_openings_exceptions_still_works(subject):
    place = subject.site.settings.sessions if subject.backend.records else subject.site.settings.objects
    opened = subject.site.open(place, subject.clock)
    opened.close()
    driver = opened.drivers.records or opened.drivers.objects
    assert isinstance(driver.fault(UnheardOf()), Failure)
