"""Session stores with one defect each: S-01 to S-37, and K-07."""

from __future__ import annotations

import base64
import secrets

import msgspec
from msgspec.structs import replace

from statekit._core import codec, commit, ids, limits, pipeline, seal
from statekit._core.envelope import Stored
from statekit._core.ids import sid_of, text_of, write_id
from statekit._core.pipeline import attempt, repeat
from statekit._core.sessions import cells, owners, plans
from statekit._core.sessions.cells import Cells
from statekit._core.sessions.forms import Live, Moved, Roster, decode_cell, encode_form
from statekit._core.sessions.owners import Owners
from statekit._core.sessions.plans import SessionPlans
from statekit._core.sessions.rotation import Rotation
from statekit._core.sessions.session import Changes, Session
from statekit._core.vault import Vault
from statekit.driver import ABSENT, Gone, Match, Record
from statekit.errors import CorruptDataError, SessionGoneError

from .mutant import core

HOUR = 3_600_000


# Identity


@core("S-01")
def half_of_an_id_is_always_the_same(exchange):
    exchange(cells, "session_id", lambda: base64.urlsafe_b64encode(secrets.token_bytes(16) + bytes(16)).decode()[:43])


@core("S-02")
def an_unknown_id_is_adopted(exchange):
    def load(self, timeout, identifier):
        with self.wire.begin("load", timeout) as op:
            cell = yield from self._cells.find(op, sid_of(identifier))
            if cell is None:
                _, cell = yield from self._cells.plant(op, lambda _: _empty(self, op))
            return Session(identifier, cell)

    exchange(SessionPlans, "load", load)


def _empty(self, op):
    return Live(op.now, op.now + self._cells.lifetime, op.now, None, None, b"", b"", {})


@core("S-03")
def a_malformed_id_is_looked_up(exchange):
    exchange(plans, "presented", lambda value: sid_of(value) if isinstance(value, str) else None)


@core("S-04")
def a_session_is_stored_under_its_id(exchange):
    def named(identifier):
        return base64.urlsafe_b64decode(f"{identifier}=") if ids.presented(identifier) else None

    exchange(plans, "presented", named)
    exchange(cells, "sid_of", named)


@core("S-28")
def owners_of_all_namespaces_are_one(exchange):
    exchange(Owners, "key", lambda self, name: f"-/o/{name.hex()}")


@core("S-37")
def a_session_that_was_read_once_is_remembered(exchange):
    real = SessionPlans.load

    def load(self, timeout, identifier):
        known = self.__dict__.setdefault("_known", {})
        if identifier not in known:
            known[identifier] = yield from real(self, timeout, identifier)
        return known[identifier]

    exchange(SessionPlans, "load", load)


# Saving


@core("S-05")
def a_save_writes_everything(exchange):
    real = Session.changes

    def changes(self):
        everything = {key: msgspec.Raw(codec.encode(self[key], at=key)) for key in self}
        return Changes(everything, real(self).deleted)

    exchange(Session, "changes", changes)


@core("S-06")
def a_value_that_was_only_looked_at_is_not_compared(exchange):
    real = Session.__getitem__

    def getitem(self, key):
        return real(self, key) if key in self._values else codec.decode(self._encoded[key])

    exchange(Session, "__getitem__", getitem)


def _stored(exchange, how_of):
    real = SessionPlans._store
    exchange(
        SessionPlans, "_store", lambda self, op, session, changes, how: real(self, op, session, changes, how_of(how))
    )


@core("S-07")
def the_last_save_wins(exchange):
    _stored(exchange, lambda how: "overwrite" if how == "merge" else how)


@core("S-08")
def a_conflict_that_is_not_counted(exchange):
    exchange(plans, "_conflicts", lambda changes, known, found: 0)


@core("S-08")
def the_earlier_of_two_saves_wins(exchange):
    real = SessionPlans._store

    def store(self, op, session, changes, how):
        there = yield from self._cells.find(op, sid_of(session.id))
        known, found = session.cell.live.data, there.live.data if there else {}
        mine = {key: new for key, new in changes.changed.items() if known.get(key) == found.get(key)}
        yield from real(self, op, session, Changes(mine, changes.deleted), how)

    exchange(SessionPlans, "_store", store)


