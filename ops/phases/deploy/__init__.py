"""Phase 3: Deploy. What each step means is the target's affair: Fly, or the rehearsal on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.runbook.phase import Phase

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

PHASE: Phase[Deployment] = Phase(
    3,
    "deploy",
    "Deploy",
    "Bring the gateway to its described state: phases 1 to 3.",
    includes=("setup", "build"),
    deploys=True,
)
