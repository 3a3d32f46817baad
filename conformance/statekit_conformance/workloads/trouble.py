"""Trouble while a race is on: clients and engines that are killed, replies that are lost."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from statekit_conformance.proxy import DeliverLate, Dribble, Fault, LoseReply, ResetBefore, Swallow, Truncate

from .race import Round

__all__ = ["clients_killed", "engine_killed", "replies_lost"]

_DOWN: Final = 0.1
"""Seconds for which a killed engine stays down, besides what its start takes."""
_BETWEEN: Final = 0.08
"""Seconds between two faults, on average."""
MODES: Final[tuple[Fault, ...]] = (
    LoseReply(),
    LoseReply(),
    ResetBefore(),
    Swallow(),
    DeliverLate(),
    DeliverLate(),
    Truncate(),
    Truncate(keep=10),
    Dribble(piece=2_000),
)


@contextmanager
def clients_killed(race: Round) -> Iterator[None]:
    """Kill half of the clients in the middle of what they do, and replace them."""
    assert race.crew is not None
    time.sleep(race.part(0.5))
    race.crew.kill((0, 1), race.plan)
    yield


@contextmanager
def engine_killed(race: Round) -> Iterator[None]:
    """Kill the engine and start it on its data; where it lives in its clients, kill all of them and replace them."""
    time.sleep(race.part(0.4))
    if race.running.embedded:
        assert race.crew is not None
        race.crew.kill(range(race.crew.size), race.plan)
    else:
        race.running.kill()
        time.sleep(_DOWN)
        race.running.restart()
    yield


@contextmanager
def replies_lost(race: Round) -> Iterator[None]:
    """Let one request after the other go wrong, each in another way."""
    draw = random.Random(race.plan.seed)
    armed = []
    deadline = time.monotonic() + race.plan.seconds
    while time.monotonic() < deadline:
        armed.append(draw.choice(race.proxies).arm(draw.choice(MODES)))
        time.sleep(draw.uniform(0, 2 * _BETWEEN))
    for each in armed:
        each.disarm()
    assert any(each.struck for each in armed), "no fault struck anything, so the race proves nothing"
    yield
