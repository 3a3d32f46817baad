"""Object drivers with one defect each: O-51 to O-64, O-69 to O-71, K-11."""

from __future__ import annotations

import threading
import time
import unicodedata

from google_crc32c import value as crc32c_of
from msgspec.structs import replace

from statekit.driver import ABSENT, ANY, Chunk, Committed, Gone, Match, Meta, Page, Refused

from .mutant import objects

GAP = 0.002
LARGE = 1024 * 1024


def holds(expect, current):
    """Whether an expectation holds."""
    if expect is ANY:
        return True
    return current is None if expect is ABSENT else current is not None and current.version == expect.version


# Reading


@objects("O-51")
class a_stat_from_a_cache_that_a_delete_does_not_clear:
    def stat(self, key, /, **rest):
        seen = self.__dict__.setdefault("_seen", {})
        found = super().stat(key, **rest)
        seen[key] = found or seen.get(key)
        return seen[key]


@objects("O-51", over="local")
class a_stat_from_a_cache_of_each_opening:
    def stat(self, key, /, **rest):
        seen = self.__dict__.setdefault("_seen", {})
        if not seen.get(key):
            seen[key] = super().stat(key, **rest)
        return seen[key]

    def write(self, key, data, /, **rest):
        self.__dict__.setdefault("_seen", {}).pop(key, None)
        return super().write(key, data, **rest)

    def delete(self, key, /, **rest):
        self.__dict__.setdefault("_seen", {}).pop(key, None)
        return super().delete(key, **rest)


@objects("O-52")
class bytes_of_one_version_and_the_stat_of_another:
    def read(self, key, /, **rest):
        first = super().read(key, **rest)
        time.sleep(GAP / 4)
        second = super().read(key, **rest)
        torn = isinstance(first, Chunk) and isinstance(second, Chunk)
        return Chunk(second.stat, first.data) if torn else second


@objects("O-52")
class a_chunk_without_its_metadata:
    def read(self, key, /, **rest):
        found = super().read(key, **rest)
        return Chunk(replace(found.stat, meta=Meta()), found.data) if isinstance(found, Chunk) else found


@objects("O-52")
class a_range_that_is_one_byte_short:
    def read(self, key, /, *, start, length, **rest):
        return super().read(key, start=start, length=max(length - 1, 1) if start else length, **rest)


@objects("O-53")
class a_read_that_takes_any_version:
    def read(self, key, /, *, expect, **rest):
        return super().read(key, expect=ANY, **rest)


@objects("O-54")
class a_read_beyond_the_end_is_a_fault:
    def read(self, key, /, *, start, **rest):
        found = self.stat(key, timeout=rest["timeout"])
        if found and start >= found.size:
            raise ValueError("the range cannot be satisfied")
        return super().read(key, start=start, **rest)


@objects("O-54")
class a_read_beyond_the_end_is_nothing:
    def read(self, key, /, *, start, **rest):
        found = super().read(key, start=start, **rest)
        return None if isinstance(found, Chunk) and start and start >= found.stat.size else found


# Writing


@objects("O-55")
class a_create_replaces_an_object:
    def write(self, key, data, /, *, expect, **rest):
        return super().write(key, data, expect=ANY if expect is ABSENT else expect, **rest)


@objects("O-55")
class a_write_over_a_version_creates_where_no_object_is:
    def write(self, key, data, /, *, expect, **rest):
        absent = self.stat(key, timeout=rest["timeout"]) is None
        return super().write(key, data, expect=ANY if absent else expect, **rest)


@objects("O-55")
class the_condition_is_dropped_on_large_objects:
    def write(self, key, data, /, *, expect, **rest):
        return super().write(key, data, expect=ANY if len(data) >= LARGE else expect, **rest)


@objects("O-55")
class two_winners_of_one_object:
    def write(self, key, data, /, *, expect, **rest):
        there = self.stat(key, timeout=rest["timeout"])
        if not holds(expect, there):
            return Refused(there)
        time.sleep(GAP)
        return super().write(key, data, expect=ANY, **rest)


@objects("O-55.1", over="local")
class a_lock_on_objects_that_other_processes_do_not_see:
    lock = threading.Lock()

    def write(self, key, data, /, *, expect, **rest):
        with self.lock:
            there = self.stat(key, timeout=rest["timeout"])
            if not holds(expect, there):
                return Refused(there)
            time.sleep(GAP)
            return super().write(key, data, expect=ANY, **rest)


