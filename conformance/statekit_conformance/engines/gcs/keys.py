"""The public keys of service accounts, registered when the engine starts."""

import json
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
    def of_files(cls, paths: list[Path]) -> Self:
        """Read service-account files: ``client_email`` with ``public_key`` or (downloaded) ``private_key``.

        Raises:
            ValueError: If a file has no account or no RSA key.
        """
        return cls(dict(_account(json.loads(path.read_text())) for path in paths))

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


def _account(info: dict[str, Any]) -> tuple[str, RSAPublicKey]:
    if "public_key" in info:
        key: object = load_pem_public_key(info["public_key"].encode())
    else:
        key = load_pem_private_key(info["private_key"].encode(), None).public_key()
    if not isinstance(key, RSAPublicKey):
        raise ValueError(f"the key of {info['client_email']} is not an RSA key")  # noqa: TRY004
    return info["client_email"], key
