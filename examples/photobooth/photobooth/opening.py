"""How the photo booth is opened where it runs: its public URL, its keys, its state."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from fastapi import FastAPI

import statekit

from .application import make_app

OWN_KEY: Final = Path(".photobooth-key")


def create() -> FastAPI:
    """Return the application for what the environment and statekit.toml say.

    ``PHOTOBOOTH_URL`` is where browsers find it, also if a balancer stands before several processes.
    """
    url = os.environ.get("PHOTOBOOTH_URL", "http://localhost:8000").rstrip("/")
    keys = None if "STATEKIT_KEYS" in os.environ else [own_key(OWN_KEY)]
    state = statekit.aopen(keys=keys, gateway=f"{url}/files")
    return make_app(state, url=url)


def own_key(path: Path) -> str:
    """Return a key of this folder's own, made at the first start, so that a demonstration needs no preparation.

    Processes that start at once agree: a key is there whole or not at all, and the first one stays.
    """
    if not path.exists():
        made = subprocess.run([sys.executable, "-m", "statekit", "keygen"], capture_output=True, text=True, check=True)
        draft = path.with_name(f"{path.name}-{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(made.stdout)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first, and its key is as good
        finally:
            draft.unlink()
    return path.read_text().strip()
