"""Phase 2: Build. Everything Fly gets is rendered from the stack file, then judged by the real tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.runbook.phase import Phase

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

PHASE: Phase[Deployment] = Phase(2, "build", "Build", "All of phase 2.", evidence="{folder}/Dockerfile")
