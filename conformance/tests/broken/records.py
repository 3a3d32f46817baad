"""Record drivers with one defect each: R-01 to R-23, K-09, K-10."""

from __future__ import annotations

import hashlib
import threading
import time

from msgspec.structs import replace

from statekit.driver import ABSENT, Committed, Entry, Gone, Match, Page, Refused

from .mutant import records

GAP = 0.002
"""Seconds between a look and a leap, so that somebody else comes between."""
HOUR = 3_600_000


def holds(expect, current):
    """Whether an expectation holds, as core means it."""
    return current is None if expect is ABSENT else current is not None and current.version == expect.version


# Conditions


@records("R-01")
class a_create_replaces_a_record:
    def write(self, key, value, /, *, expect, **rest):
        return (
            self.stored_anyway(key, value, **rest)
            if expect is ABSENT
            else super().write(key, value, expect=expect, **rest)
        )


@records("R-01")
class a_create_replaces_an_expired_record:
    def write(self, key, value, /, *, expect, **rest):
        there = self.read(key, timeout=rest["timeout"])
        if expect is ABSENT and there and there.expires_at is not None and there.expires_at <= self.clock.now():
            expect = Match(there.version)
        return super().write(key, value, expect=expect, **rest)


@records("R-02")
class a_write_over_a_version_creates_where_nothing_is:
    def write(self, key, value, /, *, expect, **rest):
        absent = self.read(key, timeout=rest["timeout"]) is None
        return super().write(key, value, expect=ABSENT if absent else expect, **rest)


@records("R-02")
class a_write_over_a_version_replaces_any_other:
    def write(self, key, value, /, *, expect, **rest):
        there = self.read(key, timeout=rest["timeout"])
        if isinstance(expect, Match) and there:
            expect = Match(there.version)
        return super().write(key, value, expect=expect, **rest)


@records("R-03")
class the_condition_is_dropped_on_large_values:
    def write(self, key, value, /, *, expect, **rest):
        if len(value) > 64 * 1024 and isinstance(expect, Match):
            return self.stored_anyway(key, value, **rest)
        return super().write(key, value, expect=expect, **rest)


@records("R-03")
class a_look_and_a_leap_in_which_two_win:
    def write(self, key, value, /, *, expect, **rest):
        there = self.read(key, timeout=rest["timeout"])
        if not holds(expect, there):
            return Refused(there)
        time.sleep(GAP)
        return self.stored_anyway(key, value, **rest)


@records("R-03.1", over="local")
class a_lock_that_other_processes_do_not_see:
    lock = threading.Lock()

    def write(self, key, value, /, *, expect, **rest):
        with self.lock:
            there = self.read(key, timeout=rest["timeout"])
            if not holds(expect, there):
                return Refused(there)
            time.sleep(GAP)
            return self.stored_anyway(key, value, **rest)


# Versions


@records("R-04")
class versions_count_from_one_after_each_creation:
    def write(self, key, value, /, **rest):
        there = self._records.get(key)
        answer = super().write(key, value, **rest)
        if not isinstance(answer, Committed):
            return answer
        version = str(int(there.version) + 1 if there else 1)
        self._records[key] = replace(self._records[key], version=version)
        return Committed(version)


@records("R-04")
class a_version_is_the_checksum_of_the_value:
    def write(self, key, value, /, **rest):
        answer = super().write(key, value, **rest)
        if not isinstance(answer, Committed):
            return answer
        version = hashlib.md5(value).hexdigest()
        self._records[key] = replace(self._records[key], version=version)
        return Committed(version)


@records("R-04", over="local")
class versions_begin_anew_in_each_process:
    drawn = 0

    def write(self, key, value, /, **rest):
        type(self).drawn += 1
        return super().write(key, value, **{**rest, "write_id": f"{type(self).drawn:016}"})


@records("R-05")
class a_version_has_to_be_hexadecimal:
    def write(self, key, value, /, *, expect, **rest):
        if isinstance(expect, Match):
            int(expect.version, 16)
        return super().write(key, value, expect=expect, **rest)


