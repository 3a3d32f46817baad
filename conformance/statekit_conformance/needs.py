"""What a clause needs and a target has: from the backend's declaration and its drivers' protocols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .running import Running

__all__ = ["lacking"]


def lacking(running: Running) -> Mapping[str, str]:
    """Return what a target does not have, by the name of the need, and why."""
    from statekit.driver import Reach, Survives

    records, objects = running.site.settings.sessions, running.site.settings.objects
    reasons: dict[str, str] = {}
    if not records.backend.records:
        reasons["records"] = "the backend holds no records"
    if not objects.backend.objects:
        reasons["objects"] = "the backend holds no objects"
    else:
        offered = _offered(running)
        if not offered["multipart"]:
            reasons["multipart"] = "the object driver takes no uploads in parts"
        if not offered["signing"]:
            reasons["signing"] = "the engine verifies no signatures: the gateway does"
    if any(backend.reach is Reach.PROCESS for backend in running.site.backends):
        reasons["processes"] = "the backend's reach is one process"
        if not all(target.authority + target.path for target in (records, objects)):
            reasons["reopen"] = "each opening of this URL is a store of its own"
    if not all(backend.survives is Survives.SERVER for backend in running.site.backends):
        reasons["durable"] = "the backend does not say that writes survive the engine"
    elif not (running.embedded or running.restartable):
        reasons["durable"] = "nothing here can kill and restart the engine: give the target kill and restart"
    if not running.pids:
        reasons["server"] = "there is no server of ours to pause or to stand before"
    return reasons


def _offered(running: Running) -> Mapping[str, bool]:
    """Return which of the optional protocols the object driver has."""
    from statekit.driver import AsyncMultipartDriver, AsyncSigningDriver, MultipartDriver, SigningDriver
    from statekit.testing import FakeClock

    opened = running.site.open(running.site.settings.objects, FakeClock())
    opened.close()
    driver = opened.drivers.objects
    multipart, signing = (
        (AsyncMultipartDriver, AsyncSigningDriver) if opened.native else (MultipartDriver, SigningDriver)
    )
    return {"multipart": isinstance(driver, multipart), "signing": isinstance(driver, signing)}
