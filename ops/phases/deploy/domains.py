"""Step 3.4: the public names and their certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases.parts import act, look
from ops.runbook.step import Criterion, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "3.4",
    "deploy.domains",
    "Configure DNS and certificates",
    "both public names, with certificates, verified by a real request",
    look("domains"),
    act("domains"),
    needs=("deploy.release",),
    effect="asks for addresses and certificates",
    criteria=(
        Criterion("Infrastructure", 2, "LiteLLM gateway accessible at https://{stack.domains.gateway}"),
        Criterion(
            "Infrastructure", 3, "Langfuse UI accessible at https://{stack.domains.langfuse}", also=("deploy.pooled",)
        ),
    ),
)
