"""Step 4.2: the exact cache answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Criterion, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "4.2",
    "test.cache",
    "Exact cache test",
    "the second and third identical request are answered from the cache within 100 ms",
    late.look("ops.checks.gateway:exact_cache"),
    needs=("test.smoke",),
    check=True,
    criteria=(Criterion("Testing", 2, "Exact cache working (2nd request < 100 ms)"),),
)
