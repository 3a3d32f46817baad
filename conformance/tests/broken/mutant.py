"""The mechanism: what a mutant is, how it is registered, and how it breaks what it stands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from string import ascii_lowercase
from typing import Any, Final
from unittest import mock

from statekit.driver import ABSENT, AnyBackend, Drivers, Match, Opening
from statekit.plugins import find

__all__ = ["MUTANTS", "Defect", "Mutant", "core", "declaration", "objects", "records"]

Exchange = Callable[[object, str, object], None]
"""``exchange(owner, name, value)``: set an attribute until the target ends."""


class Defect:
    """What every broken driver has, whether it needs it or not.

    Attributes:
        clock: Core's clock.
    """

    clock: Any

    def stored_anyway(self, key: str, value: bytes, **rest: Any) -> Any:
        """Store a record whatever is there, as a driver does that drops the condition."""
        while True:
            there = self.read(key, timeout=rest["timeout"])  # type: ignore[attr-defined]
            rest["expect"] = Match(there.version) if there else ABSENT
            answer = super().write(key, value, **rest)  # type: ignore[misc]
            if not hasattr(answer, "current"):
                return answer


@dataclass(frozen=True, eq=False)
class Mutant:
    """One defect.

    Attributes:
        scheme: Its URLs' scheme, which is the target's name, too: the first clause, and a letter.
        name: What is wrong, in words.
        clauses: Each of them has to fail.
        over: The scheme of the good backend.
        drivers: What stands before which driver's methods.
        declares: What it declares instead.
        exchanges: Exchanges something of core's.
    """

    scheme: str
    name: str
    clauses: tuple[str, ...]
    over: str = "memory"
    drivers: Mapping[str, type] = field(default_factory=dict)
    declares: Callable[[AnyBackend], dict[str, Any]] = lambda _: {}
    exchanges: Callable[[Exchange], None] | None = None
    _undo: ExitStack = field(default_factory=ExitStack)
    _begun: list[bool] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The target's URL."""
        return f"{self.scheme}:{{unique}}" if self.over == "memory" else f"{self.scheme}:{{directory}}/state"

    @property
    def backend(self) -> AnyBackend:
        """The good backend but for the defect."""
        sound = replace(find(self.over), name=self.scheme, schemes=(self.scheme,), open=self._open)
        return replace(sound, **self.declares(sound))

    def _open(self, opening: Opening[Any]) -> Drivers:
        self.begin()  # in a process of the case's own nobody else has
        drivers = find(self.over).open(opening)
        for name, defect in self.drivers.items():
            driver = getattr(drivers, name)
            driver.clock = opening.clock
            if not isinstance(driver, defect):
                kind = type(driver)
                driver.__class__ = type(defect.__name__, (defect, Defect, kind), {"__module__": kind.__module__})
        return drivers

    def begin(self, _folder: object = None) -> None:
        """Exchange what is to be exchanged in this process."""
        if self.exchanges is not None and not self._begun:
            self._begun.append(True)
            self.exchanges(self._exchange)

    def _exchange(self, owner: object, name: str, value: object) -> None:
        self._undo.enter_context(mock.patch.object(owner, name, value))

    def end(self) -> None:
        """Put everything back."""
        self._undo.close()
        self._begun.clear()


MUTANTS: Final[dict[str, Mutant]] = {}
"""All of them, by scheme."""


def _register(named: Any, clauses: tuple[str, ...], over: str, **defect: Any) -> Any:
    stem = clauses[0].lower().replace(".", "-")
    scheme = next(scheme for letter in ascii_lowercase if (scheme := stem + letter) not in MUTANTS)
    MUTANTS[scheme] = Mutant(scheme, named.__name__.replace("_", " "), clauses, over, **defect)
    return named


def records(*clauses: str, over: str = "memory") -> Callable[[Any], Any]:
    """Register a defect of a record driver."""
    return lambda defect: _register(defect, clauses, over, drivers={"records": defect})


def objects(*clauses: str, over: str = "memory") -> Callable[[Any], Any]:
    """Register a defect of an object driver."""
    return lambda defect: _register(defect, clauses, over, drivers={"objects": defect})


def declaration(*clauses: str, over: str = "memory") -> Callable[[Any], Any]:
    """Register a declaration that is wrong."""
    return lambda declares: _register(declares, clauses, over, declares=declares)


def core(*clauses: str, over: str = "memory") -> Callable[[Any], Any]:
    """Register a defect of core."""
    return lambda exchanges: _register(exchanges, clauses, over, exchanges=exchanges)
