"""Every error number and every SQLite code has a meaning, and so has everything else."""

from __future__ import annotations

import errno
import sqlite3

import pytest

from statekit.backends.local import faults
from statekit.backends.local.faults import LocalError, explain
from statekit.driver import Failure, Fault

PRIMARY = [
    "ERROR",
    "INTERNAL",
    "PERM",
    "ABORT",
    "BUSY",
    "LOCKED",
    "NOMEM",
    "READONLY",
    "INTERRUPT",
    "IOERR",
    "CORRUPT",
    "NOTFOUND",
    "FULL",
    "CANTOPEN",
    "PROTOCOL",
    "EMPTY",
    "SCHEMA",
    "TOOBIG",
    "CONSTRAINT",
    "MISMATCH",
    "MISUSE",
    "NOLFS",
    "AUTH",
    "FORMAT",
    "RANGE",
    "NOTADB",
]
EXTENDED = sorted(
    name
    for name in dir(sqlite3)
    if name.startswith(tuple(f"SQLITE_{primary}_" for primary in PRIMARY)) and getattr(sqlite3, name) > 0xFF
)


def sqlite_error(code):
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize("name", PRIMARY)
def test_every_primary_code_is_in_the_table(name):
    code = getattr(sqlite3, f"SQLITE_{name}")
    meaning = faults._SQLITE[code]
    assert explain(sqlite_error(code)) == Failure(meaning.fault, advice=meaning.advice)


def test_no_primary_code_was_forgotten():
    known = {getattr(sqlite3, f"SQLITE_{name}") for name in PRIMARY}
    # https://sqlite.org/rescode.html: 1 to 26 are errors, 27 and 28 are messages to the log.
    assert known == set(range(1, 27))


@pytest.mark.parametrize("name", EXTENDED)
def test_every_extended_code_has_a_meaning(name):
    code = getattr(sqlite3, name)
    meaning = faults._SQLITE.get(code, faults._SQLITE[code & 0xFF])
    assert explain(sqlite_error(code)) == Failure(meaning.fault, advice=meaning.advice)


@pytest.mark.parametrize(
    ("name", "fault"),
    {
        "SQLITE_BUSY": Fault.BUSY,
        "SQLITE_BUSY_SNAPSHOT": Fault.BUSY,
        "SQLITE_LOCKED_SHAREDCACHE": Fault.BUSY,
        "SQLITE_FULL": Fault.MISCONFIGURED,
        "SQLITE_CANTOPEN_ISDIR": Fault.MISCONFIGURED,
        "SQLITE_CORRUPT_INDEX": Fault.CORRUPT,
        "SQLITE_NOTADB": Fault.MISCONFIGURED,
        "SQLITE_IOERR_DATA": Fault.CORRUPT,
        "SQLITE_IOERR_FSYNC": Fault.UNKNOWN,
        "SQLITE_IOERR_WRITE": Fault.UNKNOWN,
        "SQLITE_IOERR_SHMSIZE": Fault.MISCONFIGURED,
        "SQLITE_READONLY_DIRECTORY": Fault.DENIED,
        "SQLITE_READONLY_DBMOVED": Fault.MISCONFIGURED,
    }.items(),
)
def test_what_matters_most_is_as_it_should_be(name, fault):
    assert explain(sqlite_error(getattr(sqlite3, name))).fault is fault


@pytest.mark.parametrize("code", sorted(errno.errorcode))
def test_every_error_number_has_a_meaning(code):
    failure = explain(OSError(code, "x"))
    listed = faults._ERRNO.get(code)
    assert failure == (Failure(listed.fault, advice=listed.advice) if listed else Failure(Fault.UNKNOWN))


@pytest.mark.parametrize(
    ("name", "fault"),
    {
        "ENOSPC": Fault.MISCONFIGURED,
        "EDQUOT": Fault.MISCONFIGURED,
        "EFBIG": Fault.MISCONFIGURED,
        "EROFS": Fault.DENIED,
        "EACCES": Fault.DENIED,
        "ENOENT": Fault.MISCONFIGURED,
        "EMFILE": Fault.BUSY,
        "EAGAIN": Fault.BUSY,
        "EIO": Fault.UNKNOWN,
    }.items(),
)
def test_the_numbers_that_a_disk_gives_say_what_to_do(name, fault):
    failure = explain(OSError(getattr(errno, name), "x"))
    assert failure.fault is fault
    assert failure.advice or fault in (Fault.BUSY, Fault.UNKNOWN)


@pytest.mark.parametrize(
    "exc",
    [
        OSError(),
        OSError("no number"),
        sqlite3.Error(),
        sqlite3.ProgrammingError("closed"),
        sqlite_error(None),
        sqlite_error(123_456),
        MemoryError(),
        KeyboardInterrupt(),
        BaseException(),
        ValueError("x"),
    ],
)
def test_what_no_table_names_is_unknown(exc):
    assert explain(exc) == Failure(Fault.UNKNOWN)


def test_the_drivers_own_errors_carry_their_meaning():
    error = LocalError("what", Fault.BUSY, "do this")
    assert explain(error) == Failure(Fault.BUSY, advice="do this")
    assert str(error) == "what"


def test_both_drivers_explain(local):
    for driver in (local.records, local.objects):
        assert driver.fault(OSError(errno.ENOSPC, "x")).fault is Fault.MISCONFIGURED
