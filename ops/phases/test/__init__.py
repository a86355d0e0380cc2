"""Phase 4: Testing. The tests of the runbook, against the deployed target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.runbook.phase import Phase

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

PHASE: Phase[Deployment] = Phase(
    4,
    "test",
    "Test",
    "Run all tests of phase 4 against the deployed gateway.",
    evidence="docs/runbooks/llm-gateway-testing.md",
)
