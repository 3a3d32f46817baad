"""Whether a mutant failed by what is wrong with it, or by a mistake in its own lines, which proves nothing."""

from __future__ import annotations

import traceback
from pathlib import Path

import statekit
import statekit_conformance

__all__ = ["accident"]

_MISTAKES = (TypeError, AttributeError, NameError, ImportError)
"""What Python says of lines that are wrong."""
_HERE = str(Path(__file__).parent)
_OURS = (_HERE, *(str(Path(module.__file__).parent) for module in (statekit, statekit_conformance)))


def accident(error: BaseException | None) -> str | None:
    """Return what is wrong with a mutant's own lines, if that is what an error goes back to."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # what is kept and raised again has itself behind it
        seen.add(id(error))
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(_OURS)]
        if isinstance(error, _MISTAKES) and frames and frames[-1].filename.startswith(_HERE):
            return f"{frames[-1].name}: {type(error).__name__}: {error}"
        error = error.__cause__ or error.__context__
    return None
