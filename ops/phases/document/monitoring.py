"""Step 5.3: the monitoring and incident guides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Criterion, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "5.3",
    "document.monitoring",
    "Monitoring guide",
    "dashboards, alerts, cost, and what to do at night",
    late.look("ops.document.guides:look", lambda deployment: (deployment, "monitoring")),
    late.act("ops.document.guides:write", lambda deployment: (deployment, "monitoring")),
    criteria=(Criterion("Documentation", 3, "Monitoring guide complete"),),
)
