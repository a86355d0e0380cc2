"""The JSON that programs read. `version` rises when a field is renamed, removed or changes meaning."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from ops.runbook.advice import advice
from ops.runbook.plan import Plan
from ops.runbook.run import Result
from ops.runbook.secret import redactor
from ops.runbook.step import Step

W = TypeVar("W")

VERSION = 1


def document(kind: str, **fields: Any) -> str:
    """One versioned JSON document, redacted."""
    return json.dumps({"version": VERSION, "kind": kind, **redactor.within(fields)}, ensure_ascii=False, indent=2)


def run_document(target: str, steps: Sequence[Step[W]], result: Result) -> str:
    """A finished run."""
    by_key = {step.key: step for step in steps}
    return document(
        "run",
        target=target,
        seconds=round(result.seconds, 3),
        interrupted=result.interrupted,
        exit_code=result.exit_code,
        steps=[
            {
                "number": by_key[key].number,
                "key": key,
                "name": by_key[key].name,
                "status": outcome.status.value,
                "evidence": outcome.evidence,
                "seconds": round(outcome.seconds, 3),
                "diff": outcome.diff,
                "code": outcome.code,
                "tries": outcome.tries,
                "why": outcome.why,
                "next": advice(outcome.next),
            }
            for key, outcome in sorted(result.outcomes.items(), key=lambda item: by_key[item[0]].order)
        ],
    )


def plan_document(target: str, plan: Plan) -> str:
    """A plan."""
    return document(
        "plan",
        target=target,
        pending=plan.pending,
        exit_code=plan.exit_code,
        steps=[
            {
                "number": step.number,
                "key": step.key,
                "name": step.name,
                "answer": step.answer,
                "evidence": step.look.evidence if step.look else (step.error.what if step.error else ""),
                "diff": step.look.diff if step.look else "",
                "until": step.look.until if step.look else "",
                "code": step.error.code if step.error else "",
                "next": advice(step.look.next if step.look else (step.error.next if step.error else "")),
            }
            for step in plan.steps
        ],
    )
