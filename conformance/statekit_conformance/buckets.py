"""Buckets for the targets that need one: made with the vendors' SDKs, at the engines that the environment names."""

from __future__ import annotations

import os

__all__ = ["s3"]


def s3(urls: tuple[str, ...]) -> None:
    """Make the buckets of URLs with the scheme ``s3``."""
    from statekit_conformance.engines.vendor import make_bucket, s3_client

    with s3_client(os.environ["AWS_ENDPOINT_URL_S3"]) as client:
        for bucket in _named(urls, "s3"):
            make_bucket(client, bucket)


def _named(urls: tuple[str, ...], scheme: str) -> set[str]:
    start = f"{scheme}://"
    return {url.removeprefix(start).partition("?")[0].partition("/")[0] for url in urls if url.startswith(start)}
