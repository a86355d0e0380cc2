"""Part 3.3.3: the gateway's four groups run the wanted image by the wanted config, with their secrets, and are well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.runbook.advice import advice
from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, drifted, missing, satisfied, unknown
from ops.targets.fly import hold
from ops.targets.fly import wanted as wanted_apps
from ops.targets.fly.rollout import Rollout
from ops.targets.fly.seen import Gone
from ops.targets.fly.standing import judge

if TYPE_CHECKING:
    from ops.targets.fly.account import Account
    from ops.targets.fly.secrets import Secrets
    from ops.targets.workspace import Workspace


class Release:
    """The gateway app's machines."""

    def __init__(self, account: Account, secrets: Secrets) -> None:
        self.account = account
        self.secrets = secrets

    def look(self, workspace: Workspace) -> Look:
        """Whether every machine of the gateway's app is as wanted and healthy; what a rollback holds is wanted."""
        wanted, held = hold.heeded(self.account.memory, wanted_apps.gateway(workspace))
        try:
            names = self.secrets.readers(workspace, wanted.app)
            standing = judge(self.account, wanted, names)
        except Gone:
            return missing(f"there is no app {wanted.app} yet")
        except RunbookError as error:
            if error.code != "VAULT-013":
                raise
            return unknown(error.what, until="3.2")
        refused = standing.refusal()
        if refused:
            return refused
        if not standing.machines:
            return missing(f"{wanted.app} has no machines yet")
        if not standing.good:
            lines = standing.lines(wanted)
            return drifted(f"{wanted.app}: {len(lines)} differences", "\n".join(lines))
        machines = [seen.machine for seen in standing.machines]
        versions = sorted({machine.release_version or 0 for machine in machines})
        groups = ", ".join(f"{sum(m.group == group for m in machines)} {group}" for group in wanted.groups)
        release = "/".join(f"v{version}" for version in versions)
        digest = machines[0].digest[:19] or "unknown"
        notes = [advice(held)] if held else []
        return satisfied("; ".join([f"{groups}: healthy, release {release}, image {digest}", *notes, *standing.notes]))

    def act(self, workspace: Workspace, say: Say) -> None:
        """Deploy, restart or mend.

        Raises:
            FlyError: as flyctl fails; RunbookError: FLY-043 machines do not get healthy.
        """
        wanted, _ = hold.heeded(self.account.memory, wanted_apps.gateway(workspace))
        Rollout(self.account, wanted, self.secrets.readers(workspace, wanted.app), say).go()
