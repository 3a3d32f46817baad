"""A worker process of the demo: ``python -m statekit._cli.demo.worker``.

It reads commands from standard input, one JSON object a line, and answers each with one; the first names the backend.
Ids of sessions pass through these pipes only, never through arguments or the environment, which others can see.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import count, islice
from typing import Any, Final

from statekit.errors import SessionGoneError, StateError
from statekit.opening import open as open_state
from statekit.sessions import Session
from statekit.state import State
from statekit.types import SessionPolicy

from .content import blocks, matches

__all__ = ["POLICY", "main"]

POLICY: Final = SessionPolicy(
    idle_timeout=timedelta(minutes=10), lifetime=timedelta(minutes=30), touch_interval=timedelta(0)
)
"""Short, so that on a backend that expires by itself nothing is left even if the demo is killed."""

PIECE: Final = 4
"""Blocks of one piece of what ``craft`` makes."""

SMALL, LARGE = 2, 48
"""Blocks of the objects that ``write_without_end`` writes: one request, and more than one part."""


def tell(message: object) -> None:
    """Send one line to the stage."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


class Actor:
    """What a worker can be told to do; each method is one command.

    Args:
        state: The opened state.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._held: Session | None = None

    def login(self, user: str) -> str:
        """Create a session and return its id."""
        return self._state.sessions.create({"user": user}, owner=user, label="demo").id

    def load(self, identifier: str) -> dict[str, Any] | None:
        """Return a session's data, or None if there is no such session."""
        session = self._state.sessions.load(identifier)
        return None if session is None else dict(session)

    def compete(self, identifier: str, mine: str, times: int) -> int:
        """Change a key of one's own by load and save, and a common one by update, many times; return how many."""
        for _ in range(times):
            session = self._state.sessions.load(identifier)
            if session is None:
                raise SessionGoneError("somebody ended the session")
            session[mine] = session.get(mine, 0) + 1
            self._state.sessions.save(session)
            self._state.sessions.update(identifier, _count)
        return 2 * times

    def upload(self, key: str, seed: int, size: int) -> int | None:
        """Store an object block by block; return by how many bytes the process grew, where that can be known."""
        before = _most_memory()
        self._put(key, blocks(seed, size), seed, size)
        after = _most_memory()
        return None if before is None or after is None else after - before

    def download(self, key: str, seed: int, size: int) -> bool:
        """Read an object block by block; return whether each one is right."""
        with self._state.objects.open(key) as file:
            return matches(file, seed, size)

    def hold(self, identifier: str) -> bool:
        """Load a session, as at the beginning of a slow request."""
        self._held = self._state.sessions.load(identifier)
        return self._held is not None

    def finish(self) -> str:
        """End the slow request: change and save the session that is held; return what came of it."""
        if self._held is None:
            return "nothing was held"
        self._held["basket"] = ["what the slow request added"]
        try:
            self._state.sessions.save(self._held)
        except SessionGoneError:
            return "gone"
        return "saved"

    def logout(self, identifier: str) -> bool:
        """Destroy a session."""
        return self._state.sessions.destroy(identifier)

    def craft(self, name: str, key: str, seed: int, pieces: int) -> int:
        """Make something piece by piece in a named workspace, publish it once; return how many pieces were there."""
        with self._state.scratch.workspace(name, wait=60) as workspace:
            found = workspace.files()
            for number, piece in enumerate(batched(blocks(seed, pieces * PIECE), PIECE)):
                if f"pieces/{number:03}" not in found:
                    workspace.write(f"pieces/{number:03}", piece)
                    workspace.checkpoint()
                    tell({"piece": number})
            parts = (workspace / f"pieces/{number:03}" for number in range(pieces))
            workspace.write("whole", (part.read_bytes() for part in parts))
            workspace.publish("whole", self._state.objects, key, if_absent=True)
        return len(found)

    def inspect(self, prefix: str) -> dict[str, int]:
        """Read every object below a prefix and return which version of its content each holds.

        Raises:
            ValueError: One holds no complete version.
        """
        found = {}
        for info in self._state.objects.list(prefix):
            told = self._state.objects.stat(info.key).metadata
            seed, size = int(told["seed"]), int(told["blocks"])
            if not self.download(info.key, seed, size):
                raise ValueError("an object is not what it says it is")
            found[info.key] = seed
        return found

    def write_without_end(self, mark: str) -> None:
        """Change a session, replace a small object and replace a large one, again and again; tell of each when done."""
        session = self.login(mark)
        tell({"session": session, "number": 0})
        for number in count(1):
            self._state.sessions.update(session, partial(_mark, number=number))
            tell({"session": session, "number": number})
            for name, size in (("small", SMALL), ("large", LARGE)):
                key = f"{mark}/{name}"
                self._put(key, _watched(key, number, size), number, size)
                tell({"object": key, "number": number})

    def _put(self, key: str, content: Iterator[bytes], seed: int, size: int) -> None:
        self._state.objects.put(key, content, metadata={"seed": str(seed), "blocks": str(size)})


def batched(items: Iterator[bytes], size: int) -> Iterator[list[bytes]]:
    """Yield lists of so many items; itertools has this from Python 3.12 on."""
    while batch := list(islice(items, size)):
        yield batch


def _count(session: Session) -> None:
    session["total"] = session.get("total", 0) + 1


def _mark(session: Session, number: int) -> None:
    session["number"] = number
    session["twice"] = 2 * number


def _watched(key: str, seed: int, size: int) -> Iterator[bytes]:
    """Yield an object's blocks and tell of each before it: whoever listens can strike in the middle."""
    for number, block in enumerate(blocks(seed, size)):
        tell({"writing": key, "number": seed, "block": number, "last": number == size - 1})
        yield block


def _most_memory() -> int | None:
    """Return the most memory that this process has had, in bytes; None where nobody knows."""
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return getrusage(RUSAGE_SELF).ru_maxrss * unit


def main() -> None:
    """Open the state that the first line names, and do what the following lines say until there are no more."""
    told = json.loads(sys.stdin.readline())
    with open_state(**told, policy=POLICY) as state:
        actor = Actor(state)
        for line in sys.stdin:
            command = json.loads(line)
            try:
                tell({"value": getattr(actor, command.pop("do"))(**command)})
            except (StateError, ValueError) as error:
                tell({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
