"""What a step costs our engine when there are many, all satisfied: each needing the one before it, or none another."""

from __future__ import annotations

import gc
import math
import statistics
import time
from typing import Any

from ops.runbook import run
from ops.runbook.step import Look, Step, satisfied

SIZES = (10, 100, 1000, 5000)
EXPONENT = 1.2  # of the growth between the two largest; 1 is linear, 2 quadratic


def _look(context: object) -> Look:
    return satisfied("as wanted")


def steps(number: int, chained: bool) -> list[Step[Any]]:
    """So many satisfied steps."""
    return [
        Step(f"1.{n}", f"s{n}", f"Step {n}", "nothing", _look, needs=(f"s{n - 1}",) if chained and n > 1 else ())
        for n in range(1, number + 1)
    ]


def once(number: int, chained: bool) -> float:
    """CPU seconds of one run."""
    these = steps(number, chained)
    gc.collect()
    start = time.process_time()
    result = run.run(these, None, [])
    used = time.process_time() - start
    assert len(result.outcomes) == number
    assert result.exit_code == 0
    return used


def measure(rounds: int) -> list[dict[str, Any]]:
    """CPU seconds by number of steps, and the growth's exponent, for both shapes; sizes take turns."""
    taken: dict[tuple[bool, int], list[float]] = {}
    for _ in range(rounds):
        for size in SIZES:
            for chained in (False, True):
                taken.setdefault((chained, size), []).append(once(size, chained))
    found = []
    for chained in (False, True):
        medians = {size: statistics.median(taken[chained, size]) for size in SIZES}
        less, more = SIZES[-2:]
        exponent = math.log(medians[more] / medians[less]) / math.log(more / less)
        found.append({"chained": chained, "cpu_s": medians, "exponent": exponent, "linear": exponent <= EXPONENT})
    return found
