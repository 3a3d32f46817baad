"""Media answers: an object's bytes, whole or a range of them, streamed from the snapshot that found it."""

import re
from collections.abc import Iterator

from statekit_conformance.engines.gcs import bodies, errors
from statekit_conformance.engines.gcs.attributes import CONTENT_HEADERS
from statekit_conformance.engines.gcs.checksums import crc32c_text, md5_text
from statekit_conformance.engines.gcs.database import Snapshot
from statekit_conformance.engines.gcs.http import Response
from statekit_conformance.engines.gcs.records import Content, Record

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Stream:
    """The bytes of one answer. Closing it, which the server always does, lets go of the snapshot."""

    def __init__(self, view: Snapshot, record: Record, start: int, stop: int) -> None:
        self._view = view
        self._pieces = bodies.read(view.rows, record.body, start, stop)

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """Let go of the snapshot."""
        self._view.close()


def respond(
    record: Record,
    view: Snapshot,
    wanted: str | None,
    headers: list[tuple[str, str]],
    *,
    with_body: bool = True,
) -> Response:
    """Answer with an object's bytes. Takes over the snapshot.

    Args:
        record: The object, as found in the snapshot.
        view: The snapshot.
        wanted: The request's Range header, or None.
        headers: What the API says besides; a header said here replaces the object's own.
        with_body: False for HEAD.

    Raises:
        Refusal: 416 if the range begins past the end.
    """
    try:
        span = _span(wanted, record.content.size)
        start, stop = span or (0, record.content.size)
        said = {name.lower() for name, _ in headers}
        own = [pair for pair in _headers(record, start, stop) if pair[0].lower() not in said]
        if span:
            own.append(("Content-Range", f"bytes {start}-{stop - 1}/{record.content.size}"))
        if with_body:
            return Response(206 if span else 200, own + headers, Stream(view, record, start, stop))
    except BaseException:
        view.close()
        raise
    view.close()
    return Response(206 if span else 200, own + headers)


def hashes(content: Content) -> str:
    """Spell the stored checksums as ``x-goog-hash`` does."""
    spelled = "crc32c=" + crc32c_text(content.crc32c)
    return spelled if content.md5 is None else f"{spelled},md5={md5_text(content.md5)}"


def _headers(record: Record, start: int, stop: int) -> list[tuple[str, str]]:
    attributes = record.attributes
    content = [(header.title(), attributes[name]) for name, header in CONTENT_HEADERS.items() if name in attributes]
    return [
        ("Content-Length", str(stop - start)),
        ("Accept-Ranges", "bytes"),
        *(content if "contentType" in attributes else [("Content-Type", record.content_type), *content]),
        ("x-goog-generation", str(record.generation)),
        ("x-goog-metageneration", str(record.metageneration)),
        ("x-goog-hash", hashes(record.content)),
        ("x-goog-storage-class", attributes.get("storageClass", "STANDARD")),
        ("x-goog-stored-content-encoding", attributes.get("contentEncoding", "identity")),
        ("x-goog-stored-content-length", str(record.content.size)),
    ]


def _span(wanted: str | None, size: int) -> tuple[int, int] | None:
    """Return the first byte asked for and the one behind the last, or None for everything.

    Several ranges at once, or a header that is none, are answered with everything, as HTTP permits.
    """
    found = _RANGE.fullmatch(wanted.strip()) if wanted else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    if first and last and int(last) < start:
        return None
    if start >= size or (not first and int(last) == 0):
        raise errors.unsatisfiable_range(size)
    return start, stop
