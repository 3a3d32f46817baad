"""How much is generated: the same seeds everywhere, and as many programs as it takes to kill every mutant.

The suite's own mutants decide the figures: all of them die. Over a network, which the backend declares,
each seed makes fewer programs, and a counter-example is told as it was found instead of being shortened first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from statekit.driver import Reach

if TYPE_CHECKING:
    from statekit_conformance.subject import Subject

__all__ = ["SEEDS", "agreement_of"]

SEEDS: Final = (1, 2, 3)
PROGRAMS: Final = 25
STEPS: Final = 30
REMOTE: Final = 4
"""Over a network, one program in so many."""
PHASES: tuple[Phase, ...] = (Phase.generate, Phase.shrink)
"""Finding a counter-example, and making it as short as it gets."""


def agreement_of(machine: Callable[[], RuleBasedStateMachine], subject: Subject, number: int) -> None:
    """Run the programs of one seed, and raise the shortest disagreement.

    Args:
        machine: Makes a machine for each program.
        subject: Whose reach decides how many.
        number: The seed.
    """
    remote = any(backend.reach is Reach.NETWORK for backend in subject.site.backends)
    chosen = settings(
        max_examples=PROGRAMS // REMOTE if remote else PROGRAMS,
        stateful_step_count=STEPS,
        phases=(Phase.generate,) if remote else PHASES,
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )

    @seed(number)
    def make() -> Any:
        return machine()

    run_state_machine_as_test(make, settings=chosen)  # type: ignore[arg-type]  # any function that makes one
