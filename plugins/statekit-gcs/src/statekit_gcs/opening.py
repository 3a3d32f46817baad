"""Opening: drivers over one sender, and the check of the bucket."""

from __future__ import annotations

from statekit.driver import Drivers, Opening

from .connect import lender_of
from .drivers import Objects, Records
from .flows import ObjectFlows, RecordFlows
from .options import GcsOptions
from .place import place_of
from .provision import examine
from .transport import Sender
from .uploads import UploadFlows

__all__ = ["open_sync"]


def open_sync(opening: Opening[GcsOptions]) -> Drivers:
    """Open the drivers. They connect when the first request is sent.

    Raises:
        ValueError: The URL names no place, or the options contradict each other.
    """
    place, sender = place_of(opening), Sender(lender_of(opening), opening.attempt_timeout)

    def check() -> tuple[str, ...]:
        return sender.run(examine(place), opening.attempt_timeout)

    return Drivers(
        records=Records(sender, RecordFlows(place)),
        objects=Objects(sender, ObjectFlows(place), UploadFlows(place), place),
        close=sender.close,
        check=check,
    )
