"""Deploy tasks that are no steps of the runbook: what one does with a gateway that is already there."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from invoke import Context, Exit, Task

from ops.commands import task
from ops.consent import confirm
from ops.dry import LOOKS
from ops.runbook.errors import EXIT_FAILED, RunbookError

if TYPE_CHECKING:
    from ops.targets.fly import Fly
    from ops.world import World


def _production(target: str) -> tuple[World, Fly]:
    """The world and its Fly.

    Raises:
        RunbookError: FLY-051 the target is another.
    """
    from ops.session import open_world
    from ops.targets.fly import Fly

    world = open_world(target)
    if not isinstance(world.target, Fly):
        raise RunbookError(
            "FLY-051",
            f"target {world.target_name} has no machines at Fly",
            why="this task is for production; the rehearsal has inv local.status and inv local.logs",
            next="the same command with --target fly",
        )
    return world, world.target


@contextlib.contextmanager
def _alone(world: World, fly: Fly, command: str) -> Iterator[None]:
    """Nobody else changes the stack meanwhile, here or elsewhere."""
    from ops.runbook import lock

    with lock.held(world.paths.state / "lock", command), fly.exclusive():
        yield


def _say(text: str) -> None:
    from ops.runbook.secret import redactor

    print(redactor(text), file=sys.stderr)


def rollback(c: Context, target: str = "", to: str = "", fast: bool = False, yes: bool = False) -> None:
    """Put the last good image back into service; waits until every group is healthy."""
    from ops.targets.fly.going_back import rollback as go

    world, fly = _production(target)
    confirm(f"{to or 'the last good image'} would be put back into service, machine by machine", yes)
    with _alone(world, fly, "inv deploy.rollback"):
        print(go(world, fly, _say, to=to, fast=fast))


def lift_hold(world: World) -> None:
    """Forget that a rollback holds the image; says which it was. A rehearsal has nothing to hold."""
    from ops.targets.fly import Fly, hold

    if isinstance(world.target, Fly):
        held = hold.lift(world.target.account.memory, world.stack.fly.app)
        _say(f"{held} is no longer held" if held else "nothing is held")


def scale(c: Context, group: str = "", count: int = 0, target: str = "", yes: bool = False) -> None:
    """Change how many machines a group has: inv deploy.scale --group gateway --count 2."""
    from ops.targets.fly.operate import scale as go

    world, fly = _production(target)
    confirm(f"{group or 'the group'} would have {count} machines", yes)
    with _alone(world, fly, "inv deploy.scale"):
        print(go(world, fly, group, count, _say))


def status(c: Context, target: str = "", json: bool = False) -> None:
    """Every machine: state, health, release, image. Exit 1 if one is not healthy, or there is none."""
    from dataclasses import asdict

    from ops.runbook import table
    from ops.runbook.report import document
    from ops.targets.fly.operate import status as go

    world, fly = _production(target)
    rows = go(world, fly)
    if json:
        print(document("deploy.status", target=world.target_name, machines=[asdict(row) for row in rows]))
    else:
        cells = [[row.group, row.machine, row.state, row.health, f"v{row.release}"] for row in rows]
        for app in dict.fromkeys(row.app for row in rows):
            print(f"{app}: {', '.join(dict.fromkeys(row.image for row in rows if row.app == app))}")
            mine = [cell for row, cell in zip(rows, cells, strict=True) if row.app == app]
            print("\n".join(table.lines(["GROUP", "MACHINE", "STATE", "HEALTH", "RELEASE"], mine)))
        if not rows:
            print("no machines")
    if not rows or any(row.health != "healthy" for row in rows):
        raise Exit(code=EXIT_FAILED)


def logs(c: Context, app: str = "", group: str = "", lines: int = 100, follow: bool = False, target: str = "") -> None:
    """The newest log lines: inv deploy.logs --group ui, or --app clickhouse; --follow goes on until Ctrl-C."""
    from ops.targets.fly import operate

    world, fly = _production(target)
    for found in operate.follow(world, fly, app, group, lines):
        for line in found:
            print(line, flush=follow)
        if not follow:
            return


def run(c: Context, command: str, group: str = "gateway", app: str = "", target: str = "") -> None:
    """Run a shell command in a machine: inv deploy.run 'df -h' --app clickhouse --group app."""
    from ops.targets.fly.operate import app_named
    from ops.targets.fly.ssh import run as go

    world, fly = _production(target)
    code = go(fly.account, app_named(world, app), group, command, _say)
    if code:
        raise Exit(code=code)


def destroy(c: Context, name: str = "", target: str = "") -> None:
    """Destroy the apps, their volumes and the managed Redis; asks for the app's name."""
    from ops.targets.fly.destroy import confirm
    from ops.targets.fly.destroy import destroy as go

    world, fly = _production(target)
    if not name and sys.stdin.isatty():
        question = f"this destroys production and its data; type {world.stack.fly.app} to go on: "
        print(question, end="", file=sys.stderr, flush=True)
        name = sys.stdin.readline()
    confirm(world, name)
    with _alone(world, fly, "inv deploy.destroy"):
        done = go(world, fly, _say)
    print(f"destroyed: {', '.join(done) or 'nothing was there'}; the vault and the Postgres schema are as they were")


TASKS: tuple[Task[Any], ...] = (
    task(status, dry=LOOKS),
    task(
        logs,
        dry=LOOKS,
        app="gateway, clickhouse or minio",
        group="edge, gateway, ui or worker",
        lines="how many",
        follow="go on",
    ),
    task(rollback, to="this image instead of the last good one", fast="all machines at once"),
    task(scale, group="edge, gateway, ui or worker", count="how many machines"),
    task(
        run, command="for the machine's shell", group="edge, gateway, ui or worker", app="gateway, clickhouse or minio"
    ),
    task(destroy, name="the app's name, to say that you mean it"),
)
