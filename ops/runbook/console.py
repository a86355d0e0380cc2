"""What a person sees: a live table on a terminal, plain lines in a pipe. Programs get JSON from `report.py`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from ops.runbook.advice import advice
from ops.runbook.errors import RunbookError
from ops.runbook.plan import Plan
from ops.runbook.run import Observer, Result
from ops.runbook.secret import redactor
from ops.runbook.step import Outcome, State, Status, Step

if TYPE_CHECKING:
    from rich.console import Console

W = TypeVar("W")

DIFFERENCE_LINES = 24

COLOURS = {
    Status.OK: "green",
    Status.CHANGED: "cyan",
    Status.SKIPPED: "yellow",
    Status.FAILED: "bold red",
    Status.BLOCKED: "magenta",
}


def is_live(stream: TextIO) -> bool:
    """A person looks at it and it can redraw: a terminal, and not a dumb one."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def view(stream: TextIO | None = None, asked: Collection[str] | None = None) -> Observer:
    """The view that fits the stream (standard output by default).

    Args:
        asked: keys of the steps to list in any case; others are listed only when there is news of them.
    """
    out = stream or sys.stdout
    return Live(out, asked) if is_live(out) else Plain(out, asked)


def error_lines(error: RunbookError) -> list[str]:
    """What happened, why, what to do: the three lines of every error."""
    return three_lines(f"error {error.code}: {error.what}", error.why, error.next, error.code)


def three_lines(head: str, why: str, next: str, code: str) -> list[str]:
    """A message of up to four parts, redacted: what, why, what to do next, and where to read more.

    Args:
        head: what happened.
        why: the cause; left out where empty.
        next: what to do, as a command where there is one; left out where empty.
        code: the error's code, which `inv explain` knows; left out where empty.
    """
    lines = [head]
    if why:
        lines += [f"  why:  {line}" if index == 0 else f"        {line}" for index, line in enumerate(why.splitlines())]
    if next:
        lines.append(f"  next: {advice(next)}")
    if code:
        lines.append(f"  more: {advice(f'inv explain {code}')}")
    return [redactor(line) for line in lines]


def outcome_text(step: Step[W], outcome: Outcome) -> str:
    """What is said of a step behind its status and number."""
    duration = f" ({outcome.seconds:.1f} s)" if outcome.seconds >= 0.05 else ""
    return redactor(f"{step.name}: {outcome.evidence}{duration}")


def outcome_lines(step: Step[W], outcome: Outcome) -> list[str]:
    """One line for a step that went well; with reasons and remedies for one that did not."""
    head = f"{outcome.status.value:<12} {step.number:<6} {outcome_text(step, outcome)}"
    lines = [head]
    if not outcome.good:
        lines = three_lines(head, outcome.why, outcome.next, outcome.code)
    difference = outcome.diff.splitlines()
    lines += [f"    {line}" for line in difference[:DIFFERENCE_LINES]]
    if len(difference) > DIFFERENCE_LINES:
        lines.append(
            f"    ... and {len(difference) - DIFFERENCE_LINES} more lines, all of them in `inv plan` before it runs"
        )
    return [redactor(line) for line in lines]


def is_news(step: Step[W], outcome: Outcome, asked: Collection[str] | None) -> bool:
    """Whether a person wants a line about it: it was asked for, or more happened than OK, and by itself."""
    if outcome.follows:
        return False
    return asked is None or step.key in asked or outcome.status not in (Status.OK, Status.SKIPPED)


def summary(result: Result) -> str:
    """One line that says how the run ended."""
    counts = [f"{result.count(status)} {status.value}" for status in Status if result.count(status)]
    return f"{', '.join(counts) or 'nothing done'} in {result.seconds:.1f} s"


def last_lines(steps: Sequence[Step[Any]], result: Result) -> list[str]:
    """What a person reads last: what was not reached and why, and what only they can do."""
    numbers = {step.key: step.number for step in steps}
    causes: dict[str, list[str]] = {}
    for key, outcome in result.outcomes.items():
        if outcome.follows:
            causes.setdefault(outcome.follows, []).append(numbers[key])
    lines = [
        f"not reached for want of {numbers[cause]}: {', '.join(sorted(followers, key=_by_parts))}"
        for cause, followers in causes.items()
    ]
    waits = [
        outcome.next or outcome.evidence
        for outcome in result.outcomes.values()
        if outcome.status is Status.BLOCKED and not outcome.follows
    ]
    return [redactor(line) for line in [*lines, *you_must(waits)]]


def you_must(waits: Sequence[str]) -> list[str]:
    """The things that only a person can do, each once."""
    different = list(dict.fromkeys(waits))
    return ["you must:", *(f"  - {advice(wait)}" for wait in different)] if different else []


def _by_parts(number: str) -> list[int]:
    return [int(part) for part in number.split(".")]


