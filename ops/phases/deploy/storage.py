"""Step 3.3.2: the object store, Langfuse's event archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases.parts import act, look
from ops.runbook.step import Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "3.3.2",
    "deploy.storage",
    "Deploy the object store",
    "Langfuse's event archive, private, with a bucket and a bucket-limited user",
    look("storage"),
    act("storage"),
    needs=(
        "build.fly",
        "setup.secrets",
    ),
    effect="replaces its one machine: traces wait for a minute or two, answers do not",
)
