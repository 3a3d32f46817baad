"""A service account of nobody's, for Google's clients to sign with."""

from __future__ import annotations

import json
from pathlib import Path

NAME = "service-account.json"


def service_account(folder: Path) -> Path:
    """Return the file of an account in a folder, in the form that Google's console downloads; made once."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    path = folder / NAME
    if path.exists():
        return path
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    account = {
        "type": "service_account",
        "project_id": "statekit",
        "private_key_id": "statekit",
        "private_key": pem.decode(),
        "client_email": "statekit@statekit.iam.gserviceaccount.com",
        "token_uri": "http://127.0.0.1:9/token",  # nobody answers there, so nothing ever leaves the machine
    }
    path.write_text(json.dumps(account))
    return path
