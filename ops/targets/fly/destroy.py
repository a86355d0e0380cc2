"""Taking production down: apps, volumes, managed Redis. The schema in Postgres and the vault stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.step import Say
from ops.targets.fly.app import apps
from ops.targets.fly.redis import databases
from ops.targets.fly.secrets import DIRECT

if TYPE_CHECKING:
    from ops.targets.fly.target import Fly
    from ops.world import World


def confirm(world: World, said: str) -> None:
    """Go on only if the operator has typed the app's name.

    Raises:
        RunbookError: FLY-049 something else, or nothing, was typed.
    """
    app = world.stack.fly.app
    if said.strip() != app:
        raise RunbookError(
            "FLY-049",
            "nothing was destroyed" + (f": '{said.strip()}' is not the app's name" if said.strip() else ""),
            why=f"this destroys {', '.join(apps(world))} with all their volumes, and the managed Redis",
            next=f"inv deploy.destroy --name {app} --target fly",
            blocked=True,
        )


def destroy(world: World, target: Fly, say: Say) -> list[str]:
    """Destroy everything the stack has at Fly. Safe to be killed and repeated.

    Returns:
        Names of what was destroyed.
    """
    account = target.account
    done = []
    with account.acting() as client:
        there = account.apps()
        for app in apps(world):
            if app in there:
                say(f"destroying {app}")
                client.destroy_app(app)
                done.append(app)
            for section in ("deployed", "secrets", "volumes", "contents"):
                account.memory.forget(section, app)
            if world.vault.exists:
                world.vault.forget_sent(app)
        redis = account.databases()
        for name in databases(world):
            if name in redis:
                say(f"deleting the managed Redis {name}")
                client.redis.delete(name)
                done.append(name)
    target.secrets_part.set_stage(world, DIRECT)
    return done