@objects("O-56", over="local")
class an_object_that_is_visible_before_it_is_complete:
    def write(self, key, data, /, *, crc32c, expect, **rest):
        half = bytes(data)[: len(data) // 2]
        first = super().write(key, half, crc32c=crc32c_of(half), expect=expect, **rest)
        if isinstance(first, Refused):
            return first
        time.sleep(GAP)
        return super().write(key, data, crc32c=crc32c, expect=ANY, **rest)


@objects("O-57")
class a_checksum_that_nobody_looks_at:
    def write(self, key, data, /, *, crc32c, **rest):
        return super().write(key, data, crc32c=crc32c_of(bytes(data)), **rest)


@objects("O-57")
class damaged_bytes_are_told_after_they_were_stored:
    def write(self, key, data, /, *, crc32c, **rest):
        right = crc32c_of(bytes(data))
        answer = super().write(key, data, crc32c=right, **rest)
        return answer if right == crc32c else super().write(key, data, crc32c=crc32c, **rest)


@objects("O-58")
class a_write_id_that_is_not_kept:
    def write(self, key, data, /, *, meta, **rest):
        return super().write(key, data, meta=replace(meta, write_id=None), **rest)


@objects("O-58")
class metadata_keys_with_hyphens_become_others:
    def write(self, key, data, /, *, meta, **rest):
        user = meta.user and {name.replace("-", "_"): value for name, value in meta.user.items()}
        return super().write(key, data, meta=replace(meta, user=user), **rest)


@objects("O-58")
class a_content_type_that_there_is_none_of_is_guessed:
    def write(self, key, data, /, *, meta, **rest):
        kind = meta.content_type or "application/octet-stream"
        return super().write(key, data, meta=replace(meta, content_type=kind), **rest)


@objects("O-58")
class an_overwrite_keeps_old_metadata:
    def write(self, key, data, /, *, meta, **rest):
        there = self.stat(key, timeout=rest["timeout"])
        user = {**((there.meta and there.meta.user) or {}), **(meta.user or {})} if there else meta.user
        return super().write(key, data, meta=replace(meta, user=user), **rest)


# Copying


@objects("O-59")
class a_copy_keeps_the_sources_metadata:
    def copy(self, source, target, /, *, meta, **rest):
        there = self.stat(source, timeout=rest["timeout"])
        return super().copy(source, target, meta=there.meta if there else meta, **rest)


@objects("O-59")
class a_copy_of_whatever_the_source_is_now:
    def copy(self, source, target, /, *, pinned, **rest):
        there = self.stat(source, timeout=rest["timeout"])
        return super().copy(source, target, pinned=Match(there.version) if there else pinned, **rest)


@objects("O-59")
class a_copy_of_a_source_that_is_gone_is_a_refusal:
    def copy(self, source, target, /, **rest):
        answer = super().copy(source, target, **rest)
        return Refused(None) if answer is None else answer


@objects("O-60")
class a_copy_that_looks_at_no_condition:
    def copy(self, source, target, /, *, expect, **rest):
        return super().copy(source, target, expect=ANY, **rest)


@objects("O-60")
class a_copy_that_looks_and_then_leaps:
    def copy(self, source, target, /, *, expect, **rest):
        there = self.stat(target, timeout=rest["timeout"])
        if not holds(expect, there):
            return Refused(there)
        time.sleep(GAP)
        return super().copy(source, target, expect=ANY, **rest)


@objects("O-60")
class a_refused_copy_tells_of_the_source:
    def copy(self, source, target, /, **rest):
        answer = super().copy(source, target, **rest)
        return Refused(self.stat(source, timeout=rest["timeout"])) if isinstance(answer, Refused) else answer


# Deleting


@objects("O-61")
class a_delete_of_an_objects_version_deletes_any_other:
    def delete(self, key, /, *, expect, **rest):
        return super().delete(key, expect=ANY, **rest)


@objects("O-61")
class a_delete_of_an_absent_object_is_a_fault:
    def delete(self, key, /, **rest):
        answer = super().delete(key, **rest)
        if answer is Gone.ABSENT:
            raise LookupError("no such object")
        return answer


@objects("O-61")
class a_delete_takes_what_is_below_it_along:
    def delete(self, key, /, **rest):
        for other in [other for other in self._objects if other.startswith(f"{key}/")]:
            del self._objects[other]
        return super().delete(key, **rest)


# Listing


@objects("O-62")
class a_listing_of_objects_ends_with_its_first_page:
    def page(self, prefix, /, **rest):
        return replace(super().page(prefix, **rest), cursor=None)


@objects("O-62")
class a_listing_repeats_the_last_key_of_each_page:
    def page(self, prefix, /, **rest):
        page = super().page(prefix, **rest)
        before = self.stat(rest["cursor"], timeout=rest["timeout"]) if rest["cursor"] else None
        return replace(page, items=(before, *page.items)) if before else page


@objects("O-62")
class a_listing_in_the_order_of_utf_16:
    def page(self, prefix, /, *, cursor, limit, **rest):
        page = super().page(prefix, cursor=None, limit=100_000, **rest)
        start = int(cursor or 0)
        items = sorted(page.items, key=lambda stat: stat.key.encode("utf-16-be"))
        more = len(items) > start + limit
        return Page(tuple(items[start : start + limit]), str(start + limit) if more else None, page.prefixes)


@objects("O-62")
class a_listing_of_objects_goes_on_by_position:
    def page(self, prefix, /, *, cursor, limit, **rest):
        page = super().page(prefix, cursor=None, limit=100_000, **rest)
        start = int(cursor or 0)
        more = len(page.items) > start + limit
        return Page(page.items[start : start + limit], str(start + limit) if more else None, page.prefixes)


@objects("O-63")
class a_folded_prefix_without_its_slash:
    def page(self, prefix, /, **rest):
        page = super().page(prefix, **rest)
        return replace(page, prefixes=tuple(folded[:-1] for folded in page.prefixes))


@objects("O-63")
class a_prefix_that_is_folded_again_on_each_page:
    def page(self, prefix, /, *, delimiter, **rest):
        page = super().page(prefix, delimiter=None, **rest)
        if delimiter is None:
            return page
        below = [stat for stat in page.items if delimiter in stat.key[len(prefix) :]]
        folded = dict.fromkeys(prefix + stat.key[len(prefix) :].partition(delimiter)[0] + delimiter for stat in below)
        return Page(tuple(stat for stat in page.items if stat not in below), page.cursor, tuple(folded))


@objects("O-63")
class a_delimiter_that_is_looked_for_in_the_prefix_too:
    def page(self, prefix, /, *, delimiter, **rest):
        folder = prefix.rpartition("/")[0] + "/" if delimiter and "/" in prefix else prefix
        return super().page(folder, delimiter=delimiter, **rest)


@objects("O-64")
class a_listing_that_starts_with_start_after:
    def page(self, prefix, /, *, start_after, **rest):
        page = super().page(prefix, start_after=start_after, **rest)
        first = self.stat(start_after, timeout=rest["timeout"]) if start_after else None
        return replace(page, items=(first, *page.items)) if first and start_after.startswith(prefix) else page


@objects("O-64")
class start_after_is_forgotten_where_keys_are_folded:
    def page(self, prefix, /, *, delimiter, start_after, **rest):
        return super().page(prefix, delimiter=delimiter, start_after=None if delimiter else start_after, **rest)


# Versions and bytes


@objects("O-70")
class an_objects_version_has_to_be_hexadecimal:
    def write(self, key, data, /, *, expect, **rest):
        if isinstance(expect, Match):
            int(expect.version, 16)
        return super().write(key, data, expect=expect, **rest)


@objects("O-70")
class quotes_and_spaces_around_a_version_do_not_count:
    def write(self, key, data, /, *, expect, **rest):
        return super().write(key, data, expect=self.plain(expect), **rest)

    def delete(self, key, /, *, expect, **rest):
        return super().delete(key, expect=self.plain(expect), **rest)

    @staticmethod
    def plain(expect):
        return Match(expect.version.strip('" \n').lower()) if isinstance(expect, Match) else expect


@objects("O-71")
class an_empty_object_is_none:
    def stat(self, key, /, **rest):
        found = super().stat(key, **rest)
        return found if found and found.size else None


@objects("O-71")
class an_object_of_8_mib_loses_its_end:
    def write(self, key, data, /, *, crc32c, **rest):
        most = 8 * 1024 * 1024 - 1
        cut = bytes(data)[:most]
        return super().write(key, cut, crc32c=crc32c if len(data) <= most else crc32c_of(cut), **rest)


@objects("O-71")
class line_ends_are_translated:
    def write(self, key, data, /, *, crc32c, **rest):
        text = bytes(data)
        changed = text.replace(b"\r\n", b"\n") if crc32c_of(text) == crc32c else text
        return super().write(key, changed, crc32c=crc32c if changed == text else crc32c_of(changed), **rest)


@objects("O-69", over="local")
class an_object_is_acknowledged_before_it_is_stored:
    def write(self, key, data, /, *, meta, expect, **rest):
        there = self.__dict__.setdefault("_expected", {})
        known = there.get(key) or getattr(self.stat(key, timeout=rest["timeout"]), "version", None)
        right = expect is ANY or known == (None if expect is ABSENT else expect.version)
        if not right or crc32c_of(bytes(data)) != rest["crc32c"]:
            return super().write(key, data, meta=meta, expect=expect, **rest)
        there[key] = meta.write_id
        late = threading.Timer(0.05, super().write, (key, bytes(data)), {"meta": meta, "expect": ANY, **rest})
        late.daemon = True
        late.start()
        return Committed(meta.write_id)


# Keys


class _Folded:
    """Keys that become others on their way."""

    @staticmethod
    def folded(key):
        return key

    def stat(self, key, /, **rest):
        return super().stat(self.folded(key), **rest)

    def read(self, key, /, **rest):
        return super().read(self.folded(key), **rest)

    def write(self, key, data, /, **rest):
        return super().write(self.folded(key), data, **rest)

    def delete(self, key, /, **rest):
        return super().delete(self.folded(key), **rest)


@objects("K-11")
class object_keys_of_512_bytes(_Folded):
    @staticmethod
    def folded(key):
        return key.encode()[:512].decode(errors="ignore")


@objects("K-11")
class object_keys_in_one_normal_form(_Folded):
    @staticmethod
    def folded(key):
        return unicodedata.normalize("NFC", key)


@objects("K-11")
class object_keys_without_a_space_at_their_end(_Folded):
    @staticmethod
    def folded(key):
        return key.rstrip(" ")


@objects("O-72")
class a_write_of_an_object_that_is_sent_again:
    def write(self, key, data, /, **rest):
        answer = super().write(key, data, **rest)
        if isinstance(answer, Committed):
            super().write(key, data, **{**rest, "expect": Match(answer.version)})
        return answer
