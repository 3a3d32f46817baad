"""What the demo shows. Another act is another function and another line at the end."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from .content import BLOCK
from .stage import USERS, Act, Stage, Worker, expect
from .worker import PIECE

__all__ = ["ACTS"]

MIB: Final = 1024 * 1024
ROUNDS: Final = 20
"""How often each worker changes the common session, in two ways."""
NEAR, FAR = 512, 128
"""Blocks of the large upload: 128 MiB, more than statekit keeps in memory; 32 MiB where a network is in between."""
PIECES: Final = 8
"""Pieces of what one worker begins and another one finishes."""
MIDDLE: Final = 40
"""The block of a large object at which its writer is killed: one part has been sent, and the object is not complete."""


def log_in(stage: Stage) -> str:
    """Log each user in through a process of its own, and look each session up in every process."""
    for user in USERS:
        stage.crew[user] = stage.hire()
    for user, worker in stage.crew.items():
        worker.tell("login", user=user)
    for user, worker in stage.crew.items():
        stage.logins[user] = worker.answer()
        stage.say(f"{worker.name} logged {user} in")
    for worker in stage.crew.values():
        for user, login in stage.logins.items():
            data = worker.ask("load", identifier=login)
            expect(data == {"user": user}, f"{worker.name} does not find the session of {user}")
    return f"each of {len(USERS)} processes finds all {len(USERS)} sessions"


def compete(stage: Stage) -> str:
    """Let all processes change one session at the same time, and count."""
    login = stage.logins[USERS[0]]
    for user, worker in stage.crew.items():
        worker.tell("compete", identifier=login, mine=f"changes by {user}", times=ROUNDS)
    made = 0
    for worker in stage.crew.values():
        made += worker.answer()
        stage.say(f"{worker.name} is done: {2 * ROUNDS} changes")
    data = stage.crew[USERS[0]].ask("load", identifier=login)
    expect(data is not None, "the session is gone")
    found = data["total"] + sum(data[f"changes by {user}"] for user in USERS)
    expect(found == made, f"{made} changes were acknowledged, and {found} are there")
    return f"{len(USERS)} processes made {made} changes to one session, and {found} are there"


def upload(stage: Stage) -> str:
    """Store a large object piece by piece, and read it in another process."""
    writer, reader = stage.crew["ada"], stage.crew["grace"]
    count = NEAR if stage.near else FAR
    size = count * BLOCK // MIB
    grown = writer.ask("upload", key="uploads/large", seed=1, size=count)
    stage.say(f"{writer.name} stored {size} MiB from an iterator")
    expect(reader.ask("download", key="uploads/large", seed=1, size=count), "another process reads something else")
    stage.say(f"{reader.name} read them back and compared each block")
    if grown is None or not stage.near:
        return f"{size} MiB went up in parts and came back the same"
    expect(grown < count * BLOCK, f"the process grew by {grown // MIB} MiB for an upload of {size} MiB")
    return f"{size} MiB went up through a process that grew by {grown // MIB} MiB, and came back the same"


@dataclass(slots=True)
class _Acknowledged:
    """What a writer was told was stored, before it died."""

    session: str = ""
    number: int = 0
    objects: dict[str, int] = field(default_factory=dict)
    cut_short: str | None = None  # the object that it had not even produced all of
    total: int = 0

    def note(self, message: dict[str, Any]) -> None:
        """Remember a message of the writer's."""
        if "writing" in message:
            self.cut_short = None if message["last"] else message["writing"]
            return
        self.total += 1
        self.cut_short = None
        if "object" in message:
            self.objects[message["object"]] = message["number"]
        else:
            self.session, self.number = message["session"], message["number"]


def kill(stage: Stage) -> str:
    """Kill writers in the middle, and let new processes look at what they left."""
    sometime = random.randint(8, 200)
    moments: dict[str, Callable[[dict[str, Any], int], bool]] = {
        "in the middle of its first large upload": lambda message, _: message.get("block") == MIDDLE,
        "in the middle of replacing a large object": lambda message, _: (
            message.get("block") == MIDDLE and message["number"] == 2
        ),
        "at a random moment": lambda _, count: count >= sometime,
    }
    acknowledged = 0
    for number, (moment, now) in enumerate(moments.items(), 1):
        mark = f"victim-{number}"
        victim = stage.hire(mark)
        known = _strike(victim, mark, now)
        stage.say(f"{victim.name} was killed with SIGKILL {moment}, after {known.total} acknowledged writes")
        witness = stage.hire()
        _look(witness, mark, known)
        stage.say(f"{witness.name}, started after that, finds all of them, and nothing half-written")
        acknowledged += known.total
    return f"all {acknowledged} writes that {len(moments)} killed processes had been told of are there, each one whole"


