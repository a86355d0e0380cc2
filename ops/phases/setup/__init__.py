"""Phase 1: Setup. Folders, secrets, the schema in the shared Postgres, the managed Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.runbook.phase import Phase

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

PHASE: Phase[Deployment] = Phase(1, "setup", "Setup", "All of phase 1.", deploys=True, evidence="ops/stack.toml")
