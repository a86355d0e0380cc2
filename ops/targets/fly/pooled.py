"""Part 3.5: Langfuse goes over to the pooled connection, once it is proven that our role lands in our schema there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, missing, satisfied
from ops.services.fly import errors
from ops.targets.fly.secrets import DIRECT, POOLED

if TYPE_CHECKING:
    from ops.targets.fly.release import Release
    from ops.targets.fly.secrets import Secrets
    from ops.targets.workspace import Workspace


# How it is said that the new machines do not work, by us and by flyctl.
UNHEALTHY = frozenset({"FLY-043", errors.CRASHING, errors.UNHEALTHY, errors.NEVER_STARTED})


class Pooled:
    """Run time over the pooler, migrations over the direct connection."""

    def __init__(self, secrets: Secrets, release: Release) -> None:
        self.secrets = secrets
        self.release = release

    def look(self, workspace: Workspace) -> Look:
        """Whether Langfuse has the pooled URL and its machines are healthy."""
        if self.secrets.stage(workspace) != POOLED:
            return missing("Langfuse has not been told to use the pooled connection")
        handed = self.secrets.look(workspace)
        if not handed.satisfied:
            return handed
        running = self.release.look(workspace)
        if not running.satisfied:
            return running
        return satisfied("Langfuse works over the pooler, migrates over the direct connection, and is healthy")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Prove the pooler, switch the secret, restart, wait for health; back to direct when it does not get healthy.

        Raises:
            RunbookError: PG-03x, PG-040 the pooler is no good: nothing was changed then; FLY-043, FLY-019 to 021
                the machines do not get healthy over it.
        """
        say(preflight(workspace))
        before = self.secrets.stage(workspace)
        self.secrets.set_stage(workspace, POOLED)
        self.secrets.send(workspace, workspace.stack.fly.app, say)
        try:
            self.release.act(workspace, say)
        except RunbookError as error:
            if before == DIRECT and error.code in UNHEALTHY:
                say("not healthy over the pooler: going back to the direct connection")
                self.secrets.set_stage(workspace, DIRECT)
                self.secrets.send(workspace, workspace.stack.fly.app, say)
                self.release.act(workspace, say)
            raise


def preflight(workspace: Workspace) -> str:
    """Several fresh connections through the pooler as our role must land in our schema. One line of evidence.

    Raises:
        RunbookError: PG-03x it cannot be reached, PG-040 a connection lands elsewhere.
    """
    from ops.services.postgres import pooled
    from ops.vault import postgres_urls as urls

    postgres = workspace.stack.postgres
    url = urls.pooled(workspace.vault.get("SUPABASE_POOLED_URL"))
    role = url.as_role(postgres.role, workspace.vault.get("LANGFUSE_DB_PASSWORD"))
    return pooled.check(role, postgres.schema)
