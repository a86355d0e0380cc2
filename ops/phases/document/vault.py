"""Step 5.4: the rotation guide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Criterion, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "5.4",
    "document.vault",
    "Update the vault",
    "rotation schedule and owners of every secret",
    late.look("ops.document.guides:look", lambda deployment: (deployment, "vault")),
    late.act("ops.document.guides:write", lambda deployment: (deployment, "vault")),
    criteria=(Criterion("Documentation", 4, "Vault updated with all secrets", also=("setup.secrets",)),),
)
