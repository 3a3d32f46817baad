"""Wrong protocols: each differs from the real one in one point, and there is a schedule that shows why it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from statekit._core import commit as committing
from statekit._core.envelope import Stored
from statekit._core.ids import name_of, session_id, sid_of, text_of, write_id
from statekit._core.objects.plans import ObjectPlans
from statekit._core.pipeline import Doubt, attempt, read, repeat
from statekit._core.sessions import cells as cells_module
from statekit._core.sessions.cells import Cells, Fate
from statekit._core.sessions.forms import Live, Roster, encode_form
from statekit._core.sessions.owners import AFTERLIFE, Owners
from statekit._core.sessions.plans import SessionPlans
from statekit._core.sessions.rotation import Rotation
from statekit._core.sessions.session import Cell, Session
from statekit.driver import ABSENT, ANY, Committed, Gone, Match, Record
from statekit.errors import BackendError, IndeterminateError

from .cases import (
    HOUR,
    ONE_EACH,
    a_session,
    counted_once,
    counts,
    creates,
    creates_and_destroys,
    destroyed_is_dead,
    destroys,
    every_login_can_be_found,
    its_own_destroyed_is_dead,
    kept_is_alive,
    logs_in,
    revoked_are_dead,
    revokes,
    revokes_but,
    rotated_is_dead,
    rotates,
    rotation_keeps,
    saves,
    saves_keep,
    sweeps,
    the_login_lives,
    touched_is_there,
    touches,
)
from .catalogue import EXPIRY, LATER, anonymous, owned
from .model import Engine
from .process import NOW
from .register import appended_once, appends, deletes_and_creates, register
from .removal import a_file, claimed_once, removes
from .search import Bounds, Case


@dataclass(frozen=True)
class Mutant:
    """One wrong protocol.

    Attributes:
        break_it: Patches the real one.
        case: Where it shows.
        wrong: What the explorer says.
        clause: Of the contract, that it violates.
    """

    break_it: Callable[..., None]
    case: Callable[[], Case]
    wrong: str
    clause: str


def nothing(monkeypatch) -> None:
    """The engine is what is wrong."""


# P1


def writes_without_a_condition(monkeypatch) -> None:
    monkeypatch.setattr(committing, "Match", lambda _: ANY)


def trusts_a_refusal_after_a_lost_reply(monkeypatch) -> None:
    real = committing._judge
    monkeypatch.setattr(
        committing, "_judge", lambda base, own, current, *, doubtful: real(base, bytes(12), current, doubtful=doubtful)
    )


def looks_for_its_id_at_the_top_only(monkeypatch) -> None:
    monkeypatch.setattr(Stored, "descends_from", lambda self, write_id: False)
    monkeypatch.setattr(committing, "_judge", _judged_by_what_is_there_now)


def _judged_by_what_is_there_now(base, own, current, *, doubtful):
    if current is not None and current.write_id == own:
        return committing.Verdict.WON
    same = base is not None and current is not None and current.record.version == base.record.version
    return committing.Verdict.AGAIN if doubtful and same else committing.Verdict.LOST


def takes_a_new_id_for_each_attempt(monkeypatch) -> None:
    def commit(op, driver, key, base, body, *, expires_at, absent_is_lost=False):
        while True:
            own = write_id()
            lineage = base.next_lineage if base else b""
            value = op.wire.vault.close(key, body, own, lineage)
            expect = Match(base.record.version) if base else ABSENT
            try:
                answer = yield from attempt(
                    op, driver, driver.write, key, value, expires_at=expires_at, write_id=text_of(own), expect=expect
                )
            except BackendError:
                continue
            if isinstance(answer, Committed):
                return Stored(Record(value, answer.version, expires_at), own, lineage, body)
            return committing.Lost((yield from read(op, driver, key)))

    monkeypatch.setattr(cells_module, "commit", commit)


def says_committed_when_nobody_can_tell(monkeypatch) -> None:
    real = committing._judge

    def judge(base, own, current, *, doubtful):
        verdict = real(base, own, current, doubtful=doubtful)
        return committing.Verdict.WON if verdict is committing.Verdict.AGAIN else verdict

    monkeypatch.setattr(committing, "_judge", judge)


def begins_a_new_lineage_after_expiry(monkeypatch) -> None:
    real = Owners.read

    def owner_read(self, op, name):
        stored, roster = yield from real(self, op, name)
        if stored and (stored.record.expires_at or 0) <= op.now:
            stored = replace(stored, write_id=bytes(12), lineage=b"")
        return stored, roster

    monkeypatch.setattr(Owners, "read", owner_read)


def claims_what_somebody_deleted(monkeypatch) -> None:
    def delete(self, op, place, if_match):
        driver, doubt = self._driver(), Doubt()
        answer = yield from doubt.repeat(op, driver, driver.delete, place, expect=ANY)
        return answer is Gone.DELETED or doubt.unknown is not None

    monkeypatch.setattr(ObjectPlans, "_delete", delete)


def sweeps_by_version_alone(monkeypatch) -> None:
    def reclaim(self, op, entry):
        driver = self._driver()
        answer = yield from repeat(op, driver, driver.delete, entry.key, expect=Match(entry.version))
        return answer is Gone.DELETED

    monkeypatch.setattr(SessionPlans, "_reclaim", reclaim)


# P2


def plants_again_under_the_same_id(monkeypatch) -> None:
    def plant(self, op, fill):
        identifier, own = session_id(), write_id()
        sid, driver = sid_of(identifier), self.driver()
        live = fill(sid)
        body, until = encode_form(live), self.until(op, live)
        value = self.wire.vault.close(self.key(sid), body, own, b"")
        while True:
            try:
                yield from attempt(
                    op, driver, driver.write, self.key(sid), value,
                    expires_at=until, write_id=text_of(own), expect=ABSENT,
                )  # fmt: skip
            except BackendError:
                continue
            return identifier, Cell(sid, Stored(Record(value, text_of(own), until), own, b"", body), live)

    monkeypatch.setattr(Cells, "plant", plant)


def destroys_only_what_the_id_names(monkeypatch) -> None:
    def destroy(self, op, sid):
        driver = self.driver()
        while True:
            cell = yield from self.find(op, sid)
            if cell is None:
                return None
            version = cell.stored.record.version
            answer = yield from repeat(op, driver, driver.delete, self.key(sid), expect=Match(version))
            if isinstance(answer, Gone):
                return sid

    monkeypatch.setattr(Cells, "destroy", destroy)


def takes_a_refused_delete_for_done(monkeypatch) -> None:
    def destroy(self, op, sid):
        driver = self.driver()
        cell = yield from self.find(op, sid)
        if cell is None:
            return None
        yield from repeat(op, driver, driver.delete, self.key(sid), expect=Match(cell.stored.record.version))
        return sid

    monkeypatch.setattr(Cells, "destroy", destroy)


def leaves_an_expired_session_to_the_sweep(monkeypatch) -> None:
    real = Cells.destroy

    def destroy(self, op, sid):
        stored = yield from read(op, self.driver(), self.key(sid))
        if stored is None or self._form(op, stored) is None:
            return None
        return (yield from real(self, op, sid))

    monkeypatch.setattr(Cells, "destroy", destroy)


def keeps_by_id(monkeypatch) -> None:
    def root(self, op, keep):
        yield from ()
        return sid_of(keep.id if isinstance(keep, Session) else keep)

    def doom(self, op, name, chosen, *, everything):
        def change(roster):
            doomed = [sid for sid in roster.live if chosen(sid)]
            rest = {sid: entry for sid, entry in roster.live.items() if sid not in doomed}
            return Roster(write_id(), rest, (*roster.doomed, *doomed))

        return (yield from self.finish(op, name, (yield from self.change(op, name, change))))

    monkeypatch.setattr(SessionPlans, "_root", root)
    monkeypatch.setattr(Owners, "doom", doom)


def forgets_sessions_that_are_idle(monkeypatch) -> None:
    def fate(self, op, sid):
        cell = yield from self.find(op, sid)
        return Fate.LIVE if cell else Fate.GONE

    monkeypatch.setattr(Cells, "fate", fate)


def registers_first(monkeypatch) -> None:
    def create(self, timeout, data=None, *, owner=None, label=None, since=None):
        with self.wire.begin("create", timeout) as op:
            yield from ()
            identifier, own = session_id(), write_id()
            sid, cells, driver = sid_of(identifier), self._cells, self._driver()
            live = Live(op.now, op.now + cells.lifetime, op.now, owner, label, b"", b"", {})
            yield from self._owners.admit(op, name_of(owner), sid, live, since)
            body, until = encode_form(live), cells.until(op, live)
            value = self.wire.vault.close(cells.key(sid), body, own, b"")
            yield from attempt(
                op, driver, driver.write, cells.key(sid), value, expires_at=until, write_id=text_of(own), expect=ABSENT
            )
            return Session(identifier, Cell(sid, Stored(Record(value, text_of(own), until), own, b"", body), live))

    monkeypatch.setattr(SessionPlans, "create", create)


def returns_before_it_registers(monkeypatch) -> None:
    real = SessionPlans.create

    def create(self, timeout, data, *, owner):
        session = yield from real(self, timeout, data, owner=None)
        return session

    monkeypatch.setattr(SessionPlans, "create", create)


def rotates_without_telling_the_owner(monkeypatch) -> None:
    def enrol(self, op, a, b):
        yield from ()

    monkeypatch.setattr(Rotation, "_enrol", enrol)


def enrols_whatever_was_revoked(monkeypatch) -> None:
    """As deleting what is doomed follows the marker, this shows only where that does not either."""
    destroys_only_what_the_id_names(monkeypatch)

    def succeed(self, op, name, old, new):
        def change(roster):
            return Roster(
                roster.epoch, {**roster.live, new: (old.live.root or old.sid, old.live.ends_at)}, roster.doomed
            )

        yield from self.change(op, name, change)

    monkeypatch.setattr(Owners, "succeed", succeed)


def rotates_without_following(monkeypatch) -> None:
    def follow(self, op, a, b):
        yield from ()
        return b

    monkeypatch.setattr(Rotation, "_follow", follow)


def discards_what_may_have_been_switched_to(monkeypatch) -> None:
    real = Rotation._switch

    def switch(self, op, a, identifier, b):
        try:
            return (yield from real(self, op, a, identifier, b))
        except IndeterminateError:
            yield from self.cells.discard(op, b.sid)
            raise

    monkeypatch.setattr(Rotation, "_switch", switch)


def leaves_the_old_id_alive(monkeypatch) -> None:
    def switch(self, op, a, identifier, b):
        yield from ()
        return Session(identifier, b)

    monkeypatch.setattr(Rotation, "_switch", switch)


def leaves_the_doomed_to_who_doomed_them(monkeypatch) -> None:
    real = Owners.doom

    def doom(self, op, name, chosen, *, everything):
        before = []

        def change_of(change):
            def changed(roster):
                before[:] = roster.doomed
                return change(roster)

            return changed

        inner, finish = self.change, self.finish
        self.change = lambda op, name, change, found=None: inner(op, name, change_of(change), found)
        self.finish = lambda op, name, roster: finish(
            op, name, Roster(roster.epoch, roster.live, tuple(s for s in roster.doomed if s not in before))
        )
        try:
            return (yield from real(self, op, name, chosen, everything=everything))
        finally:
            del self.change, self.finish

    monkeypatch.setattr(Owners, "doom", doom)


def lets_the_owner_expire_before_its_sessions(monkeypatch) -> None:
    def until(op, roster, stored):
        return max((ends_at for _, ends_at in roster.live.values()), default=op.now) + AFTERLIFE

    monkeypatch.setattr(Owners, "_until", staticmethod(until))


def creates_what_it_cannot_save(monkeypatch) -> None:
    """A save of a session that is absent stores it anew."""
    real = Cells.replace

    def replaced(self, op, cell, form):
        result = yield from real(self, op, cell, form)
        if isinstance(result, committing.Lost) and result.current is None and isinstance(form, Live):
            driver, own = self.driver(), write_id()
            body, until = encode_form(form), self.until(op, form)
            value = self.wire.vault.close(self.key(cell.sid), body, own, b"")
            yield from attempt(
                op, driver, driver.write, self.key(cell.sid), value,
                expires_at=until, write_id=text_of(own), expect=ABSENT,
            )  # fmt: skip
            return Stored(Record(value, text_of(own), until), own, b"", body)
        return result

    monkeypatch.setattr(Cells, "replace", replaced)


def saves_the_whole_session(monkeypatch) -> None:
    """The last writer wins: no merge."""
    real = SessionPlans._store

    def store(self, op, session, changes, on_conflict):
        yield from real(self, op, session, changes, "overwrite")

    monkeypatch.setattr(SessionPlans, "_store", store)


def compares_the_mark_too_early(monkeypatch) -> None:
    real = Owners.admit

    def admit(self, op, name, sid, live, since):
        yield from real(self, op, name, sid, live, None)

    monkeypatch.setattr(Owners, "admit", admit)


MUTANTS: dict[str, Mutant] = {
    # † of P1
    "versions that count from 1 after each creation †": Mutant(
        nothing,
        lambda engine=Engine(counts=True): Case(
            {"appends a": appends("a"), "deletes and creates": deletes_and_creates},
            setup=register, invariants=[], bounds=Bounds(1), engine=engine,
        ),
        "a write replaces what it never saw", "R-04",
    ),
    "a condition that also accepts one's own id †": Mutant(
        nothing,
        lambda engine=Engine(repeats=True): Case(
            {"saves a": saves("a", 1), "touches": touches}, setup=anonymous, invariants=[], bounds=Bounds(1),
            engine=engine, now={"touches": LATER},
        ),
        "a write takes effect twice", "R-02",
    ),
    "writing without a condition †": Mutant(
        writes_without_a_condition,
        lambda: Case({"saves a": saves("a", 1), "saves b": saves("b", 1)}, setup=anonymous,
                     invariants=[saves_keep("a", "b")], bounds=Bounds(0)),
        "a write replaces what it never saw", "S-07",
    ),
    "a delete that claims what somebody else deleted †": Mutant(
        claims_what_somebody_deleted,
        lambda: Case({"removes": removes, "removes too": removes}, setup=a_file, invariants=[claimed_once]),
        "two were told that they had deleted one object", "O-12",
    ),
    "a sweep by version alone †": Mutant(
        sweeps_by_version_alone,
        lambda: Case({"touches": touches, "sweeps": sweeps}, setup=anonymous, invariants=[touched_is_there],
                     bounds=Bounds(0), now={"touches": EXPIRY - 1, "sweeps": EXPIRY + HOUR}),
        "a session was swept that was touched", "S-29",
    ),
    # More of P1
    "a refusal on the second attempt is trusted": Mutant(
        trusts_a_refusal_after_a_lost_reply,
        lambda: Case({"counts 1": counts}, setup=a_session({"n": 0}), invariants=[counted_once]),
        "1 increments are acknowledged, 0 refused, and the counter says 2", "E-05",
    ),
    "a lineage that nobody reads": Mutant(
        looks_for_its_id_at_the_top_only,
        lambda: Case({"appends a": appends("a"), "appends b": appends("b")}, setup=register,
                     invariants=[appended_once]),
        "appends a was told that its own write was lost to another one, and it was applied", "E-05",
    ),
    "a new write id for each attempt": Mutant(
        takes_a_new_id_for_each_attempt,
        lambda: Case({"counts 1": counts}, setup=a_session({"n": 0}), invariants=[counted_once]),
        "the counter says 2", "S-13",
    ),
    "an unknown write reported as committed": Mutant(
        says_committed_when_nobody_can_tell,
        lambda: Case({"saves a": saves("a", 1)}, setup=anonymous, invariants=[saves_keep("a")]),
        "the acknowledged save of ['a'] is lost", "E-06",
    ),
    "a lineage that begins anew when an expired record is replaced": Mutant(
        begins_a_new_lineage_after_expiry,
        lambda: Case({"creates": creates()}, setup=owned, invariants=[], now={"creates": NOW + 100 * 24 * HOUR}),
        "a write replaces what it never saw", "E-05",
    ),
    # † of P2
    "planting again under the same id †": Mutant(
        plants_again_under_the_same_id,
        lambda: Case({"creates and destroys": creates_and_destroys}, invariants=[its_own_destroyed_is_dead]),
        "a write takes effect twice", "S-20",
    ),
    "a destroy that ignores where the session moved †": Mutant(
        destroys_only_what_the_id_names,
        lambda: Case({"rotates": rotates, "destroys": destroys}, setup=anonymous, invariants=[destroyed_is_dead]),
        "a session was destroyed while it was rotated, and the new one is alive", "S-21",
    ),
    "keeping by id †": Mutant(
        keeps_by_id,
        lambda: Case({"rotates": rotates, "revokes": revokes_but}, setup=owned, invariants=[kept_is_alive],
                     bounds=Bounds(0)),
        "the old session was moved, and the new one is not there", "S-25",
    ),
    "pruning by idle expiry †": Mutant(
        forgets_sessions_that_are_idle,
        lambda: Case(
            {"touches": touches, "creates": creates(), "revokes": revokes}, setup=owned, policy=ONE_EACH,
            invariants=[revoked_are_dead], bounds=Bounds(0), watched=["revokes"],
            now={"touches": EXPIRY - 1, "creates": EXPIRY + 1, "revokes": EXPIRY + 2},
        ),
        "everything was revoked, and a session from before can be loaded", "S-24",
    ),
    "registering first, and pruning what is absent †": Mutant(
        registers_first,
        lambda: Case({"creates": creates(), "creates too": creates()}, setup=owned, policy=ONE_EACH,
                     invariants=[every_login_can_be_found], bounds=Bounds(0)),
        "returned a session that its owner's record does not know", "S-24",
    ),
    # More of P2
    "a create that is not in its owner's record": Mutant(
        returns_before_it_registers,
        lambda: Case({"creates": creates()}, setup=owned, invariants=[every_login_can_be_found]),
        "creates returned a session that its owner's record does not know", "S-24",
    ),
    "a rotation that its owner's record does not know": Mutant(
        rotates_without_telling_the_owner,
        lambda: Case({"rotates": rotates}, setup=owned, invariants=[every_login_can_be_found], bounds=Bounds(0)),
        "rotates returned a session that its owner's record does not know", "S-24",
    ),
    "a rotation that enrols what was revoked": Mutant(
        enrols_whatever_was_revoked,
        lambda: Case({"rotates": rotates, "revokes": revokes}, setup=owned, invariants=[revoked_are_dead],
                     bounds=Bounds(0), watched=["revokes"]),
        "what a session from before was rotated into can be loaded", "S-24",
    ),
    "a rotation that does not follow saves": Mutant(
        rotates_without_following,
        lambda: Case({"rotates": rotates, "saves a": saves("a", 1)}, setup=anonymous,
                     invariants=[rotation_keeps("a")], bounds=Bounds(0)),
        "the rotation lost ['a']", "S-19",
    ),
    "a rotation that gives up what it may have switched to": Mutant(
        discards_what_may_have_been_switched_to,
        lambda: Case({"rotates": rotates}, setup=anonymous, invariants=[the_login_lives], bounds=Bounds(2, 1)),
        "the old session was moved, and the new one is not there", "S-18",
    ),
    "a rotation that leaves the old id alive": Mutant(
        leaves_the_old_id_alive,
        lambda: Case({"rotates": rotates}, setup=anonymous, invariants=[rotated_is_dead], bounds=Bounds(0)),
        "the old id works after its rotation", "S-18",
    ),
    "a refused delete taken for done": Mutant(
        takes_a_refused_delete_for_done,
        lambda: Case({"saves a": saves("a", 1), "destroys": destroys}, setup=anonymous,
                     invariants=[destroyed_is_dead], bounds=Bounds(0)),
        "a destroyed session can be loaded", "S-20",
    ),
    "an expired session that destroy leaves to the sweep": Mutant(
        leaves_an_expired_session_to_the_sweep,
        lambda: Case({"touches": touches, "destroys": destroys}, setup=anonymous, invariants=[destroyed_is_dead],
                     bounds=Bounds(0), now={"touches": EXPIRY - 1, "destroys": EXPIRY + 1}),
        "a destroyed session can be loaded", "S-20",
    ),
    "a crash between dooming and deleting that nobody mends": Mutant(
        leaves_the_doomed_to_who_doomed_them,
        lambda: Case({"revokes": revokes, "revokes again": revokes}, setup=owned, invariants=[revoked_are_dead],
                     bounds=Bounds(0, 0, 0, 1), watched=["revokes", "revokes again"]),
        "everything was revoked, and a session from before can be loaded", "S-24",
    ),
    "an owner's record that expires before its sessions": Mutant(
        lets_the_owner_expire_before_its_sessions,
        lambda: Case({"revokes": revokes, "revokes again": revokes}, setup=owned, invariants=[revoked_are_dead],
                     bounds=Bounds(0, 0, 0, 1), watched=["revokes", "revokes again"],
                     now={"revokes again": NOW + 2 * HOUR}),
        "everything was revoked, and a session from before can be loaded", "S-24",
    ),
    "a save that creates": Mutant(
        creates_what_it_cannot_save,
        lambda: Case({"saves a": saves("a", 1), "destroys": destroys}, setup=anonymous,
                     invariants=[destroyed_is_dead], bounds=Bounds(0)),
        "a destroyed session can be loaded", "S-12",
    ),
    "a save without merging": Mutant(
        saves_the_whole_session,
        lambda: Case({"saves a": saves("a", 1), "saves b": saves("b", 1)}, setup=anonymous,
                     invariants=[saves_keep("a", "b")], bounds=Bounds(0)),
        "is lost", "S-07",
    ),
    "a mark that nobody compares": Mutant(
        compares_the_mark_too_early,
        lambda: Case({"logs in": logs_in, "revokes": revokes}, setup=owned, invariants=[revoked_are_dead],
                     bounds=Bounds(0), watched=["revokes"]),
        "everything was revoked after logs in had taken its mark, and its session can be loaded", "S-26",
    ),
}  # fmt: skip
