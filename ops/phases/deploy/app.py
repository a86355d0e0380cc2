"""Step 3.1: the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases.parts import PASSES, act, look
from ops.runbook.step import Criterion, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "3.1",
    "deploy.app",
    "Create the app",
    "the Fly app; in rehearsal the supervised programs or a network",
    look("app"),
    act("app"),
    needs=("setup.structure",),
    effect="makes apps, addresses and volumes",
    criteria=(Criterion("Infrastructure", 1, "App deployed and healthy", also=("deploy.release",)),),
    retry=PASSES,
)
