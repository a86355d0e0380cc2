"""The plan: looks at every step, in parallel, and acts on none."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from ops.runbook import interrupt
from ops.runbook.errors import EXIT_BLOCKED, EXIT_FAILED, EXIT_OK, EXIT_PENDING, Interrupted, RunbookError, TimeUp
from ops.runbook.pool import Pool
from ops.runbook.secret import redactor
from ops.runbook.step import Look, State, Step, blocked, unknown
from ops.runbook.tries import too_long

W = TypeVar("W")

PENDING = (State.MISSING, State.DRIFTED, State.UNKNOWN)


@dataclass(frozen=True)
class Planned:
    """One step of a plan: what its look said, or the error it met. A check is listed, not run."""

    number: str
    key: str
    name: str
    look: Look | None
    error: RunbookError | None = None

    @property
    def answer(self) -> str:
        """One of: as wanted, differs, not knowable, skipped, blocked, runs every time, error."""
        if self.error is not None:
            return "error"
        if self.look is None:
            return "runs every time"
        return {
            State.SATISFIED: "as wanted",
            State.MISSING: "differs",
            State.DRIFTED: "differs",
            State.UNKNOWN: "not knowable",
            State.UNAVAILABLE: "skipped",
            State.BLOCKED: "blocked",
        }[self.look.state]


@dataclass(frozen=True)
class Plan:
    """Every step's answer, in the order of their numbers."""

    steps: tuple[Planned, ...]

    @property
    def pending(self) -> int:
        """How many steps differ or cannot be known yet."""
        return sum(step.look is not None and step.look.state in PENDING for step in self.steps)

    @property
    def exit_code(self) -> int:
        """1 error, 3 a person must give something, 2 changes pending, 0 nothing to do."""
        if any(step.error is not None for step in self.steps):
            return EXIT_FAILED
        if any(step.look is not None and (step.look.state is State.BLOCKED or step.look.next) for step in self.steps):
            return EXIT_BLOCKED
        return EXIT_PENDING if self.pending else EXIT_OK


def make(steps: Sequence[Step[W]], context: W) -> Plan:
    """Look at every step, in parallel.

    A look that fails while something the step needs is not as wanted is no error: the answer is
    "not knowable before that step".

    Raises:
        Interrupted: the operator stopped it.
    """
    found: dict[str, Look | RunbookError] = {}

    def look(step: Step[W]) -> None:
        try:
            with interrupt.within(step.limit_s):
                found[step.key] = step.look(context)
        except RunbookError as error:
            found[step.key] = error
        except Interrupted:
            return
        except TimeUp:
            late = too_long(step)
            found[step.key] = RunbookError(late.code, late.evidence, late.why, late.next)
        except Exception as error:
            found[step.key] = RunbookError("RUN-001", redactor(f"unexpected {type(error).__name__}: {error}"))

    pool = Pool()
    ended = pool.all(functools.partial(look, step) for step in steps if not step.check)
    while not ended.wait(0.2):
        interrupt.check()
    pool.close()
    by_key = {step.key: step for step in steps}
    return Plan(tuple(_planned(step, by_key, found) for step in sorted(steps, key=lambda step: step.order)))


def _planned(step: Step[W], by_key: dict[str, Step[W]], found: dict[str, Look | RunbookError]) -> Planned:
    if step.check:
        return Planned(step.number, step.key, step.name, None)
    answer = found[step.key]
    if isinstance(answer, Look):
        return Planned(step.number, step.key, step.name, answer)
    # What only a person can give is given by no step: nothing is to be awaited.
    if answer.blocked:
        return Planned(step.number, step.key, step.name, blocked(answer.what, next=answer.next))
    before = _first_unsatisfied(step, by_key, found)
    if before is None:
        return Planned(step.number, step.key, step.name, None, answer)
    return Planned(step.number, step.key, step.name, unknown(answer.what, until=before.number))


def _first_unsatisfied(
    step: Step[W], by_key: dict[str, Step[W]], found: dict[str, Look | RunbookError]
) -> Step[W] | None:
    """The first step, by number, among all that `step` needs, that is not as wanted."""
    needs: set[str] = set()
    todo = list(step.needs)
    while todo:
        key = todo.pop()
        if key in by_key and key not in needs:
            needs.add(key)
            todo.extend(by_key[key].needs)
    for key in sorted(needs, key=lambda key: by_key[key].order):
        answer = found.get(key)
        if not isinstance(answer, Look) or answer.state in (*PENDING, State.BLOCKED):
            return by_key[key]
    return None
