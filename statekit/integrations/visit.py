"""What one request does with its session, in no colour: the frameworks' modules only run it and send the cookie.

Every operation is a generator of steps. A step is a function that is given the session store and calls one of its
methods; ``conduct`` and ``aconduct`` call it, and await what it returns in the second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, MutableMapping
from datetime import timedelta
from typing import Any, Final, TypeAlias, TypeVar

from statekit.errors import BackendError, ConflictError, Fault, SessionGoneError, UnavailableError
from statekit.sessions import AsyncSessionStore, Session, SessionStore
from statekit.types import SessionInfo

from .cookies import Cookie

__all__ = ["Steps", "T", "Visit", "aconduct", "conduct", "device_name", "report", "report_touch", "retry_after"]

T = TypeVar("T")
Step: TypeAlias = Callable[[Any], Any]
Steps: TypeAlias = Generator[Step, Any, T]

RETRY_AFTER: Final = 2
"""Seconds that a client is asked to wait where the store did not say."""
LABEL: Final = 200
"""Bytes of a device's name."""

_STORED: Final = "the session was stored when the response began, and cannot be written any more"

_log: Final = logging.getLogger("statekit.integrations")


def conduct(steps: Steps[T], store: SessionStore) -> T:
    """Take the steps with a synchronous store."""
    try:
        step = next(steps)
        while True:
            try:
                answer = step(store)
            except BaseException as error:  # noqa: BLE001 - the steps say what becomes of it
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as done:
        result: T = done.value
        return result


async def aconduct(steps: Steps[T], store: AsyncSessionStore) -> T:
    """Take the steps with an asynchronous store."""
    try:
        step = next(steps)
        while True:
            try:
                answer = await step(store)
            except BaseException as error:  # noqa: BLE001 - the steps say what becomes of it
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as done:
        result: T = done.value
        return result


