"""Deleting an object: who is told to have done it."""

from __future__ import annotations

from typing import Any

from statekit._core.commit import commit

from .process import DRIVER, Body, Env
from .search import View

KEY = "a-file"


def a_file(env: Env) -> Any:
    """Store something."""
    yield from commit(env.wire.begin("put", None), DRIVER, KEY, None, b"", expires_at=None)
    return ()


def removes(_: Any) -> Body:
    def body(env: Env) -> Any:
        return (yield from env.objects.delete(None, KEY))

    return body


def claimed_once(view: View) -> str | None:
    """Of all who delete one object, one at most is told that it was who did it; and then it is gone."""
    claims = sum(view.result(name) is True for name in view.names)
    if claims > 1:
        return "two were told that they had deleted one object"
    if any(view.succeeded(name) for name in view.names) and KEY in view.store:
        return "a deleted object is there"
    return None
