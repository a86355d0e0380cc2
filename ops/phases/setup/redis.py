"""Step 1.4: the managed Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases.parts import PASSES, act, look
from ops.runbook.step import Criterion, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "1.4",
    "setup.redis",
    "Create the managed Redis",
    "fixed plan, eviction off; its URL goes into the vault",
    look("redis"),
    act("redis"),
    needs=("setup.secrets",),
    effect="makes or resizes the managed Redis",
    criteria=(Criterion("Infrastructure", 4, "Redis operational"),),
    retry=PASSES,
)
