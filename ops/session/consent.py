"""Production asks first: what would change, what that does to whoever uses it, what it costs; then one question."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.plan import PENDING, Plan
from ops.runbook.secret import redactor

if TYPE_CHECKING:
    from ops.description.stack import Stack


def ask(stack: Stack, plan: Plan, effects: Mapping[str, str], yes: bool) -> bool:
    """Show what a run would change in production, and go on only if somebody says yes.

    Args:
        plan: of the run's steps.
        effects: of the steps that may act and reach production, by key, what each does to whoever uses it.
        yes: it was said on the command line.

    Returns:
        Whether a person was waited for: the plan may be old then.

    Raises:
        RunbookError: CLI-011 nobody said yes; nothing was done.
    """
    pending = [
        step for step in plan.steps if step.key in effects and step.look is not None and step.look.state in PENDING
    ]
    if not pending:
        return False
    from ops.runbook.console import step_lines
    from ops.runbook.table import fitted
    from ops.session.cost import estimate

    said = [f"  {step.number:<6} {effects[step.key]}" for step in pending]
    monthly = sum(item.usd for item in estimate(stack))
    lines = [*step_lines(replace(plan, steps=tuple(pending))), "", "what that does:", *said]
    lines.append(f"the whole stack costs about {monthly:.0f} USD a month; inv plan --cost has the items")
    for line in fitted(lines, sys.stderr):
        print(redactor(line), file=sys.stderr)
    confirm(f"{len(pending)} steps would change production", yes)
    return not yes


def confirm(what: str, yes: bool) -> None:
    """Go on only if somebody says yes, by option or at the terminal.

    Args:
        what: what would happen, as the beginning of a sentence.

    Raises:
        RunbookError: CLI-011 nobody said yes; nothing was done.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise RunbookError(
            "CLI-011",
            f"{what}; nothing was done",
            why="there is no terminal to ask at, and no --yes",
            next="inv plan --target fly, then the same command with --yes",
        )
    print(f"{what}. Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise RunbookError(
            "CLI-011", f"{what}; nothing was done", why="the answer was no", next="inv plan --target fly"
        )
