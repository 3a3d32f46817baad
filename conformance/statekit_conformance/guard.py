"""Nothing but loopback is connected to, unless it was named: a suite that writes and deletes must not stray."""

from __future__ import annotations

import ipaddress
import re
import socket
import sys
from collections.abc import Iterable
from typing import Any, Final

__all__ = ["Guard", "foreign_host", "is_loopback"]

_HOST_AND_PORT: Final = re.compile(r"(?:.*@)?(\[[^\]]+\]|[^:@\[\]]*):\d+")
_INNER_URL: Final = re.compile(r"[?&][^=&]+=[A-Za-z][A-Za-z0-9+.-]*(?:://|%3A%2F%2F)([^/&]+)", re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    name = host.strip("[]").partition("%")[0]
    if name in ("", "localhost") or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def foreign_host(url: str, allowed: Iterable[str]) -> str | None:
    """Return the host in a URL that is neither loopback nor allowed, as far as a URL shows one.

    What stands after ``//`` may as well be a bucket: it is taken for a host if it has a port or is an address.
    """
    rest = url.partition("://")[2]
    places = [re.split("[/?]", rest, maxsplit=1)[0], *_INNER_URL.findall(url)]
    for place in places:
        matched = _HOST_AND_PORT.fullmatch(place.replace("%3A", ":").replace("%3a", ":"))
        host = matched[1] if matched else place.rpartition("@")[2]
        if (matched or _is_address(host)) and not is_loopback(host) and host not in allowed:
            return host
    return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


class Guard:
    """Refuses connections of this process to other hosts, until it is switched off.

    Args:
        allowed: Hosts besides loopback; their subdomains are, too.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = tuple(allowed)
        self._addresses: set[str] = set()
        self._look_up = socket.getaddrinfo
        self.active = True
        socket.getaddrinfo = self._found  # so that the addresses of what is allowed are known
        sys.addaudithook(self._heard)  # an audit hook is for ever: it is switched off, not removed

    def close(self) -> None:
        """Switch it off."""
        self.active = False
        socket.getaddrinfo = self._look_up

    def _found(self, host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
        self._check(name)
        answers = self._look_up(host, *args, **options)
        self._addresses |= {str(answer[4][0]) for answer in answers}
        return answers

    def _heard(self, event: str, args: tuple[Any, ...]) -> None:
        if self.active and event == "socket.connect" and isinstance(args[1], tuple):
            self._check(str(args[1][0]))

    def _check(self, host: str) -> None:
        named = any(host == name or host.endswith(f".{name}") for name in self._allowed)
        if not (named or is_loopback(host) or host in self._addresses):
            raise PermissionError(
                f"{host} is not loopback; if the suite may connect to it, say --statekit-allow {host}"
            )
