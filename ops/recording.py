"""What a run leaves behind: journal lines, and progress reports for those who wait for them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from ops.runbook.journal import Journal
from ops.runbook.progress import Courier, Outbox, Scripts, percent
from ops.runbook.run import Result
from ops.runbook.step import Outcome, Step
from ops.world import World

W = TypeVar("W")

TWO_HOURS = 7200.0
DONE = ("ok", "changed", "skipped")


def outbox(world: World) -> Outbox:
    """This target's outbox."""
    return Outbox(world.paths.state / "progress")


def scripts(world: World) -> Scripts | None:
    """Where the progress scripts are, from PROGRESS_REPOSITORY (and PROGRESS_ENV_FILE); None when not configured."""
    repository = world.environ.get("PROGRESS_REPOSITORY")
    if not repository:
        return None
    return Scripts(Path(repository).expanduser(), world.environ.get("PROGRESS_ENV_FILE") or ".env")


class Recorder:
    """Writes every event of a run to the journal."""

    def __init__(self, journal: Journal, target: str, command: str) -> None:
        self.journal = journal
        self.target = target
        self.command = command

    def begin(self, steps: Sequence[Step[W]]) -> None:
        self.journal.write("begin", target=self.target, command=self.command, steps=[step.key for step in steps])

    def started(self, step: Step[W], doing: str) -> None:
        self.journal.write("started", step=step.key)

    def said(self, step: Step[W], text: str) -> None:
        return

    def ended(self, step: Step[W], outcome: Outcome) -> None:
        self.journal.write(
            "step",
            step=step.key,
            number=step.number,
            status=outcome.status.value,
            evidence=outcome.evidence,
            seconds=round(outcome.seconds, 3),
            code=outcome.code,
        )

    def finished(self, result: Result) -> None:
        if result.interrupted is not None:
            self.journal.write("interrupted", signal=result.interrupted, seconds=round(result.seconds, 3))
        else:
            self.journal.write("end", exit_code=result.exit_code, seconds=round(result.seconds, 3))


class Reporter:
    """Queues a progress report when a phase is through, when a step fails, every two hours, and at the end."""

    def __init__(self, world: World, journal: Journal, everything: Sequence[Step[Any]], courier: Courier) -> None:
        self.world = world
        self.identity = world.stack.stack
        self.total = len(everything)
        self.keys = {step.key for step in everything}
        self.courier = courier
        self.done = {
            key for key, event in journal.last_outcomes().items() if key in self.keys and event["status"] in DONE
        }
        self.news: list[str] = []
        self.spoken = time.monotonic()
        self.was_complete = len(self.done) >= self.total

    def begin(self, steps: Sequence[Step[W]]) -> None:
        self.left = {phase: sum(step.phase == phase for step in steps) for phase in {step.phase for step in steps}}

    def started(self, step: Step[W], doing: str) -> None:
        return

    def said(self, step: Step[W], text: str) -> None:
        if time.monotonic() - self.spoken > TWO_HOURS:
            self._report(f"Step {step.number} {step.name} is under way: {text}", self._journal_name(), "It goes on")

    def ended(self, step: Step[W], outcome: Outcome) -> None:
        if outcome.status.value in DONE:
            self.done.add(step.key)
        else:
            self.done.discard(step.key)
        if outcome.status.value == "changed":
            self.news.append(f"{step.number} {step.name}")
        self.left[step.phase] -= 1
        if not outcome.good and outcome.code:
            next_action = outcome.next or f"Mend step {step.number}, then run again"
            self._report(
                f"Step {step.number} {step.name} {outcome.status.value}: {outcome.evidence}",
                self._journal_name(),
                next_action,
            )
        elif self.left[step.phase] == 0 and self.news:
            phase = f"Phase {step.phase}" if step.phase else "Preparation"
            self._report(f"{phase}: {', '.join(self.news)}", self._journal_name(), self._after(step.phase))
            self.news = []

    def finished(self, result: Result) -> None:
        if result.interrupted is not None:
            self._report("The run was interrupted", self._journal_name(), "Run the same command again")
        elif len(self.done) >= self.total and not self.was_complete:
            summary = f"{self._prefix()}{self.identity.name} LLM gateway deployed, tested and documented"
            self.courier.outbox.put("complete-task.ts", [self.identity.task, summary])
            self.courier.wake()

    def _report(self, rationale: str, evidence: str, next_action: str) -> None:
        self.spoken = time.monotonic()
        share = str(percent(len(self.done), self.total))
        arguments = [
            self.identity.agent,
            self.identity.task,
            share,
            self._prefix() + rationale,
            evidence,
            next_action,
        ]
        self.courier.outbox.put("log-progress.ts", arguments)
        self.courier.wake()

    def _prefix(self) -> str:
        return "Rehearsal: " if self.world.target_name == "local" else ""

    def _journal_name(self) -> str:
        return f".state/{self.world.target_name}/journal.jsonl"

    @staticmethod
    def _after(phase: int) -> str:
        return f"Phase {phase + 1}" if phase < 5 else "Cutover by the development team"
