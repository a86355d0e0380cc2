"""How an app's machines stand against what is wanted: a judgement machine by machine, no act."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from ops.targets.fly.seen import LONG_AGO, Seen, moment

if TYPE_CHECKING:
    from ops.services.fly.shapes import Release
    from ops.targets.fly.account import Account
    from ops.targets.fly.seen import Stored
    from ops.targets.fly.wanted import Wanted


@dataclass
class Standing:
    """What is not as wanted, each as a line an operator reads.

    Attributes:
        machines: the app's machines.
        few: groups that lack machines → how many they have.
        late, outdated: machines of another image, config or size; and in what, line by line.
        reconfigured: fly.toml is not what was deployed, as far as that is known.
        staged: secrets the machines do not have yet.
        stopped, ill: machines that do not run, or whose checks do not pass.
        notes: worth saying, nothing to do about.
    """

    machines: list[Seen] = field(default_factory=list)
    few: dict[str, int] = field(default_factory=dict)
    late: list[Seen] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    reconfigured: bool = False
    staged: list[str] = field(default_factory=list)
    stopped: list[Seen] = field(default_factory=list)
    ill: list[Seen] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def current(self) -> bool:
        """The right machines, with all they are to have; healthy or not."""
        return not (self.few or self.outdated or self.staged)

    @property
    def good(self) -> bool:
        return self.current and not self.stopped and not self.ill

    def lines(self, wanted: Wanted) -> list[str]:
        """Everything that is not as wanted."""
        lines = [f"{group}: {have} → {wanted.groups[group]} machines" for group, have in self.few.items()]
        lines += self.outdated
        if self.staged:
            lines.append(f"secrets not in service yet: {', '.join(self.staged)}")
        lines += [f"{seen.name}: {seen.machine.state} → started" for seen in self.stopped]
        return lines + [f"{seen.name}: {ailment(seen)}" for seen in self.ill]


def ailment(seen: Seen) -> str:
    """Why a machine is not well."""
    machine = seen.machine
    if machine.host_status != "ok":
        return f"its host is {machine.host_status}"
    if machine.oom_killed:
        return "was stopped for want of memory"
    failing = [f"check {check.name} is {check.status}" for check in machine.failing]
    return ", ".join(failing) or machine.state


def judge(account: Account, wanted: Wanted, secrets: Iterable[str]) -> Standing:
    """Read an app's machines and judge them.

    Args:
        secrets: names of the secrets its machines are to have.

    Raises:
        Gone: there is no such app.
    """
    app = wanted.app
    machines, stored, releases = account.together(
        lambda: account.machines(app), lambda: account.secrets(app), lambda: account.releases(app)
    )
    standing = Standing(machines=machines)
    for group, count in wanted.groups.items():
        have = sum(seen.machine.group == group for seen in machines)
        if have < count:
            standing.few[group] = have
        elif have > count:
            standing.notes.append(f"{group} has {have} machines, the stack says {count}")
    last = account.memory.get("deployed", app)
    for seen in machines:
        lines = _outdated(seen, wanted, str(last.get("digest", "")))
        if lines:
            standing.late.append(seen)
            standing.outdated += lines
        if seen.machine.state in ("stopped", "suspended"):
            standing.stopped.append(seen)
        elif not seen.machine.healthy:
            standing.ill.append(seen)
    # A built image is named after fly.toml too. A given one is not, and then only memory can tell.
    if machines and wanted.image.given and last.get("config") != wanted.digest:
        standing.reconfigured = True
        standing.outdated.append(f"{wanted.config.name} is not known to be what was deployed")
    standing.staged = _staged(machines, stored, releases, secrets)
    return standing


def _outdated(seen: Seen, wanted: Wanted, digest: str) -> list[str]:
    """In what a machine differs from what would be deployed now."""
    if seen.machine.host_status != "ok":
        return []  # its config cannot be read then
    lines = []
    if not wanted.image.runs_on(seen):
        lines.append(f"{seen.name}: image {seen.reference or 'unknown'} → {wanted.image.wanted}")
    elif digest and seen.machine.digest and seen.machine.digest != digest:
        lines.append(f"{seen.name}: image digest {seen.machine.digest[:19]} → {digest[:19]}")
    changed = sorted(name for name, value in wanted.env.items() if seen.env.get(name) != value)
    if changed:
        lines.append(f"{seen.name}: variables {', '.join(changed)}")
    size = wanted.sizes.get(seen.machine.group)
    if size is None:
        lines.append(f"{seen.name}: a group the app no longer has")
    elif (seen.cpus, seen.memory_mb) != (size.cpus, size.memory_mb):
        have = f"{seen.cpus} CPU, {seen.memory_mb} MB"
        lines.append(f"{seen.name}: {have} → {size.cpus} CPU, {size.memory_mb} MB")
    return lines


def _staged(
    machines: list[Seen], stored: Mapping[str, Stored], releases: list[Release], secrets: Iterable[str]
) -> list[str]:
    """Secrets set after the release that some machine runs was made; flyctl's own rule for 'Staged'."""
    if not machines:
        return []
    made = {release.version: moment(release.created_at) for release in releases}
    oldest = min(_since(seen, made) for seen in machines)
    return sorted(name for name in secrets if name in stored and stored[name].updated > oldest)


def _since(seen: Seen, made: Mapping[int, datetime]) -> datetime:
    """When the release that a machine runs was made."""
    version = seen.machine.release_version
    if version is not None and version in made:
        return made[version]
    # Too old to be listed: as old as the machine's own last change at most.
    return moment(seen.machine.updated_at) if seen.machine.updated_at else LONG_AGO
