"""Step 4.1: the gateway does what agents ask of it, and refuses the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Criterion, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "4.1",
    "test.smoke",
    "Smoke test",
    "plain, streamed, tools, structured, Responses, embeddings; strangers and other paths are refused",
    late.look("ops.checks.smoke:smoke"),
    needs=(
        "deploy.domains",
        "deploy.pooled",
    ),
    check=True,
    criteria=(Criterion("Testing", 1, "Smoke test passes (200 OK)"),),
)
