"""``python -m photobooth``: one process of the photo booth. Start as many as you like."""

from __future__ import annotations

import argparse
import os

import uvicorn

from .opening import create


def main() -> None:
    """Serve until somebody ends it, in whatever way."""
    parser = argparse.ArgumentParser(prog="photobooth", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    url = os.environ.setdefault("PHOTOBOOTH_URL", f"http://localhost:{port}")
    print(f"the photo booth is open at {url}", flush=True)
    uvicorn.run(create(), port=port, log_level="warning")


if __name__ == "__main__":
    main()
