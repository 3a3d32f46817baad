"""What a driver lacks: for core at the first connection, and for the tests of those who write one."""

from __future__ import annotations

__all__ = ["missing"]


def missing(driver: object, protocol: type) -> tuple[str, ...]:
    """Return the names that ``protocol`` asks for and ``driver`` does not have, or has as no method.

    ``isinstance`` with a runtime-checkable protocol answers the same question with no more than yes or no.

    Args:
        driver: An instance of the driver, or of something that stands before one.
        protocol: RecordDriver, ObjectDriver, MultipartDriver, SigningDriver, or one of their asynchronous twins.
    """
    names = (name for name in dir(protocol) if not name.startswith("_"))
    return tuple(name for name in names if not _has(driver, name, is_method=callable(getattr(protocol, name))))


def _has(driver: object, name: str, *, is_method: bool) -> bool:
    return callable(getattr(driver, name, None)) if is_method else hasattr(driver, name)
