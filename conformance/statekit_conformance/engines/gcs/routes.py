"""Routes: which handler serves a method and a path, with the path's names decoded after it was split."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from statekit_conformance.engines.gcs import errors
from statekit_conformance.engines.gcs.http import Request, Response, decoded

Handler = Callable[..., Response]


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path pattern; the handler takes the request and the pattern's groups."""

    method: str
    pattern: "re.Pattern[str]"
    handler: Handler


def route(method: str, path: str, handler: Handler) -> Route:
    """Make a route of a path with ``{}`` for each name."""
    return Route(method, re.compile(re.escape(path).replace(r"\{\}", "([^/]+)")), handler)


def dispatch(routes: Sequence[Route], request: Request) -> Response:
    """Serve a request with the first route that fits.

    Raises:
        Refusal: 404 if none does, and whatever the handler refuses.
    """
    for candidate in routes:
        found = candidate.pattern.fullmatch(request.path) if candidate.method == request.method else None
        if found:
            return candidate.handler(request, *map(decoded, found.groups()))
    raise errors.no_route(request.method, request.path)
