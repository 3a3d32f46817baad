"""Histories made by really executing a sequential store under overlapping clients, for trying checkers on.

Every operation takes effect at one moment between its start and its end, so the history is linearizable. Operations
of unknown outcome take effect long after their start, or never.
"""

import heapq
import itertools
import random
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol, TypeAlias

from statekit_conformance.history import Answered, Operation, Outcome, Refused, Unknown

__all__ = ["Counting", "Creating", "Objects", "Registers", "Sessions", "Store", "simulate"]

Request: TypeAlias = tuple[str, dict[str, Any]]

SHORTEST: Final = 100
LONGEST: Final = 1000


class Store(Protocol):
    """One key of a store that does one thing at a time."""

    @abstractmethod
    def choose(self, chance: random.Random, seen: Any) -> Request:
        """Return what a client asks next that was last answered `seen`."""
        raise NotImplementedError

    @abstractmethod
    def apply(self, action: str, arguments: dict[str, Any]) -> Outcome:
        """Do it, and return what the client is told."""
        raise NotImplementedError


class Registers(Store):
    """A compare-and-set register. Every write writes a new value.

    Args:
        blind: How many of the writes are unconditional, from 0 to 1.
    """

    def __init__(self, *, blind: float = 0.1) -> None:
        self._blind = blind
        self._numbers = itertools.count(1)
        self._value: Any = None
        self._version: str | None = None

    def choose(self, chance: random.Random, seen: Any) -> Request:
        """Read as often as write."""
        if chance.random() < 0.5:
            return "read", {}
        value = f"x{next(self._numbers)}"
        if chance.random() < self._blind:
            return "write", {"value": value}
        return "cas", {"value": value, "expect": seen and seen.get("version")}

    def apply(self, action: str, arguments: dict[str, Any]) -> Outcome:
        """Read or write."""
        if action == "read":
            return Answered(self._version and {"value": self._value, "version": self._version})
        if action == "cas" and arguments["expect"] != self._version:
            return Refused("conflict", self._version and {"version": self._version})
        self._value, self._version = arguments["value"], f"v{next(self._numbers)}"
        return Answered({"version": self._version})


class Objects(Store):
    """An object whose version is new with every put."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._data: Any = None
        self._version: str | None = None

    def choose(self, chance: random.Random, seen: Any) -> Request:
        """Read most often."""
        action = chance.choice(["get", "get", "get", "put", "put", "delete"])
        version = seen.get("version") if isinstance(seen, dict) else None
        condition = chance.choice([{}, {"if_match": version}, {"if_match": version}] if version else [{}])
        if action == "put":
            absent = chance.choice([{}, {"if_absent": True}]) if not condition else {}
            return action, {"data": f"d{next(self._numbers)}", **condition, **absent}
        return action, condition if action == "delete" else {}

    def apply(self, action: str, arguments: dict[str, Any]) -> Outcome:
        """Get, put or delete."""
        shown = self._version and {"data": self._data, "version": self._version}
        if action == "get":
            return Answered(shown)
        absent = action == "delete" and self._version is None
        mismatch = arguments.get("if_match", self._version) != self._version
        if not absent and (mismatch or (arguments.get("if_absent") and self._version is not None)):
            return Refused("conflict")
        if action == "delete":
            self._version = None
            return Answered("absent" if absent else "deleted")
        self._data, self._version = arguments["data"], f"v{next(self._numbers)}"
        return Answered({"version": self._version})


class Counting(Store):
    """A counter.

    Args:
        told: How many increments answer with the new number, from 0 to 1.
    """

    def __init__(self, *, told: float = 0.5) -> None:
        self._told = told
        self._number = 0

    def choose(self, chance: random.Random, seen: Any) -> Request:
        """Increment as often as read."""
        del seen
        return ("read", {}) if chance.random() < 0.5 else ("increment", {"by": 1})

    def apply(self, action: str, arguments: dict[str, Any]) -> Outcome:
        """Add, or read."""
        if action == "read":
            return Answered(self._number)
        self._number += arguments["by"]
        told = (self._number * 0.618) % 1 < self._told
        return Answered(self._number if told else None)


class Creating(Store):
    """Something that can be created once, and deleted."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._value: str | None = None

    def choose(self, chance: random.Random, seen: Any) -> Request:
        """Create most often."""
        del seen
        action = chance.choice(["read", "create", "create", "delete"])
        return action, {"value": f"c{next(self._numbers)}"} if action == "create" else {}

    def apply(self, action: str, arguments: dict[str, Any]) -> Outcome:
        """Create, read or delete."""
        before = self._value
        if action == "read":
            return Answered(before)
        if action == "create" and before is not None:
            return Refused("exists")
        self._value = arguments["value"] if action == "create" else None
        if action == "create":
            return Answered()
        return Answered("absent" if before is None else "deleted")


