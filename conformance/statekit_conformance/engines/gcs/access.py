"""Access: who may send a request. By default everybody; with a token, only its bearers and valid signatures.

A request that claims to be signed is judged by its signature alone, whatever else it carries.
"""

import hmac

from statekit_conformance.engines.gcs import errors, signing
from statekit_conformance.engines.gcs.http import Request
from statekit_conformance.engines.gcs.moments import Clock
from statekit_conformance.engines.gcs.signing import Keys, Signed


class Access:
    """Judges requests.

    Args:
        keys: The public keys that signatures are verified with.
        clock: The time that signatures expire by.
        token: The bearer token that unsigned requests must carry, or None to let everybody in.
    """

    def __init__(self, keys: Keys, clock: Clock, token: str | None = None) -> None:
        self._keys = keys
        self._clock = clock
        self._token = token

    def check(self, request: Request) -> Signed | None:
        """Let a request pass, and return its signature if it has one.

        Raises:
            Refusal: 400 or 403 for a signature, 401 for a missing or wrong token.
        """
        if signing.is_signed(request.query):
            return signing.verify_url(
                request.method,
                request.path,
                request.pairs,
                request.headers,
                keys=self._keys,
                now=self._clock(),
            )
        if self._token is not None:
            given = request.headers.get("authorization", "").encode()
            if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
                raise errors.unauthorized("this engine was started with a token, and the request does not carry it")
        return None
