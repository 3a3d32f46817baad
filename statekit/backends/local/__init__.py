"""The local backend: one directory, SQLite for records and what is known of objects, files for their bytes.

Any number of processes of one host may use a directory at once. An acknowledged write survives the death of
every process and, as far as the disk keeps its word, a power cut; with ``sync=normal`` a power cut may undo
the last ones, but never tears one. The directory must be on a local file system: SQLite's log needs shared
memory, and both need locks that work, and NFS has neither reliably. It is created when it is first used,
readable by its owner only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from statekit.driver import CONTRACT, Backend, Drivers, Opening, Reach, Survives

if TYPE_CHECKING:
    from .database import Database
    from .files import Files

__all__ = ["BACKEND", "LocalOptions"]


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """Options of the local backend.

    Attributes:
        sync: ``full``: an acknowledged write survives a power cut. ``normal``: it survives the death of every
            process, and a power cut may undo the last ones; small writes are several times as fast.
    """

    sync: Literal["full", "normal"] = "full"


def _open(opening: Opening[LocalOptions], /) -> Drivers:
    """Describe the directory; it is created and opened on first use.

    Raises:
        ValueError: The URL names no directory, or a client was handed in.
    """
    from .database import Database
    from .files import Files
    from .records import LocalRecords
    from .uploads import LocalUploads

    if opening.client is not None:
        raise ValueError("the local backend takes no client")
    name = opening.authority + opening.path
    if not name:
        raise ValueError("the local backend needs a directory, such as local:.statekit")
    directory = Path(name).absolute()
    database = Database(directory, sync=opening.options.sync)
    files = Files(database)
    return Drivers(
        records=LocalRecords(database),
        objects=LocalUploads(database, files, opening.clock),
        close=lambda: _close(database, files, opening.attempt_timeout),
        check=lambda: _check(database, files, opening),
    )


def _close(database: Database, files: Files, timeout: float) -> None:
    try:
        files.close(timeout)
    finally:
        database.close()


def _check(database: Database, files: Files, opening: Opening[LocalOptions]) -> tuple[str, ...]:
    """Begin and end an empty transaction, and take the lock that shows that this process lives."""
    with database.writing(opening.attempt_timeout):
        files.live()
    if opening.options.sync == "normal":
        return ("sync=normal: a power cut may undo the last acknowledged writes",)
    return ()


BACKEND: Final = Backend(
    contract=CONTRACT,
    name="local",
    schemes=("local",),
    options=LocalOptions,
    records=True,
    objects=True,
    reach=Reach.HOST,
    survives=Survives.SERVER,
    open=_open,
)
