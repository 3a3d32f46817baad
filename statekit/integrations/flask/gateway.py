"""The gateway as a blueprint: browsers upload and download by signed requests, streamed past Flask's own reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import Blueprint, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter
from werkzeug.wrappers import Response

from statekit.state import State

__all__ = ["Gateway"]

_METHODS: Final = ("GET", "HEAD", "PUT", "POST", "OPTIONS", "DELETE", "PATCH")
"""Those of the gateway, and those that it refuses itself, so that a script reads the same refusal on every backend."""


class Gateway(Blueprint):
    """The gateway, mounted at the path of the URL that is configured as ``gateway``.

    It does as ``statekit.gateway.WSGIGateway`` does, and the application's own hooks run around it. It loads no
    session. What was signed says how large a body may be, and ``MAX_CONTENT_LENGTH`` does not: bodies are streamed, so
    nothing may read ``request.form`` or ``request.data`` before it. With Flask-WTF: ``csrf.exempt(blueprint)``.

    Args:
        state: An open state with ``gateway`` and ``keys``. It is not closed here.
        origins: Origins whose pages may send requests by script and read the answers, such as
            ``https://shop.example``; ``*`` for any. Forms and images need none.
        name: The blueprint's. An application that has several states gives each gateway its own.

    Raises:
        ConfigError: No gateway is configured, the state is an asynchronous one, or ``statekit[gateway]`` is missing.
    """

    def __init__(self, state: State, *, origins: Sequence[str] = (), name: str = "statekit_gateway") -> None:
        from statekit.gateway import WSGIGateway

        self._gateway = WSGIGateway(state, origins=origins)
        super().__init__(name, __name__, url_prefix=self._gateway.path or None)
        self.record(_add_converter)
        self.add_url_rule(
            f"/<{_Rest.__name__}:key>",
            "answer",
            self._answer,
            methods=_METHODS,
            provide_automatic_options=False,
            merge_slashes=False,
        )

    def _answer(self, key: str) -> Response:
        path = f"/{key}".encode().decode("latin-1")  # PEP 3333: bytes, each as a character
        # Where somebody has read the body, Flask's stream knows that it has ended; the server's own may wait for more.
        body = vars(request).get("stream", request.environ["wsgi.input"])
        environ = {**request.environ, "PATH_INFO": path, "wsgi.input": body}
        return current_app.response_class.from_app(self._gateway, environ)


class _Rest(BaseConverter):
    """All the rest of a path, also where that is nothing: the gateway is the one who judges a key."""

    regex = "(?s:.*)"
    part_isolating = False


def _add_converter(state: BlueprintSetupState) -> None:
    state.app.url_map.converters[_Rest.__name__] = _Rest
