"""Living with this rehearsal: what runs, what it says, how many of each, and a command inside."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ops.runbook import interrupt
from ops.runbook.errors import RunbookError
from ops.runbook.secret import redactor
from ops.runbook.step import Say
from ops.targets.base import Machine
from ops.targets.containers import health, running
from ops.targets.containers.groups import ORDER
from ops.targets.fly.inside import WATCH

if TYPE_CHECKING:
    from ops.targets.containers.groups import Groups
    from ops.targets.containers.project import Project, Seen
    from ops.targets.containers.release import Release
    from ops.targets.workspace import Workspace

MOST = 8  # containers of one group on one machine
FOLLOW_S = 1.0
NO_SUCH = "ENGINE-012"


def machines(workspace: Workspace, project: Project, groups: Groups) -> list[Machine]:
    """Every container of the stack. Changes nothing."""
    return [
        Machine(
            project.app if seen.group in ORDER else seen.group,
            seen.group,
            seen.name,
            seen.state,
            _health(workspace, project, groups, seen),
            "this machine",
            0,
            seen.image_name,
            seen.memory_mb,
            seen.image,
        )
        for seen in project.seen()
    ]


def _health(workspace: Workspace, project: Project, groups: Groups, seen: Seen) -> str:
    if not seen.running:
        return f"{seen.state}, exit code {seen.exit_code}"
    if seen.group not in ORDER:
        return "healthy"
    return health.inside(project, seen.name, groups.machine(workspace, seen.group)) or "healthy"


def chosen(project: Project, app: str, group: str) -> list[Seen]:
    """The containers that an operator means.

    Args:
        app: ``gateway`` or the app's name for all of its groups; ``clickhouse``, ``minio`` and the like for a store.
        group: one group; empty for all.

    Raises:
        RunbookError: ENGINE-012 there are none.
    """
    seen = project.seen()
    of_app = [
        each for each in seen if app in ("", each.group) or (app in ("gateway", project.app) and each.group in ORDER)
    ]
    found = [each for each in of_app if group in ("", "app", each.group)]
    if not found:
        there = ", ".join(dict.fromkeys(each.group for each in seen)) or "none"
        raise RunbookError(
            NO_SUCH,
            f"there is no container of {' of '.join(filter(None, (group, app)))}",
            why=f"groups that have one: {there}",
            next="inv deploy.status --target containers",
        )
    return found


def logs(workspace: Workspace, project: Project, app: str, group: str, lines: int) -> Iterator[list[str]]:
    """The newest lines, known secrets redacted; then what comes, a list at a time, for ever."""
    containers = chosen(project, app, group)
    # Reading the vault tells the redactor its values.
    for secret in workspace.vault.names():
        workspace.vault.get(secret)
    known: dict[str, list[str]] = {}

    def newest(amount: int) -> list[str]:
        rows = []
        for each in containers:
            said = _said(project, each.name, amount)
            before = known.get(each.name, [])
            fresh = said[_overlap(before, said) :] if before else said
            known[each.name] = said
            rows += [(line, f"{each.group}[{each.name}] {redactor(line)}") for line in fresh]
        return [shown for _, shown in sorted(rows, key=lambda row: row[0].partition(" ")[0])]

    yield newest(lines)[-lines:] or ["nothing was said yet"]
    while True:
        interrupt.sleep(FOLLOW_S)
        yield newest(max(lines, 200))


def watch(project: Project, what: str) -> tuple[int, str]:
    """Run the watch's start script in a gateway's container; its exit code and what it said."""
    words = project.engine.words("exec", project.container("gateway", 1), WATCH, what)
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False, timeout=60)
    return done.returncode, done.stdout if done.stdout.strip() else done.stderr


def _said(project: Project, name: str, lines: int) -> list[str]:
    words = project.engine.words("logs", "--timestamps", "--tail", str(lines), name)
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False, timeout=60)
    return sorted((done.stdout + done.stderr).splitlines(), key=lambda line: line.partition(" ")[0])


def _overlap(before: list[str], now: list[str]) -> int:
    """Where in `now` what was not in `before` begins."""
    last = before[-1]
    return len(now) - now[::-1].index(last) if last in now else 0


def scale(workspace: Workspace, project: Project, release: Release, group: str, count: int, say: Say) -> str:
    """Make a group have `count` healthy containers; one line that says so, and what to edit so that it stays.

    Raises:
        RunbookError: ENGINE-012 no such group, or a count out of range; ENGINE-009 one does not get healthy.
    """
    if group not in ORDER or not 1 <= count <= MOST:
        raise RunbookError(
            NO_SUCH,
            f"cannot have {count} containers of '{group}'",
            why=f"groups are {', '.join(ORDER)}; 1 to {MOST} containers",
            next="inv deploy.scale --group gateway --count 2 --target containers",
        )
    have = len(project.of(group))
    say(f"{group}: {have} → {count} containers")
    project.memory.put("scaled", "groups", {**project.memory.get("scaled", "groups"), group: count})
    release.bring(workspace, group, say)
    for seen in project.of(group):
        if seen.name not in {project.container(group, number) for number in range(1, count + 1)}:
            running.remove(project, seen.name, 60)
    return (
        f"{project.app} has {count} healthy {group} containers; "
        f"set [fly.groups.{group}] count = {count} in ops/stack.toml so that production has them too"
    )


def run(project: Project, app: str, group: str, command: str, say: Say) -> int:
    """Run a shell command in the first running container of a group, its output on ours; its exit code."""
    there = [
        seen for seen in chosen(project, app, "" if app not in ("", "gateway", project.app) else group) if seen.running
    ]
    if not there:
        raise RunbookError(NO_SUCH, f"no container of {group} runs", next="inv deploy.status --target containers")
    say(f"in {there[0].name}")
    return subprocess.run(project.engine.words("exec", there[0].name, "sh", "-c", command), check=False).returncode
