"""Step 5.1: the deployment guide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Criterion, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "5.1",
    "document.deployment",
    "Deployment guide",
    "setup, deployment, testing, troubleshooting",
    late.look("ops.document.guides:look", lambda deployment: (deployment, "deployment")),
    late.act("ops.document.guides:write", lambda deployment: (deployment, "deployment")),
    criteria=(Criterion("Documentation", 1, "Deployment guide complete"),),
)
