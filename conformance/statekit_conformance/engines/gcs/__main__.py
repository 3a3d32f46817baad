"""Run the engine alone: ``python -m statekit_conformance.engines.gcs --port PORT --data DIRECTORY``."""

import argparse
import ipaddress
import signal
import sys
from pathlib import Path

from statekit_conformance.engines.gcs.app import Engine, Settings
from statekit_conformance.engines.gcs.server import serve


def main(arguments: list[str] | None = None) -> None:
    """Serve until stopped by a signal."""
    options = _parser().parse_args(arguments)
    if not options.anywhere and not _is_loopback(options.host):
        sys.exit(f"{options.host} is not a loopback address; this is a test engine (--anywhere to serve it anyway)")
    settings = Settings(
        service_accounts=options.service_account,
        token=options.token,
        one_change_a_second=options.one_change_a_second,
        rewrite_step=options.rewrite_step,
        clock_offset=options.clock_offset,
    )
    server = serve(Engine(options.data, settings), options.host, options.port)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    host, port = server.bind_addr[:2]
    print(f"test engine for Google Cloud Storage ready on http://{host}:{port}", flush=True)  # noqa: T201
    try:
        server.serve()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m statekit_conformance.engines.gcs",
        description="An honest, durable Google Cloud Storage engine for tests. Not a production server: "
        "by default it takes every request, whoever sends it.",
    )
    add = parser.add_argument
    add("--port", type=int, required=True, help="port to listen on; 0 picks a free one")
    add("--data", type=Path, required=True, metavar="DIRECTORY", help="where everything is kept")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--anywhere", action="store_true", help="permit a --host that is not a loopback address")
    account = "accept this account's signatures: JSON with client_email and public_key or private_key; repeatable"
    add("--service-account", type=Path, action="append", default=[], metavar="FILE", help=account)
    add("--token", help="refuse unsigned requests that do not carry this bearer token")
    paced = "answer 429 to a second change of an object within a second"
    add("--one-change-a-second", action="store_true", help=paced)
    add("--rewrite-step", type=int, metavar="BYTES", help="copy at most this much in one rewrite call")
    add("--clock-offset", type=float, default=0.0, metavar="SECONDS", help="run this far ahead of the clock")
    return parser


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    main()
