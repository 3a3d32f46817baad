"""A photo booth: log in, upload photographs straight to the store, look at them, log out everywhere.

Its processes hold nothing. Any of them may answer any request, and any of them may be killed while it does.
"""

from __future__ import annotations

from .application import make_app
from .opening import create

__all__ = ["create", "make_app"]
