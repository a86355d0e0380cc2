"""A plan kept in a file, and applied as it stands or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ops.runbook.errors import RunbookError, reason
from ops.runbook.files import write_atomic
from ops.runbook.plan import PENDING, Plan
from ops.runbook.report import plan_document
from ops.targets.deployment import Deployment

NEXT = "inv plan --out FILE, read it, then inv deploy.all --plan FILE"


def save(file: Path, deployment: Deployment, plan: Plan) -> None:
    """Keep a plan: the document of `plan --json`, and of which description it is.

    Raises:
        RunbookError: CLI-014 the file cannot be written.
    """
    made = json.loads(plan_document(deployment.target_name, plan))
    try:
        write_atomic(file, json.dumps({**made, "stack": _digest(deployment)}, indent=2) + "\n", 0o600)
    except OSError as error:
        raise RunbookError("CLI-014", f"{file} cannot be written: {reason(error)}", next="name another file") from None


def pending(file: Path, deployment: Deployment, plan: Plan) -> list[str]:
    """The steps to act on: those that the kept plan names, if all is as it was when it was made.

    Args:
        plan: of the same steps, as it is now.

    Raises:
        RunbookError: CLI-014 the file is no plan of this target; CLI-015 something has changed since.
    """
    kept = _read(file)
    if kept.get("target") != deployment.target_name:
        raise RunbookError(
            "CLI-014", f"{file} is a plan of target {kept.get('target')}", why="nothing was done", next=NEXT
        )
    moved = [] if kept.get("stack") == _digest(deployment) else ["the stack file is another one"]
    before = {str(step["key"]): step for step in kept["steps"]}
    now = {str(step["key"]): step for step in json.loads(plan_document(deployment.target_name, plan))["steps"]}
    for key in sorted(before.keys() | now.keys()):
        was, is_now = _answer(before.get(key)), _answer(now.get(key))
        if was != is_now:
            moved.append(f"{key}: {was[0]} → {is_now[0]}" if was[0] != is_now[0] else f"{key}: differs in another way")
    if moved:
        raise RunbookError(
            "CLI-015",
            f"what the plan was made of has changed: {'; '.join(moved)}",
            why="nothing was done",
            next=NEXT,
        )
    return [step.key for step in plan.steps if step.look is not None and step.look.state in PENDING]


def _answer(step: Any) -> tuple[str, str, str]:
    """What a step's line comes to. How it is found to be as wanted may change: a process has another number."""
    if step is None:
        return "not planned", "", ""
    answer = str(step["answer"])
    return (
        (answer, "", "") if answer in ("as wanted", "skipped") else (answer, str(step["evidence"]), str(step["diff"]))
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["kind"] == "plan" and isinstance(kept["steps"], list):
            return dict(kept)
        why = "it is another document"
    except OSError as error:
        why = reason(error)
    except (ValueError, KeyError, TypeError):
        why = "it is no JSON of ours"
    raise RunbookError("CLI-014", f"{file} is no plan: {why}", why="nothing was done", next=NEXT)


def _digest(deployment: Deployment) -> str:
    return hashlib.sha256(deployment.paths.stack_file.read_bytes()).hexdigest()
