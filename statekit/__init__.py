"""State for applications whose processes come and go: sessions, objects, scratch space, on the backend of one line.

    state = statekit.open("local:.statekit")
    session = state.sessions.create({"user": "ada"}, owner="ada")
    state.objects.put("ada/avatar.png", data, content_type="image/png")

Names are loaded when they are first used: importing this package costs next to nothing, and a process that never opens
a state never pays for one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .errors import (
        BackendError,
        ClosedError,
        ConfigError,
        ConflictError,
        CorruptDataError,
        DeniedError,
        Fault,
        IndeterminateError,
        InvalidInputError,
        InvalidKeyError,
        LeaseLostError,
        LimitExceededError,
        MisconfiguredError,
        NotFoundError,
        QuotaExceededError,
        SessionGoneError,
        StateError,
        ThrottledError,
        TimedOutError,
        UnavailableError,
        UnserialisableError,
        UnsupportedError,
        WorkspaceBusyError,
    )
    from .objects import (
        AsyncObjectReader,
        AsyncObjectStore,
        AsyncObjectWriter,
        ObjectReader,
        ObjectStore,
        ObjectWriter,
    )
    from .opening import aopen, open  # noqa: A004 - it is called statekit.open
    from .scratch import AsyncScratchSpace, AsyncWorkspace, ScratchSpace, Workspace
    from .sessions import AsyncSessionStore, Session, SessionStore
    from .state import AsyncState, State
    from .tickets import AsyncTicketStore, TicketStore
    from .types import (
        Checkpoint,
        Event,
        ObjectInfo,
        Prefix,
        Presigned,
        ScratchPolicy,
        SessionInfo,
        SessionPolicy,
        StoredObject,
        Swept,
        Ticket,
    )

    __version__: str

__all__ = [
    "open",
    "aopen",
    "State",
    "AsyncState",
    "SessionStore",
    "AsyncSessionStore",
    "Session",
    "SessionInfo",
    "SessionPolicy",
    "ObjectStore",
    "AsyncObjectStore",
    "ObjectReader",
    "AsyncObjectReader",
    "ObjectWriter",
    "AsyncObjectWriter",
    "ObjectInfo",
    "StoredObject",
    "Prefix",
    "ScratchSpace",
    "AsyncScratchSpace",
    "Workspace",
    "AsyncWorkspace",
    "ScratchPolicy",
    "Checkpoint",
    "Presigned",
    "Event",
    "Swept",
    "Ticket",
    "TicketStore",
    "AsyncTicketStore",
    "Fault",
    "StateError",
    "ConfigError",
    "InvalidInputError",
    "InvalidKeyError",
    "LimitExceededError",
    "UnserialisableError",
    "NotFoundError",
    "ConflictError",
    "SessionGoneError",
    "WorkspaceBusyError",
    "LeaseLostError",
    "QuotaExceededError",
    "CorruptDataError",
    "UnsupportedError",
    "ClosedError",
    "BackendError",
    "UnavailableError",
    "ThrottledError",
    "TimedOutError",
    "DeniedError",
    "MisconfiguredError",
    "IndeterminateError",
    "__version__",
]

_HOMES: Final = {
    "opening": "open aopen",
    "state": "State AsyncState",
    "sessions": "SessionStore AsyncSessionStore Session",
    "objects": "ObjectStore AsyncObjectStore ObjectReader AsyncObjectReader ObjectWriter AsyncObjectWriter",
    "scratch": "ScratchSpace AsyncScratchSpace Workspace AsyncWorkspace",
    "tickets": "TicketStore AsyncTicketStore",
    "types": (
        "Checkpoint Event ObjectInfo Prefix Presigned ScratchPolicy SessionInfo SessionPolicy StoredObject Swept Ticket"
    ),
}
"""Where the names are at home; the rest are errors."""
_HOME: Final = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Load a name when it is first used."""
    if name == "__version__":
        value: Any = _version()
    elif name in __all__:
        value = getattr(import_module(f".{_HOME.get(name, 'errors')}", __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("statekit")
    except PackageNotFoundError:  # run from a source tree
        return "0+source"
