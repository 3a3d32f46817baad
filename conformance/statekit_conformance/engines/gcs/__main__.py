"""Run the engine alone: ``python -m statekit_conformance.engines.gcs --port PORT --data DIRECTORY``."""

from __future__ import annotations

import argparse
import ipaddress
import signal
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cheroot.wsgi import Server

_LAST_PORT = 65_535


def main(arguments: list[str] | None = None) -> None:
    """Serve until stopped by a signal."""
    options = _parser().parse_args(arguments)
    if not options.anywhere and not _is_loopback(options.host):
        sys.exit(f"{options.host} is not a loopback address; this is a test engine (--anywhere to serve it anyway)")
    server = _listening(options)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    host, port = server.bind_addr[:2]
    print(f"test engine for Google Cloud Storage ready on http://{_in_url(host)}:{port}", flush=True)  # noqa: T201
    try:
        server.serve()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


def _listening(options: argparse.Namespace) -> Server:
    """Open the data and the port, or end with one line that says what is in the way."""
    try:
        from statekit_conformance.engines.gcs.app import Engine, Settings
        from statekit_conformance.engines.gcs.server import serve
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is not installed: python -m pip install 'statekit-conformance[engines]'")
    try:
        settings = Settings(
            service_accounts=options.service_account,
            token=options.token,
            one_change_a_second=options.one_change_a_second,
            rewrite_step=options.rewrite_step,
            clock_offset=options.clock_offset,
            synced=not options.no_sync,
        )
        engine = Engine(options.data, settings)
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f"cannot start: {error}")
    except sqlite3.Error as error:
        sys.exit(f"cannot keep anything in {options.data}: {error}")
    try:
        return serve(engine, options.host, options.port)
    except OSError as error:
        sys.exit(f"cannot listen on {options.host}, port {options.port}; choose another --port, or 0 ({error})")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m statekit_conformance.engines.gcs",
        description="An honest, durable Google Cloud Storage engine for tests. Not a production server: "
        "by default it takes every request, whoever sends it.",
        epilog="Google's clients find it by STORAGE_EMULATOR_HOST=http://127.0.0.1:PORT, statekit by that or by "
        "gs://bucket?endpoint=http://127.0.0.1:PORT&anonymous=true.",
    )
    add = parser.add_argument
    add("--port", type=_port, required=True, help="port to listen on; 0 picks a free one")
    add("--data", type=Path, required=True, metavar="DIRECTORY", help="where everything is kept")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--anywhere", action="store_true", help="permit a --host that is not a loopback address")
    account = "accept this account's signatures: JSON with client_email and public_key or private_key; repeatable"
    add("--service-account", type=Path, action="append", default=[], metavar="FILE", help=account)
    add("--token", help="refuse unsigned requests that do not carry this bearer token")
    paced = "answer 429 to a second change of an object within a second"
    add("--one-change-a-second", action="store_true", help=paced)
    add("--rewrite-step", type=int, metavar="BYTES", help="copy at most this much in one rewrite call")
    unsynced = "answer before the disk has what is acknowledged: a kill still loses nothing, a power cut may"
    add("--no-sync", action="store_true", help=unsynced)
    add("--clock-offset", type=float, default=0.0, metavar="SECONDS", help="run this far ahead of the clock")
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"a port is a number up to {_LAST_PORT}")
    return port


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    main()
