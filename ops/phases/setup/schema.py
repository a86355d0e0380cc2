"""Step 1.3: the schema in the shared Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.phases.parts import PASSES
from ops.runbook.step import Criterion, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "1.3",
    "setup.schema",
    "Create the Postgres schema",
    "our schema and a role that reaches nothing else; every other schema is fingerprinted before and after",
    late.look("ops.services.postgres.setup:look", lambda deployment: (deployment.stack.postgres, deployment.vault)),
    late.act(
        "ops.services.postgres.setup:act",
        lambda deployment: (deployment.stack.postgres, deployment.vault, deployment.paths.state),
    ),
    needs=("setup.secrets",),
    effect="makes our schema and role in the shared Postgres; touches no other",
    criteria=(Criterion("Infrastructure", 5, "Postgres schema {stack.postgres.schema} created"),),
    retry=PASSES,
)
