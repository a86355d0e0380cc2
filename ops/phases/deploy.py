"""Phase 3: Deploy. What each step means is the target's affair: Fly, or the rehearsal on this machine."""

from __future__ import annotations

from collections.abc import Callable

from ops.phases import late
from ops.runbook.step import Look, Say, Step
from ops.targets.base import Part
from ops.world import World


def _step(
    number: str, name: str, title: str, purpose: str, part: Callable[[World], Part], needs: tuple[str, ...]
) -> Step[World]:
    """A step whose look and act are a part of the target."""

    def look(world: World) -> Look:
        return part(world).look(world)

    def act(world: World, say: Say) -> None:
        part(world).act(world, say)

    return Step(number, f"deploy.{name}", title, purpose, look, act, needs=needs)


STEPS: tuple[Step[World], ...] = (
    _step(
        "3.1",
        "app",
        "Create the app",
        "the Fly app, or in rehearsal the supervised programs",
        lambda world: world.target.app,
        ("setup.structure",),
    ),
    _step(
        "3.2",
        "secrets",
        "Set the secrets",
        "each consumer gets its own, staged, over standard input; compared by keyed digest",
        lambda world: world.target.secrets,
        ("deploy.app", "setup.secrets", "setup.schema", "setup.redis"),
    ),
    _step(
        "3.3.1",
        "clickhouse",
        "Deploy ClickHouse",
        "Langfuse's analytics store, private, with a database and a least-privilege user",
        lambda world: world.target.clickhouse,
        ("build.fly", "setup.secrets"),
    ),
    _step(
        "3.3.2",
        "storage",
        "Deploy the object store",
        "Langfuse's event archive, private, with a bucket and a bucket-limited user",
        lambda world: world.target.storage,
        ("build.fly", "setup.secrets"),
    ),
    _step(
        "3.3.3",
        "release",
        "Deploy the gateway",
        "the image's process groups, healthy one by one; Langfuse migrates over the direct connection",
        lambda world: world.target.release,
        (
            "deploy.secrets",
            "deploy.clickhouse",
            "deploy.storage",
            "build.dockerfile",
            "build.scripts",
            "build.config",
        ),
    ),
    _step(
        "3.4",
        "domains",
        "Configure DNS and certificates",
        "both public names, with certificates, verified by a real request",
        lambda world: world.target.domains,
        ("deploy.release",),
    ),
    _step(
        "3.5",
        "pooled",
        "Switch to the pooled connection",
        "Langfuse's run-time connection goes through the pooler; migrations stay direct",
        lambda world: world.target.pooled,
        ("deploy.release",),
    ),
    Step(
        "3.6",
        "deploy.accounts",
        "Retire what was replaced",
        "of Langfuse's key pairs and its first user's password only the vault's are valid",
        late.look("ops.services.langfuse_accounts:look"),
        late.act("ops.services.langfuse_accounts:act"),
        needs=("deploy.release",),
    ),
)
