"""Phase 5: Documentation. Generated parts follow the stack file; written parts are checked against the commands."""

from __future__ import annotations

from ops.phases import late
from ops.runbook.step import Step
from ops.world import World


def _step(number: str, name: str, title: str, purpose: str) -> Step[World]:
    """A step that keeps one group of documents. It needs nothing but the checkout."""
    look, act = late.look("ops.documents:look", name), late.act("ops.documents:write", name)
    return Step(number, f"document.{name}", title, purpose, look, act)


STEPS: tuple[Step[World], ...] = (
    _step("5.1", "deployment", "Deployment guide", "setup, deployment, testing, troubleshooting"),
    _step(
        "5.2",
        "cutover",
        "Cutover guide",
        "what the development team changes, in which order, and the way back",
    ),
    _step("5.3", "monitoring", "Monitoring guide", "dashboards, alerts, cost, and what to do at night"),
    _step("5.4", "vault", "Update the vault", "rotation schedule and owners of every secret"),
)