@records("R-05")
class a_version_is_compared_without_case:
    def write(self, key, value, /, *, expect, **rest):
        there = self.read(key, timeout=rest["timeout"])
        if isinstance(expect, Match) and there and there.version.lower() == expect.version.lower().strip():
            expect = Match(there.version)
        return super().write(key, value, expect=expect, **rest)


# Reading


class _Cached:
    """A read that is answered from a cache which forgets what ``forgets`` names."""

    forgets = ()

    @property
    def seen(self):
        return self.__dict__.setdefault("_seen", {})

    def read(self, key, /, *, timeout):
        if key not in self.seen:
            self.seen[key] = super().read(key, timeout=timeout)
        return self.seen[key]

    def _forget(self, method, key):
        if method in self.forgets:
            self.seen.pop(key, None)

    def write(self, key, value, /, **rest):
        answer = super().write(key, value, **rest)
        self._forget("write", key)
        return answer

    def touch(self, key, /, **rest):
        answer = super().touch(key, **rest)
        self._forget("touch", key)
        return answer

    def delete(self, key, /, **rest):
        answer = super().delete(key, **rest)
        self._forget("delete", key)
        return answer


@records("R-06")
class a_cache_that_a_delete_does_not_clear(_Cached):
    forgets = ("write", "touch")


@records("R-06")
class a_cache_that_a_touch_does_not_clear(_Cached):
    forgets = ("write", "delete")


@records("R-06.1", over="local")
class a_cache_of_each_opening(_Cached):
    forgets = ("write", "touch", "delete")


@records("R-07")
class a_value_and_a_version_of_two_moments:
    def read(self, key, /, *, timeout):
        first = super().read(key, timeout=timeout)
        time.sleep(GAP / 4)
        second = super().read(key, timeout=timeout)
        return replace(second, value=first.value) if first and second else second


@records("R-07")
class an_expiry_of_another_moment:
    def read(self, key, /, *, timeout):
        first = super().read(key, timeout=timeout)
        time.sleep(GAP / 4)
        second = super().read(key, timeout=timeout)
        return replace(second, expires_at=first.expires_at) if first and second else second


@records("R-08")
class an_empty_value_is_nothing:
    def read(self, key, /, *, timeout):
        found = super().read(key, timeout=timeout)
        return found if found and found.value else None


@records("R-08")
class a_value_ends_at_its_last_printable_byte:
    def write(self, key, value, /, **rest):
        return super().write(key, value.rstrip(b"\0 "), **rest)


@records("R-08", "K-09")
class a_value_is_cut_at_256_kib:
    def write(self, key, value, /, **rest):
        return super().write(key, value[: 256 * 1024], **rest)


@records("K-09")
class a_value_over_256_kib_is_refused:
    def write(self, key, value, /, **rest):
        if len(value) > 256 * 1024:
            raise OverflowError("the item is too large")
        return super().write(key, value, **rest)


# Refusals


@records("R-09")
class a_refusal_says_that_nothing_is_there:
    def write(self, key, value, /, **rest):
        answer = super().write(key, value, **rest)
        return Refused(None) if isinstance(answer, Refused) else answer


@records("R-09")
class a_refused_write_moves_the_expiry:
    def write(self, key, value, /, **rest):
        answer = super().write(key, value, **rest)
        if isinstance(answer, Refused) and answer.current:
            self.touch(key, seen=answer.current, expires_at=rest["expires_at"], timeout=rest["timeout"])
        return answer


# Touching


@records("R-10")
class a_touch_recreates_what_was_deleted:
    def touch(self, key, /, *, seen, expires_at, timeout):
        answer = super().touch(key, seen=seen, expires_at=expires_at, timeout=timeout)
        if isinstance(answer, Refused) and answer.current is None:
            return super().write(
                key, seen.value, expires_at=expires_at, write_id="t" * 16, expect=ABSENT, timeout=timeout
            )
        return answer


@records("R-10")
class a_touch_is_a_write_with_another_version:
    def touch(self, key, /, *, seen, expires_at, timeout):
        answer = super().touch(key, seen=seen, expires_at=expires_at, timeout=timeout)
        if isinstance(answer, Refused):
            return answer
        return super().write(
            key, seen.value, expires_at=expires_at, write_id="t" * 16, expect=Match(seen.version), timeout=timeout
        )


