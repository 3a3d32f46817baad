"""Upload tickets: a browser uploads to where nobody looks, and ``confirm`` publishes it under its key.

Besides what its own ``Raises`` lists, every method may raise BackendError, CorruptDataError and ClosedError.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import final

from statekit._core.arun import AsyncRunner
from statekit._core.objects.describe import Put
from statekit._core.objects.presigning import HOUR
from statekit._core.run import Runner
from statekit._core.tickets.plans import TicketPlans
from statekit.errors import InvalidInputError
from statekit.types import ObjectInfo, Swept, Ticket

__all__ = ["AsyncTicketStore", "TicketStore"]


@final
class TicketStore:
    """Reservations for uploads. Get one from ``statekit.open(...).tickets``."""

    def __init__(self, plans: TicketPlans, runner: Runner) -> None:
        self._plans = plans
        self._run = runner.run

    def __repr__(self) -> str:
        return f"<TicketStore on {self._plans.wire.backend}>"

    def reserve(
        self,
        key: str | None = None,
        *,
        prefix: str | None = None,
        size: int | None = None,
        max_size: int | None = None,
        min_size: int = 0,
        content_type: str,
        cache_control: str | None = None,
        content_disposition: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        owner: str | None = None,
        expires_in: timedelta = HOUR,
        timeout: float | None = None,
    ) -> Ticket:
        """Reserve a key, and sign an upload for it. Nothing is stored under the key before ``confirm``.

        Args:
            key: Where the object is to be published.
            prefix: Or what a new key of statekit's choice begins with, up to a slash.
            size: Bytes, exactly: the upload is a PUT.
            max_size: Or bytes, at most: the upload is a form.
            min_size: With ``max_size``: bytes, at least.
            content_type: What the upload says that it is, and what is published.
            cache_control: Of what is published.
            content_disposition: Of what is published.
            metadata: Of what is published.
            if_absent: Publish only where nothing is stored.
            owner: Who alone confirms and abandons.
            expires_in: How long the upload may begin, 1 s to 7 days.
            timeout: Seconds.

        Raises:
            InvalidInputError: There are ``size`` and ``max_size``, or neither.
            UnsupportedError: Nothing here can sign.
        """
        sizes, form = _sizes(size, max_size, min_size)
        put = Put(
            content_type=content_type,
            cache_control=cache_control,
            content_disposition=content_disposition,
            metadata=metadata,
            if_absent=if_absent,
        )
        plan = self._plans.reserve(timeout, key, prefix, sizes, put, expires_in, owner, form=form)
        return self._run(plan)

    def confirm(
        self, ticket: str | Ticket, *, owner: str | None = None, crc32c: int | None = None, timeout: float | None = None
    ) -> ObjectInfo:
        """Publish what was uploaded, atomically; a second time returns the same.

        Args:
            ticket: The ticket, or its id.
            owner: As it was reserved.
            crc32c: What the upload's CRC32C has to be, where the client said.
            timeout: Seconds.

        Raises:
            NotFoundError: There is no such ticket, or nothing was uploaded yet.
            InvalidInputError: The upload has another size, checksum or type than was reserved; it may be made again.
            ConflictError: Something was stored under the key meanwhile; nothing is published.
            IndeterminateError: It may have been published; confirm again.
        """
        return self._run(self._plans.confirm(timeout, _id(ticket), owner, crc32c))

    def abandon(self, ticket: str | Ticket, *, owner: str | None = None, timeout: float | None = None) -> bool:
        """Give a ticket up, and delete what was uploaded.

        Returns:
            Whether nothing is published by it; False if it was confirmed, or is being.
        """
        return self._run(self._plans.abandon(timeout, _id(ticket), owner))

    def sweep(self, *, timeout: float | None = None) -> Swept:
        """Delete what was uploaded and never confirmed, finish what a killed process began, and delete old tickets.

        Args:
            timeout: Seconds, for each step.
        """
        return self._run(self._plans.sweep(timeout))


@final
class AsyncTicketStore:
    """The same for asyncio. Get one from ``statekit.aopen(...).tickets``."""

    def __init__(self, plans: TicketPlans, runner: AsyncRunner) -> None:
        self._plans = plans
        self._run = runner.run

    def __repr__(self) -> str:
        return f"<AsyncTicketStore on {self._plans.wire.backend}>"

    async def reserve(
        self,
        key: str | None = None,
        *,
        prefix: str | None = None,
        size: int | None = None,
        max_size: int | None = None,
        min_size: int = 0,
        content_type: str,
        cache_control: str | None = None,
        content_disposition: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        owner: str | None = None,
        expires_in: timedelta = HOUR,
        timeout: float | None = None,
    ) -> Ticket:
        """Reserve a key, and sign an upload for it. See TicketStore.reserve."""
        sizes, form = _sizes(size, max_size, min_size)
        put = Put(
            content_type=content_type,
            cache_control=cache_control,
            content_disposition=content_disposition,
            metadata=metadata,
            if_absent=if_absent,
        )
        plan = self._plans.reserve(timeout, key, prefix, sizes, put, expires_in, owner, form=form)
        return await self._run(plan)

    async def confirm(
        self, ticket: str | Ticket, *, owner: str | None = None, crc32c: int | None = None, timeout: float | None = None
    ) -> ObjectInfo:
        """Publish what was uploaded. See TicketStore.confirm."""
        return await self._run(self._plans.confirm(timeout, _id(ticket), owner, crc32c))

    async def abandon(self, ticket: str | Ticket, *, owner: str | None = None, timeout: float | None = None) -> bool:
        """Give a ticket up. See TicketStore.abandon."""
        return await self._run(self._plans.abandon(timeout, _id(ticket), owner))

    async def sweep(self, *, timeout: float | None = None) -> Swept:
        """Delete what was never confirmed. See TicketStore.sweep."""
        return await self._run(self._plans.sweep(timeout))


def _sizes(size: int | None, most: int | None, least: int) -> tuple[tuple[int, int], bool]:
    """Return the bounds of an upload, and whether it is a form."""
    if (size is None) is (most is None) or (size is not None and least):
        raise InvalidInputError("give size, for a PUT, or max_size and possibly min_size, for a form")
    return ((size, size), False) if size is not None else ((least, most or 0), True)


def _id(ticket: str | Ticket) -> str:
    return ticket.id if isinstance(ticket, Ticket) else ticket
