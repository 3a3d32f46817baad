"""The options of a Cloud Storage URL."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GcsOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GcsOptions:
    """The options of a Cloud Storage URL.

    Attributes:
        project: The project in which ``provision`` creates the bucket; by default the environment's.
        location: Where ``provision`` creates it, such as ``europe-west1``; by default Google's own default.
        endpoint: Another server than Google's, such as an emulator: its URL, ``http://`` or ``https://``. By default
            what the variable ``STORAGE_EMULATOR_HOST`` names, as for Google's own client.
        service_account_file: The path of a service account's key; by default Application Default Credentials.
        anonymous: Whether to send no credentials, as emulators take it.
    """

    project: str | None = None
    location: str | None = None
    endpoint: str | None = None
    service_account_file: str | None = None
    anonymous: bool = False

    def __post_init__(self) -> None:
        if self.anonymous and self.service_account_file is not None:
            raise ValueError("anonymous and service_account_file exclude each other")
        if self.endpoint is not None and not self.endpoint.startswith(("http://", "https://")):
            raise ValueError("endpoint begins with http:// or https://")

    @property
    def connecting(self) -> tuple[str, ...]:
        """The names of those set that a client handed in has already decided."""
        given = {
            "endpoint": self.endpoint is not None,
            "service_account_file": self.service_account_file is not None,
            "anonymous": self.anonymous,
        }
        return tuple(name for name, is_set in given.items() if is_set)
