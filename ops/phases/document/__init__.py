"""Phase 5: Documentation. Generated parts follow the stack file; written parts are checked against the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.runbook.phase import Phase

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

PHASE: Phase[Deployment] = Phase(
    5, "document", "Document", "All of phase 5.", evidence="docs/runbooks/llm-gateway-deployment.md"
)
