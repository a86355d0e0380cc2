"""Commands for the rehearsal on this machine: its processes, their logs, stopping it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from invoke import Context, Task

from ops.commands.dry import LOOKS, Plans, Says
from ops.commands.task import task

if TYPE_CHECKING:
    from ops.targets.local.rehearsal import Rehearsal
    from ops.targets.workspace import Workspace

NAME = "local"


def _rehearsal() -> tuple[Workspace, Rehearsal]:
    """The rehearsal of this checkout's stack, whatever target is usual."""
    from ops.session.opening import open_deployment
    from ops.targets.local.target import Local

    deployment = open_deployment(NAME)
    assert isinstance(deployment.target, Local)
    return deployment, deployment.target.rehearsal


def local_down(c: Context, purge: bool = False) -> None:
    """Stop the rehearsal; nothing of it keeps running. Its data stays, unless --purge."""
    from ops.runbook import lock
    from ops.targets.local.operate import down

    workspace, rehearsal = _rehearsal()
    with lock.held(workspace.paths.state / "lock", "inv local.down"):
        stopped = down(rehearsal, workspace.vault, partial(print, flush=True), purge=purge)
    print("\n".join(f"stopped {name}" for name in stopped) or "nothing was running")


def _would_stop(purge: bool = False) -> str:
    from ops.targets.local.operate import status

    workspace, rehearsal = _rehearsal()
    lines = [f"would stop {server.name}" for server in status(rehearsal) if server.pid]
    if purge and workspace.paths.state.exists():
        lines.append(f"would delete {workspace.paths.state}, the rehearsal's vault and data in it")
    return "\n".join(lines) or "nothing is running"


def local_status(c: Context, json: bool = False) -> None:
    """The rehearsal's processes: state, pid, uptime, port."""
    from dataclasses import asdict

    from ops.runbook.report import document
    from ops.targets.local.operate import status

    servers = status(_rehearsal()[1])
    if json:
        print(document("local", servers=[{**asdict(server), "log": str(server.log)} for server in servers]))
        return
    for server in servers:
        ports = ", ".join(f"{name} {number}" for name, number in server.ports.items())
        print(f"{server.name:<12} {server.state:<9} pid {server.pid:<7} up {server.up_s:>6} s  {ports}".rstrip())


def local_logs(c: Context, name: str = "gateway", lines: int = 50) -> None:
    """The last lines of a rehearsal process's log: inv local.logs --name edge."""
    from ops.targets.local.operate import logs

    workspace, rehearsal = _rehearsal()
    for line in logs(rehearsal, workspace.vault, name, lines):
        print(line)


def local_environment(c: Context, json: bool = False) -> None:
    """Only make the gateway's Python environment, without starting anything."""
    from ops.session.running import execute

    execute(c, ["local.environment"], "local", json)


TASKS: tuple[Task[Any], ...] = (
    task(local_status, "status", dry=LOOKS),
    task(local_logs, "logs", dry=LOOKS, name="gateway, edge, postgres, redis, ...", lines="how many"),
    task(local_down, "down", dry=Says(_would_stop), purge="delete the rehearsal's data as well"),
    task(
        local_environment,
        "environment",
        dry=Plans(lambda **options: ["local.environment"], target="local"),
    ),
)
