"""Step 2.1: the gateway's image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "2.1",
    "build.dockerfile",
    "Write the Dockerfile",
    "one image from the pinned Langfuse images and LiteLLM from its lock; judged by hadolint",
    late.look("ops.build.rendered:look_dockerfile"),
    late.act("ops.build.rendered:act_dockerfile"),
    needs=("setup.structure",),
)