@records("R-10")
class a_touch_answers_and_moves_nothing:
    def touch(self, key, /, *, seen, expires_at, timeout):
        there = self.read(key, timeout=timeout)
        same = there and (there.version, there.expires_at) == (seen.version, seen.expires_at)
        return Committed(seen.version) if same else Refused(there)


@records("R-11")
class a_touch_of_another_version:
    def touch(self, key, /, *, seen, expires_at, timeout):
        there = self.read(key, timeout=timeout)
        if there and there.expires_at == seen.expires_at:
            seen = there
        return super().touch(key, seen=seen, expires_at=expires_at, timeout=timeout)


@records("R-11")
class a_touch_that_does_not_look_at_the_expiry:
    def touch(self, key, /, *, seen, expires_at, timeout):
        there = self.read(key, timeout=timeout)
        if there and there.version == seen.version:
            seen = there
        return super().touch(key, seen=seen, expires_at=expires_at, timeout=timeout)


# Deleting


@records("R-12")
class a_delete_of_a_version_deletes_any_other:
    def delete(self, key, /, *, expect, timeout):
        there = self.read(key, timeout=timeout)
        if isinstance(expect, Match) and there:
            expect = Match(there.version)
        return super().delete(key, expect=expect, timeout=timeout)


@records("R-12")
class a_delete_of_a_version_that_is_absent_is_refused:
    def delete(self, key, /, *, expect, timeout):
        answer = super().delete(key, expect=expect, timeout=timeout)
        return Refused(None) if isinstance(expect, Match) and answer is Gone.ABSENT else answer


@records("R-13")
class a_delete_claims_what_was_not_there:
    def delete(self, key, /, *, expect, timeout):
        answer = super().delete(key, expect=expect, timeout=timeout)
        return Gone.DELETED if answer is Gone.ABSENT and not isinstance(expect, Match | Entry) else answer


@records("R-14")
class an_entry_is_deleted_by_its_version_alone:
    def delete(self, key, /, *, expect, timeout):
        if isinstance(expect, Entry):
            expect = Match(expect.version)
        return super().delete(key, expect=expect, timeout=timeout)


@records("R-14")
class an_entry_is_deleted_by_its_expiry_alone:
    def delete(self, key, /, *, expect, timeout):
        there = self.read(key, timeout=timeout)
        if isinstance(expect, Entry) and there and there.expires_at == expect.expires_at:
            expect = Match(there.version)
        return super().delete(key, expect=expect, timeout=timeout)


# Time


class _Rounded:
    """An expiry that is stored as something else."""

    @staticmethod
    def stored(expires_at):
        return expires_at

    def write(self, key, value, /, *, expires_at, **rest):
        return super().write(key, value, expires_at=self.stored(expires_at), **rest)

    def touch(self, key, /, *, seen, expires_at, timeout):
        return super().touch(key, seen=seen, expires_at=self.stored(expires_at), timeout=timeout)


@records("R-15")
class an_expiry_in_whole_seconds(_Rounded):
    @staticmethod
    def stored(expires_at):
        return expires_at and expires_at // 1000 * 1000


@records("R-15")
class no_expiry_is_the_beginning_of_time(_Rounded):
    @staticmethod
    def stored(expires_at):
        return expires_at or 0


@records("R-15")
class an_expiry_that_ends_in_2038(_Rounded):
    @staticmethod
    def stored(expires_at):
        return expires_at and min(expires_at, (1 << 31) * 1000)


class _Judging:
    """A driver that judges time itself: some leeway after it expired, a record is gone."""

    leeway = 0

    def read(self, key, /, *, timeout):
        found = super().read(key, timeout=timeout)
        if found and found.expires_at is not None and found.expires_at + self.leeway <= self.clock.now():
            return None
        return found


@records("R-16", "R-15")
class what_has_expired_is_not_returned(_Judging):
    pass


@records("R-16")
class native_expiry_at_once_by_a_clock_an_hour_ahead(_Judging):
    leeway = -HOUR


