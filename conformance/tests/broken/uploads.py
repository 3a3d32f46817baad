"""Uploads in parts with one defect each: O-65 to O-68, and what O-55 to O-58 ask of them."""

from __future__ import annotations

from google_crc32c import value as crc32c_of
from msgspec.structs import replace

from statekit.driver import ANY, Committed, Failure, Fault, Meta

from .mutant import objects


@objects("O-65")
class a_begun_upload_is_an_empty_object:
    def begin(self, key, /, *, meta, timeout):
        self.write(key, b"", meta=meta, crc32c=0, expect=ANY, timeout=timeout)
        return super().begin(key, meta=meta, timeout=timeout)


@objects("O-65")
class a_part_is_listed_as_an_object:
    def part(self, upload, number, data, /, **rest):
        part = super().part(upload, number, data, **rest)
        name = f"{upload.key}.part{number}"
        self.write(name, data, meta=Meta(), crc32c=rest["crc32c"], expect=ANY, timeout=rest["timeout"])
        return part


@objects("O-66")
class parts_in_the_order_in_which_they_arrived:
    def finish(self, upload, parts, /, *, size, crc32c, **rest):
        pending = self._uploads.get(upload.id)
        if pending is not None:
            arrived = [part for number in pending.parts for part in parts if part.number == number]
            whole = b"".join(pending.parts[part.number] for part in arrived)
            parts, crc32c = arrived, crc32c_of(whole)
        return super().finish(upload, parts, size=size, crc32c=crc32c, **rest)


@objects("O-66")
class a_part_that_is_sent_again_is_there_twice:
    def part(self, upload, number, data, /, **rest):
        pending = self._uploads.get(upload.id)
        before = pending.parts.get(number) if pending else None
        part = super().part(upload, number, data, **rest)
        if before is not None:
            pending.parts[number] = before + pending.parts[number]
        return part


@objects("O-66")
class finish_looks_at_no_condition:
    def finish(self, upload, parts, /, *, expect, **rest):
        return super().finish(upload, parts, expect=ANY, **rest)


@objects("O-66")
class metadata_is_lost_on_finish:
    def begin(self, key, /, *, meta, timeout):
        return super().begin(key, meta=replace(meta, user=None, content_type=None), timeout=timeout)


@objects("O-66")
class an_upload_that_is_not_there_is_not_known_to_be_lost:
    def fault(self, exc, /):
        return Failure(Fault.REJECTED) if type(exc).__name__ == "_NoUploadError" else super().fault(exc)


@objects("O-66")
class an_upload_can_be_finished_again:
    def finish(self, upload, parts, /, **rest):
        pending = self._uploads.get(upload.id)
        answer = super().finish(upload, parts, **rest)
        if isinstance(answer, Committed):
            self._uploads[upload.id] = pending
        return answer


@objects("O-57")
class a_parts_checksum_that_nobody_looks_at:
    def part(self, upload, number, data, /, *, crc32c, **rest):
        return super().part(upload, number, data, crc32c=crc32c_of(bytes(data)), **rest)


@objects("O-67")
class aborting_what_is_not_there_is_a_fault:
    def abort(self, upload, /, **rest):
        self._pending(upload)
        super().abort(upload, **rest)


@objects("O-67")
class abort_forgets_all_uploads_of_a_key:
    def abort(self, upload, /, **rest):
        for other in [p.upload for p in self._uploads.values() if p.upload.key == upload.key]:
            super().abort(other, **rest)


@objects("O-67")
class abort_leaves_an_upload_that_can_be_finished:
    def abort(self, upload, /, **rest):
        pass


@objects("O-68")
class uploads_lists_what_was_finished:
    def uploads(self, prefix, /, **rest):
        page = super().uploads(prefix, **rest)
        done = tuple(u for u in self.__dict__.get("_done", []) if u.key.startswith(prefix))
        return replace(page, items=(*page.items, *done)) if page.cursor is None else page

    def finish(self, upload, parts, /, **rest):
        answer = super().finish(upload, parts, **rest)
        if isinstance(answer, Committed):
            self.__dict__.setdefault("_done", []).append(upload)
        return answer


@objects("O-68")
class uploads_lists_one_of_each_key:
    def uploads(self, prefix, /, **rest):
        page = super().uploads(prefix, **rest)
        return replace(page, items=tuple({upload.key: upload for upload in page.items}.values()))


@objects("O-68")
class uploads_without_parts_are_not_listed:
    def uploads(self, prefix, /, **rest):
        page = super().uploads(prefix, **rest)
        return replace(page, items=tuple(u for u in page.items if self._uploads[u.id].parts))
