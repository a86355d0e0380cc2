"""Step 2.4: what Fly, the edge and the stores are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.phases import late
from ops.runbook.step import Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

STEP: Step[Deployment] = Step(
    "2.4",
    "build.fly",
    "Write fly.toml, Caddyfile, ClickHouse and MinIO apps",
    "process groups with disjoint ports, the edge's allow-list; judged by caddy, flyctl and our own checks",
    late.look("ops.build.rendered:look_fly"),
    late.act("ops.build.rendered:act_fly"),
    needs=("setup.structure",),
)
