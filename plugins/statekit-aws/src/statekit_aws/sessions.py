"""Where clients come from: a session of botocore's, with the opening's options and every repetition switched off."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from statekit.driver import Opening

from .moments import read_moment
from .options import Access

__all__ = ["Session", "is_session"]


def is_session(given: object) -> bool:
    """Whether an application handed in a session of boto3's."""
    return callable(getattr(given, "client", None)) and hasattr(given, "get_credentials")


class Session:
    """Where an opening's clients come from: one session, made with the first of them.

    Args:
        opening: Whose options and limits they have.

    Raises:
        ValueError: A session was handed in, and options that it does not have.
    """

    def __init__(self, opening: Opening[Any]) -> None:
        self._opening = opening
        self._options: Access = opening.options
        self._lock = threading.Lock()
        self._create: Any = None
        if opening.client is not None and is_session(opening.client):
            if self._options.profile is not None or self._options.role is not None:
                raise ValueError("profile and role are the session's own where one is handed in")
            self._create = opening.client.client  # type: ignore[attr-defined]  # it was just looked for

    def client(self, service: str, endpoint: str | None) -> Any:
        """Make a client.

        Clients are thread-safe, and sessions are not: https://docs.aws.amazon.com/boto3/latest/guide/clients.html
        """
        options = self._opening.options
        with self._lock:
            if self._create is None:
                self._create = self._made().create_client
            config = self._s3_config(endpoint, options.path_style) if service == "s3" else self._config()
            client = self._create(service, region_name=options.region, endpoint_url=endpoint, config=config)
        if service == "s3" and client.meta.endpoint_url.startswith("https:") and options.checksum == "crc32c":
            # The checksum header is signed, and the body goes through TLS: a second digest of it adds nothing.
            client.meta.config.s3["payload_signing_enabled"] = False
        return client

    def _made(self) -> Any:
        session = self._plain()
        if self._options.role is not None:
            from .role import assuming

            found = assuming(self._options.role, self._plain(), self._config())
            session.register_component("credential_provider", found)
        return session

    def _plain(self) -> Any:
        """Return a session with the credentials that botocore finds."""
        from botocore.session import Session as BotocoreSession

        session = BotocoreSession(profile=self._options.profile)
        if self._options.region is not None:
            session.set_config_variable("region", self._options.region)
        session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
        session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_moment)
        return session

    def _config(self, **more: Any) -> Any:
        from botocore.config import Config

        opening = self._opening
        return Config(
            connect_timeout=opening.attempt_timeout,
            read_timeout=opening.attempt_timeout,
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=max(10, opening.concurrency),
            parameter_validation=False,  # every request is built here, from keys and values that core has checked
            user_agent_extra="statekit",
            **more,
        )

    def _s3_config(self, endpoint: str | None, wanted: bool | None) -> Any:  # noqa: FBT001 - an option as it was given
        in_path = endpoint is not None if wanted is None else wanted
        return self._config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if in_path else "auto" if wanted is None else "virtual"},
            request_checksum_calculation="when_required",  # core has computed every checksum already
            response_checksum_validation="when_required",  # and compares it
        )


@cache
def _loader(data_path: str | None) -> Any:
    """Return what reads descriptions of services, and keeps them: S3's takes 80 ms for each session otherwise."""
    from botocore.loaders import create_loader

    return create_loader(data_path)
