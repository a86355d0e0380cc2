"""The end of the task: reported when it is handed over, and carried to where its reader is."""

from __future__ import annotations

from ops.reports import completion
from ops.reports.recording import outbox, scripts
from ops.runbook.advice import advice
from ops.runbook.courier import deliver
from ops.runbook.errors import RunbookError
from ops.session.running import undelivered
from ops.targets.deployment import Deployment


def finish(deployment: Deployment) -> str:
    """Report that the task is complete, once, and deliver what waits; what was done, in words.

    Raises:
        RunbookError: LOCK-001 a run is at work; RUN-004 the disk refuses.
    """
    new = completion.complete(deployment)
    box, problem = outbox(deployment), None
    try:
        deliver(box, scripts(deployment))
    except RunbookError as error:
        problem = error
    said = f"task {deployment.stack.stack.task} is complete" + ("" if new else ", as was reported before")
    left = box.undelivered()
    return advice(f"{said}\n{undelivered(left, problem)}") if left else said
