"""Phase 2: Build. Everything Fly gets is rendered from the stack file, then judged by the real tools."""

from __future__ import annotations

from ops.render import steps as render
from ops.runbook.step import Step
from ops.world import World

STEPS: tuple[Step[World], ...] = (
    Step(
        "2.1", "build.dockerfile", "Write the Dockerfile",
        "one image from the pinned Langfuse images and LiteLLM from its lock; judged by hadolint",
        render.look_dockerfile, render.act_dockerfile, needs=("setup.structure",),
    ),
    Step(
        "2.2", "build.scripts", "Write the start scripts",
        "each process group gets only its own variables; judged by shellcheck",
        render.look_scripts, render.act_scripts, needs=("setup.structure",),
    ),
    Step(
        "2.3", "build.config", "Write the LiteLLM config",
        "models, teams and limits, cache, tracing, failover",
        render.look_config, render.act_config, needs=("setup.structure",),
    ),
    Step(
        "2.4", "build.fly", "Write fly.toml, Caddyfile, ClickHouse and MinIO apps",
        "process groups with disjoint ports, the edge's allow-list; judged by caddy, flyctl and our own checks",
        render.look_fly, render.act_fly, needs=("setup.structure",),
    ),
)
