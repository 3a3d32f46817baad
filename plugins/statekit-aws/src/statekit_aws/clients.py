"""One client for each service: made at the first call, and bounded in time by each call of its own.

A client's own timeout is the opening's ``attempt_timeout``. Recent versions of botocore take another one for each
request out of the request's context, and the call's own is put there; older ones wait for ``attempt_timeout``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, Final, cast

from statekit.driver import Opening

from .sessions import Session, is_session

__all__ = ["Client", "client_for"]

_AT_ONCE: Final = 64 * 1024
"""Bytes that are sent before it is known whether the server takes them."""
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
            client.meta.events.register("before-call.s3", send_at_once)
            client.meta.events.register("before-parse.dynamodb", refuse_part)
        return client

    def _bound(self, context: dict[str, Any], **_: Any) -> None:
        """Give one request the time that its call has, as botocore's httpsession reads it."""
        context["read_timeout"] = getattr(self._patience, "seconds", None)


def send_at_once(params: Mapping[str, Any], **_: Any) -> None:
    """Send a small body with its request.

    botocore has the body of each upload to S3 wait until the server agrees to its head (``Expect: 100-continue``), were
    it a single byte: one more round trip, and an answer more to read. It is registered behind botocore's own handler.
    """
    body = params.get("body")
    if isinstance(body, BytesIO) and body.getbuffer().nbytes <= _AT_ONCE:
        params["headers"].pop("Expect", None)


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
    if given is None or is_session(given):
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


def _service(given: Any) -> str | None:
    model = getattr(getattr(given, "meta", None), "service_model", None)
    return getattr(model, "service_name", None)