@core("S-09")
def a_saved_session_holds_its_own_changes_only(exchange):
    real = Session.rebase

    def rebase(self, cell, changes):
        own = msgspec.structs.replace(cell.live, data=changes.applied_to(self._encoded))
        real(self, msgspec.structs.replace(cell, live=own), changes)

    exchange(Session, "rebase", rebase)


@core("S-10")
def a_save_that_rejects_merges(exchange):
    _stored(exchange, lambda how: "merge" if how == "reject" else how)


@core("S-10")
def a_touch_counts_as_another_save(exchange):
    real = SessionPlans._store

    def store(self, op, session, changes, how):
        there = yield from self._cells.find(op, sid_of(session.id))
        if how == "reject" and there and there.stored.record.expires_at != session.cell.stored.record.expires_at:
            raise plans.ConflictError("it was touched", current="")
        yield from real(self, op, session, changes, how)

    exchange(SessionPlans, "_store", store)


@core("S-11")
def a_save_that_overwrites_merges(exchange):
    _stored(exchange, lambda how: "merge" if how == "overwrite" else how)


@core("S-12")
def a_save_resurrects(exchange):
    real = Cells.replace

    def replaced(self, op, cell, form):
        result = yield from real(self, op, cell, form)
        if isinstance(result, commit.Lost) and result.current is None and isinstance(form, Live):
            driver, own, key = self.driver(), write_id(), self.key(cell.sid)
            body, until = encode_form(form), self.until(op, form)
            value = self.wire.vault.close(key, body, own, b"")
            yield from attempt(
                op, driver, driver.write, key, value, expires_at=until, write_id=text_of(own), expect=ABSENT
            )
            return Stored(Record(value, text_of(own), until), own, b"", body)
        return result

    exchange(Cells, "replace", replaced)


@core("S-12")
def a_touch_of_what_is_gone_is_success(exchange):
    real = SessionPlans._touch

    def touch(self, op, session):
        try:
            return (yield from real(self, op, session))
        except SessionGoneError:
            return False

    exchange(SessionPlans, "_touch", touch)


@core("S-13")
def an_update_that_applies_its_function_once(exchange):
    def update(self, timeout, identifier, function):
        with self.wire.begin("update", timeout) as op:
            cell = yield from self._cells.find(op, sid_of(identifier))
            if cell is None:
                raise SessionGoneError("gone")
            session = Session(identifier, cell)
            function(session)
            if changes := session.changes():
                yield from self._store(op, session, changes, "merge")
            return session

    exchange(SessionPlans, "update", update)


# Time


@core("S-14")
def a_touch_shortens(exchange):
    def touch(self, op, session):
        cell = yield from self._cells.find(op, sid_of(session.id))
        if cell is None:
            raise SessionGoneError("gone")
        driver, key, seen = self._driver(), self._cells.key(cell.sid), cell.stored.record
        wanted = min(cell.live.ends_at, op.now + self._cells.idle)
        if abs(wanted - seen.expires_at) < max(1, self._interval):
            return False
        yield from repeat(op, driver, driver.touch, key, seen=seen, expires_at=wanted)
        session.extended(Record(seen.value, seen.version, wanted))
        return True

    exchange(SessionPlans, "_touch", touch)


