"""The gateway's desk: who may do what, and how it is answered, errors and other origins included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import unquote, urlsplit

from statekit._core.objects.plans import ObjectPlans
from statekit._core.permits import Permit, PermitError, Signer
from statekit._core.plan import Plan
from statekit.errors import StateError

from .exchange import SAFE, Answer, Headers, Refusal, Request, refusal_of
from .forms import PIECE
from .receiving import receive_form, receive_put
from .serving import serve

__all__ = ["Desk"]

_METHODS: Final = ("GET", "HEAD", "PUT", "POST")
_ASKED: Final = frozenset(
    {"content-type", "if-none-match", "if-match", "if-modified-since", "if-range", "range", "x-requested-with"}
)
"""Headers that a page on another origin may send."""
_SHOWN: Final = "ETag, Content-Range, Content-Length, Content-Disposition, Accept-Ranges, Last-Modified"
_DRAINED: Final = 64 * 1024 * 1024
"""Bytes of a refused body that are read and dropped: a browser shows the answer only to what it could send."""


class Desk:
    """Answers requests.

    Args:
        plans: The objects.
        signer: Verifies what was signed.
        origins: Those whose pages may read the answers, such as ``https://app.example``; ``*`` for all.
    """

    def __init__(self, plans: ObjectPlans, signer: Signer, origins: Sequence[str]) -> None:
        self._plans = plans
        self._signer = signer
        self._origins = frozenset(origins)

    @property
    def path(self) -> str:
        """The path of the public URL that is answered here, decoded."""
        return unquote(urlsplit(self._signer.url).path)

    def answer(self, request: Request) -> Plan[Answer]:
        """Answer one request, whatever it is."""
        try:
            answer = yield from self._handled(request)
        except (Refusal, StateError) as error:
            refusal = error if isinstance(error, Refusal) else refusal_of(error)
            yield from _drain(request)
            answer = refusal.answer()
        return replace(answer, headers=(*answer.headers, *SAFE, *self._exposed(request)))

    def _handled(self, request: Request) -> Plan[Answer]:
        if request.method == "OPTIONS":
            return self._preflight(request)
        if request.method == "POST":
            return (yield from receive_form(self._plans, self._verified, request))
        if request.method not in _METHODS:
            raise Refusal(405, "MethodNotAllowed", "there is no such method here", (("Allow", ", ".join(_METHODS)),))
        permit = self._verified(request.query, "policy", "signature")
        if permit.method != request.method.replace("HEAD", "GET") or permit.key != request.key:
            raise Refusal(403, "AccessDenied", "another method or another key was signed")
        if permit.method == "PUT":
            return (yield from receive_put(self._plans, permit, request))
        return (yield from serve(self._plans, permit, request))

    def _verified(self, shown: Mapping[str, str], policy: str, signature: str) -> Permit:
        """Return the permit that a request shows.

        Raises:
            Refusal: 403, if it shows none that is ours and holds.
        """
        try:
            permit = self._signer.verify(shown.get(policy, ""), shown.get(signature, ""), self._plans.wire.clock.now())
        except PermitError as error:
            if error.expired:
                raise Refusal(403, "ExpiredToken", "the signature has expired") from error
            raise Refusal(403, "SignatureDoesNotMatch", "the signature is missing, or not ours") from error
        if (permit.method == "POST") is not (signature == "x-amz-signature"):
            raise Refusal(403, "AccessDenied", "another method was signed")
        return permit

    def _preflight(self, request: Request) -> Answer:
        """Answer what a browser asks before a request from another origin.

        Raises:
            Refusal: 403, so that the browser does not send it.
        """
        asked = {name.strip().lower() for name in request.headers.get("access-control-request-headers", "").split(",")}
        method = request.headers.get("access-control-request-method")
        if not self._allows(request) or method not in _METHODS or asked - _ASKED - {""}:
            raise Refusal(403, "AccessForbidden", "pages of this origin may not send this request")
        headers: Headers = (
            ("Access-Control-Allow-Methods", ", ".join(_METHODS)),
            ("Access-Control-Allow-Headers", ", ".join(sorted(_ASKED))),
            ("Access-Control-Max-Age", "3600"),
        )
        return Answer(204, headers)

    def _allows(self, request: Request) -> bool:
        origin = request.headers.get("origin")
        return origin is not None and ("*" in self._origins or origin in self._origins)

    def _exposed(self, request: Request) -> Headers:
        """Let scripts of an allowed origin read the answer, also a refusal."""
        varies = (("Vary", "Origin"),) if self._origins else ()
        if not self._allows(request):
            return varies
        origin = "*" if "*" in self._origins else request.headers["origin"]
        return (
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", _SHOWN),
            *varies,
        )


def _drain(request: Request) -> Plan[None]:
    """Take what is left of a refused body, up to a limit, and drop it."""
    if request.length is None:
        return
    left = _DRAINED
    try:
        while left > 0 and (piece := (yield from request.body.take(PIECE))):
            left -= len(piece)
    except Refusal:
        return  # it ended early, which changes nothing any more
