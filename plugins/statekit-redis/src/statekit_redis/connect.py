"""From a URL and options to clients of redis-py, with every retry of theirs switched off."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final

from statekit.driver import Opening

__all__ = ["RedisOptions", "client_arguments", "node_of"]

PORT: Final = 6379


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisOptions:
    """The options of a Redis URL.

    Attributes:
        db: The database's number; also as the URL's path. A cluster has only 0.
        prefix: What every key begins with: letters, digits, ``:``, ``_``, ``-`` and ``.``.
        username: The ACL user.
        password_env: The environment variable that holds the password. A URL never does.
        ca_file: The certificate authority for ``rediss://``; by default the system's.
        client_name: What CLIENT LIST shows.
    """

    db: int | None = None
    prefix: str = "statekit:"
    username: str | None = None
    password_env: str = "STATEKIT_REDIS_PASSWORD"  # noqa: S105 - a variable's name
    ca_file: str | None = None
    client_name: str | None = None

    def __post_init__(self) -> None:
        allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-.")
        if not set(self.prefix) <= allowed:
            message = "prefix is letters, digits, and : _ - ."
            raise ValueError(message)


def node_of(opening: Opening[RedisOptions]) -> dict[str, Any]:
    """Return where the server is, as redis-py's arguments.

    Raises:
        ValueError: The URL names no such place.
    """
    if opening.scheme == "unix":
        return {"unix_socket_path": opening.authority + opening.path}
    host, colon, port = opening.authority.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = opening.authority, ""
    return {"host": host.strip("[]") or "localhost", "port": int(port or PORT)}


def client_arguments(opening: Opening[RedisOptions]) -> dict[str, Any]:
    """Return the arguments that all clients have in common: one attempt, bounded, and binary."""
    options = opening.options
    arguments: dict[str, Any] = {
        "username": options.username,
        "password": os.environ.get(options.password_env) or None,
        "client_name": options.client_name,
        "socket_connect_timeout": opening.attempt_timeout,
        "driver_info": None,  # telling the server the library's name takes two round trips more to connect
        "decode_responses": False,
        "protocol": 2,
    }
    if opening.scheme == "rediss":
        arguments |= {"ssl": True, "ssl_ca_certs": options.ca_file}
    if opening.scheme != "redis+cluster":
        arguments["db"] = database(opening)
    return arguments


def database(opening: Opening[RedisOptions]) -> int:
    """Return the database's number.

    Raises:
        ValueError: The path is not one.
    """
    path = "" if opening.scheme == "unix" else opening.path.strip("/")
    if path and opening.options.db is not None:
        message = "the database is the URL's path or the option db, not both"
        raise ValueError(message)
    return int(path) if path else opening.options.db or 0
