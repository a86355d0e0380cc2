"""Step 3.3.1: ClickHouse, Langfuse's analytics store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases.parts import act, look
from ops.runbook.step import Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "3.3.1",
    "deploy.clickhouse",
    "Deploy ClickHouse",
    "Langfuse's analytics store, private, with a database and a least-privilege user",
    look("clickhouse"),
    act("clickhouse"),
    needs=(
        "build.fly",
        "setup.secrets",
    ),
    effect="replaces its one machine: traces wait for a minute or two, answers do not",
)
