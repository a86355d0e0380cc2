"""Phase 4: Testing. The tests of the runbook, against the deployed target."""

from __future__ import annotations

from ops.runbook.phase import Phase
from ops.targets.deployment import Deployment

PHASE: Phase[Deployment] = Phase(
    4,
    "test",
    "Test",
    "Run all tests of phase 4 against the deployed gateway.",
    evidence="docs/runbooks/llm-gateway-testing.md",
)
