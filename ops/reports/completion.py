"""The end of the task: reported once, when the work is handed over and every line of the acceptance holds."""

from __future__ import annotations

from ops.reports.recording import DONE, outbox
from ops.runbook.journal import Journal
from ops.runbook.lock import held
from ops.runbook.progress import Outbox
from ops.targets.workspace import Workspace

COMPLETE = "complete-task.ts"
CUTOVER = "Cutover by the development team: docs/runbooks/llm-gateway-cutover.md"
HANDOFF = "inv document.handoff"


def completed(box: Outbox) -> bool:
    """Whether the end has been reported, delivered or not."""
    return any(entry.script == COMPLETE for entry in box.queued())


def complete(workspace: Workspace) -> bool:
    """Report the end, unless that has been done.

    Returns:
        Whether it was done now.

    Raises:
        RunbookError: LOCK-001 a run is at work, whose end is not known; RUN-004 the disk refuses.
    """
    box = outbox(workspace)
    with held(workspace.paths.state / "lock", HANDOFF):
        if completed(box):
            return False
        stack = workspace.stack
        where = f"https://{stack.domains.gateway}"
        last = Journal(workspace.paths.state / "journal.jsonl").last_outcomes().get("deploy.release")
        if last is not None and last["status"] in DONE:
            where += f" ({last['evidence']})"
        summary = f"{stack.stack.name} LLM gateway deployed, tested and documented; {where}. Next: {CUTOVER}"
        box.put(COMPLETE, [stack.stack.task, summary])
        return True
