"""Defects that show at one exact moment, size or combination: what generated programs are for. R-40, S-60, O-48, O-90."""

from __future__ import annotations

from google_crc32c import value as crc32c_of
from msgspec.structs import replace

from statekit.driver import ANY, Chunk, Committed, Entry, Match, Page, Refused

from .mutant import objects, records

# Records


@records("R-40")
class a_record_is_gone_at_its_very_expiry:
    def read(self, key, /, *, timeout):
        found = super().read(key, timeout=timeout)
        return None if found and found.expires_at == self.clock.now() else found


@records("R-40")
class a_listing_loses_what_is_alone_on_its_last_page:
    def page(self, prefix, /, *, cursor, limit, timeout):
        page = super().page(prefix, cursor=cursor, limit=limit, timeout=timeout)
        rest = super().page(prefix, cursor=page.cursor, limit=2, timeout=timeout) if page.cursor else page
        return replace(page, cursor=None) if page.cursor and len(rest.items) == 1 else page


@records("R-40")
class a_value_of_4096_bytes_loses_one:
    def write(self, key, value, /, **rest):
        return super().write(key, value[:-1] if len(value) == 4096 else value, **rest)


@records("R-40")
class a_write_over_a_version_that_was_touched_is_refused:
    def touch(self, key, /, *, seen, **rest):
        answer = super().touch(key, seen=seen, **rest)
        if isinstance(answer, Committed):
            self.__dict__.setdefault("_touched", set()).add((key, answer.version))
        return answer

    def write(self, key, value, /, *, expect, **rest):
        if isinstance(expect, Match) and (key, expect.version) in self.__dict__.get("_touched", ()):
            return Refused(self.read(key, timeout=rest["timeout"]))
        return super().write(key, value, expect=expect, **rest)


@records("R-40")
class an_entrys_expiry_is_compared_by_the_second:
    def delete(self, key, /, *, expect, timeout):
        there = self.read(key, timeout=timeout)
        same = isinstance(expect, Entry) and there and there.version == expect.version
        if same and (there.expires_at or 0) // 1000 == (expect.expires_at or 0) // 1000:
            expect = Match(there.version)
        return super().delete(key, expect=expect, timeout=timeout)


# Objects


@objects("O-90")
class a_range_to_the_very_end_is_a_byte_short:
    def read(self, key, /, *, start, length, **rest):
        found = super().read(key, start=start, length=length, **rest)
        exact = isinstance(found, Chunk) and start and start + length == found.stat.size
        return Chunk(found.stat, found.data[:-1]) if exact else found


@objects("O-90")
class a_delimiter_right_after_the_prefix_is_overlooked:
    def page(self, prefix, /, *, delimiter, start_after, cursor, limit, timeout):
        page = super().page(
            prefix, delimiter=delimiter, start_after=start_after, cursor=cursor, limit=limit, timeout=timeout
        )
        if delimiter is None or prefix + delimiter not in page.prefixes:
            return page
        below = super().page(
            prefix + delimiter, delimiter=None, start_after=None, cursor=None, limit=1000, timeout=timeout
        )
        kept = tuple(folded for folded in page.prefixes if folded != prefix + delimiter)
        return Page(tuple(sorted((*page.items, *below.items), key=lambda s: s.key.encode())), page.cursor, kept)


@objects("O-90")
class a_folder_in_which_start_after_lies_is_left_out:
    def page(self, prefix, /, *, start_after, **rest):
        page = super().page(prefix, start_after=start_after, **rest)
        kept = tuple(folded for folded in page.prefixes if not (start_after or "").startswith(folded))
        return replace(page, prefixes=kept)


@objects("O-90")
class a_listing_of_objects_loses_what_is_alone_on_its_last_page:
    def page(self, prefix, /, *, cursor, limit, **rest):
        page = super().page(prefix, cursor=cursor, limit=limit, **rest)
        again = {**rest, "start_after": None}
        after = super().page(prefix, cursor=page.cursor, limit=2, **again) if page.cursor else page
        return replace(page, cursor=None) if page.cursor and len(after.items) + len(after.prefixes) == 1 else page


@objects("O-90")
class an_upload_of_one_byte_is_written_without_its_condition:
    def finish(self, upload, parts, /, *, size, expect, **rest):
        return super().finish(upload, parts, size=size, expect=ANY if size == 1 else expect, **rest)


@objects("O-90")
class an_object_of_32_kib_and_a_byte_is_stored_in_two_pieces_of_which_one_is_lost:
    def write(self, key, data, /, *, crc32c, **rest):
        if len(data) != 32_769:
            return super().write(key, data, crc32c=crc32c, **rest)
        return super().write(key, bytes(data)[:-1], crc32c=crc32c_of(bytes(data)[:-1]), **rest)


# Stores


@records("S-60")
class an_expiry_of_a_millisecond_more:
    def write(self, key, value, /, *, expires_at, **rest):
        return super().write(key, value, expires_at=expires_at and expires_at + 1, **rest)


@records("S-60")
class a_touch_that_lasts_a_millisecond_less:
    def touch(self, key, /, *, seen, expires_at, timeout):
        return super().touch(key, seen=seen, expires_at=expires_at - 1, timeout=timeout)


@records("S-60")
class what_expired_an_hour_ago_cannot_be_deleted:
    def delete(self, key, /, *, expect, timeout):
        return (
            Refused(self.read(key, timeout=timeout))
            if isinstance(expect, Entry)
            else super().delete(key, expect=expect, timeout=timeout)
        )


@objects("O-48")
class empty_metadata_is_not_kept:
    def write(self, key, data, /, *, meta, **rest):
        user = {name: value for name, value in (meta.user or {}).items() if value not in ("", "=b64=")}
        return super().write(key, data, meta=replace(meta, user=user), **rest)


@objects("O-48")
class a_copy_has_a_content_type_of_its_own:
    def copy(self, source, target, /, *, meta, **rest):
        return super().copy(source, target, meta=replace(meta, content_type=meta.content_type or "binary"), **rest)


@objects("O-48")
class a_stale_version_of_the_same_size_is_deleted:
    def delete(self, key, /, *, expect, timeout):
        sizes = self.__dict__.setdefault("_sizes", {})
        there = self.stat(key, timeout=timeout)
        if isinstance(expect, Match) and there and sizes.get((key, expect.version)) == there.size:
            expect = ANY
        return super().delete(key, expect=expect, timeout=timeout)

    def write(self, key, data, /, **rest):
        answer = super().write(key, data, **rest)
        if isinstance(answer, Committed):
            self.__dict__.setdefault("_sizes", {})[key, answer.version] = len(data)
        return answer


@objects("O-48")
class the_byte_after_a_part_is_lost:
    def finish(self, upload, parts, /, *, size, crc32c, **rest):
        pending = self._uploads[upload.id]
        if len(parts) == 2 and parts[1].size == 1:
            parts, size, crc32c = parts[:1], parts[0].size, crc32c_of(pending.parts[1])
        return super().finish(upload, parts, size=size, crc32c=crc32c, **rest)
