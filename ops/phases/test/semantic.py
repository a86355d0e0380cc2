"""Step 4.3: the semantic cache answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Criterion, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "4.3",
    "test.semantic",
    "Semantic cache test",
    "the same question in other words is answered from the cache",
    late.look("ops.checks.gateway:semantic_cache"),
    needs=("test.cache",),
    check=True,
    criteria=(Criterion("Testing", 3, "Semantic cache working (similar requests cached)"),),
)
