"""Step 3.3.3: the gateway itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases.parts import act, look
from ops.runbook.step import Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "3.3.3",
    "deploy.release",
    "Deploy the gateway",
    "the image's process groups, healthy one by one; Langfuse migrates over the direct connection",
    look("release"),
    act("release"),
    needs=(
        "deploy.secrets",
        "deploy.clickhouse",
        "deploy.storage",
        "build.dockerfile",
        "build.scripts",
        "build.config",
    ),
    effect="replaces machines one after the other; a group with one machine is away for up to a minute",
)