def _strike(victim: Worker, mark: str, now: Callable[[dict[str, Any], int], bool]) -> _Acknowledged:
    """Let a process write until the moment has come, kill it, and return what it had been told."""
    known = _Acknowledged()
    victim.tell("write_without_end", mark=mark)
    struck = False
    for count, message in enumerate(victim.messages()):  # ends when the dead process's last words are read
        expect("error" not in message, f"{victim.name} met {message.get('error')}")
        known.note(message)
        if not struck and now(message, count):
            victim.kill()
            struck = True
    expect(struck, f"{victim.name} died by itself")
    return known


def _look(witness: Worker, mark: str, known: _Acknowledged) -> None:
    """Compare what is stored with what was acknowledged; the write in flight is there as a whole or not at all."""
    data = witness.ask("load", identifier=known.session)
    expect(data is not None, "an acknowledged session is gone")
    number = data.get("number", 0)
    expect(number in (known.number, known.number + 1), f"change {known.number} was acknowledged, {number} is stored")
    expect(data.get("twice", 0) == 2 * number, "a session holds half of a change")
    found = witness.ask("inspect", prefix=f"{mark}/")
    for key, version in known.objects.items():
        expect(
            found.get(key) in (version, version + 1), f"version {version} was acknowledged, {found.get(key)} is stored"
        )
    for key, version in found.items():
        in_flight = 0 if key == known.cut_short else 1
        expect(version <= known.objects.get(key, 0) + in_flight, "an object appeared that nobody wrote to its end")


def log_out(stage: Stage) -> str:
    """Log a user out while a slow request of the same session is under way, and let that one finish."""
    user, other = USERS[1], USERS[2]
    login = stage.logins[user]
    slow, quick = stage.crew[user], stage.crew[other]
    expect(slow.ask("hold", identifier=login), f"the session of {user} is gone")
    stage.say(f"{slow.name} began a slow request of {user}'s")
    expect(quick.ask("logout", identifier=login), "there was no session to log out of")
    stage.say(f"{quick.name} logged {user} out meanwhile")
    outcome = slow.ask("finish")
    expect(outcome == "gone", f"the slow request was told: {outcome}")
    stage.say(f"{slow.name} finished, wanted to save, and was told that the session is gone")
    for worker in stage.crew.values():
        expect(worker.ask("load", identifier=login) is None, f"{worker.name} finds the session again")
    return f"{user} is logged out, in all {len(stage.crew)} processes"


def hand_over(stage: Stage) -> str:
    """Kill a worker halfway in a named workspace, and let another one go on from its last checkpoint."""
    work = {"name": "jobs/large", "key": "crafted", "seed": 7, "pieces": PIECES}
    first, heir = stage.hire(), stage.hire()
    first.tell("craft", **work)
    made = 0
    for message in first.messages():
        expect("piece" in message, f"{first.name} met {message.get('error')}")
        made += 1
        if made == PIECES // 2:
            first.kill()
    stage.say(f"{first.name} was killed with SIGKILL after {made} of {PIECES} pieces")
    heir.tell("craft", **work)
    more, found = 0, -1
    for message in heir.messages():
        expect("error" not in message, f"{heir.name} met {message.get('error')}")
        if "value" in message:
            found = message["value"]
            break
        more += 1
    stage.say(f"{heir.name} waited for the lease to lapse, found {found} pieces, and made {more}")
    expect(found in (made, made + 1), f"{made} pieces were acknowledged, and {found} were found")
    expect(found + more == PIECES, f"{found} pieces were found, and {more} made")
    witness = stage.crew["grace"]
    right = witness.ask("download", key=work["key"], seed=work["seed"], size=PIECES * PIECE)
    expect(right, "what was published is not what was to be made")
    return f"the successor made the {more} missing pieces, and published all {PIECES} once"


ACTS: Final = (
    Act(
        "Four worker processes log four users in",
        "A session belongs to no process: whichever one serves the next request knows the user.",
        log_in,
    ),
    Act(
        "All four change the same session at the same time",
        "No update is lost, without locks: what two requests changed is merged, and a counter counts.",
        compete,
    ),
    Act(
        "One uploads a large file, piece by piece",
        "Objects stream: their size is limited by the backend, not by the memory of the process.",
        upload,
    ),
    Act(
        "Writers are killed without warning, and new processes take over",
        "What was acknowledged is safe, and what was not is there as a whole or not at all.",
        kill,
    ),
    Act(
        "A user logs out while a slow request is still running",
        "A session that was ended stays ended: nothing that finishes later logs the user back in.",
        log_out,
    ),
    Act(
        "A worker is killed in the middle of a long job, and another one goes on",
        "A named workspace outlives its process: one holder at a time, and its last checkpoint is whole.",
        hand_over,
    ),
)
"""The acts, in their order; the first one hires the crew that the others need."""
