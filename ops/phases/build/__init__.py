"""Phase 2: Build. Everything Fly gets is rendered from the stack file, then judged by the real tools."""

from __future__ import annotations

from ops.runbook.phase import Phase
from ops.targets.deployment import Deployment

PHASE: Phase[Deployment] = Phase(2, "build", "Build", "All of phase 2.", evidence="{folder}/Dockerfile")
