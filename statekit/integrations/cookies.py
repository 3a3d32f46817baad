"""The cookie that carries a session's id: its name, its attributes and its header."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from statekit.errors import ConfigError

__all__ = ["Cookie"]

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ATTRIBUTE: Final = re.compile(r"[ -:<-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """How the session's id travels. By default only over https, to this host, and out of reach of scripts.

    The browser is told to keep it for as long as the session can live at most: whether it still lives is for the store
    to say. So a cookie is sent when the id changes, and not to extend it.

    Attributes:
        name: Without prefix. ``__Host-`` is put before it where the other attributes allow that, ``__Secure-`` where
            they are secure at least: a browser then refuses one that was set by a neighbouring host or over http.
            https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html#name-cookie-name-prefixes
        secure: Only over https. Turn it off for development over http, and only there.
        samesite: Whether other sites' requests carry it.
        domain: Shares it with all hosts of a domain; None keeps it to this one.
        path: Where it is sent.
        persistent: Whether it outlives the browser.
    """

    name: str = "session"
    secure: bool = True
    samesite: Literal["Lax", "Strict", "None"] = "Lax"
    domain: str | None = None
    path: str = "/"
    persistent: bool = True

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.name):
            raise ConfigError("a cookie's name is made of letters, digits and !#$%&'*+-.^_`|~")
        if self.name.lower().startswith(("__host-", "__secure-")):
            raise ConfigError("a cookie's name is given without its prefix, which follows from the other attributes")
        if self.samesite not in ("Lax", "Strict", "None"):
            raise ConfigError("samesite is Lax, Strict or None, as a string")
        if self.samesite == "None" and not self.secure:
            raise ConfigError("browsers refuse a cookie with samesite='None' that is not secure")
        if not self.path.startswith("/") or not _ATTRIBUTE.fullmatch(self.path):
            raise ConfigError("a cookie's path begins with / and holds no semicolon")
        if self.domain is not None and not _ATTRIBUTE.fullmatch(self.domain):
            raise ConfigError("a cookie's domain is the name of a host")

    @property
    def sent_name(self) -> str:
        """The name with its prefix, as the browser knows it."""
        if not self.secure:
            return self.name
        return f"__Host-{self.name}" if self.domain is None and self.path == "/" else f"__Secure-{self.name}"

    def header(self, identifier: str, lifetime: timedelta, *, persistent: bool | None = None) -> str:
        """Return the value of the Set-Cookie header that hands a session over.

        Args:
            identifier: The session's id.
            lifetime: How long it can live at most.
            persistent: Whether this one outlives the browser, if not as the attribute says.
        """
        kept = self.persistent if persistent is None else persistent
        age = f"Max-Age={int(lifetime.total_seconds())}; " if kept else ""
        return f"{self.sent_name}={identifier}; {age}{self._attributes()}"

    def removal(self) -> str:
        """Return the value of the Set-Cookie header that makes the browser forget it."""
        return f"{self.sent_name}=; Max-Age=0; {self._attributes()}"

    def _attributes(self) -> str:
        parts = [f"Path={self.path}", "HttpOnly", f"SameSite={self.samesite}"]
        if self.domain is not None:
            parts.append(f"Domain={self.domain}")
        if self.secure:
            parts.append("Secure")
        return "; ".join(parts)
