"""Comparing an app's machines with what is wanted, machine by machine. Reads only."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ops.runbook.step import Look, blocked
from ops.targets.fly.comparing import differences, kept
from ops.targets.fly.seen import LONG_AGO, Seen, moment

if TYPE_CHECKING:
    from ops.targets.fly.account import Account
    from ops.targets.fly.seen import Stored
    from ops.targets.fly.wanted import Wanted


class Refusal(NamedTuple):
    """What no deploy may put right by itself, and the command a person may type."""

    line: str
    command: str


@dataclass
class Standing:
    """What is not as wanted, each as a line an operator reads.

    Attributes:
        app: its name.
        machines: the app's machines, those that flyctl's deploys take for its own.
        unmanaged: the others.
        few, many: groups that lack machines, or have too many → how many they have.
        late, outdated: machines of another image or config; and in what, line by line.
        staged: groups whose machines do not have some of their secrets yet → which.
        digests: what Fly shows of each stored secret.
        stopped, ill, cordoned: machines that do not run, whose checks do not pass, that get no requests.
        refused: what only a person can decide.
        extra: settings that nobody asked for, by group: what a deploy would take away.
        notes: worth saying, nothing to do about.
    """

    app: str
    machines: list[Seen] = field(default_factory=list)
    unmanaged: list[Seen] = field(default_factory=list)
    few: dict[str, int] = field(default_factory=dict)
    many: dict[str, int] = field(default_factory=dict)
    late: list[Seen] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    staged: dict[str, list[str]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    stopped: list[Seen] = field(default_factory=list)
    ill: list[Seen] = field(default_factory=list)
    cordoned: list[Seen] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    extra: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing is left to do: every machine as wanted, in service and healthy."""
        untrue = (self.few, self.many, self.outdated, self.staged, self.stopped, self.ill, self.cordoned, self.refused)
        return not any(untrue)

    def lines(self, wanted: Wanted) -> list[str]:
        """Everything that is not as wanted."""
        counts = {**self.few, **self.many}
        lines = [refusal.line for refusal in self.refused]
        lines += [f"{group}: {have} → {wanted.groups[group]} machines" for group, have in counts.items()]
        lines += self.outdated
        lines += [f"{group}: secrets not in service yet: {', '.join(names)}" for group, names in self.staged.items()]
        lines += [f"{seen.name}: {seen.machine.state} → started" for seen in self.stopped]
        lines += [f"{seen.name}: cordoned → in service" for seen in self.cordoned]
        return lines + [f"{seen.name}: {ailment(seen)}" for seen in self.ill]

    def refusal(self) -> Look | None:
        """Blocked, with what to type; None when nothing is refused."""
        if not self.refused:
            return None
        return blocked("; ".join(refusal.line for refusal in self.refused), next=self.refused[0].command)


def ailment(seen: Seen) -> str:
    """Why a machine is not well."""
    machine = seen.machine
    if machine.host_status != "ok":
        return f"its host is {machine.host_status}"
    if machine.oom_killed:
        return "was stopped for want of memory"
    failing = [f"check {check.name} is {check.status}" for check in machine.failing]
    return ", ".join(failing) or machine.state


def judge(account: Account, wanted: Wanted, secrets: Mapping[str, Collection[str]]) -> Standing:
    """Read an app's machines and judge them.

    Args:
        secrets: names of the secrets that the machines of each group read.

    Raises:
        Gone: there is no such app.
    """
    app = wanted.app
    machines, stored, releases = account.together(
        lambda: account.machines(app), lambda: account.secrets(app), lambda: account.releases(app)
    )
    standing = Standing(app, [seen for seen in machines if seen.managed])
    standing.unmanaged = [seen for seen in machines if not seen.managed]
    standing.notes += [
        f"machine {seen.machine.id} belongs to no process group (`fly machine run`): left alone"
        for seen in standing.unmanaged
    ]
    _count(standing, wanted, account.memory.get("scaled", app))
    last = account.memory.get("deployed", app)
    for seen in standing.machines:
        lines = _outdated(seen, wanted, str(last.get("digest", "")), _given_by_fly(last, seen.machine.group))
        standing.refused += [Refusal(f"{seen.name}: {line}", _replace(seen, app)) for line in _undeployable(lines)]
        standing.extra.setdefault(seen.machine.group, []).extend(line for line in lines if line.endswith("→ none"))
        if lines:
            standing.late.append(seen)
            standing.outdated += [f"{seen.name}: {line}" for line in lines]
        if seen.machine.region != wanted.region and seen.machine.host_status == "ok":
            line = f"{seen.name}: region {seen.machine.region} → {wanted.region}"
            standing.refused.append(Refusal(line, _replace(seen, app)))
        if seen.machine.state in ("stopped", "suspended"):
            standing.stopped.append(seen)
        elif not seen.machine.healthy:
            standing.ill.append(seen)
        if seen.cordoned:
            standing.cordoned.append(seen)
    standing.digests = {name: kept.digest for name, kept in stored.items()}
    made = {release.version: moment(release.created_at) for release in releases}
    for group, names in secrets.items():
        mine = [seen for seen in standing.machines if seen.machine.group == group]
        staged = _staged(mine, {name: stored[name] for name in names if name in stored}, made, last)
        if staged:
            standing.staged[group] = staged
    return standing


