"""Object stores: the synchronous and the asynchronous one, which do the same.

Every method takes ``timeout`` in seconds: for an operation as a whole, and for a transfer of many parts for each of
them (default: the state's, 10 s). Besides what its own ``Raises`` lists, every method may raise InvalidKeyError,
BackendError (UnavailableError, ThrottledError, TimedOutError, DeniedError, MisconfiguredError, and IndeterminateError
for writes), CorruptDataError, UnsupportedError and ClosedError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Literal, final, overload

from statekit._core.clock import MILLISECOND
from statekit._core.objects.describe import Put
from statekit._core.objects.files import (
    AsyncObjectReader,
    AsyncObjectWriter,
    ObjectReader,
    ObjectWriter,
    Reading,
    Writing,
)
from statekit._core.objects.plans import UPLOAD_LIFE, ObjectPlans
from statekit._core.objects.source import AsyncData, Data
from statekit._core.run import AsyncRunner, Runner
from statekit.errors import InvalidInputError, StateError
from statekit.presigning import AsyncPresigning, Presigning
from statekit.types import ObjectInfo, Prefix, StoredObject, Swept

__all__ = [
    "AsyncObjectReader",
    "AsyncObjectStore",
    "AsyncObjectWriter",
    "ObjectReader",
    "ObjectStore",
    "ObjectWriter",
]

ABANDONED = timedelta(milliseconds=UPLOAD_LIFE)


@final
class ObjectStore(Presigning):
    """Files in an object store: whole, conditional, of any size.

    Get one from ``statekit.open(...).objects``.
    """

    def __init__(self, plans: ObjectPlans, runner: Runner) -> None:
        super().__init__(plans, runner)
        self._plans = plans
        self._runner = runner

    def __repr__(self) -> str:
        return f"<ObjectStore on {self._plans.wire.backend}>"

    def put(
        self,
        key: str,
        data: Data,
        *,
        content_type: str | None = None,
        cache_control: str | None = None,
        content_disposition: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | ObjectInfo | None = None,
        timeout: float | None = None,
    ) -> ObjectInfo:
        """Store an object. Nothing is visible before it is complete; a put that fails leaves what was there.

        Args:
            key: 1 to 900 bytes of UTF-8 in segments of 1 to 255 bytes between single slashes.
            data: Bytes, a binary file from where it stands, a ``pathlib.Path``, or an iterable of bytes.
            content_type: Printable ASCII, up to 255 bytes, like the next two.
            cache_control: For browsers and proxies.
            content_disposition: For downloads.
            metadata: Lower-case ASCII keys, any Unicode values; 1 KiB and 24 entries in all.
            if_absent: Only if nothing is stored under the key.
            if_match: Only over this version; an ObjectInfo settles a lost reply more often than its version alone.
            timeout: Seconds, for each part.

        Returns:
            What is stored now. Its time is this host's.

        Raises:
            ConflictError: The condition did not hold. Nothing was written.
            LimitExceededError: Too much metadata, or too long a header.
            IndeterminateError: It may or may not have been stored.
        """
        put = Put(
            content_type=content_type,
            cache_control=cache_control,
            content_disposition=content_disposition,
            metadata=metadata,
            if_absent=if_absent,
            if_match=if_match,
        )
        return self._run(self._plans.put(timeout, key, data, put))

    def get(self, key: str, *, start: int = 0, length: int | None = None, timeout: float | None = None) -> StoredObject:
        """Read an object, or a range of it, together with what is known about exactly this version.

        Args:
            key: The object's key.
            start: First byte.
            length: Bytes, at most; None reads to the end.
            timeout: Seconds, for each part.

        Raises:
            NotFoundError: Nothing is stored under the key.
            ConflictError: A large object was overwritten while its parts were being read.
        """
        return self._run(self._plans.get(timeout, key, start=start, length=length))

    @overload
    def open(self, key: str, mode: Literal["rb"] = "rb", *, timeout: float | None = None) -> ObjectReader: ...
    @overload
    def open(
        self,
        key: str,
        mode: Literal["wb"],
        *,
        content_type: str | None = None,
        cache_control: str | None = None,
        content_disposition: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | ObjectInfo | None = None,
        timeout: float | None = None,
    ) -> ObjectWriter: ...
    def open(
        self,
        key: str,
        mode: Literal["rb", "wb"] = "rb",
        *,
        content_type: str | None = None,
        cache_control: str | None = None,
        content_disposition: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | ObjectInfo | None = None,
        timeout: float | None = None,
    ) -> ObjectReader | ObjectWriter:
        """Open an object as a binary file.

        Reading keeps to the version that is stored now. Writing publishes when the file is closed; a ``with`` block
        that an exception leaves publishes nothing.

        Args:
            key: The object's key.
            mode: ``rb`` or ``wb``.
            content_type: Like the others, for writing: see ``put``.
            cache_control: See ``put``.
            content_disposition: See ``put``.
            metadata: See ``put``.
            if_absent: See ``put``.
            if_match: See ``put``.
            timeout: Seconds, for each request.

        Raises:
            NotFoundError: Nothing is stored under the key that is to be read.
            ConflictError: While reading: it was overwritten. At close: the condition did not hold.
        """
        put = Put(
            content_type=content_type,
            cache_control=cache_control,
            content_disposition=content_disposition,
            metadata=metadata,
            if_absent=if_absent,
            if_match=if_match,
        )
        if mode == "rb":
            _check_reading(put)
            return ObjectReader(Reading(self._plans, key, timeout), self._runner)
        _check_mode(mode)
        return ObjectWriter(Writing(self._plans, key, put, timeout), self._run)

    def stat(self, key: str, *, timeout: float | None = None) -> ObjectInfo:
        """Describe an object.

        Raises:
            NotFoundError: Nothing is stored under the key.
        """
        return self._run(self._plans.stat(timeout, key))

    def exists(self, key: str, *, timeout: float | None = None) -> bool:
        """Say whether something is stored under the key."""
        return self._run(self._plans.exists(timeout, key))

    def delete(self, key: str, *, if_match: str | ObjectInfo | None = None, timeout: float | None = None) -> bool:
        """Delete an object; one that is absent is success.

        Returns:
            Whether this call is known to have deleted it.

        Raises:
            ConflictError: Another version than ``if_match`` is stored. Nothing was deleted.
        """
        return self._run(self._plans.delete(timeout, key, if_match=if_match))

    def delete_many(self, keys: Iterable[str], *, timeout: float | None = None) -> dict[str, bool | StateError]:
        """Delete objects, several at once.

        Returns:
            For each key what ``delete`` returns, or the BackendError that it met.
        """
        return self._run(self._plans.delete_many(timeout, keys))

    def copy(
        self,
        source: str,
        target: str,
        *,
        if_absent: bool = False,
        if_match: str | ObjectInfo | None = None,
        timeout: float | None = None,
    ) -> ObjectInfo:
        """Copy an object within the engine, with its content type and metadata.

        Args:
            source: The key that is read.
            target: The key that is written.
            if_absent: Only if nothing is stored under the target.
            if_match: Only over this version of the target.
            timeout: Seconds, for each step.

        Raises:
            NotFoundError: Nothing is stored under the source.
            ConflictError: The condition did not hold. Nothing was written.
        """
        return self._run(self._plans.copy(timeout, source, target, if_absent=if_absent, if_match=if_match))

    @overload
    def list(
        self, prefix: str = "", *, start_after: str | None = None, timeout: float | None = None
    ) -> Iterator[ObjectInfo]: ...
    @overload
    def list(
        self,
        prefix: str = "",
        *,
        delimiter: Literal["/"],
        start_after: str | None = None,
        timeout: float | None = None,
    ) -> Iterator[ObjectInfo | Prefix]: ...
    def list(
        self,
        prefix: str = "",
        *,
        delimiter: Literal["/"] | None = None,
        start_after: str | None = None,
        timeout: float | None = None,
    ) -> Iterator[ObjectInfo | Prefix]:
        """List objects in the order of their keys' UTF-8 bytes, without end and without metadata.

        Every key that is present throughout is seen exactly once.

        Args:
            prefix: What the keys begin with; it may end within a segment.
            delimiter: ``/`` folds keys with a slash after the prefix into one Prefix each.
            start_after: Only keys after this one.
            timeout: Seconds, for each page.
        """
        self._plans.check_listing(prefix, delimiter, start_after)
        return self._pages(prefix, delimiter, start_after, timeout)

    def _pages(
        self, prefix: str, delimiter: str | None, start_after: str | None, timeout: float | None
    ) -> Iterator[ObjectInfo | Prefix]:
        cursor = None
        while True:
            page = self._run(self._plans.list(timeout, prefix, delimiter, start_after, cursor))
            yield from page.items
            cursor = page.cursor
            if cursor is None:
                return

    def sweep(self, *, older_than: timedelta = ABANDONED, timeout: float | None = None) -> Swept:
        """Abort uploads that were begun long ago and never finished.

        Args:
            older_than: How long ago; more than the longest upload takes.
            timeout: Seconds, for each request.
        """
        return self._run(self._plans.sweep(timeout, older_than // MILLISECOND))


@final
class AsyncObjectStore(AsyncPresigning):
    """The same for asyncio. Get one from ``statekit.aopen(...).objects``."""

    def __init__(self, plans: ObjectPlans, runner: AsyncRunner) -> None:
        super().__init__(plans, runner)
        self._plans = plans
        self._runner = runner

    def __repr__(self) -> str:
        return f"<AsyncObjectStore on {self._plans.wire.backend}>"

    async def put(
        self,
        key: str,
        data: AsyncData,
        *,
        content_type: str | None = None,
        cache_control: str | None = None,
        content_disposition: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | ObjectInfo | None = None,
        timeout: float | None = None,
    ) -> ObjectInfo:
        """Store an object; nothing is visible before it is complete. See ObjectStore.put."""
        put = Put(
            content_type=content_type,
            cache_control=cache_control,
            content_disposition=content_disposition,
            metadata=metadata,
            if_absent=if_absent,
            if_match=if_match,
        )
        return await self._run(self._plans.put(timeout, key, data, put))

    async def get(
        self, key: str, *, start: int = 0, length: int | None = None, timeout: float | None = None
    ) -> StoredObject:
        """Read an object, or a range of it, of one version. See ObjectStore.get."""
        return await self._run(self._plans.get(timeout, key, start=start, length=length))

    @overload
    async def open(
        self, key: str, mode: Literal["rb"] = "rb", *, timeout: float | None = None
    ) -> AsyncObjectReader: ...
    @overload
    async def open(
        self,
        key: str,
        mode: Literal["wb"],
        *,
        content_type: str | None = None,
        cache_control: str | None = None,
        content_disposition: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | ObjectInfo | None = None,
        timeout: float | None = None,
    ) -> AsyncObjectWriter: ...
    async def open(
        self,
        key: str,
        mode: Literal["rb", "wb"] = "rb",
        *,
        content_type: str | None = None,
        cache_control: str | None = None,
        content_disposition: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | ObjectInfo | None = None,
        timeout: float | None = None,
    ) -> AsyncObjectReader | AsyncObjectWriter:
        """Open an object as a binary file. See ObjectStore.open."""
        put = Put(
            content_type=content_type,
            cache_control=cache_control,
            content_disposition=content_disposition,
            metadata=metadata,
            if_absent=if_absent,
            if_match=if_match,
        )
        if mode == "rb":
            _check_reading(put)
            reading = Reading(self._plans, key, timeout)
            try:
                info = await self._run(reading.begin())
            except BaseException as error:
                reading.end(error)
                raise
            return AsyncObjectReader(reading, self._runner, info)
        _check_mode(mode)
        return AsyncObjectWriter(Writing(self._plans, key, put, timeout), self._runner)

    async def stat(self, key: str, *, timeout: float | None = None) -> ObjectInfo:
        """Describe an object. See ObjectStore.stat."""
        return await self._run(self._plans.stat(timeout, key))

    async def exists(self, key: str, *, timeout: float | None = None) -> bool:
        """Say whether something is stored under the key. See ObjectStore.exists."""
        return await self._run(self._plans.exists(timeout, key))

    async def delete(self, key: str, *, if_match: str | ObjectInfo | None = None, timeout: float | None = None) -> bool:
        """Delete an object; one that is absent is success. See ObjectStore.delete."""
        return await self._run(self._plans.delete(timeout, key, if_match=if_match))

    async def delete_many(self, keys: Iterable[str], *, timeout: float | None = None) -> dict[str, bool | StateError]:
        """Delete objects, several at once. See ObjectStore.delete_many."""
        return await self._run(self._plans.delete_many(timeout, keys))

    async def copy(
        self,
        source: str,
        target: str,
        *,
        if_absent: bool = False,
        if_match: str | ObjectInfo | None = None,
        timeout: float | None = None,
    ) -> ObjectInfo:
        """Copy an object within the engine, with its content type and metadata. See ObjectStore.copy."""
        return await self._run(self._plans.copy(timeout, source, target, if_absent=if_absent, if_match=if_match))

    @overload
    def list(
        self, prefix: str = "", *, start_after: str | None = None, timeout: float | None = None
    ) -> AsyncIterator[ObjectInfo]: ...
    @overload
    def list(
        self,
        prefix: str = "",
        *,
        delimiter: Literal["/"],
        start_after: str | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[ObjectInfo | Prefix]: ...
    def list(
        self,
        prefix: str = "",
        *,
        delimiter: Literal["/"] | None = None,
        start_after: str | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[ObjectInfo | Prefix]:
        """List objects in the order of their keys' UTF-8 bytes. See ObjectStore.list."""
        self._plans.check_listing(prefix, delimiter, start_after)
        return self._pages(prefix, delimiter, start_after, timeout)

    async def _pages(
        self, prefix: str, delimiter: str | None, start_after: str | None, timeout: float | None
    ) -> AsyncIterator[ObjectInfo | Prefix]:
        cursor = None
        while True:
            page = await self._run(self._plans.list(timeout, prefix, delimiter, start_after, cursor))
            for item in page.items:
                yield item
            cursor = page.cursor
            if cursor is None:
                return

    async def sweep(self, *, older_than: timedelta = ABANDONED, timeout: float | None = None) -> Swept:
        """Abort uploads that were begun long ago and never finished. See ObjectStore.sweep."""
        return await self._run(self._plans.sweep(timeout, older_than // MILLISECOND))


def _check_mode(mode: str) -> None:
    if mode != "wb":
        raise InvalidInputError("the mode is rb or wb", clause="O-25")


def _check_reading(put: Put) -> None:
    if put != Put():
        raise InvalidInputError("conditions and metadata are for writing", clause="O-25")