class Plain:
    """One line per event: what a pipe, a log file or a dumb terminal gets."""

    def __init__(self, out: TextIO, asked: Collection[str] | None = None) -> None:
        self.out = out
        self.asked = asked

    def _print(self, text: str) -> None:
        print(redactor(text), file=self.out, flush=True)

    def begin(self, steps: Sequence[Step[W]]) -> None:
        """Remember the steps, whose numbers the last lines name."""
        self.steps = steps

    def started(self, step: Step[W], doing: str) -> None:
        """Nothing: a step has its line when it has ended."""
        return

    def said(self, step: Step[W], text: str) -> None:
        """Print a line of progress."""
        self._print(f"{'…':<12} {step.number:<6} {step.name}: {text}")

    def ended(self, step: Step[W], outcome: Outcome) -> None:
        """Print the step's lines, if there is news of it."""
        if is_news(step, outcome, self.asked):
            for line in outcome_lines(step, outcome):
                self._print(line)

    def finished(self, result: Result) -> None:
        """Print the summary and what only a person can do."""
        for line in (summary(result), *last_lines(self.steps, result)):
            self._print(line)


class Live:
    """Finished steps scroll by; those under way stay below with their last words and a running clock."""

    def __init__(self, out: TextIO, asked: Collection[str] | None = None) -> None:
        from rich.console import Console

        self.asked = asked

        self.console: Console = Console(file=out, highlight=False)
        self.running: dict[str, tuple[Step[Any], str, float]] = {}
        self.live: Any = None

    def begin(self, steps: Sequence[Step[W]]) -> None:
        """Start the live table, which is redrawn from a thread of its own."""
        from rich.live import Live as RichLive

        self.steps = steps
        self.total = len(steps)
        self.done = 0
        self.start = time.monotonic()
        self.live = RichLive(console=self.console, get_renderable=self._table, refresh_per_second=8, transient=True)
        self.live.start()

    def _table(self) -> Any:
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1))
        now = time.monotonic()
        for step, text, since in list(self.running.values()):
            words = Text(
                f"{step.number:<6} {step.name}: {text} ({now - since:.0f} s)",
                overflow="ellipsis",
                no_wrap=True,
            )
            table.add_row(Spinner("dots"), words)
        clock = f"{self.done} of {self.total} steps, {now - self.start:.0f} s"
        table.add_row("", Text(clock, style="dim"))
        return table

    def started(self, step: Step[W], doing: str) -> None:
        """Show the step in the table, and its clock from now on."""
        self.running[step.key] = (step, doing, time.monotonic())

    def said(self, step: Step[W], text: str) -> None:
        """Replace what the table shows of the step."""
        if step.key in self.running:
            self.running[step.key] = (step, text, self.running[step.key][2])

    def ended(self, step: Step[W], outcome: Outcome) -> None:
        """Take the step out of the table; print its lines above it, if there is news of it."""
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        self.running.pop(step.key, None)
        self.done += 1
        if not is_news(step, outcome, self.asked):
            return
        # Columns, so that what does not fit goes on below its own beginning, at whole words.
        row = Table.grid(padding=(0, 1))
        row.add_column(width=12)
        row.add_column(width=6)
        row.add_column(overflow="fold")
        status = Text(outcome.status.value, style=COLOURS[outcome.status])
        row.add_row(status, Text(step.number), Text(outcome_text(step, outcome), overflow="fold"))
        self.console.print(row)
        for line in outcome_lines(step, outcome)[1:]:
            indent = len(line) - len(line.lstrip())
            # A difference stays as it is, to be copied; what is said goes on at whole words.
            said = not line.startswith("    ") or line[4:5] not in "+-@ " or line.startswith("        ")
            text = Text(line.strip() if said else line, style=_diff_style(line), overflow="fold")
            self.console.print(Padding(text, (0, 0, 0, indent)) if said else text, soft_wrap=not said)

    def finished(self, result: Result) -> None:
        """Remove the table; print the summary and what only a person can do."""
        if self.live is not None:
            self.live.stop()
        self.console.print(summary(result), style="bold", soft_wrap=True)
        for line in last_lines(self.steps, result):
            self.console.print(line, style="bold" if line == "you must:" else None, markup=False)


def _diff_style(line: str) -> str:
    words = line.strip()
    if words.startswith("+") and not words.startswith("+++"):
        return "green"
    if words.startswith("-") and not words.startswith("---"):
        return "red"
    return "dim" if line.startswith("    ") else ""


PLAN_MARKS = {
    "as wanted": "=",
    "differs": "~",
    "not knowable": "?",
    "skipped": "-",
    "blocked": "!",
    "error": "!",
}


def plan_lines(plan: Plan) -> list[str]:
    """A plan for a person: its steps, how many would do something, and what only a person can do."""
    lines = [*step_lines(plan), f"{plan.pending} of {len(plan.steps)} steps would do something"]
    lines += you_must([step.look.next for step in plan.steps if step.look is not None and step.look.next])
    return [redactor(line) for line in lines]


def step_lines(plan: Plan) -> list[str]:
    """The steps of a plan: one line each, differences and what to do next indented below it."""
    lines = []
    for step in plan.steps:
        mark = PLAN_MARKS.get(step.answer, " ")
        answer = "a person must" if step.answer == "blocked" else step.answer
        text = f"{mark} {answer:<16} {step.number:<6} {step.name}"
        if step.look is not None:
            text += f": {step.look.evidence}"
            if step.look.state is State.UNKNOWN:
                text += f" (known after {step.look.until})"
        lines.append(text)
        if step.error is not None:
            lines += [f"    {line}" for line in error_lines(step.error)]
        if step.look is not None and step.look.diff:
            lines += [f"    {line}" for line in step.look.diff.splitlines()]
        if step.look is not None and step.look.next:
            lines.append(f"    next: {advice(step.look.next)}")
    return [redactor(line) for line in lines]
