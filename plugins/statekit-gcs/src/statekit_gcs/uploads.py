"""Uploads in parts: parts are objects, joined by compose requests.

The XML API's multipart upload takes no preconditions, so it cannot keep O-66. Parts are joined to one object under the
reserved prefix, its checksum is compared, and only then is it made the object, by one last request with the condition:
a compose of one source. https://cloud.google.com/storage/docs/composite-objects

A begun upload has a mark, an object of no bytes, which is the last thing that is deleted.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from google_crc32c import value as crc32c_of

from statekit.driver import Buffer, Committed, Expect, Meta, Page, Part, Parts, Refused, Stat, Upload

from . import answers, meta
from .faults import DamagedError, UploadGoneError
from .flows import MISSING, OK, REFUSED, Flow, expected
from .place import Place
from .requests import LISTED_JOINTS, LISTED_NAMES, LISTED_UPLOADS, Bucket, crc32c_text, generation

__all__ = ["PARTS", "UploadFlows"]

PARTS: Final = Parts(smallest=1, largest=5 << 30, most=10_000)
"""Composing knows no bounds but the 5 TiB of any object; 10,000 parts take three rounds of it."""
_TOGETHER: Final = 32
"""Objects in one compose request."""
_BATCH: Final = 100
"""Calls in one batch."""
_LISTED: Final = 1000
"""Names in one listing: 10,000 parts have 323 joints."""


class UploadFlows:
    """The calls of uploads in parts.

    Args:
        place: Where the objects are.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._bucket = Bucket(place.bucket)

    def begin(self, key: str, described: Meta) -> Flow[Upload]:
        """Store the mark, which nobody takes for an object (O-65)."""
        upload = secrets.token_hex(12)
        resource = {"contentType": meta.UNTYPED, "metadata": {meta.KEY: quote(key, safe="/")}}
        mark = self._bucket.insert(self._place.uploads + upload, b"", resource, crc32c=crc32c_of(b""), match="0")
        return answers.begun(key, upload, described, expected((yield mark), OK))

    def part(self, upload: Upload, number: int, data: Buffer, crc32c: int) -> Flow[Part]:
        """Store a part. Its checksum is compared by the service where it heeds the header, and by us anyway (O-57).

        https://cloud.google.com/storage/docs/data-validation
        """
        stored = yield self._bucket.store(self._place.part(upload.id, number), data, crc32c=crc32c)
        if expected(stored, OK).json().get("crc32c") != crc32c_text(crc32c):
            raise DamagedError
        return Part(number, answers.generation(stored), len(data))

    def finish(
        self, upload: Upload, parts: Sequence[Part], size: int, crc32c: int, expect: Expect
    ) -> Flow[Committed | Refused[Stat]]:
        """Join the parts, 32 a request, compare, and make what came of it the object if the expectation holds."""
        sources = [(self._place.part(upload.id, part.number), part.tag) for part in parts]
        if not sources:
            raise DamagedError
        known = (yield from self._known(upload)) if len(sources) > _TOGETHER else {}
        joint: dict[str, Any] = {}
        while len(sources) > 1 or not joint:
            joints = []
            for first in range(0, len(sources), _TOGETHER):
                joint = yield from self._join(upload, sources[first : first + _TOGETHER], known)
                joints.append((joint["name"], joint["generation"]))
            sources = joints
        if (int(joint["size"]), joint["crc32c"]) != (size, crc32c_text(crc32c)):
            raise DamagedError
        return (yield from self._publish(upload, sources, expect))

    def _known(self, upload: Upload) -> Flow[dict[str, dict[str, Any]]]:
        """Return what an earlier attempt joined before its time was over, so that this one gets further."""
        listing = self._bucket.list(self._place.joint(upload.id), fields=LISTED_JOINTS, limit=_LISTED)
        found = expected((yield listing), OK).json().get("items", ())
        return {item["name"]: item for item in found}

    def _join(
        self, upload: Upload, sources: Sequence[tuple[str, str]], known: Mapping[str, dict[str, Any]]
    ) -> Flow[dict[str, Any]]:
        """Join some objects. Where an earlier attempt did so already, what it made is described instead.

        The name stands for the sources' names and generations, so that what has it is always the same.
        """
        name = self._place.joint(upload.id, sha256(repr(sources).encode()).hexdigest())
        if name in known:
            return known[name]
        answer = yield self._bucket.compose(name, sources, {"contentType": meta.UNTYPED}, match="0")
        if answer.status == REFUSED:
            answer = yield self._bucket.describe(name)
        if answer.status == MISSING:
            raise UploadGoneError
        return {**expected(answer, OK).json(), "name": name}

    def _publish(
        self, upload: Upload, sources: Sequence[tuple[str, str]], expect: Expect
    ) -> Flow[Committed | Refused[Stat]]:
        target, resource = self._place.object(upload.key), meta.to_resource(upload.meta or Meta())
        answer = yield self._bucket.compose(target, sources, resource, match=generation(expect))
        if answer.status == REFUSED:
            return Refused()
        if answer.status == MISSING:
            raise UploadGoneError
        return Committed(answers.generation(expected(answer, OK)))

    def discard(self, upload: Upload) -> Flow[None]:
        """Delete all parts, 100 a request, and then the mark (O-67)."""
        while True:
            listing = self._bucket.list(f"{self._place.parts}{upload.id}/", fields=LISTED_NAMES, limit=_BATCH)
            found = expected((yield listing), OK).json().get("items", ())
            if found:
                yield from self._delete([item["name"] for item in found])
            if len(found) < _BATCH:
                break
        expected((yield self._bucket.delete(self._place.uploads + upload.id)), OK, 204, MISSING)

    def _delete(self, names: Sequence[str]) -> Flow[None]:
        answer = expected((yield self._bucket.delete_all(names)), OK)
        for status in answers.statuses(answer):
            expected(answers.Answer(status, {}), OK, 204, MISSING)

    def uploads(self, prefix: str, cursor: str | None, limit: int) -> Flow[Page[Upload]]:
        """List the marks; a page may have few of the wanted prefix."""
        answer = yield self._bucket.list(self._place.uploads, fields=LISTED_UPLOADS, limit=limit, token=cursor)
        return answers.uploads(self._place, prefix, expected(answer, OK))
