"""Inside part 3.3.1: Langfuse's database and its user, made by ClickHouse's own client in its machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.render.files import CLICKHOUSE_VOLUME
from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.targets.fly import wanted
from ops.targets.fly.seen import Seen
from ops.targets.fly.stores import Store

if TYPE_CHECKING:
    from ops.services.clickhouse import Report
    from ops.targets.fly.account import Account
    from ops.targets.fly.secrets import Secrets
    from ops.targets.workspace import Workspace


class Database:
    """The database, and a user that reaches it and nothing else. Passwords never leave the machine: the scripts
    read them there, from its own variables."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def _ask(self, workspace: Workspace, machine: Seen, script: str, *, reads: bool) -> Report:
        from ops.services import clickhouse

        ask = self.account.inspect if reads else self.account.execute
        done = ask(workspace.stack.clickhouse.app, machine.machine.id, script)
        if done.exit_code != 0:
            raise RunbookError(
                "CH-001",
                f"ClickHouse's client failed in machine {machine.machine.id} (exit code {done.exit_code})",
                why=clickhouse.last_line(done.stderr or done.stdout),
                next="inv deploy.logs --app clickhouse",
            )
        return clickhouse.read(done.stdout)

    def look(self, workspace: Workspace, machine: Seen, volume: str) -> Look:
        """Ask ClickHouse, in its machine, whether the database is there, and a user that is limited to it.

        Raises:
            RunbookError: CH-001 ClickHouse's client failed.
        """
        from ops.services import clickhouse

        settings = workspace.stack.clickhouse
        found = self._ask(workspace, machine, clickhouse.look_script(settings.database, settings.user), reads=True)
        lines = found.differences()
        if lines:
            if not found.database and not found.user:
                return missing(f"no database {settings.database} in ClickHouse yet")
            return drifted(f"ClickHouse's database {settings.database}", "\n".join(lines))
        return satisfied(f"ClickHouse {found.version}, user {settings.user} limited to {settings.database}")

    def act(self, workspace: Workspace, machine: Seen, volume: str, say: Say) -> None:
        """Make the database and the user; errors as `look`."""
        from ops.services import clickhouse

        settings = workspace.stack.clickhouse
        say(f"making database and user {settings.user} in ClickHouse")
        self._ask(workspace, machine, clickhouse.make_script(settings.database, settings.user), reads=False)


def store(account: Account, secrets: Secrets) -> Store:
    """The part."""
    return Store(
        account,
        secrets,
        "ClickHouse",
        wanted.clickhouse,
        CLICKHOUSE_VOLUME,
        lambda workspace: workspace.stack.clickhouse.volume_gb,
        Database(account),
    )
