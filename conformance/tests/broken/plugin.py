"""The mutants as a plugin of statekit's: announced as any other, so that fresh processes find them, too."""

from __future__ import annotations

from pathlib import Path

from statekit.driver import AnyBackend

from .catalogue import CONTROLS, MUTANTS

__all__ = ["announce", "statekit_backends"]


def statekit_backends() -> list[AnyBackend]:
    """Return a backend for each mutant."""
    return [mutant.backend for mutant in {**MUTANTS, **CONTROLS}.values()]


def announce(folder: Path) -> None:
    """Announce a scheme for each mutant, as an installed distribution does, where ``folder`` is imported from."""
    info = folder / "broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    lines = [f"{scheme} = broken.plugin" for scheme in {**MUTANTS, **CONTROLS}]
    (info / "entry_points.txt").write_text("\n".join(["[statekit]", *lines, ""]))