@records("R-16")
class native_expiry_an_hour_later(_Judging):
    leeway = HOUR


# Listing


@records("R-17")
class a_listing_ends_with_its_first_page:
    def page(self, prefix, /, **rest):
        return replace(super().page(prefix, **rest), cursor=None)


@records("R-17")
class a_listing_goes_on_by_position:
    def page(self, prefix, /, *, cursor, limit, timeout):
        start = int(cursor or 0)
        entries = super().page(prefix, cursor=None, limit=100_000, timeout=timeout).items
        more = len(entries) > start + limit
        return Page(entries[start : start + limit], str(start + limit) if more else None)


@records("R-17")
class a_listing_misses_the_first_of_each_later_page:
    def page(self, prefix, /, *, cursor, **rest):
        page = super().page(prefix, cursor=cursor, **rest)
        return page if cursor is None else replace(page, items=page.items[1:])


@records("R-17")
class a_listing_by_a_prefix_that_is_cut_at_a_slash:
    def page(self, prefix, /, **rest):
        return super().page(prefix.rpartition("/")[0] + "/", **rest)


@records("R-17")
class a_listing_leaves_out_what_has_expired:
    def page(self, prefix, /, **rest):
        page = super().page(prefix, **rest)
        now = self.clock.now()
        return replace(page, items=tuple(e for e in page.items if e.expires_at is None or e.expires_at > now))


# Keys


class _Folded:
    """Keys that become others on their way."""

    @staticmethod
    def folded(key):
        return key

    def read(self, key, /, **rest):
        return super().read(self.folded(key), **rest)

    def write(self, key, value, /, **rest):
        return super().write(self.folded(key), value, **rest)

    def delete(self, key, /, **rest):
        return super().delete(self.folded(key), **rest)


@records("R-18", "K-10")
class keys_in_lower_case(_Folded):
    @staticmethod
    def folded(key):
        return key.lower()


@records("R-18", "K-10")
class keys_of_128_characters(_Folded):
    @staticmethod
    def folded(key):
        return key[:128]


@records("K-10")
class keys_without_dots(_Folded):
    @staticmethod
    def folded(key):
        return key.replace(".", "_")


# Processes, threads and crashes


@records("R-19", over="local")
class a_write_is_acknowledged_before_it_is_made:
    def write(self, key, value, /, *, write_id, expect, **rest):
        there = self.__dict__.setdefault("_expected", {})
        known = there.get(key) or getattr(self.read(key, timeout=rest["timeout"]), "version", None)
        if known != (None if expect is ABSENT else expect.version):
            return super().write(key, value, write_id=write_id, expect=expect, **rest)
        there[key] = write_id
        late = threading.Timer(0.05, self.stored_anyway, (key, value), {"write_id": write_id, **rest})
        late.daemon = True
        late.start()
        return Committed(write_id)


@records("R-20", over="local")
class a_write_in_two_halves:
    def write(self, key, value, /, *, write_id, expect, **rest):
        half = len(value) // 2
        there = self.read(key, timeout=rest["timeout"])
        old = there.value if there else bytes(len(value))
        first = super().write(key, value[:half] + old[half:], write_id=f"-{write_id[1:]}", expect=expect, **rest)
        if isinstance(first, Refused):
            return first
        time.sleep(GAP)
        return super().write(key, value, write_id=write_id, expect=Match(first.version), **rest)


@records("R-21")
class a_call_that_waits_longer_than_it_may:
    def write(self, key, value, /, **rest):
        if rest["timeout"] < 1 and not self.__dict__.setdefault("_waited", False):
            self._waited = True
            time.sleep(6)
        return super().write(key, value, **rest)


@records("R-22")
class a_buffer_that_all_threads_share:
    def read(self, key, /, **rest):
        self._asked = key
        time.sleep(GAP / 10)
        return super().read(self._asked, **rest)


@records("R-23")
class a_write_that_is_sent_again:
    def write(self, key, value, /, **rest):
        answer = super().write(key, value, **rest)
        if isinstance(answer, Committed):
            super().write(key, value, **{**rest, "expect": Match(answer.version)})
        return answer