def _count(standing: Standing, wanted: Wanted, scaled: Mapping[str, Any]) -> None:
    """How many machines each group has; too many with data of their own are for a person to choose from.

    Args:
        scaled: groups that `inv deploy.scale` made larger, as long as the stack says what it said then.
    """
    for group, count in wanted.groups.items():
        mine = [seen for seen in standing.machines if seen.machine.group == group]
        if len(mine) < count:
            standing.few[group] = len(mine)
        elif len(mine) > count and scaled.get(group) == [count, len(mine)]:
            standing.notes.append(f"{group} has {len(mine)} machines by inv deploy.scale, the stack says {count}")
        elif len(mine) > count and not wanted.machines[group].get("mounts"):
            standing.many[group] = len(mine)
        elif len(mine) > count:
            each = ", ".join(f"{seen.machine.id} on {' '.join(seen.machine.volumes) or 'no volume'}" for seen in mine)
            line = f"{wanted.app}: {len(mine)} → {count} machines; data is split over {each}, and each is asked in turn"
            command = f"look into each, then flyctl machine destroy ID -a {wanted.app} --force for the one to give up"
            standing.refused.append(Refusal(line, command))


def _replace(seen: Seen, app: str) -> str:
    return f"flyctl machine destroy {seen.machine.id} -a {app} --force, then inv deploy.all --target fly makes it anew"


def _undeployable(lines: list[str]) -> list[str]:
    """Differences that a deploy keeps, or would only take away together with the machine and what it holds."""
    mounts = [line for line in lines if re.match(r"mounts\[[^]]*\](\.name)?:", line)]
    return [*kept(lines), *mounts]


def _given_by_fly(last: Mapping[str, Any], group: str) -> frozenset[str]:
    """Settings that were there right after our own deploy although it did not ask for them."""
    return frozenset((last.get("given") or {}).get(group, ()))


def _outdated(seen: Seen, wanted: Wanted, digest: str, given: Collection[str] = ()) -> list[str]:
    """In what a machine differs from what would be deployed now."""
    if seen.machine.host_status != "ok":
        return []  # its config cannot be read then
    if seen.machine.group not in wanted.machines:
        return ["a group the app no longer has"]
    lines = []
    if not wanted.image.runs_on(seen):
        lines.append(f"image {seen.reference or 'unknown'} → {wanted.image.wanted}")
    elif digest and seen.machine.digest and seen.machine.digest != digest:
        lines.append(f"image digest {seen.machine.digest[:19]} → {digest[:19]}")
    found = differences(seen.config, wanted.machines[seen.machine.group])
    return lines + [line for line in found if line not in given]


def _staged(
    machines: list[Seen], stored: Mapping[str, Stored], made: Mapping[int, datetime], last: Mapping[str, Any]
) -> list[str]:
    """Secrets of one group set after the release that some machine of it runs was made; flyctl's own rule for 'Staged'.

    The two times are of two clocks: what was put in service by a deploy of ours is told by its digest.

    Args:
        stored: the secrets the group reads.
        made: when each release was.
        last: what is remembered of our last deploy.
    """
    staged = set()
    for seen in machines:
        served = (last.get("served") or {}).get(seen.machine.group) or {}
        mine = served.get("digests", {}) if (seen.machine.release_version or 0) >= served.get("release", 0) else {}
        since = _since(seen, made)
        staged |= {name for name, kept in stored.items() if kept.updated > since and mine.get(name) != kept.digest}
    return sorted(staged)


def _since(seen: Seen, made: Mapping[int, datetime]) -> datetime:
    """When the release that a machine runs was made."""
    version = seen.machine.release_version
    if version is not None and version in made:
        return made[version]
    # Too old to be listed: as old as the machine's own last change at most.
    return moment(seen.machine.updated_at) if seen.machine.updated_at else LONG_AGO
