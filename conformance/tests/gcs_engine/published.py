"""What Google publishes about signatures: URLs and forms that one account signed, condensed to what verifying takes.

``published.json`` holds the facts of https://github.com/googleapis/conformance-tests (Apache-2.0), file
``storage/v1/v4_signatures.json``: what a client sends, and the digest of the canonical request that was signed. Of the
account, which is a dummy and says so, only the public key is here: that is all a server has. To take them over again::

    python published.py CHECKOUT/storage/v1 COMMIT > published.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key


def condensed(folder: Path, commit: str) -> dict[str, Any]:
    """Return what to keep of the published files."""
    account = json.loads((folder / "test_service_account.not-a-test.json").read_text())
    vectors = json.loads((folder / "v4_signatures.json").read_text())
    key = load_pem_private_key(account["private_key"].encode(), None).public_key()
    return {
        "source": f"https://github.com/googleapis/conformance-tests/tree/{commit}/storage/v1",
        "license": "Apache-2.0",
        "client_email": account["client_email"],
        "public_key": key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        "urls": _unique([_url(vector) for vector in vectors["signingV4Tests"]]),
        "forms": _unique([_form(vector) for vector in vectors["postPolicyV4Tests"]]),
    }


def _url(vector: dict[str, Any]) -> dict[str, Any]:
    digest = vector["expectedStringToSign"].rpartition("\n")[2]
    return {
        "method": vector["method"],
        "url": vector["expectedUrl"],
        "headers": vector.get("headers", {}),
        "canonical_request": f"sha256:{digest}",
    }


def _form(vector: dict[str, Any]) -> dict[str, Any]:
    given = vector["policyInput"]
    return {
        "bucket": given["bucket"],
        "key": given["object"],
        "signed_at": given["timestamp"],
        "seconds": given["expiration"],
        "sizes": given.get("conditions", {}).get("contentLengthRange"),
        "fields": urlencode(vector["policyOutput"]["fields"]),
    }


def _unique(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for number, row in enumerate(rows) if row not in rows[:number]]


if __name__ == "__main__":
    json.dump(condensed(Path(sys.argv[1]), sys.argv[2]), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
