"""Phase 5: Documentation. Generated parts follow the stack file; written parts are checked against the commands."""

from __future__ import annotations

from ops.runbook.phase import Phase
from ops.targets.deployment import Deployment

PHASE: Phase[Deployment] = Phase(
    5, "document", "Document", "All of phase 5.", evidence="docs/runbooks/llm-gateway-deployment.md"
)
