"""What ClickHouse and MinIO have in common: an app of one machine with one volume, and what lives on the volume.

A volume is made once. Where one is missing that must have held data, nothing is made in its place: an empty
store would look healthy and have lost everything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, blocked, drifted, missing, satisfied, unknown
from ops.targets.fly.rollout import Rollout
from ops.targets.fly.seen import Gone, Seen
from ops.targets.fly.standing import Standing, judge

if TYPE_CHECKING:
    from ops.services.fly.shapes import Volume
    from ops.targets.fly.account import Account
    from ops.targets.fly.secrets import Secrets
    from ops.targets.fly.wanted import Wanted
    from ops.targets.workspace import Workspace

ACCEPT = "RUNBOOK_ACCEPT_EMPTY_VOLUME"


class Contents(Protocol):
    """What is to be inside a store: databases, buckets, users."""

    def look(self, workspace: Workspace, machine: Seen, volume: str) -> Look:
        """Read-only; asked only of a healthy machine."""
        ...

    def act(self, workspace: Workspace, machine: Seen, volume: str, say: Say) -> None:
        """Make it so."""
        ...


class Store:
    """Parts 3.3.1 and 3.3.2.

    Args:
        title: what an operator calls it.
        wanted: its app's machines.
        volume: the volume's name, as its fly.toml mounts it.
        size_gb: of the volume.
        contents: what is to be inside.
    """

    def __init__(
        self,
        account: Account,
        secrets: Secrets,
        title: str,
        wanted: Callable[[Workspace], Wanted],
        volume: str,
        size_gb: Callable[[Workspace], int],
        contents: Contents,
    ) -> None:
        self.account = account
        self.secrets = secrets
        self.title = title
        self._wanted = wanted
        self._volume = volume
        self._size_gb = size_gb
        self.contents = contents

    def look(self, workspace: Workspace) -> Look:
        """Whether volume, machine and contents are as wanted; blocked where a volume that held data is gone."""
        wanted = self._wanted(workspace)
        try:
            volumes, standing = self.account.together(
                lambda: self.account.volumes(wanted.app),
                lambda: judge(self.account, wanted, self.secrets.readers(workspace, wanted.app)),
            )
        except Gone:
            return missing(f"there is no app {wanted.app} yet")
        except RunbookError as error:
            if error.code != "VAULT-013":
                raise
            return unknown(error.what, until="3.2")
        volume = self._own(workspace, volumes)
        if volume is None:
            return self._no_volume(workspace, wanted.app)
        refused = standing.refusal() or self._foreign(volume, standing)
        if refused:
            return refused
        if not standing.good:
            lines = standing.lines(wanted)
            found = missing if not standing.machines else drifted
            return found(f"{wanted.app}: {lines[0]}") if len(lines) == 1 else drifted(wanted.app, "\n".join(lines))
        if volume.size_gb < self._size_gb(workspace):
            return drifted(f"volume of {wanted.app}", f"{volume.size_gb} → {self._size_gb(workspace)} GB")
        machine = standing.machines[0]
        inside = self.contents.look(workspace, machine, volume.id)
        if not inside.satisfied:
            return inside
        notes = self._notes(workspace, volume, volumes)
        place = f"{wanted.app} on {volume.id} ({volume.size_gb} GB, {volume.region}), private"
        return satisfied("; ".join([place, inside.evidence, *standing.notes, *notes]))

    def _foreign(self, volume: Volume, standing: Standing) -> Look | None:
        """Blocked where the app's name leads to something that does not work on the store's volume."""
        app = standing.app
        for seen in standing.machines:
            if seen.machine.host_status == "ok" and volume.id not in seen.machine.volumes:
                works_on = " ".join(seen.machine.volumes) or "no volume"
                return blocked(
                    f"{seen.name} of {app} works on {works_on}, not on {volume.id}",
                    next=f"look into it, then flyctl machine destroy {seen.machine.id} -a {app} --force, "
                    "and inv deploy.all --target fly makes it anew",
                )
        for seen in standing.unmanaged:
            if seen.in_dns:
                return blocked(
                    f"machine {seen.machine.id} is no {self.title}, but {app}.internal leads to it as well",
                    next=f"flyctl machine stop {seen.machine.id} -a {app}",
                )
        return None

    def _own(self, workspace: Workspace, volumes: list[Volume]) -> Volume | None:
        """The store's volume: the one in use, else the remembered, else any of its name in the region."""
        region = workspace.stack.fly.region
        named = [volume for volume in volumes if volume.name == self._volume and volume.region == region]
        remembered = self.account.memory.get("volumes", self._wanted(workspace).app).get("id")
        return max(named, key=lambda v: (bool(v.machine), v.id == remembered, v.created_at), default=None)

    def _notes(self, workspace: Workspace, volume: Volume, volumes: list[Volume]) -> list[str]:
        notes = []
        if volume.size_gb > self._size_gb(workspace):
            notes.append("larger than the stack says: a volume cannot shrink")
        others = [other.id for other in volumes if other.id != volume.id]
        return notes + ([f"unused volumes cost money: {', '.join(others)}"] if others else [])

    def _no_volume(self, workspace: Workspace, app: str) -> Look:
        """Missing where there never was one; refused where there was."""
        lost = self._had_data(app)
        if not lost or self._accepted(workspace, app):
            return missing(f"{app} has no volume {self._volume} in {workspace.stack.fly.region} yet")
        return blocked(
            f"the volume of {app} is gone, and it held data: {lost}",
            next=f"restore it (flyctl volumes create {self._volume} -a {app} -r {workspace.stack.fly.region} "
            f"--snapshot-id ...), or accept the loss: {ACCEPT}={app} inv deploy.all --target fly",
        )

    def _had_data(self, app: str) -> str:
        """Why a volume that is not there must have held data; empty when it cannot have."""
        remembered = self.account.memory.get("volumes", app)
        if remembered:
            return f"{remembered.get('id')} was in use here"
        done = [release for release in self.account.releases(app) if release.status == "complete"]
        return f"{app} has had release {done[0].version}" if done else ""

    @staticmethod
    def _accepted(workspace: Workspace, app: str) -> bool:
        return app in workspace.environ.get(ACCEPT, "").split(",")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Volume, machine, contents, in this order.

        Raises:
            RunbookError: FLY-045 a volume that held data is missing, FLY-043 the machine does not get healthy;
                FlyError as flyctl fails.
        """
        wanted = self._wanted(workspace)
        with self.account.acting() as client:
            volume = self._own(workspace, self.account.volumes(wanted.app))
            if volume is None:
                refused = self._no_volume(workspace, wanted.app)
                if refused.next:
                    raise RunbookError("FLY-045", refused.evidence, next=refused.next, blocked=True)
                say(f"creating a volume of {self._size_gb(workspace)} GB for {wanted.app}")
                volume = client.create_volume(
                    wanted.app, self._volume, workspace.stack.fly.region, self._size_gb(workspace), snapshot_days=14
                )
                self.account.memory.forget("volumes", wanted.app)
                self.account.memory.forget("contents", wanted.app)
            if volume.size_gb < self._size_gb(workspace):
                say(f"growing the volume of {wanted.app} to {self._size_gb(workspace)} GB")
                client.extend_volume(wanted.app, volume.id, self._size_gb(workspace))
            Rollout(self.account, wanted, self.secrets.readers(workspace, wanted.app), say).go()
            # From here on it holds data.
            self.account.memory.put("volumes", wanted.app, {"id": volume.id})
            machine = next(seen for seen in self.account.machines(wanted.app) if volume.id in seen.machine.volumes)
            if not self.contents.look(workspace, machine, volume.id).satisfied:
                self.contents.act(workspace, machine, volume.id, say)
