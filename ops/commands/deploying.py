"""Deploy tasks that are no steps of the runbook: what one does with a gateway that is already there."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from invoke import Context, Exit, Task

from ops.commands.dry import LOOKS, Says
from ops.commands.task import task
from ops.runbook.errors import EXIT_FAILED

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment


def _operated(target: str) -> Deployment:
    """The deployment, on a target that has machines to operate.

    Raises:
        RunbookError: FLY-051 the target has none.
    """
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    deployment.target.check_operable()
    return deployment


@contextlib.contextmanager
def _alone(deployment: Deployment, command: str) -> Iterator[None]:
    """Nobody else changes the stack meanwhile, here or elsewhere."""
    from ops.runbook import lock

    with lock.held(deployment.paths.state / "lock", command), deployment.target.exclusive():
        yield


def _say(text: str) -> None:
    from ops.runbook.secret import redactor

    print(redactor(text), file=sys.stderr)


def rollback(c: Context, target: str = "", to: str = "", fast: bool = False, yes: bool = False) -> None:
    """Put the last good image back into service; waits until every group is healthy."""

    deployment = _operated(target)
    with _alone(deployment, "inv deploy.rollback"):
        print(deployment.target.rollback(_say, to=to, fast=fast))


def end_hold(deployment: Deployment) -> None:
    """Forget that a rollback holds the image; says which it was. A rehearsal has nothing to hold."""
    said = deployment.target.end_hold()
    if said:
        _say(said)


def scale(c: Context, group: str = "", count: int = 0, target: str = "", yes: bool = False) -> None:
    """Change how many machines a group has: inv deploy.scale --group gateway --count 2."""

    deployment = _operated(target)
    with _alone(deployment, "inv deploy.scale"):
        print(deployment.target.scale(group, count, _say))


def status(c: Context, target: str = "", json: bool = False) -> None:
    """Every machine: state, health, release, image. Exit 1 if one is not healthy, or there is none."""
    from dataclasses import asdict

    from ops.runbook import table
    from ops.runbook.report import document
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    rows = deployment.target.machines()
    if json:
        print(document("deploy.status", target=deployment.target_name, machines=[asdict(row) for row in rows]))
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
    from ops.session.opening import open_deployment

    for found in open_deployment(target).target.logs(app, group, lines):
        for line in found:
            print(line, flush=follow)
        if not follow:
            return


def run(c: Context, command: str, group: str = "gateway", app: str = "", target: str = "", yes: bool = False) -> None:
    """Run a shell command in a machine: inv deploy.run 'df -h' --app clickhouse --group app."""
    from ops.session.opening import open_deployment

    code = open_deployment(target).target.run(app, group, command, _say)
    if code:
        raise Exit(code=code)


def _would_roll_back(target: str = "", to: str = "", fast: bool = False) -> str:
    _operated(target)
    how = "on all machines at once: every request meanwhile fails" if fast else "machine by machine"
    return f"{to or 'the last good image'} would be put back into service, {how}"


def _would_scale(group: str = "", count: int = 0, target: str = "") -> str:
    _operated(target)
    return f"{group or 'the group'} would have {count} machines"


def _would_run(command: str, group: str = "gateway", app: str = "", target: str = "") -> str:
    _operated(target)
    return f"{command!r} would be run by the shell of a machine of {app or 'the gateway'}, group {group}"


def _would_destroy(name: str = "", target: str = "") -> str:
    deployment = _operated(target)
    return (
        f"{deployment.target.name_to_destroy} and what belongs to it would be destroyed, its data with it;"
        " the vault and the Postgres schema would stay"
    )


def destroy(c: Context, name: str = "", target: str = "") -> None:
    """Destroy the apps, their volumes and the managed Redis; asks for the app's name."""
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    wanted = deployment.target.name_to_destroy
    if not name and sys.stdin.isatty():
        whose = "production" if deployment.target.production else "this rehearsal"
        question = f"this destroys {whose} and its data; type {wanted} to go on: "
        print(question, end="", file=sys.stderr, flush=True)
        name = sys.stdin.readline()
    deployment.target.check_destroy(name)
    with _alone(deployment, "inv deploy.destroy"):
        done = deployment.target.destroy(_say)
    print(f"destroyed: {', '.join(done) or 'nothing was there'}; {deployment.target.after_destroy}")


TASKS: tuple[Task[Any], ...] = (
    task(status, dry=LOOKS),
    task(
        logs,
        dry=LOOKS,
        app="gateway, clickhouse or minio",
        group="edge, gateway, ui, worker or watch",
        lines="how many",
        follow="go on",
    ),
    task(
        rollback,
        dry=Says(_would_roll_back),
        asks=True,
        to="this image instead of the last good one",
        fast="all machines at once",
    ),
    task(
        scale, dry=Says(_would_scale), asks=True, group="edge, gateway, ui, worker or watch", count="how many machines"
    ),
    task(
        run,
        dry=Says(_would_run),
        asks=True,
        command="for the machine's shell",
        group="edge, gateway, ui, worker or watch",
        app="gateway, clickhouse or minio",
    ),
    task(destroy, dry=Says(_would_destroy), name="the app's name, to say that you mean it"),
)
