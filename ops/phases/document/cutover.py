"""Step 5.2: the cutover guide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Criterion, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "5.2",
    "document.cutover",
    "Cutover guide",
    "what the development team changes, in which order, and the way back",
    late.look("ops.document.guides:look", lambda deployment: (deployment, "cutover")),
    late.act("ops.document.guides:write", lambda deployment: (deployment, "cutover")),
    criteria=(
        Criterion("Documentation", 2, "Cutover guide complete"),
        Criterion("Handoff", 1, "Development team can follow the cutover guide"),
    ),
)