@core("S-14")
def a_touch_extends_by_seconds_taken_for_milliseconds(exchange):
    exchange(Cells, "until", lambda self, op, live, seen=0: min(live.ends_at, max(seen, op.now + self.idle // 1000)))


@core("S-15")
def every_touch_is_sent(exchange):
    real = SessionPlans.__init__

    def init(self, *arguments):
        real(self, *arguments)
        self._interval = 0

    exchange(SessionPlans, "__init__", init)


@core("S-16")
def a_session_lives_a_millisecond_longer(exchange):
    def form(self, op, stored):
        if stored is None or (stored.record.expires_at is not None and stored.record.expires_at < op.now):
            return None
        return decode_cell(stored.body)

    exchange(Cells, "_form", form)


@core("S-16")
def a_session_lives_until_it_is_swept(exchange):
    exchange(Cells, "_form", lambda self, op, stored: decode_cell(stored.body) if stored else None)


@core("S-17")
def a_lifetime_that_a_save_extends(exchange):
    real = Cells.replace

    def replaced(self, op, cell, form):
        if isinstance(form, Live):
            form = msgspec.structs.replace(form, ends_at=op.now + self.lifetime)
        return (yield from real(self, op, cell, form))

    exchange(Cells, "replace", replaced)


@core("S-17")
def a_lifetime_that_a_rotation_extends(exchange):
    real = Rotation._successor

    def successor(self, op, a, sid):
        return msgspec.structs.replace(real(self, op, a, sid), ends_at=op.now + self.cells.lifetime)

    exchange(Rotation, "_successor", successor)


# Rotation and destruction


@core("S-18")
def a_rotation_leaves_the_old_id_alive(exchange):
    def switch(self, op, a, identifier, b):
        yield from ()
        return Session(identifier, b)

    exchange(Rotation, "_switch", switch)


@core("S-18")
def a_moved_marker_can_be_loaded(exchange):
    exchange(Cells, "find", lambda self, op, sid: self.follow(op, sid))


@core("S-18")
def a_rotation_forgets_the_label(exchange):
    real = Rotation._successor
    exchange(
        Rotation,
        "_successor",
        lambda self, op, a, sid: msgspec.structs.replace(real(self, op, a, sid), label=self.label),
    )


@core("S-19")
def a_rotation_does_not_follow_saves(exchange):
    def follow(self, op, a, b):
        yield from ()
        return b

    exchange(Rotation, "_follow", follow)


@core("S-20")
def destroy_always_says_that_there_was_one(exchange):
    def destroy(self, timeout, session):
        with self.wire.begin("destroy", timeout) as op:
            identifier = session.id if isinstance(session, Session) else session
            yield from self._cells.destroy(op, sid_of(identifier))
            return True

    exchange(SessionPlans, "destroy", destroy)


@core("S-20")
def destroy_takes_a_refused_delete_for_done(exchange):
    real = Cells.find

    def destroy(self, op, sid):
        driver = self.driver()
        cell = yield from real(self, op, sid)
        if cell is None:
            return None
        yield from repeat(op, driver, driver.delete, self.key(sid), expect=Match(cell.stored.record.version))
        return sid

    exchange(Cells, "destroy", destroy)


@core("S-21")
def destroy_does_not_follow_a_rotation(exchange):
    real = Cells.destroy

    def destroy(self, op, sid):
        stored = yield from pipeline.read(op, self.driver(), self.key(sid))
        if stored and isinstance(self._form(op, stored), Moved):
            return None
        return (yield from real(self, op, sid))

    exchange(Cells, "destroy", destroy)


@core("S-21")
def a_marker_that_is_kept_for_a_second(exchange):
    exchange(cells, "MARKER_LIFE", 1000)


# Owners


@core("S-22")
def a_list_shows_both_ends_of_a_rotation(exchange):
    real = plans.handle_of
    exchange(plans, "handle_of", lambda name, root: real(name, secrets.token_bytes(32)))


@core("S-22")
def a_rotated_session_has_another_handle_than_the_list(exchange):
    exchange(Session, "handle", property(lambda self: plans.handle_of(plans.name_of(self.owner or ""), self.cell.sid)))


@core("S-22")
def a_list_shows_what_was_destroyed(exchange):
    real = SessionPlans._described

    def described(self, op, name, sid, root, ends_at):
        found = yield from real(self, op, name, sid, root, ends_at)
        at = plans._moment(ends_at)
        return found or plans.SessionInfo(plans.handle_of(name, root), at, at, at, None)

    exchange(SessionPlans, "_described", described)


@core("S-22")
def a_session_is_last_seen_when_it_expires(exchange):
    real = SessionPlans._described

    def described(self, op, *about):
        found = yield from real(self, op, *about)
        return found and replace(found, last_seen=found.expires_at)

    exchange(SessionPlans, "_described", described)


@core("S-23")
def revoke_does_not_find_what_was_rotated(exchange):
    real = Owners.doom

    def doom(self, op, name, chosen, *, everything):
        if everything:
            return (yield from real(self, op, name, chosen, everything=True))
        _, roster = yield from self.read(op, name)
        moved = {root for sid, (root, _) in roster.live.items() if sid != root}
        return (yield from real(self, op, name, lambda root: chosen(root) and root not in moved, everything=False))

    exchange(Owners, "doom", doom)


@core("S-23")
def revoke_ends_all_of_an_owners_sessions(exchange):
    real = Owners.doom
    exchange(
        Owners,
        "doom",
        lambda self, op, name, chosen, *, everything: real(self, op, name, lambda root: True, everything=everything),
    )


@core("S-24")
def what_is_doomed_is_not_deleted(exchange):
    def finish(self, op, name, roster):
        yield from ()
        return len(roster.doomed)

    exchange(Owners, "finish", finish)


@core("S-24")
def what_a_dead_process_doomed_stays(exchange):
    real = Owners.finish

    def finish(self, op, name, roster):
        fresh = tuple(sid for sid in roster.doomed if sid in self.__dict__.get("_mine", ()))
        return (yield from real(self, op, name, Roster(roster.epoch, roster.live, fresh)))

    change = Owners.change

    def changed(self, op, name, function, found=None):
        before = found or (yield from self.read(op, name))
        after = yield from change(self, op, name, function, found)
        self.__dict__["_mine"] = set(after.doomed) - set(before[1].doomed)
        return after

    exchange(Owners, "finish", finish)
    exchange(Owners, "change", changed)


@core("S-24")
def an_owners_record_expires_before_its_sessions(exchange):
    exchange(Owners, "_until", staticmethod(lambda op, roster, stored: op.now + HOUR))


@core("S-25")
def revoke_all_keeps_by_id(exchange):
    def root(self, op, keep):
        yield from ()
        return sid_of(keep.id if isinstance(keep, Session) else keep) if keep else b""

    exchange(SessionPlans, "_root", root)


@core("S-26")
def a_mark_that_nobody_compares(exchange):
    real = Owners.admit
    exchange(Owners, "admit", lambda self, op, name, sid, live, since: real(self, op, name, sid, live, None))


@core("S-26")
def an_epoch_that_never_changes(exchange):
    exchange(owners, "write_id", lambda: b"the same one")


@core("S-26")
def a_refused_login_leaves_its_session(exchange):
    def discard(self, op, sid):
        yield from ()

    exchange(Cells, "discard", discard)


@core("S-27")
def an_owner_may_have_one_session_more(exchange):
    real = Owners.__init__
    exchange(Owners, "__init__", lambda self, cells, prefix, most: real(self, cells, prefix, most + 1))


@core("S-27")
def the_latest_session_goes_first(exchange):
    exchange(owners, "sorted", lambda values, key: sorted(values, key=key, reverse=True))


@core("S-27")
def sessions_that_are_gone_count(exchange):
    def unused(self, op, roster):
        yield from ()
        return set(), set()

    exchange(Owners, "_unused", unused)


# Sweeping and damage


@core("S-29")
def a_sweep_takes_what_has_just_expired(exchange):
    exchange(plans, "SWEEP_AFTER", 0)


@core("S-29")
def a_sweep_by_version_alone(exchange):
    def reclaim(self, op, entry):
        driver = self._driver()
        answer = yield from repeat(op, driver, driver.delete, entry.key, expect=Match(entry.version))
        return answer is Gone.DELETED

    exchange(SessionPlans, "_reclaim", reclaim)


@core("S-29")
def a_sweep_leaves_owners_records(exchange):
    real = SessionPlans._reclaim

    def reclaim(self, op, entry):
        return False if entry.key.startswith(self._owners.prefix) else (yield from real(self, op, entry))

    exchange(SessionPlans, "_reclaim", reclaim)


@core("S-30")
def a_damaged_record_is_absent(exchange):
    real = Vault.open

    def opened(self, key, record):
        try:
            return real(self, key, record)
        except CorruptDataError:
            return None

    exchange(Vault, "open", opened)


@core("S-30")
def a_damaged_session_stops_a_listing(exchange):
    exchange(plans, "CorruptDataError", SessionGoneError)


@core("S-30")
def a_checksum_of_records_that_nobody_looks_at(exchange):
    from statekit._core import envelope

    real = envelope.decode

    def decode(record):
        value = bytearray(record.value)
        if len(value) >= 6:
            value[2:6] = envelope.crc32c(bytes(value[6:])).to_bytes(4, "big")
        return replace(real(replace(record, value=bytes(value))), record=record)

    exchange(envelope, "decode", decode)


# Sealing


@core("S-31")
def a_sealed_value_may_be_moved_to_another_key(exchange):
    seals, unseals = seal.KeyRing.seal, seal.KeyRing.unseal
    exchange(seal.KeyRing, "seal", lambda self, plain, _: seals(self, plain, b""))
    exchange(seal.KeyRing, "unseal", lambda self, data, _: unseals(self, data, b""))


@core("S-31")
def a_value_that_is_not_sealed_is_taken_for_one(exchange):
    real = Vault.open
    exchange(Vault, "open", lambda self, key, record: real(Vault(self.ring, accepts_plain=True), key, record))


@core("S-32")
def only_the_first_key_opens(exchange):
    real = seal.KeyRing.unseal

    def unseal(self, data, associated):
        if bytes(data[:4]) != next(iter(self._load())):
            raise CorruptDataError("sealed with another key")
        return real(self, data, associated)

    exchange(seal.KeyRing, "unseal", unseal)


# Values


def _packed(exchange, kind, pack):
    exchange(codec, "_PACKERS", {**codec._PACKERS, kind: pack})


@core("S-33")
def a_tuple_comes_back_as_a_list(exchange):
    _packed(exchange, tuple, codec._pack_list)


@core("S-33")
def a_decimal_loses_its_zeros(exchange):
    _packed(exchange, codec.Decimal, lambda value, _: codec._extension(codec._DECIMAL, str(value.normalize()).encode()))


@core("S-33")
def a_naive_datetime_becomes_utc(exchange):
    real = codec._pack_datetime
    _packed(
        exchange,
        codec.datetime,
        lambda value, depth: real(value if value.tzinfo else value.replace(tzinfo=codec.UTC), depth),
    )


@core("S-34")
def what_has_no_form_is_stored_as_text(exchange):
    real = codec._pack

    def pack(value, depth):
        known = type(value) in codec._SCALARS or type(value) in codec._PACKERS
        return real(value if known else str(value), depth)

    exchange(codec, "_pack", pack)


@core("S-34")
def the_path_of_what_has_no_form_is_not_named(exchange):
    exchange(codec, "_path", lambda at, steps: "the session")


@core("S-35")
def a_payload_of_a_byte_more(exchange):
    exchange(limits, "SESSION_BYTES", limits.SESSION_BYTES + 1)


@core("S-35")
def a_payload_of_a_byte_less(exchange):
    exchange(limits, "SESSION_BYTES", limits.SESSION_BYTES - 1)


@core("S-36")
def deleting_a_key_that_is_not_there_is_success(exchange):
    real = Session.__delitem__

    def delitem(self, key):
        if key in self:
            real(self, key)

    exchange(Session, "__delitem__", delitem)


@core("S-36")
def a_deleted_key_still_counts(exchange):
    exchange(Session, "__len__", lambda self: len({*self._encoded, *self._values}))


@core("K-07")
def an_owners_characters_are_counted_not_its_bytes(exchange):
    exchange(limits, "_utf8_size", lambda name, text: len(text))


@core("K-07")
def a_label_of_a_byte_more(exchange):
    exchange(limits, "LABEL_BYTES", limits.LABEL_BYTES + 1)
