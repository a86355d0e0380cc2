"""The plan of some steps, printed: what would be done, and nothing is."""

from __future__ import annotations

from collections.abc import Collection

from ops.phases.table import all_steps
from ops.runbook import interrupt, plan, run
from ops.session.opening import open_deployment


def show_plan(keys: Collection[str], target: str, json: bool, leaving: Collection[str] = ()) -> int:
    """Look at the steps and what they need, print the answers, and return the plan's exit code.

    Args:
        keys: the steps' keys.
        target: as the command line names it.
        leaving: steps that are not acted on, and so not shown.
        json: print one document for programs instead of lines.
    """
    from ops.runbook.console import plan_lines
    from ops.runbook.report import plan_document

    deployment = open_deployment(target)
    _ = deployment.stack, deployment.target, deployment.vault.names()
    chosen = [step for step in run.with_needs(all_steps(deployment), keys) if step.key not in leaving]
    interrupt.check()
    made = plan.make(chosen, deployment)
    print(plan_document(deployment.target_name, made) if json else "\n".join(plan_lines(made)))
    return made.exit_code
