"""The public keys of service accounts, registered when the engine starts."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key


class ServiceAccounts:
    """Who may sign, and the key that each signature is verified with."""

    def __init__(self, keys: dict[str, RSAPublicKey]) -> None:
        self._keys = keys

    @classmethod
    def of_files(cls, paths: Sequence[Path]) -> Self:
        """Read service-account files: ``client_email`` with ``public_key`` or (downloaded) ``private_key``.

        Raises:
            OSError: If a file cannot be read.
            ValueError: If a file has no account or no RSA key.
        """
        return cls(dict(_account(path) for path in paths))

    def verify(self, account: str, signature: bytes, message: bytes) -> bool:
        """Tell whether the account signed the message; an unknown account never did."""
        key = self._keys.get(account)
        if key is None:
            return False
        try:
            key.verify(signature, message, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True


def _account(path: Path) -> tuple[str, RSAPublicKey]:
    try:
        info = json.loads(path.read_bytes())
        account, key = info["client_email"], _key(info)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is no service account: {type(error).__name__}: {error}") from error
    if not isinstance(key, RSAPublicKey):
        raise ValueError(f"the key in {path} is not an RSA key")  # noqa: TRY004 - a wrong value in a file
    return account, key


def _key(info: dict[str, Any]) -> object:
    if "public_key" in info:
        return load_pem_public_key(info["public_key"].encode())
    return load_pem_private_key(info["private_key"].encode(), None).public_key()
