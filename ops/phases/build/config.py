"""Step 2.3: the gateway's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "2.3",
    "build.config",
    "Write the LiteLLM config",
    "models, teams and limits, cache, tracing, failover",
    late.look("ops.build.rendered:look_config"),
    late.act("ops.build.rendered:act_config"),
    needs=("setup.structure",),
)
