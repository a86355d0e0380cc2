"""Step 3.6: what was replaced in Langfuse is no longer valid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "3.6",
    "deploy.accounts",
    "Retire what was replaced",
    "of Langfuse's key pairs and its first user's password only the vault's are valid",
    late.look("ops.services.langfuse_accounts:look", lambda deployment: (deployment.stack, deployment.vault)),
    late.act("ops.services.langfuse_accounts:act", lambda deployment: (deployment.stack, deployment.vault)),
    needs=("deploy.release",),
    effect="ends key pairs and a password that were replaced",
)
