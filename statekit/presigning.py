"""Presigned requests: the half of an object store that lets browsers upload and download without the application."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from statekit._core.objects.describe import Put
from statekit._core.objects.plans import ObjectPlans
from statekit._core.objects.presigning import HOUR, PresignPlans
from statekit._core.run import AsyncRunner, Runner
from statekit.types import Presigned

__all__ = ["AsyncPresigning", "Presigning"]


class Presigning:
    """What ``statekit.open(...).objects`` signs."""

    def __init__(self, plans: ObjectPlans, runner: Runner) -> None:
        self._presigning = PresignPlans(plans)
        self._run = runner.run

    def presign_get(
        self,
        key: str,
        *,
        expires_in: timedelta = HOUR,
        filename: str | None = None,
        content_type: str | None = None,
        inline: bool = False,
        timeout: float | None = None,
    ) -> Presigned:
        """Sign a download that a browser may make by itself.

        It is a download wherever it is opened as a page of its own: what somebody uploaded does not run as the site's.
        Images, sound and scripts' fetches take it as it is.

        Args:
            key: The object's key.
            expires_in: For how long, 1 s to 7 days.
            filename: What it is to be called where it is saved; any Unicode.
            content_type: What it is said to be, instead of what was stored.
            inline: Whether it is shown, and not saved, when opened as a page: for ``content_type`` of images, sound,
                video and plain text.
            timeout: Seconds.

        Raises:
            UnsupportedError: It would be shown inline as a type that may run; or nothing here can sign.
            LimitExceededError: For longer than 7 days.
        """
        plan = self._presigning.presign_get(timeout, key, expires_in, filename, content_type, inline=inline)
        return self._run(plan)

    def presign_put(
        self,
        key: str,
        *,
        size: int,
        content_type: str,
        cache_control: str | None = None,
        content_disposition: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        expires_in: timedelta = HOUR,
        timeout: float | None = None,
    ) -> Presigned:
        """Sign an upload of exactly these bytes' number and type, with a plain PUT.

        Args:
            key: The object's key.
            size: Bytes, exactly; at most 5 GiB.
            content_type: What the upload has to say that it is.
            cache_control: Stored with it.
            content_disposition: Stored with it.
            metadata: Stored with it.
            if_absent: Only if nothing is stored under the key: then it can be used once.
            expires_in: For how long, 1 s to 7 days.
            timeout: Seconds.

        Raises:
            UnsupportedError: Nothing here can sign.
            LimitExceededError: Too large, or for too long.
        """
        put = Put(
            content_type=content_type,
            cache_control=cache_control,
            content_disposition=content_disposition,
            metadata=metadata,
            if_absent=if_absent,
        )
        return self._run(self._presigning.presign_put(timeout, key, size, put, expires_in))

    def presign_post(
        self,
        key: str | None = None,
        *,
        prefix: str | None = None,
        max_size: int,
        min_size: int = 0,
        content_type: str,
        cache_control: str | None = None,
        content_disposition: str | None = None,
        metadata: Mapping[str, str] | None = None,
        success: int | str = 204,
        if_absent: bool = False,
        expires_in: timedelta = HOUR,
        timeout: float | None = None,
    ) -> Presigned:
        """Sign an upload by a form, with a largest and a smallest size.

        Args:
            key: The object's key.
            prefix: Or what it begins with, up to a slash. The form's field ``key`` then ends with ``${filename}``, for
                which the name of the file is put; the page may also write another name there.
            max_size: Bytes, at most; up to 5 GiB.
            min_size: Bytes, at least.
            content_type: The value of the form's field ``Content-Type``.
            cache_control: Stored with it.
            content_disposition: Stored with it.
            metadata: Stored with it.
            success: The status of the answer, 200, 201 or 204, or the URL that it redirects to.
            if_absent: Refused: S3 ignores it in a form. Use ``presign_put``.
            expires_in: For how long, 1 s to 7 days.
            timeout: Seconds.

        Raises:
            UnsupportedError: It was asked for a condition; or nothing here can sign.
            LimitExceededError: Too large, or for too long.
        """
        put = Put(
            content_type=content_type,
            cache_control=cache_control,
            content_disposition=content_disposition,
            metadata=metadata,
            if_absent=if_absent,
        )
        sizes = (min_size, max_size)
        return self._run(self._presigning.presign_post(timeout, key, prefix, sizes, put, expires_in, success))


class AsyncPresigning:
    """The same for asyncio: what ``statekit.aopen(...).objects`` signs."""

    def __init__(self, plans: ObjectPlans, runner: AsyncRunner) -> None:
        self._presigning = PresignPlans(plans)
        self._run = runner.run

    async def presign_get(
        self,
        key: str,
        *,
        expires_in: timedelta = HOUR,
        filename: str | None = None,
        content_type: str | None = None,
        inline: bool = False,
        timeout: float | None = None,
    ) -> Presigned:
        """Sign a download that a browser may make by itself. See ObjectStore.presign_get."""
        plan = self._presigning.presign_get(timeout, key, expires_in, filename, content_type, inline=inline)
        return await self._run(plan)

    async def presign_put(
        self,
        key: str,
        *,
        size: int,
        content_type: str,
        cache_control: str | None = None,
        content_disposition: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        expires_in: timedelta = HOUR,
        timeout: float | None = None,
    ) -> Presigned:
        """Sign an upload of exactly these bytes' number and type. See ObjectStore.presign_put."""
        put = Put(
            content_type=content_type,
            cache_control=cache_control,
            content_disposition=content_disposition,
            metadata=metadata,
            if_absent=if_absent,
        )
        return await self._run(self._presigning.presign_put(timeout, key, size, put, expires_in))

    async def presign_post(
        self,
        key: str | None = None,
        *,
        prefix: str | None = None,
        max_size: int,
        min_size: int = 0,
        content_type: str,
        cache_control: str | None = None,
        content_disposition: str | None = None,
        metadata: Mapping[str, str] | None = None,
        success: int | str = 204,
        if_absent: bool = False,
        expires_in: timedelta = HOUR,
        timeout: float | None = None,
    ) -> Presigned:
        """Sign an upload by a form, with a largest and a smallest size. See ObjectStore.presign_post."""
        put = Put(
            content_type=content_type,
            cache_control=cache_control,
            content_disposition=content_disposition,
            metadata=metadata,
            if_absent=if_absent,
        )
        sizes = (min_size, max_size)
        return await self._run(self._presigning.presign_post(timeout, key, prefix, sizes, put, expires_in, success))
