"""P1 by itself: a register that processes append their names to."""

from __future__ import annotations

from typing import Any

from statekit._core.commit import Lost, commit
from statekit._core.envelope import decode
from statekit._core.ids import text_of
from statekit._core.pipeline import attempt, read
from statekit.driver import Match
from statekit.errors import IndeterminateError

from .process import DRIVER, NOW, Body, Env
from .search import View

KEY = "register"
FOR_EVER = NOW + 10**12


def register(env: Env) -> Any:
    """Store an empty one."""
    op = env.wire.begin("register", None)
    yield from commit(op, DRIVER, KEY, None, b"", expires_at=FOR_EVER)
    return ()


def appends(name: str):
    """Append a name, again for each write that came first; return what became of each write."""

    def given(_: Any) -> Body:
        def body(env: Env) -> Any:
            op = env.wire.begin("register", None)
            fates = []
            base = yield from read(op, DRIVER, KEY)
            while True:
                drawn = len(env.drawn)
                value = (base.body if base else b"") + name.encode()
                try:
                    result = yield from commit(op, DRIVER, KEY, base, value, expires_at=FOR_EVER)
                except IndeterminateError:
                    return (*fates, ("unknown", text_of(env.drawn[drawn])))
                if not isinstance(result, Lost):
                    return (*fates, ("committed", text_of(env.drawn[drawn])))
                fates.append(("lost", text_of(env.drawn[drawn])))
                base = result.current

        return body

    return given


def deletes_and_creates(_: Any) -> Body:
    """Delete the register and make it anew."""

    def body(env: Env) -> Any:
        op = env.wire.begin("register", None)
        base = yield from read(op, DRIVER, KEY)
        if base is not None:
            yield from attempt(op, DRIVER, DRIVER.delete, KEY, expect=Match(base.record.version))
        yield from commit(op, DRIVER, KEY, None, b"new", expires_at=FOR_EVER)

    return body


def appended_once(view: View) -> str | None:
    """A committed write was applied, a lost one never is, and each name is there as often as that says."""
    applied = {write_id for _, write_id in view.log}
    text = decode(view.store[KEY]).body.decode()
    for process in view.names:
        fates = view.result(process) or ()
        for fate, write_id in fates:
            if fate == "committed" and write_id not in applied:
                return f"{process} was told that its write is committed, and it was never applied"
            if fate == "lost" and write_id in applied:
                return f"{process} was told that its own write was lost to another one, and it was applied"
        name = process.removeprefix("appends ")
        if text.count(name) > 1:
            return f"{process} appended once, and is there {text.count(name)} times"
        if any(fate == "committed" for fate, _ in fates) and name not in text:
            return f"what {process} appended and was acknowledged is gone"
    return None
