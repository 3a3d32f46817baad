"""Credentials of a role that is assumed, and assumed again before they expire."""

from __future__ import annotations

from typing import Any

from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.session import Session

__all__ = ["assuming"]


class _Role(CredentialProvider):
    """Credentials of one role, refreshed by botocore whenever a request is signed with ones that are about to expire.

    Args:
        role: Its ARN.
        source: Whose credentials may assume it.
        config: For the client that asks for them.
    """

    METHOD = "assume-role"
    CANONICAL_NAME = "statekit"

    def __init__(self, role: str, source: Session, config: Config) -> None:
        super().__init__(source)
        self._role, self._source, self._config = role, source, config

    def load(self) -> DeferredRefreshableCredentials | None:
        credentials = self._source.get_credentials()
        if credentials is None:
            return None
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=self._client,
            source_credentials=credentials,
            role_arn=self._role,
            extra_args={"RoleSessionName": "statekit"},
        )
        return DeferredRefreshableCredentials(
            method=self.METHOD,
            refresh_using=fetcher.fetch_credentials,
        )

    def _client(self, service: str, **arguments: Any) -> Any:
        return self._source.create_client(service, config=self._config, **arguments)


def assuming(role: str, source: Session, config: Config) -> CredentialResolver:
    """Return what finds the credentials of a role.

    Args:
        role: Its ARN.
        source: Whose credentials may assume it.
        config: For the client that asks for them.
    """
    return CredentialResolver([_Role(role, source, config)])
