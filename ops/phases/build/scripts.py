"""Step 2.2: the start scripts of the process groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Step

if TYPE_CHECKING:
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
