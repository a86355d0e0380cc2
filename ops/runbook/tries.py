"""How often a step is tried, and what is said when its time is used up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from ops.runbook import interrupt
from ops.runbook.errors import RunbookError
from ops.runbook.step import Outcome, Say, Status, Step

W = TypeVar("W")


def until_good(step: Step[W], attempt: Callable[[], Outcome], say: Say) -> Outcome:
    """Make the attempt, and make it again as the step's retry rule says.

    Returns:
        The last attempt's outcome; one that took several names how many, and what was in the way.

    Raises:
        RunbookError: the last attempt's error.
    """
    met: list[RunbookError] = []
    while True:
        try:
            return _with_tries(attempt(), met)
        except RunbookError as error:
            if error.blocked or error.code not in step.retry.codes or len(met) >= step.retry.times:
                if met:
                    error.why = f"{error.why}; tried {len(met) + 1} times".removeprefix("; ")
                raise
            met.append(error)
            of = f"try {len(met) + 1} of {step.retry.times + 1}"
            say(f"{error.code}: {error.what}; {of} in {step.retry.pause_s:.0f} s")
            interrupt.sleep(step.retry.pause_s)


def _with_tries(outcome: Outcome, met: list[RunbookError]) -> Outcome:
    if not met:
        return outcome
    passed = ", ".join(dict.fromkeys(error.code for error in met))
    return replace(outcome, evidence=f"{outcome.evidence}; at try {len(met) + 1}, after {passed}", tries=len(met) + 1)


def too_long(step: Step[W], at_rest: bool = True) -> Outcome:
    """The outcome of a step whose time is used up.

    Args:
        at_rest: it has stopped; else what it waits for cannot be broken off, and ends with this program.
    """
    rest = "it was stopped" if at_rest else "it does not stop by itself and ends with this run"
    return Outcome(
        Status.FAILED,
        f"stopped at its time limit of {step.limit_s:g} s",
        code="RUN-008",
        why=f"{rest}; what was done stays done",
        next=f"see what it waited for (inv plan), then run the same command again: it goes on at {step.number}",
    )
