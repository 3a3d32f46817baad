"""From options to Google's client, and to what lends its sessions."""

from __future__ import annotations

from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage  # type: ignore[import-untyped]
from google.oauth2 import service_account

from statekit.driver import Opening

from .options import GcsOptions
from .transport import Lender, Own, Shared

__all__ = ["lender_of"]


def lender_of(opening: Opening[GcsOptions]) -> Lender:
    """Return what lends sessions for an opening. Nothing is connected yet (P-51).

    Raises:
        TypeError: The application's client is none of Google's.
        ValueError: It has already decided what an option says.
    """
    options = opening.options
    if opening.client is None:
        return Own(lambda: _client(options))
    if not isinstance(opening.client, storage.Client):
        raise TypeError("the client is a google.cloud.storage.Client")
    if options.connecting:
        raise ValueError(f"the client that was handed in has decided {', '.join(options.connecting)} already")
    return Shared(opening.client)


def _client(options: GcsOptions) -> Any:
    """Return a client. Without options it finds endpoint and credentials as all of Google's do.

    https://cloud.google.com/docs/authentication/application-default-credentials
    """
    endpoint = {} if options.endpoint is None else {"api_endpoint": options.endpoint}
    return storage.Client(options.project, _credentials(options), client_options=endpoint)


def _credentials(options: GcsOptions) -> Any:
    if options.anonymous:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    if options.service_account_file is None:
        return None
    read = service_account.Credentials.from_service_account_file
    return read(options.service_account_file)  # type: ignore[no-untyped-call]
