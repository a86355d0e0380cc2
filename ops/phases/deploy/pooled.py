"""Step 3.5: Langfuse's connection goes through the pooler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases.parts import act, look
from ops.runbook.step import Criterion, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "3.5",
    "deploy.pooled",
    "Switch to the pooled connection",
    "Langfuse's run-time connection goes through the pooler; migrations stay direct",
    look("pooled"),
    act("pooled"),
    needs=("deploy.release",),
    effect="restarts Langfuse's UI and worker",
    criteria=(
        Criterion(
            "Handoff",
            2,
            "Infrastructure ready for cutover",
            also=(
                "test.smoke",
                "test.quota",
                "test.langfuse",
            ),
        ),
    ),
)
