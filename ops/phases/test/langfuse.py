"""Step 4.6: Langfuse shows the tests' traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Criterion, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "4.6",
    "test.langfuse",
    "Langfuse UI test",
    "login works, and the tests' traces are there with their costs and cache hits",
    late.look("ops.checks.langfuse:ui"),
    needs=(
        "test.cache",
        "deploy.accounts",
    ),
    check=True,
    criteria=(Criterion("Testing", 6, "Langfuse UI shows traces and costs"),),
)
