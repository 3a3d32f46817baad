"""Forms of browsers, multipart/form-data, read while they arrive: fields first, then the file, and nothing after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from statekit._core.objects.source import Source
from statekit._core.plan import Plan
from statekit.errors import ConfigError

from .exchange import Refusal

try:
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header
except ImportError as error:
    raise ConfigError("the gateway needs python-multipart: pip install 'statekit[gateway]'") from error

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["PIECE", "Form"]

PIECE: Final = 64 * 1024
"""Bytes that are taken from a body at once."""
_AROUND: Final = 64 * 1024
"""Bytes of a form that are not the file's: the fields, the headers of the parts, and what stands around them."""
_FIELDS: Final = 50


class Form:
    """A form that is being read.

    Args:
        content_type: The request's Content-Type, which has the boundary.
        body: The body.

    Attributes:
        fields: Those before the file, their names in lower case.
        filename: The file's own name, without its folders.
    """

    def __init__(self, content_type: str, body: Source) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise Refusal(415, "MalformedPOSTRequest", "a form is sent as multipart/form-data, with a boundary")
        self.fields: dict[str, str] = {}
        self.filename = ""
        self._body = body
        self._reader = _Reader()
        try:
            self._parser = MultipartParser(boundary, self._reader.callbacks())
        except FormParserError as error:
            raise _malformed("the boundary is too long") from error
        self._read = 0
        self._files = 0
        self._file: list[bytes] | None = None

    def read_fields(self) -> Plan[None]:
        """Read up to the file.

        Raises:
            Refusal: It is malformed, has a field twice, or no file.
        """
        while self._file is None:
            if not (yield from self._more()):
                raise _malformed("there is no file")

    def next_data(self) -> Plan[bytes]:
        """Return the next bytes of the file; none once the whole form has ended as it should.

        Raises:
            Refusal: It is malformed, ends early, or goes on after the file.
        """
        while not self._file:
            if not (yield from self._more()):
                return b""
        data, self._file = b"".join(self._file), []
        return data

    def _more(self) -> Plan[bool]:
        """Read on; say whether there was more."""
        piece = yield from self._body.take(PIECE)
        try:
            self._parser.write(piece) if piece else self._parser.finalize()
        except FormParserError as error:
            raise _malformed("it breaks the grammar of multipart/form-data") from error
        self._read += len(piece)
        for event in self._reader.taken():
            self._add(event)
        if self._read - self._files > _AROUND + PIECE:
            raise _malformed("there is too much beside the file")
        if not piece and not self._reader.ended:
            raise _malformed("it ends early")
        return bool(piece)

    def _add(self, event: _Part | bytes) -> None:
        if isinstance(event, _Part):
            self._begin(event)
        elif self._file is None:
            self._reader.current += event
            if len(self._reader.current) > _AROUND:
                raise _malformed("a field is too long")
        else:
            self._file.append(event)
            self._files += len(event)

    def _begin(self, part: _Part) -> None:
        if self._file is not None:
            raise _malformed("the file is not the last field")
        self._end_field()
        name = part.option(b"name").lower()
        if name == "file":
            self.filename = part.option(b"filename").replace("\\", "/").rpartition("/")[2]
            self._file = []
            return
        if not name or name in self.fields or len(self.fields) >= _FIELDS:
            raise _malformed("a field has no name or comes twice, or there are too many")
        self.fields[name] = ""
        self._reader.name = name

    def _end_field(self) -> None:
        if self._reader.name:
            self.fields[self._reader.name] = _text(bytes(self._reader.current))
        self._reader.name, self._reader.current = "", bytearray()


class _Part:
    """The headers of a part of a form that say what it is."""

    def __init__(self, disposition: bytes) -> None:
        self._options = parse_options_header(disposition)[1]

    def option(self, name: bytes) -> str:
        return _text(self._options.get(name, b""))


class _Reader:
    """Gathers what the parser calls back with."""

    def __init__(self) -> None:
        self.ended = False
        self.name = ""
        self.current = bytearray()
        self._events: list[_Part | bytes] = []
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""

    def taken(self) -> list[_Part | bytes]:
        """Return the events so far, once."""
        events, self._events = self._events, []
        return events

    def callbacks(self) -> MultipartCallbacks:
        """Return what the parser calls."""
        calls = {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": lambda: self._events.append(_Part(self._disposition)),
            "on_part_data": lambda data, start, end: self._events.append(bytes(data[start:end])),
            "on_end": self._end,
        }
        return cast("MultipartCallbacks", calls)

    def _begin(self) -> None:
        self._disposition = b""

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def _end(self) -> None:
        self.ended = True


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _malformed("a field is not UTF-8") from None


def _malformed(why: str) -> Refusal:
    return Refusal(400, "MalformedPOSTRequest", f"the form cannot be read: {why}")
