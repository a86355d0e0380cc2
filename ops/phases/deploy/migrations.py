"""Step 3.7: Langfuse's migrations have run, those in the background too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "3.7",
    "deploy.migrations",
    "See Langfuse's migrations through",
    "all of Langfuse's migrations have run, those in the background too",
    late.look("ops.services.langfuse_migrations:look", lambda deployment: (deployment.stack, deployment.vault)),
    late.act("ops.services.langfuse_migrations:act", lambda deployment: (deployment.stack, deployment.vault)),
    needs=("deploy.release",),
    effect="waits for what Langfuse still migrates; changes nothing itself",
)
