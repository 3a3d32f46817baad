"""Object stores with one defect each: O-01 to O-27, and K-01 to K-06."""

from __future__ import annotations

import unicodedata
from collections import deque

from google_crc32c import value as crc32c_of
from msgspec.structs import replace

from statekit._core import keys, limits, metadata
from statekit._core.ids import text_of, write_id
from statekit._core.objects import ahead, describe, files, source, writing
from statekit._core.objects import plans as objects
from statekit._core.objects.ahead import ReadAhead
from statekit._core.objects.assembling import Assembly
from statekit._core.objects.files import AsyncObjectWriter, ObjectWriter, Reading, Writing
from statekit._core.objects.plans import Listing, ObjectPlans
from statekit._core.objects.writing import Multipart
from statekit.driver import ANY, Chunk, Match, Stat
from statekit.errors import BackendError, ConflictError, NotFoundError
from statekit.types import Prefix, StoredObject, Swept

from .mutant import core

# Putting


@core("O-01")
def a_file_is_read_from_its_beginning(exchange):
    real = source._FileSource.__init__

    def init(self, file):
        if file.seekable():
            file.seek(0)
        real(self, file)

    exchange(source._FileSource, "__init__", init)


@core("O-01")
def what_an_iterator_gave_last_is_lost_where_it_fills_no_part(exchange):
    real = source._PiecewiseSource.take

    def take(self, size):
        data = yield from real(self, size)
        return data if len(data) == size or size < writing.PART else data[: len(data) // 1024 * 1024]

    exchange(source._PiecewiseSource, "take", take)


@core("O-01", over="local")
def parts_are_joined_as_their_answers_arrived(exchange):
    exchange(Multipart, "finish", _unsorted(Multipart.finish))


def _unsorted(real):
    def finish(self):
        numbers = [part.number for part in self._done]
        self._done = [replace(part, number=number) for part, number in zip(reversed(self._done), numbers, strict=True)]
        return (yield from real(self))

    return finish


@core("O-02")
def a_content_disposition_that_is_not_told(exchange):
    real = objects.info_of
    for module in (objects, files):
        exchange(module, "info_of", lambda key, stat: replace(real(key, stat), content_disposition=None))


@core("O-02")
def metadata_is_told_as_it_is_stored(exchange):
    exchange(metadata, "decode", dict)


@core("O-03", "O-04")
def the_condition_is_dropped_where_there_are_parts(exchange):
    real = Multipart.__init__

    def init(self, op, driver, parts, key, meta, _expect):
        real(self, op, driver, parts, key, meta, ANY)

    exchange(Multipart, "__init__", init)


@core("O-03")
def if_absent_is_dropped_where_a_file_is_written(exchange):
    real = Writing.__init__
    exchange(
        Writing,
        "__init__",
        lambda self, plans, key, put, timeout: real(self, plans, key, replace(put, if_absent=False), timeout),
    )


@core("O-04")
def if_match_takes_any_version(exchange):
    real = describe.expectation
    for module in (describe, objects):
        exchange(module, "expectation", lambda *, if_absent, if_match: real(if_absent=if_absent, if_match=None))


@core("O-05")
def a_put_that_looks_and_then_leaps(exchange):
    real = ObjectPlans.put_small

    def put_small(self, op, key, place, meta, expect, data):
        there = yield from self._stat(op, place)
        holds = (there and there.version) == (expect.version if isinstance(expect, Match) else None)
        if expect is not ANY and not holds:
            raise ConflictError("another version is stored", current=there and there.version)
        return (yield from real(self, op, key, place, meta, ANY, data))

    exchange(ObjectPlans, "put_small", put_small)


@core("O-06")
def a_version_is_the_size(exchange):
    real = objects.info_of
    exchange(objects, "info_of", lambda key, stat: replace(real(key, stat), version=str(stat.size)))


@core("O-10")
def a_put_that_fails_publishes_what_it_had(exchange):
    real = source._PiecewiseSource._next
    for kind in (source._IteratorSource, source._AsyncSource):
        real = kind._next

        def following(self, real=real):
            try:
                return (yield from real(self))
            except Exception:
                return source._END

        exchange(kind, "_next", following)


@core("O-10", "O-11")
def an_upload_that_lost_a_race_is_finished_again(exchange):
    exchange(writing, "StartOverError", BackendError.__subclasses__()[0])


@core("O-11")
def a_failed_put_leaves_its_parts(exchange):
    def abort(self):
        yield from ()

    exchange(Multipart, "abort", abort)


# Reading


@core("O-07")
def an_absent_object_is_an_empty_one(exchange):
    real = ObjectPlans.read

    def read(self, op, place, start, length, version):
        try:
            return (yield from real(self, op, place, start, length, version))
        except NotFoundError:
            return Chunk(Stat(place, "", 0, op.now, None, None), b"")

    exchange(ObjectPlans, "read", read)


@core("O-07")
def everything_exists(exchange):
    def exists(self, timeout, key):
        with self.wire.begin("exists", timeout) as op:
            yield from self._stat(op, self.place(op, key))
            return True

    exchange(ObjectPlans, "exists", exists)


@core("O-08")
def a_range_ends_with_the_byte_before(exchange):
    real = ObjectPlans.get

    def get(self, timeout, key, *, start=0, length=None):
        found = yield from real(self, timeout, key, start=start, length=length)
        return found if length is None else StoredObject(found.data[: max(length - 1, 0)], found.info)

    exchange(ObjectPlans, "get", get)


@core("O-08")
def a_range_beyond_the_end_is_a_fault(exchange):
    real = ObjectPlans.get

    def get(self, timeout, key, *, start=0, length=None):
        found = yield from real(self, timeout, key, start=start, length=length)
        if start and start >= found.info.size:
            raise BackendError("not satisfiable")
        return found

    exchange(ObjectPlans, "get", get)


@core("O-09")
def a_stream_that_mixes_versions(exchange):
    real = ObjectPlans.read
    exchange(
        ObjectPlans, "read", lambda self, op, place, start, length, version: real(self, op, place, start, length, None)
    )


@core("O-21")
def a_checksum_that_a_get_does_not_look_at(exchange):
    exchange(objects, "crc32c", _unless_got(crc32c_of))


def _unless_got(real):
    class Any(int):
        """A checksum that equals every other."""

        __hash__ = int.__hash__

        def __eq__(self, other):
            return True

        def __ne__(self, other):
            return False

    return lambda data: Any(real(data))


@core("O-21")
def a_checksum_of_parts_that_a_get_does_not_look_at(exchange):
    exchange(Assembly, "checksum", lambda self: _unless_got(int)(0))


@core("O-21")
def a_checksum_that_a_reader_does_not_look_at(exchange):
    exchange(Reading, "_check", lambda self, start, data, info: None)


@core("O-25")
def what_is_read_ahead_comes_with_the_last_first(exchange):
    class Backwards(deque):
        def __getitem__(self, number):
            return super().__getitem__(-1 - number)

    exchange(ahead, "deque", Backwards)


@core("O-25")
def what_is_read_ahead_goes_on_where_the_reader_was_before_it_sought(exchange):
    real = ReadAhead.piece

    def piece(self, start, length):
        return (yield from real(self, self._next if self._begun else start, length))

    exchange(ReadAhead, "piece", piece)


@core("O-25")
def a_seek_from_the_end_starts_a_byte_later(exchange):
    real = files._position
    exchange(files, "_position", lambda offset, whence, now, size: real(offset, whence, now, size + 1))


# Deleting


@core("O-12")
def a_delete_always_says_that_it_deleted(exchange):
    real = ObjectPlans._delete

    def delete(self, op, place, if_match):
        yield from real(self, op, place, if_match)
        return True

    exchange(ObjectPlans, "_delete", delete)


@core("O-13")
def a_delete_takes_any_version(exchange):
    real = ObjectPlans._delete
    exchange(ObjectPlans, "_delete", lambda self, op, place, _: real(self, op, place, None))


@core("O-14")
def delete_many_leaves_the_last_key(exchange):
    real = ObjectPlans.delete_many

    def delete_many(self, timeout, keys):
        *wanted, last = keys
        done = yield from real(self, timeout, wanted)
        return {**done, last: True}

    exchange(ObjectPlans, "delete_many", delete_many)


@core("O-14")
def delete_many_ends_with_the_first_that_fails(exchange):
    def reported(self, op, place):
        return (yield from self._delete(op, place, None))

    exchange(ObjectPlans, "_delete_reported", reported)


# Copying


@core("O-15")
def a_copy_under_no_condition(exchange):
    real = ObjectPlans._copy
    exchange(ObjectPlans, "_copy", lambda self, op, source, place, meta, _: real(self, op, source, place, meta, ANY))


@core("O-15")
def a_copy_with_the_write_id_of_its_source(exchange):
    real = ObjectPlans._copy

    def copy(self, op, source, place, meta, expect):
        theirs = source.meta.write_id if source.meta else None
        return (yield from real(self, op, source, place, replace(meta, write_id=theirs), expect))

    exchange(ObjectPlans, "_copy", copy)


@core("O-15")
def a_copy_without_metadata(exchange):
    real = ObjectPlans._copy
    exchange(
        ObjectPlans,
        "_copy",
        lambda self, op, source, place, meta, expect: real(self, op, source, place, replace(meta, user=None), expect),
    )


@core("O-16")
def a_copy_of_nothing_deletes(exchange):
    real = ObjectPlans.copy

    def copy(self, timeout, source, target, **conditions):
        try:
            return (yield from real(self, timeout, source, target, **conditions))
        except NotFoundError:
            with self.wire.begin("copy", timeout) as op:
                yield from self._delete(op, self._prefix + target, None)
            raise

    exchange(ObjectPlans, "copy", copy)


# Listing


def _listed(exchange, change):
    real = ObjectPlans.list

    def listed(self, timeout, prefix, delimiter, start_after, cursor):
        page = yield from real(self, timeout, prefix, delimiter, start_after, cursor)
        return change(page, start_after)

    exchange(ObjectPlans, "list", listed)


@core("O-17")
def a_listing_ends_at_a_page(exchange):
    _listed(exchange, lambda page, _: Listing(page.items, None))


@core("O-17")
def a_listing_is_in_the_order_of_people(exchange):
    _listed(exchange, lambda page, _: Listing(tuple(sorted(page.items, key=lambda i: i.key.casefold())), page.cursor))


@core("O-18")
def folders_come_last(exchange):
    _listed(
        exchange,
        lambda page, _: Listing(tuple(sorted(page.items, key=lambda item: isinstance(item, Prefix))), page.cursor),
    )


@core("O-18")
def a_folder_has_no_slash_at_its_end(exchange):
    def plain(item):
        return Prefix(item.key[:-1]) if isinstance(item, Prefix) else item

    _listed(exchange, lambda page, _: Listing(tuple(map(plain, page.items)), page.cursor))


@core("O-19")
def start_after_holds_for_the_first_character(exchange):
    real = ObjectPlans.list

    def listed(self, timeout, prefix, delimiter, start_after, cursor):
        return (yield from real(self, timeout, prefix, delimiter, start_after and start_after[:1], cursor))

    exchange(ObjectPlans, "list", listed)


@core("O-20")
def a_key_hides_what_is_below_it(exchange):
    real = ObjectPlans.put_small

    def put_small(self, op, key, place, meta, expect, data):
        above = place.rpartition("/")[0]
        if above and (yield from self._stat(op, above)) is not None:
            raise ConflictError("a file is no folder")
        return (yield from real(self, op, key, place, meta, expect, data))

    exchange(ObjectPlans, "put_small", put_small)


@core("O-26")
def what_statekit_keeps_is_listed(exchange):
    exchange(objects, "hidden", lambda key: False)


@core("O-26", "K-01")
def all_that_begins_with_a_dot_is_hidden(exchange):
    exchange(objects, "hidden", lambda key: key.startswith("."))


# Sweeping, namespaces, openings


@core("O-22")
def an_upload_of_a_minute_is_abandoned(exchange):
    real = ObjectPlans._abandoned
    exchange(
        ObjectPlans,
        "_abandoned",
        lambda self, op, driver, upload, before: real(self, op, driver, upload, op.now - (op.now - before) // 1440),
    )


@core("O-22")
def a_sweep_aborts_nothing(exchange):
    def sweep(self, timeout, older_than=0):
        with self.wire.begin("sweep", timeout):
            yield from ()
            return Swept()

    exchange(ObjectPlans, "sweep", sweep)


@core("O-23")
def a_sweep_takes_everybodys_uploads(exchange):
    real = ObjectPlans.sweep

    def sweep(self, timeout, older_than=objects.UPLOAD_LIFE):
        before, self._prefix = self._prefix, ""
        try:
            return (yield from real(self, timeout, older_than))
        finally:
            self._prefix = before

    exchange(ObjectPlans, "sweep", sweep)


@core("O-23")
def a_namespace_without_its_slash(exchange):
    real = ObjectPlans.__init__
    exchange(
        ObjectPlans,
        "__init__",
        lambda self, wire, driver, prefix, *more: real(self, wire, driver, prefix.rstrip("/"), *more),
    )


@core("O-24")
def a_block_that_an_exception_leaves_is_published(exchange):
    exchange(ObjectWriter, "__exit__", lambda self, kind, error, trace: self.close())

    async def left(self, kind, error, trace):
        await self.close()

    exchange(AsyncObjectWriter, "__aexit__", left)


@core("O-24")
def closing_twice_publishes_twice(exchange):
    real = Writing.finish

    def finish(self):
        kept = bytes(self._buffer)
        info = yield from real(self)
        self.state, self._buffer = "open", bytearray(kept)
        self._meta = replace(self._meta, write_id=text_of(write_id()))
        return info

    exchange(Writing, "finish", finish)


@core("O-27")
def an_object_that_was_read_once_is_remembered(exchange):
    real = ObjectPlans.get

    def get(self, timeout, key, *, start=0, length=None):
        known = self.__dict__.setdefault("_known", {})
        if (key, start, length) not in known:
            known[key, start, length] = yield from real(self, timeout, key, start=start, length=length)
        return known[key, start, length]

    exchange(ObjectPlans, "get", get)


# Keys and limits


@core("K-01")
def a_key_of_a_byte_less(exchange):
    exchange(keys, "_KEY_BYTES", 899)


@core("K-02")
def a_segment_of_two_dots(exchange):
    real = keys._segments_problem
    exchange(keys, "_segments_problem", lambda segments: real([s if s != ".." else "x" for s in segments]))


@core("K-02")
def a_segment_of_a_byte_more(exchange):
    exchange(keys, "_SEGMENT_BYTES", 256)


@core("K-03")
def keys_in_one_normal_form(exchange):
    real = ObjectPlans.place
    exchange(ObjectPlans, "place", lambda self, op, key: unicodedata.normalize("NFC", real(self, op, key)))


@core("K-03")
def owners_in_lower_case(exchange):
    from statekit._core.sessions import plans

    real = plans.name_of
    exchange(plans, "name_of", lambda owner: real(owner.lower()))


@core("K-04")
def a_prefix_has_to_be_a_key(exchange):
    exchange(objects, "check_prefix", lambda prefix: prefix and keys.check_key(prefix))


@core("K-04")
def any_text_is_a_prefix(exchange):
    exchange(objects, "check_prefix", lambda prefix: None)


@core("K-05")
def metadata_of_an_entry_more(exchange):
    exchange(metadata, "_ENTRIES", 25)


@core("K-05")
def metadata_of_a_byte_more(exchange):
    exchange(metadata, "_BYTES", 1025)


@core("K-06")
def a_header_of_a_byte_more(exchange):
    exchange(limits, "HEADER_BYTES", 256)


@core("K-06")
def a_header_of_any_text(exchange):
    exchange(limits, "_HEADER", keys.re.compile(".*", keys.re.DOTALL))
