"""How long the linearizability checker takes: legal histories, and illegal ones with their counterexample.

Run it with conformance/ on the path: python conformance/bench/checker_bench.py. It fails if a legal history takes
longer than LIMIT seconds.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from statekit_conformance.checker import (
    Counter,
    CreateOnce,
    Model,
    ObjectRegister,
    Register,
    SessionRegister,
    Verdict,
    check,
)
from statekit_conformance.history import Answered, Operation, Recorder, read_directory
from statekit_conformance.linearizability.simulate import (
    Counting,
    Creating,
    Objects,
    Registers,
    Sessions,
    Store,
    simulate,
)

LIMIT: Final = 10.0

WORKLOADS: Final[dict[str, tuple[Callable[[], Store], Model[Any]]]] = {
    "compare-and-set register": (Registers, Register()),
    "register, blind writes only": (partial(Registers, blind=1.0), Register()),
    "object": (Objects, ObjectRegister()),
    "create once": (Creating, CreateOnce()),
    "counter": (Counting, Counter()),
    "counter, answers nothing": (partial(Counting, told=0.0), Counter()),
    "session": (partial(Sessions, life=900), SessionRegister()),
}

SHAPES: Final = ((1_000, 1, 10), (10_000, 100, 4), (10_000, 100, 10))


def corrupted(history: Sequence[Operation], seed: int) -> list[Operation]:
    """Give a late read another answer, which an early read of the same key was given."""
    reads = [
        number
        for number, operation in enumerate(history)
        if operation.action in {"read", "get", "load"} and isinstance(operation.outcome, Answered)
    ]
    late = reads[len(reads) * 3 // 4]
    victim = history[late]
    early = [history[n].outcome for n in reads[: len(reads) // 2] if history[n].key == victim.key]
    others = [outcome for outcome in early if outcome != victim.outcome and outcome != Answered(None)]
    bad = list(history)
    bad[late] = replace(victim, outcome=random.Random(seed).choice(others or [Answered("corrupted")]))
    return bad


def measure(name: str, shape: tuple[int, int, int], unknown: float, seed: int) -> bool:
    """Check one workload, legal and then corrupted, and print a line. False if it was wrong or too slow."""
    store, model = WORKLOADS[name]
    operations, keys, clients = shape
    history = simulate(store, operations=operations, clients=clients, keys=keys, unknown=unknown, seed=seed)
    good = check(history, model)
    bad = check(corrupted(history, seed), model)
    example = bad.counterexample
    shown = f"{len(example.operations)} shown" if example else "not noticed"
    sys.stdout.write(
        f"{name:28} {operations:6} operations {keys:4} keys {clients:3} clients {unknown:5.0%} unknown: "
        f"{good.verdict} {good.seconds:5.2f} s, corrupted: {bad.verdict} {bad.seconds:5.2f} s, {shown}\n"
    )
    return good.verdict is Verdict.OK and good.seconds < LIMIT


def record(operations: int) -> None:
    """Print what recording and reading an operation costs."""
    with tempfile.TemporaryDirectory() as directory:
        began = time.perf_counter()
        with Recorder(Path(directory) / "w0.jsonl", "w0") as recorder:
            for number in range(operations):
                recorder.begin("k", "write", {"value": number}).answered({"version": f"v{number}"})
        written = time.perf_counter()
        read_directory(directory)
        read = time.perf_counter()
    sys.stdout.write(
        f"recording {(written - began) / operations * 1e6:.1f} us an operation, "
        f"reading {(read - written) / operations * 1e6:.1f} us\n"
    )


def main() -> int:
    """Measure every workload in every shape."""
    parser = argparse.ArgumentParser(description="Time the linearizability checker.")
    parser.add_argument("--seed", type=int, default=1)
    seed = parser.parse_args().seed
    record(20_000)
    results = [measure(name, shape, unknown, seed) for shape in SHAPES for name in WORKLOADS for unknown in (0.0, 0.05)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
