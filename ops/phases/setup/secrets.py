"""Step 1.2: the secrets in the vault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Criterion, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "1.2",
    "setup.secrets",
    "Generate the secrets",
    "makes missing secrets in the vault, takes given ones from .env, changes none that is there",
    late.look("ops.vault.setup:look", lambda deployment: (deployment.inventory,)),
    late.act("ops.vault.setup:act", lambda deployment: (deployment.inventory,)),
    needs=("setup.structure",),
    criteria=(Criterion("Infrastructure", 6, "All secrets set", also=("deploy.secrets",)),),
)
