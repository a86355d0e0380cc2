"""Step 2.2: the start scripts of the process groups."""

from __future__ import annotations

from ops.phases import late
from ops.runbook.step import Step
from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "2.2",
    "build.scripts",
    "Write the start scripts",
    "each process group gets only its own variables; judged by shellcheck",
    late.look("ops.build.rendered:look_scripts"),
    late.act("ops.build.rendered:act_scripts"),
    needs=("setup.structure",),
)
