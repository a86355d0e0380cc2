"""Step 4.4: the limit of requests holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Criterion, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "4.4",
    "test.quota",
    "Quota test",
    "one request more than the limit within a minute is refused with 429, with a probe key",
    late.look("ops.checks.gateway:quota"),
    needs=("test.smoke",),
    # Last: it uses up a key that other tests may share.
    after=(
        "test.semantic",
        "test.failover",
        "test.langfuse",
    ),
    check=True,
    criteria=(Criterion("Testing", 4, "Quotas enforced (429 on limit exceeded)"),),
)
