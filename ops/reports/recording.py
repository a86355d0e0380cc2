"""Recording a run: journal lines, and an outbox of progress reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from ops.runbook.journal import Journal
from ops.runbook.lock import operator
from ops.runbook.progress import Outbox
from ops.runbook.run import Result
from ops.runbook.sending import Scripts
from ops.runbook.step import Outcome, Step
from ops.targets.workspace import Workspace

W = TypeVar("W")

DONE = ("ok", "changed", "skipped")


def outbox(workspace: Workspace) -> Outbox:
    """This target's outbox."""
    return Outbox(workspace.paths.state / "progress")


def scripts(workspace: Workspace) -> Scripts | None:
    """Where the progress scripts are, from PROGRESS_REPOSITORY (and PROGRESS_ENV_FILE); None when not configured."""
    repository = workspace.environ.get("PROGRESS_REPOSITORY")
    if not repository:
        return None
    return Scripts(Path(repository).expanduser(), workspace.environ.get("PROGRESS_ENV_FILE") or ".env")


class Recorder:
    """Writes every event of a run to the journal."""

    def __init__(self, journal: Journal, target: str, command: str) -> None:
        self.journal = journal
        self.target = target
        self.command = command

    def begin(self, steps: Sequence[Step[W]]) -> None:
        """Write who began which command on which target, and with which steps."""
        keys = [step.key for step in steps]
        self.journal.write("begin", who=operator(), target=self.target, command=self.command, steps=keys)

    def started(self, step: Step[W], doing: str) -> None:
        """Write that the step began; `doing` is not recorded."""
        self.journal.write("started", step=step.key)

    def said(self, step: Step[W], text: str) -> None:
        """Nothing: progress within a step is not recorded."""
        return

    def ended(self, step: Step[W], outcome: Outcome) -> None:
        """Write the step's status, evidence, seconds and error code."""
        self.journal.write(
            "step",
            step=step.key,
            number=step.number,
            status=outcome.status.value,
            evidence=outcome.evidence,
            seconds=round(outcome.seconds, 3),
            code=outcome.code,
            tries=outcome.tries,
        )

    def finished(self, result: Result) -> None:
        """Write how the run ended: its exit code, or the signal that interrupted it, and its seconds."""
        if result.interrupted is not None:
            self.journal.write("interrupted", signal=result.interrupted, seconds=round(result.seconds, 3))
        else:
            self.journal.write("end", exit_code=result.exit_code, seconds=round(result.seconds, 3))
