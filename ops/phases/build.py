"""Phase 2: Build. Everything Fly gets is rendered from the stack file, then judged by the real tools."""

from __future__ import annotations

from ops.phases import late
from ops.runbook.step import Step
from ops.world import World

STEPS: tuple[Step[World], ...] = (
    Step(
        "2.1",
        "build.dockerfile",
        "Write the Dockerfile",
        "one image from the pinned Langfuse images and LiteLLM from its lock; judged by hadolint",
        late.look("ops.render.steps:look_dockerfile"),
        late.act("ops.render.steps:act_dockerfile"),
        needs=("setup.structure",),
    ),
    Step(
        "2.2",
        "build.scripts",
        "Write the start scripts",
        "each process group gets only its own variables; judged by shellcheck",
        late.look("ops.render.steps:look_scripts"),
        late.act("ops.render.steps:act_scripts"),
        needs=("setup.structure",),
    ),
    Step(
        "2.3",
        "build.config",
        "Write the LiteLLM config",
        "models, teams and limits, cache, tracing, failover",
        late.look("ops.render.steps:look_config"),
        late.act("ops.render.steps:act_config"),
        needs=("setup.structure",),
    ),
    Step(
        "2.4",
        "build.fly",
        "Write fly.toml, Caddyfile, ClickHouse and MinIO apps",
        "process groups with disjoint ports, the edge's allow-list; judged by caddy, flyctl and our own checks",
        late.look("ops.render.steps:look_fly"),
        late.act("ops.render.steps:act_fly"),
        needs=("setup.structure",),
    ),
)