class Sessions(Store):
    """A session of a few keys, which is rotated now and then and destroyed in the end.

    Args:
        life: How many operations it lives for.
    """

    def __init__(self, *, life: int = 80) -> None:
        self._numbers = itertools.count(1)
        self._left = life
        self._data: dict[str, Any] | None = None
        self._id: str | None = None
        self._ended = False

    def choose(self, chance: random.Random, seen: Any) -> Request:
        """Create it first, and then do what clients do."""
        del seen
        if self._id is None:
            return "create", {"data": {}}
        self._left -= 1
        if self._left == 0:
            return "destroy", {"id": self._id}
        action = chance.choice(["load", "load", "save", "save", "save", "touch", "rotate"])
        changes = {"changed": {chance.choice("abc"): next(self._numbers)}, "deleted": []}
        return action, {"id": self._id, **(changes if action == "save" else {})}

    def apply(self, action: str, arguments: dict[str, Any]) -> Outcome:
        """Do what a session store does."""
        live = self._data is not None and arguments.get("id") == self._id
        if action == "create" or (action == "rotate" and live):
            return self._named(action)
        if action == "destroy":
            self._data = None
            return Answered()
        if action == "load":
            return Answered(dict(self._data or {}) if live else None)
        if not live or self._data is None:
            return Refused("gone")
        self._data.update(arguments.get("changed", {}))
        return Answered(dict(self._data) if action == "save" else None)

    def _named(self, action: str) -> Outcome:
        if action == "create":
            if self._id is not None:
                return Unknown("a second creation of one login")
            self._data = {}
        self._id = f"id{next(self._numbers)}"
        return Answered({"id": self._id})


class _Client:
    """One client of one key, which does one thing after another."""

    def __init__(self, name: str, key: str, store: Store) -> None:
        self.name = name
        self.key = key
        self.store = store
        self.seen: Any = None

    def told(self, outcome: Outcome) -> None:
        if isinstance(outcome, Answered):
            self.seen = outcome.value
        elif isinstance(outcome, Refused):
            self.seen = outcome.detail


def simulate(
    store: Callable[[], Store],
    *,
    operations: int,
    clients: int = 10,
    keys: int = 1,
    unknown: float = 0.0,
    seed: int = 0,
) -> tuple[Operation, ...]:
    """Make a linearizable history.

    Args:
        store: Makes the store of one key.
        operations: How many, over all keys.
        clients: How many there are on each key.
        keys: How many.
        unknown: How many operations lose their reply, from 0 to 1. Half of these take effect later, half never.
        seed: The same seed gives the same history.
    """
    chance = random.Random(seed)
    history: list[Operation] = []
    for key in range(keys):
        history.extend(_one_key(f"k{key}", store(), operations // keys, clients, unknown, chance))
    return tuple(sorted(history, key=lambda operation: operation.started))


def _one_key(
    key: str, store: Store, operations: int, clients: int, unknown: float, chance: random.Random
) -> Iterator[Operation]:
    """Step through moments in order: clients asking (no request yet), and requests taking effect."""
    ticket = itertools.count()
    agenda: list[tuple[int, int, _Client, Request | None, int, bool]] = []
    for number in range(clients):
        client = _Client(f"c{number}", key, store)
        heapq.heappush(agenda, (chance.randrange(LONGEST), next(ticket), client, None, 0, False))
    left = operations
    while agenda:
        now, _, client, request, started, lost = heapq.heappop(agenda)
        if request is not None:
            outcome = store.apply(*request)
            if lost:
                continue
            ended = now + chance.randrange(SHORTEST, LONGEST)
            client.told(outcome)
            yield Operation(client.name, key, *request, started, ended, outcome)
            heapq.heappush(agenda, (ended + 1, next(ticket), client, None, 0, False))
        elif left:
            left -= 1
            request, lost = store.choose(chance, client.seen), chance.random() < unknown
            if lost:
                ended = now + chance.randrange(SHORTEST, LONGEST)
                yield Operation(client.name, key, *request, now, ended, Unknown("no reply"))
                heapq.heappush(agenda, (ended + 1, next(ticket), client, None, 0, False))
            if not lost or chance.random() < 0.5:
                effect = now + chance.randrange(SHORTEST, LONGEST * (5 if lost else 1))
                heapq.heappush(agenda, (effect, next(ticket), client, request, now, lost))
