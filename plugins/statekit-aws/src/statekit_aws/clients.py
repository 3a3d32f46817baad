"""boto3's clients: made at the first call, with every repetition of theirs switched off.

A client's own timeout is the opening's ``attempt_timeout``. Recent versions of botocore take another one for each
request out of the request's context, and the call's own is put there; older ones wait for ``attempt_timeout``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from statekit.driver import Opening

from .options import Access

__all__ = ["Client", "Session", "client_for"]

_SERVICES: Final = {"s3": "S3", "dynamodb": "DynamoDB"}


class Client:
    """One service's client. It is made when it is first needed, which takes a quarter of a second.

    Args:
        make: Makes it.
        own: Whether it is ours: to be bounded, and to be closed.
    """

    def __init__(self, make: Callable[[], Any], *, own: bool) -> None:
        self._make = make
        self._own = own
        self._lock = threading.Lock()
        self._made: Any = None
        self._patience = threading.local()

    @property
    def raw(self) -> Any:
        """boto3's client."""
        if self._made is None:
            with self._lock:
                if self._made is None:
                    self._made = self._bounded(self._make())
        return self._made

    def call(self, operation: str, timeout: float, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request."""
        client = self.raw
        self._patience.seconds = timeout
        return cast("dict[str, Any]", getattr(client, operation)(**parameters))

    def warnings(self) -> tuple[str, ...]:
        """Say what is wrong with a client that was handed in: one that repeats requests reports false conflicts."""
        retries = getattr(self.raw.meta.config, "retries", None) or {}
        if self._own or retries.get("total_max_attempts") == 1:
            return ()
        name = _SERVICES[self.raw.meta.service_model.service_name]
        return (f'the {name} client repeats requests: make it with Config(retries={{"total_max_attempts": 1}})',)

    def close(self) -> None:
        """Close it, if it is ours and was ever made."""
        with self._lock:
            made, self._made = self._made, None
        if made is not None and self._own:
            made.close()

    def _bounded(self, client: Any) -> Any:
        if self._own:
            service = client.meta.service_model.service_id.hyphenize()
            client.meta.events.register(f"before-call.{service}", self._bound)
            client.meta.events.register("before-parse.dynamodb", refuse_part)
        return client

    def _bound(self, context: dict[str, Any], **_: Any) -> None:
        """Give one request the time that its call has, as botocore's httpsession reads it."""
        context["read_timeout"] = getattr(self._patience, "seconds", None)


def refuse_part(response_dict: Mapping[str, Any], **_: Any) -> None:
    """Refuse an answer of DynamoDB's that ends early.

    botocore takes JSON that it cannot read for an empty answer, and in an empty answer there is no item.

    Raises:
        IncompleteReadError: There is less of it than its head says.
    """
    body, length = response_dict["body"], response_dict["headers"].get("content-length", "")
    if length.isdigit() and len(body) < int(length):
        from botocore.exceptions import IncompleteReadError

        raise IncompleteReadError(actual_bytes=len(body), expected_bytes=int(length))


def client_for(opening: Opening[Any], service: str, endpoint: str | None, session: Session) -> Client:
    """Return the client for a service: the application's own, or one that is made from a session.

    Raises:
        ValueError: The application handed in something else, or options that its client does not have.
    """
    given = opening.client
    if given is None or _is_session(given):
        return Client(lambda: session.client(service, endpoint), own=True)
    chosen = given.get(service) if isinstance(given, Mapping) else given
    if _service(chosen) != service:
        raise ValueError(
            "client is a session of boto3, a client of boto3 for this service, or a mapping such as "
            '{"s3": client, "dynamodb": client}'
        )
    for option in ("region", "profile", "role", "path_style"):
        if getattr(opening.options, option, None) is not None:
            raise ValueError(f"{option} is the client's own where one is handed in")
    if endpoint is not None:
        raise ValueError("the endpoint is the client's own where one is handed in")
    return Client(lambda: chosen, own=False)


def _is_session(given: object) -> bool:
    return callable(getattr(given, "client", None)) and hasattr(given, "get_credentials")


def _service(given: Any) -> str | None:
    model = getattr(getattr(given, "meta", None), "service_model", None)
    return getattr(model, "service_name", None)


class Session:
    """Where an opening's clients come from: one session of boto3, made with the first of them.

    Args:
        opening: Whose options and limits they have.
    """

    def __init__(self, opening: Opening[Any]) -> None:
        self._opening = opening
        self._options: Access = opening.options
        self._lock = threading.Lock()
        self._session: Any = None
        if opening.client is not None and _is_session(opening.client):
            if self._options.profile is not None or self._options.role is not None:
                raise ValueError("profile and role are the session's own where one is handed in")
            self._session = opening.client

    def client(self, service: str, endpoint: str | None) -> Any:
        """Make a client.

        Clients are thread-safe, and sessions are not: https://docs.aws.amazon.com/boto3/latest/guide/clients.html
        """
        with self._lock:
            if self._session is None:
                self._session = self._made()
            config = self._s3_config(endpoint) if service == "s3" else self._config()
            client = self._session.client(
                service, region_name=self._options.region, endpoint_url=endpoint, config=config
            )
        if service == "s3" and client.meta.endpoint_url.startswith("https:") and self._checks:
            # The checksum header is signed, and the body goes through TLS: a second digest of it adds nothing.
            client.meta.config.s3["payload_signing_enabled"] = False
        return client

    def _made(self) -> Any:
        from boto3.session import Session as Boto3Session

        options = self._options
        if options.role is None:
            return Boto3Session(profile_name=options.profile, region_name=options.region)
        from .role import assuming

        return Boto3Session(
            botocore_session=assuming(options.role, options.profile, self._config()), region_name=options.region
        )

    @property
    def _checks(self) -> bool:
        return getattr(self._options, "checksum", None) == "crc32c"

    def _config(self, **more: Any) -> Any:
        from botocore.config import Config

        opening = self._opening
        return Config(
            connect_timeout=opening.attempt_timeout,
            read_timeout=opening.attempt_timeout,
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=max(10, opening.concurrency),
            user_agent_extra="statekit",
            **more,
        )

    def _s3_config(self, endpoint: str | None) -> Any:
        wanted = getattr(self._options, "path_style", None)
        in_path = endpoint is not None if wanted is None else wanted
        return self._config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if in_path else "auto" if wanted is None else "virtual"},
            request_checksum_calculation="when_required",  # core has computed every checksum already
            response_checksum_validation="when_required",  # and compares it
        )
