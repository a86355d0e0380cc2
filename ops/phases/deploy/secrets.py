"""Step 3.2: each consumer gets its secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases.parts import PASSES, act, look
from ops.runbook.step import Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "3.2",
    "deploy.secrets",
    "Set the secrets",
    "each consumer gets its own, staged, over standard input; compared by keyed digest",
    look("secrets"),
    act("secrets"),
    needs=(
        "deploy.app",
        "setup.secrets",
        "setup.schema",
        "setup.redis",
    ),
    effect="hands secrets over; they come into service with 3.3.3",
    retry=PASSES,
)
