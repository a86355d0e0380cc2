"""Step 4.5: long questions go to the larger model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Criterion, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "4.5",
    "test.failover",
    "Failover test",
    "a question over the token threshold is answered by the larger model",
    late.look("ops.checks.gateway:escalation"),
    needs=("test.smoke",),
    check=True,
    criteria=(Criterion("Testing", 5, "Failover working (escalation to the larger model)"),),
)