class Visit(MutableMapping[str, Any]):
    """A request's session: a dict that is loaded when somebody looks at it, and stored when the request ends.

    ``clear`` ends the session; what is written afterwards begins a new one, with another id.

    Args:
        presented: What the request's cookie held.
        device: What a list of devices shows of the browser, unless a login says something else.
    """

    def __init__(self, presented: str | None, device: str | None = None) -> None:
        self._presented = presented
        self._device = device
        self._loaded = False
        self._session: Session | None = None
        self._fresh: dict[str, Any] = {}
        self._abandoned: Session | str | None = None
        self._destroyed = False
        self._sent = self._finished = False
        self.looked = False

    @property
    def loaded(self) -> bool:
        """Whether its data are here."""
        return self._loaded

    @property
    def owner(self) -> str | None:
        """Whose session it is: who is logged in."""
        self._data()
        return self._session.owner if self._session is not None else None

    @property
    def handle(self) -> str | None:
        """What a list of devices shows it under; None where nobody is logged in."""
        self._data()
        return self._session.handle if self._session is not None else None

    @property
    def stored(self) -> Session | None:
        """The store's session; None before a new one is stored."""
        self._data()
        return self._session

    def need(self) -> None:
        """Load what is not loaded yet, or say how. The frameworks' sessions do."""
        raise NotImplementedError

    # Steps.

    def load(self) -> Steps[None]:
        """Load it unless that happened already."""
        self.looked = True
        if self._loaded:
            return
        if self._presented is not None:
            self._session = yield lambda store: store.load(self._presented)
        self._loaded = True

    def login(self, owner: str, *, label: str | None = None, since: str | None = None) -> Steps[None]:
        """Give the session another id and an owner; another owner's session ends first, with its data."""
        self._check_cookie()
        yield from self.load()
        if self._session is not None and self._session.owner not in (None, owner):
            self.clear()
        yield from self._destroy()
        label = label or self._device
        if self._session is not None and (yield from self._rotate(self._session, owner, label, since)):
            return
        fresh = self._fresh
        self._session = yield lambda store: store.create(fresh, owner=owner, label=label, since=since)
        self._fresh = {}

    def _rotate(self, session: Session, owner: str, label: str | None, since: str | None) -> Steps[bool]:
        try:
            self._session = yield lambda store: store.rotate(session, owner=owner, label=label, since=since)
        except SessionGoneError:  # expired or rotated meanwhile: the login begins a session of its own
            self._session = None
            return False
        return True

    def logout(self) -> Steps[None]:
        """End the session at once, without looking at it."""
        self.clear()
        yield from self._destroy()

    def logout_everywhere(self, *, keep: bool = False) -> Steps[int]:
        """End all of the owner's sessions, this one too unless it is kept; return how many there were."""
        yield from self.load()
        session = self._session
        if session is None or session.owner is None:
            return 0
        owner = session.owner
        count: int = yield lambda store: store.revoke_all(owner, keep=session if keep else None)
        if not keep:
            self._session, self._destroyed = None, True
        return count

    def devices(self) -> Steps[list[SessionInfo]]:
        """List the owner's sessions; none where nobody is logged in."""
        yield from self.load()
        owner = self._session.owner if self._session is not None else None
        if owner is None:
            return []
        found: list[SessionInfo] = yield lambda store: store.list(owner)
        return found

    def finish(self) -> Steps[None]:
        """Store what the request did so far; afterwards ``cookie`` says what the browser has to be told."""
        yield from self._destroy()
        if self._session is not None:
            yield from self._store(self._session)
        elif self._fresh:
            fresh = self._fresh
            self._session = yield lambda store: store.create(fresh)
            self._fresh = {}

    def seal(self, *, finished: bool) -> None:
        """Refuse what can have no effect any more, now that the response has begun.

        Args:
            finished: Nothing is stored any more. Otherwise another ``finish`` will, as for a websocket, and only a
                session that needs a new cookie is refused.
        """
        self._sent, self._finished = True, finished

    def _store(self, session: Session) -> Steps[None]:
        try:
            if not session.modified:
                yield from self._touch(session)
            elif not session and session.owner is None:
                # Emptied, as by a logout that deletes its keys: nothing is left to come back to.
                self.clear()
                yield from self._destroy()
            else:
                yield lambda store: store.save(session)
        except SessionGoneError:
            # Another request ended or rotated it. Its cookie may be newer than this one's: nothing is sent (P2).
            self._session = None
        except ConflictError as error:
            raise UnavailableError("others kept saving the session", fault=Fault.BUSY) from error

    def _touch(self, session: Session) -> Steps[None]:
        try:
            yield lambda store: store.touch(session)
        except BackendError as error:
            report_touch(error)

    def _destroy(self) -> Steps[None]:
        if self._abandoned is not None:
            abandoned = self._abandoned
            self._destroyed |= yield lambda store: store.destroy(abandoned)
            self._abandoned = None

    # The cookie.

    def cookie(self, cookie: Cookie, lifetime: timedelta, *, persistent: bool | None = None) -> str | None:
        """Return the Set-Cookie header's value, or None where the browser has nothing to learn."""
        if self._session is not None:
            if self._session.id == self._presented:
                return None
            return cookie.header(self._session.id, lifetime, persistent=persistent)
        return cookie.removal() if self._destroyed and self._presented else None

    # The mapping.

    def _data(self) -> MutableMapping[str, Any]:
        self.looked = True
        if not self._loaded:
            self.need()
        return self._fresh if self._session is None else self._session

    def _writable(self) -> MutableMapping[str, Any]:
        data = self._data()
        if self._finished:
            raise RuntimeError(_STORED)
        if self._session is None:
            self._check_cookie()
        return data

    def _check_cookie(self) -> None:
        if self._sent:
            raise RuntimeError("the response has begun: no cookie for another session can be sent any more")

    def __getitem__(self, key: str) -> Any:
        return self._data()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._writable()[key] = value

    def __delitem__(self, key: str) -> None:
        del self._writable()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data())

    def __len__(self) -> int:
        return len(self._data())

    def __contains__(self, key: object) -> bool:
        return key in self._data()

    def clear(self) -> None:
        """End the session when the request ends; nothing has to be loaded for that."""
        if self._finished:
            raise RuntimeError(_STORED)
        self.looked = True
        self._fresh = {}
        ending: Session | str | None = self._session if self._loaded else self._presented
        if ending is not None:
            self._abandoned = ending
        self._session, self._loaded = None, True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'loaded' if self._loaded else 'not loaded'}>"


def device_name(user_agent: str | None) -> str | None:
    """Return what a list of devices shows of a browser: the beginning of what it calls itself."""
    if not user_agent:
        return None
    return user_agent.encode("utf-8", "replace")[:LABEL].decode("utf-8", "ignore")


def retry_after(error: BaseException | None) -> int:
    """Return the seconds that a client is asked to wait."""
    asked = error.retry_after if isinstance(error, BackendError) else None
    return max(1, round(asked)) if asked else RETRY_AFTER


def report(error: BaseException) -> None:
    """Log what a 503 does not say."""
    _log.error("the session store failed: the request is answered with 503", exc_info=error)


def report_touch(error: BackendError) -> None:
    """Log that an expiry was not extended: the page needs no more of the store, and the next request tries again."""
    _log.warning("a session's expiry could not be extended", exc_info=error)
