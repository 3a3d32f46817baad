"""Multipart bodies, parsed while they arrive: multipart/related uploads, form posts and batches.

The grammar is python-multipart's; this module turns its callbacks into a stream of events: a `Part` for the
headers of each part, followed by the part's bytes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from statekit_conformance.engines.gcs import errors

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks


@dataclass(frozen=True, slots=True)
class Part:
    """The headers of one part, names in lower case."""

    headers: dict[str, str]

    @property
    def name(self) -> str | None:
        """The field's name in a form."""
        return self._disposition("name")

    @property
    def filename(self) -> str | None:
        """The file's name in a form."""
        return self._disposition("filename")

    def _disposition(self, parameter: str) -> str | None:
        message = Message()
        message["Content-Disposition"] = self.headers.get("content-disposition", "")
        value = message.get_param(parameter, header="Content-Disposition")
        return value if isinstance(value, str) else None


def events(pieces: Iterable[bytes], content_type: str) -> Iterator[Part | bytes]:
    """Yield each part's headers and then its bytes.

    Args:
        pieces: The body as it arrives.
        content_type: The request's Content-Type, which has the boundary.

    Raises:
        Refusal: 400 if there is no boundary, the grammar is broken, or the body ends too early.
    """
    reader = _Reader()
    try:
        parser = MultipartParser(_boundary(content_type), reader.callbacks())
        for piece in pieces:
            parser.write(piece)
            yield from reader.taken()
        parser.finalize()
    except FormParserError as error:
        raise malformed(str(error)) from None
    yield from reader.taken()
    if not reader.ended:
        raise malformed("the last boundary is missing")


def malformed(why: str) -> errors.Refusal:
    """A multipart body that cannot be read."""
    return errors.Refusal(400, "badRequest", "MalformedPOSTRequest", f"malformed multipart body: {why}")


def _boundary(content_type: str) -> bytes:
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise malformed("no boundary")
    return boundary.encode()


class _Reader:
    """Gathers what the parser calls back with."""

    def __init__(self) -> None:
        self.ended = False
        self._events: list[Part | bytes] = []
        self._headers: dict[str, str] = {}
        self._name = self._value = b""

    def taken(self) -> list[Part | bytes]:
        """Return the events so far, once."""
        events_, self._events = self._events, []
        return events_

    def callbacks(self) -> "MultipartCallbacks":
        """Return the callbacks that the parser takes."""
        return cast(
            "MultipartCallbacks",
            {
                "on_part_begin": self._begin,
                "on_header_field": self._field,
                "on_header_value": self._more,
                "on_header_end": self._header,
                "on_headers_finished": lambda: self._events.append(Part(self._headers)),
                "on_part_data": lambda data, start, end: self._events.append(bytes(data[start:end])),
                "on_end": self._end,
            },
        )

    def _begin(self) -> None:
        self._headers = {}

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _more(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode(errors="replace").strip()
        self._name = self._value = b""

    def _end(self) -> None:
        self.ended = True
