"""The plan of some steps, printed: what would be done, and nothing is."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ops.phases.table import all_steps
from ops.runbook import interrupt, plan, run
from ops.session.opening import open_deployment


def show_plan(keys: Collection[str], target: str, json: bool, leaving: Collection[str] = (), out: str = "") -> int:
    """Look at the steps and what they need, print the answers, and return the plan's exit code.

    Args:
        keys: the steps' keys.
        target: as the command line names it.
        leaving: steps that are not acted on, and so not shown.
        out: also keep the plan in this file.
        json: print one document for programs instead of lines.
    """
    import sys

    from ops.runbook.console import plan_lines
    from ops.runbook.report import plan_document
    from ops.runbook.table import fitted

    deployment = open_deployment(target)
    _ = deployment.stack, deployment.target, deployment.vault.names()
    chosen = [step for step in run.with_needs(all_steps(deployment), keys) if step.key not in leaving]
    interrupt.check()
    made = plan.make(chosen, deployment)
    if out:
        from ops.session import saved

        saved.save(Path(out), deployment, made)
    print(plan_document(deployment.target_name, made) if json else "\n".join(fitted(plan_lines(made), sys.stdout)))
    return made.exit_code
