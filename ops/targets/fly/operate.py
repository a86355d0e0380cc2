"""Operating production: status, logs, and the number of machines of a group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ops.runbook import interrupt
from ops.runbook.errors import RunbookError
from ops.runbook.secret import redactor
from ops.runbook.step import Say
from ops.targets.base import Machine
from ops.targets.fly import wanted as wanted_apps
from ops.targets.fly.app import apps
from ops.targets.fly.rollout import Rollout
from ops.targets.fly.seen import Gone
from ops.targets.fly.standing import ailment

if TYPE_CHECKING:
    from ops.services.fly.shapes import LogLine
    from ops.targets.fly.account import Account
    from ops.targets.workspace import Workspace

MOST = 20  # machines of one group
FOLLOW_S = 1.0  # between two questions for new log lines


def status(workspace: Workspace, account: Account) -> list[Machine]:
    """Every machine of the stack's apps. Changes nothing."""
    names = apps(workspace)

    def of(app: str) -> list[Machine]:
        try:
            machines = account.machines(app)
        except Gone:
            return []
        return [
            Machine(
                app,
                seen.machine.group or "(none)",
                seen.machine.id,
                seen.machine.state,
                "healthy" if seen.machine.healthy else ailment(seen),
                seen.machine.region,
                seen.machine.release_version or 0,
                seen.reference,
                seen.memory_mb,
                seen.machine.digest,
            )
            for seen in sorted(machines, key=lambda seen: (seen.machine.group, seen.machine.id))
        ]

    found = account.together(*(lambda app=app: of(app) for app in names))
    return [row for rows in found for row in rows]


def app_named(workspace: Workspace, name: str) -> str:
    """The app an operator means: ``gateway`` (also by one of its groups), ``clickhouse``, ``minio``, or its own name.

    Raises:
        RunbookError: FLY-048 there is no such app.
    """
    stack = workspace.stack
    short = {"": stack.fly.app, "gateway": stack.fly.app, "clickhouse": stack.clickhouse.app}
    if stack.storage.provider == "minio":
        short |= {"minio": stack.storage.app, "storage": stack.storage.app}
    found = short.get(name) or (name if name in apps(workspace) else "")
    if not found:
        known = ", ".join(key for key in short if key)
        raise RunbookError(
            "FLY-048", f"the stack has no app '{name}'", why=f"there are: {known}", next="inv deploy.logs"
        )
    return found


def logs(workspace: Workspace, account: Account, app: str, group: str, lines: int) -> Iterator[list[str]]:
    """The newest lines of an app's log, known secrets redacted; then what comes, a list at a time, for ever.

    Args:
        group: only its machines; empty for all.
        lines: how many of the newest at most.

    Raises:
        RunbookError: FLY-048 no such app or group; FlyError as Fly answers.
    """
    name = app_named(workspace, app)
    groups = _groups(account, name)
    if group and group not in groups.values():
        there = ", ".join(sorted(set(groups.values()))) or "none"
        raise RunbookError(
            "FLY-048", f"{name} has no group '{group}'", why=f"it has: {there}", next="inv deploy.status"
        )
    # Reading the vault tells the redactor its values.
    for secret in workspace.vault.names():
        workspace.vault.get(secret)
    found, token = account.client.log_page(name)
    chosen = [_shown(line, groups) for line in found if not group or groups.get(line.machine) == group]
    yield chosen[-lines:] or [f"Fly keeps no log line of {f'{group} of ' if group else ''}{name} at the moment"]
    while True:
        interrupt.sleep(FOLLOW_S)
        found, token = account.client.log_page(name, token)
        if any(line.machine not in groups for line in found):
            account.forget()
            groups |= _groups(account, name)
        yield [_shown(line, groups) for line in found if not group or groups.get(line.machine) == group]


def _groups(account: Account, app: str) -> dict[str, str]:
    """Which group each machine of an app is of.

    Raises:
        RunbookError: FLY-005 there is no such app.
    """
    try:
        return {seen.machine.id: seen.machine.group for seen in account.machines(app)}
    except Gone:
        raise RunbookError("FLY-005", f"there is no app {app} yet", next="inv deploy.all") from None


def _shown(line: LogLine, groups: dict[str, str]) -> str:
    group = groups.get(line.machine, "?")
    return redactor(f"{line.timestamp} {group}[{line.machine}] {line.level} {line.message}")


def scale(workspace: Workspace, account: Account, group: str, count: int, say: Say) -> str:
    """Make a group of the gateway app have `count` machines, and wait until they are healthy.

    Returns:
        What was done, and what to edit so that it stays.

    Raises:
        RunbookError: FLY-013 the group has no machine yet, FLY-048 no such group or a count out of range, FLY-043 they
            do not get healthy.
    """
    wanted = wanted_apps.gateway(workspace)
    if group not in wanted.groups or not 1 <= count <= MOST:
        raise RunbookError(
            "FLY-048",
            f"cannot have {count} machines of '{group}'",
            why=f"groups are {', '.join(wanted.groups)}; 1 to {MOST} machines",
            next="inv deploy.scale --group gateway --count 2",
        )
    with account.acting() as client:
        try:
            have = _of_group(account, wanted.app, group)
        except Gone:
            have = 0
        if not have:
            raise RunbookError(
                "FLY-013", f"{wanted.app} has no {group} machine yet", next="inv deploy.all --target fly"
            )
        say(f"{group}: {have} → {count} machines")
        if have != count:
            client.scale_count(wanted.app, {group: count}, region=workspace.stack.fly.region, config=wanted.config)
        Rollout(account, wanted, {}, say).gate({group})
        have = _of_group(account, wanted.app, group)
    if have != count:
        raise RunbookError("FLY-043", f"{group} has {have} machines, not {count}", next="inv deploy.status")
    described = wanted.groups[group]
    scaled = {**account.memory.get("scaled", wanted.app), group: [described, count]}
    account.memory.put("scaled", wanted.app, scaled)
    lasting = (
        ""
        if described == count
        else f"; set [fly.groups.{group}] count = {count} in ops/stack.toml: "
        + ("the next deploy.all brings it back up otherwise" if count < described else "the limits follow it")
    )
    return f"{wanted.app} has {count} healthy {group} machines{lasting}"


def _of_group(account: Account, app: str, group: str) -> int:
    return sum(seen.managed and seen.machine.group == group for seen in account.machines(app))
