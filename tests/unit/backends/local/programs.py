"""What the tests run in processes of their own: ``python programs.py NAME ARGUMENTS``."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from conftest import Local, opening
from google_crc32c import value as crc32c_of

from statekit.driver import ABSENT, ANY, Committed, Match, Meta

T = 30.0


def create(directory: str, number: str) -> None:
    """Be the first, or not, to use a directory."""
    local = opening(Path(directory))
    assert write(local, f"r{number}", b"1", ABSENT) == Committed("w")
    local.put(f"o{number}", bytes(40_000))
    local.drivers.close()


def write(local: Local, key: str, value: bytes, expect: Any, write_id: str = "w") -> Any:
    return local.records.write(key, value, expires_at=None, write_id=write_id, expect=expect, timeout=T)


def count(directory: str, name: str, times: str) -> None:
    """Count in a record, an object in the database and an object in a file, by compare-and-set."""
    local = opening(Path(directory))
    for n in range(int(times)):
        count_record(local, f"{name}-{n}")
        count_object(local, "small", 0, f"{name}-{n}")
        count_object(local, "large", 40_000, f"{name}-{n}")
    local.drivers.close()


def count_record(local: Local, name: str) -> None:
    attempt = 0
    while True:
        seen = local.records.read("n", timeout=T)
        value = b"%d" % (int(seen.value) + 1 if seen else 1)
        expect = Match(seen.version) if seen else ABSENT
        if isinstance(write(local, "n", value, expect, f"{name}-{attempt}"), Committed):
            return
        attempt += 1


def count_object(local: Local, key: str, size: int, name: str) -> None:
    attempt = 0
    while True:
        seen = local.objects.read(key, start=0, length=1 << 20, expect=ANY, timeout=T)
        value = b"%d" % (int(seen.data) + 1 if seen else 1)
        data = value.rjust(size)
        expect = Match(seen.stat.version) if seen else ABSENT
        answer = local.objects.write(
            key, data, meta=Meta(write_id=f"{name}-{attempt}"), crc32c=crc32c_of(data), expect=expect, timeout=T
        )
        if isinstance(answer, Committed):
            return
        attempt += 1


def write_both(local: Local, key: str) -> None:
    write(local, key, b"1", ABSENT)
    local.put(key, bytes(40_000))


def forked(action: Any) -> int:
    """Fork, and return the child, which never returns into its parent's code."""
    child = os.fork()
    if child:
        return child
    try:
        action()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def fork_and_close(directory: str) -> None:
    """The parent closes, as the last one outside, while its child writes: nothing of the child's is lost."""
    local = opening(Path(directory))
    write_both(local, "before")
    ready, go = os.pipe(), os.pipe()

    def use() -> None:
        write_both(local, "child-0")
        os.write(ready[1], b".")
        os.read(go[0], 1)
        for n in range(1, 20):
            write_both(local, f"child-{n}")

    child = forked(use)
    os.read(ready[0], 1)
    write_both(local, "parent")
    local.drivers.close()
    os.write(go[1], b".")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def fork_while_busy(directory: str) -> None:
    """Fork while other threads write, and write in parent and children."""
    local = opening(Path(directory))
    done = threading.Event()

    def busy(name: int) -> None:
        n = 0
        while not done.is_set():
            write(local, f"busy-{name}-{n}", b"1", ABSENT)
            local.put(f"busy-{name}", bytes(40_000), f"w{n}")
            n += 1

    threads = [threading.Thread(target=busy, args=(name,)) for name in range(3)]
    for thread in threads:
        thread.start()
    for n in range(20):
        child = forked(lambda n=n: (write_both(local, f"child-{n}"), local.drivers.close()))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    done.set()
    for thread in threads:
        thread.join()
    assert local.put("parent", bytes(40_000)) == Committed("w")
    local.drivers.close()


def fork_and_exit(directory: str) -> None:
    """A child that never uses what it inherited, and ends as Python ends, does no harm."""
    local = opening(Path(directory))
    write(local, "parent-0", b"1", ABSENT)
    local.put("k", bytes(40_000))
    if os.fork() == 0:
        sys.exit(0)
    os.wait()
    write(local, "parent-1", b"1", ABSENT)
    local.put("k", bytes(40_000), "w2")
    local.drivers.close()


def limited(directory: str, limit: str) -> None:
    """Meet a quota: no file may grow beyond ``limit`` bytes. Then be freed from it."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    local = opening(Path(directory))
    local.put("kept", b"1" * 100_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    faults, kept = fill(local)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    verify(local, kept)
    assert local.put("after", b"2" * 1_000_000) == Committed("w")
    write(local, "after", bytes(100_000), ABSENT)
    local.drivers.close()
    verify_again(directory, kept)
    sys.stdout.write(" ".join(sorted(faults)))


def full(directory: str) -> None:
    """Fill the disk, then delete something."""
    local = opening(Path(directory))
    local.put("kept", b"1" * 100_000)
    faults, kept = fill(local)
    verify(local, kept)
    for key in [key for key in kept if key.startswith("o")]:
        local.objects.delete(key, expect=ANY, timeout=T)
        del kept[key]
    assert local.put("after", b"2" * 1_000_000) == Committed("w")
    verify(local, kept)
    local.drivers.close()
    verify_again(directory, kept)
    sys.stdout.write(" ".join(sorted(faults)))


def fill(local: Local) -> tuple[set[str], dict[str, bytes]]:
    """Write objects and records until each kind has failed; return the faults, and what was acknowledged."""
    faults: set[str] = set()
    kept: dict[str, bytes] = {}
    for kind, size in [("o", 700_000), ("i", 30_000), ("r", 100_000)]:
        for n in range(1000):
            key, data = f"{kind}{n}", b"%d" % n * (size // len(b"%d" % n))
            try:
                write(local, key, data, ABSENT) if kind == "r" else local.put(key, data)
            except Exception as exc:
                faults.add(explained(local, exc))
                break
            kept[key] = data
        else:
            raise AssertionError(f"nothing stopped {kind}")
    return faults, kept


def explained(local: Local, exc: Exception) -> str:
    """Return the fault, which says what to do unless it is in doubt."""
    failure = local.objects.fault(exc)
    assert failure.advice or failure.fault.applied, exc
    return failure.fault.name


def verify(local: Local, kept: dict[str, bytes]) -> None:
    assert local.get("kept") == b"1" * 100_000
    for key, data in kept.items():
        if key.startswith("r"):
            seen = local.records.read(key, timeout=T)
            assert seen is not None
            assert seen.value == data
        else:
            assert local.get(key) == data


def verify_again(directory: str, kept: dict[str, bytes]) -> None:
    local = opening(Path(directory))
    verify(local, kept)
    local.drivers.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
