"""The target `local`: which part is what, and the steps 0.x before the first phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, Step, unavailable
from ops.services.endpoints import Endpoints
from ops.targets import own_machine
from ops.targets.base import Part, Requirement
from ops.targets.local.app import App
from ops.targets.local.daemon import Daemon
from ops.targets.local.edge import Edge, authority
from ops.targets.local.environment import Environment
from ops.targets.local.layout import Layout, run_folder
from ops.targets.local.packages import Packages
from ops.targets.local.pooler import Pooler
from ops.targets.local.postgres import PostgresServer
from ops.targets.local.rehearsal import Rehearsal
from ops.targets.local.release import Pooled, Release
from ops.targets.local.secrets import Secrets
from ops.targets.local.storage import Storage
from ops.targets.local.valkey import Valkey
from ops.targets.no_machines import NoMachines
from ops.targets.own_machine import OwnMachine

if TYPE_CHECKING:
    from ops.targets.workspace import Workspace


class Absent:
    """A part the rehearsal does not have.

    Args:
        reason: why, as an operator reads it.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def look(self, workspace: Workspace) -> Look:
        """Unavailable, with the reason: the step is skipped."""
        return unavailable(self.reason)

    def act(self, workspace: Workspace, say: Say) -> None:
        """Nothing; a step that is unavailable is never acted on."""
        return


class Local(OwnMachine, NoMachines):
    """The rehearsal. Making one reads and changes nothing.

    Args:
        workspace: whose paths, stack and vault it works with.
    """

    name = "local"
    instead = "the rehearsal has inv local.status and inv local.logs"
    # What Fly and Supabase simply have, a rehearsal must bring up first.
    extra_needs: Mapping[str, tuple[str, ...]] = {
        **dict.fromkeys(("build.dockerfile", "build.scripts", "build.fly"), ("local.packages",)),
        "setup.secrets": ("local.postgres", "local.pooler"),
        "setup.redis": ("local.supervisor",),
        "deploy.app": ("local.supervisor",),
        "deploy.storage": ("deploy.secrets",),
        "deploy.release": ("local.environment",),
    }

    def __init__(self, workspace: Workspace) -> None:
        paths = workspace.paths
        self._workspace = workspace
        run = run_folder(paths.state, workspace.environ)
        self.layout = Layout(paths.root, paths.state, run, lambda: workspace.gateway_dir)
        self.rehearsal = Rehearsal(self.layout)
        self._packages = Packages()
        self._environment = Environment(self.rehearsal)
        self._daemon = Daemon(self.rehearsal)
        self._server = PostgresServer(self.rehearsal)
        self._pooler = Pooler(self.rehearsal)
        secrets, release = Secrets(self.rehearsal), Release(self.rehearsal)
        self.redis: Part = Valkey(self.rehearsal)
        self.app: Part = App(self.rehearsal)
        self.secrets: Part = secrets
        self.clickhouse: Part = Absent("needs Docker or Fly: no package registry holds a ClickHouse server")
        self.storage: Part = Storage(self.rehearsal)
        self.release: Part = release
        self.domains: Part = Edge(self.rehearsal)
        self.pooled: Part = Pooled(self.rehearsal, secrets, release)

    def preparation(self) -> Sequence[Step[Workspace]]:
        """The machine's own part of a rehearsal: what Fly and Supabase bring in production."""
        environment, daemon, server, pooler = self._environment, self._daemon, self._server, self._pooler
        return (
            Step(
                number="0.1",
                key="local.packages",
                name="Rehearsal's packages",
                purpose="servers, stand-ins and the tools that validate files, installed on first use from a lock",
                look=self._packages.look,
                act=self._packages.act,
            ),
            Step(
                number="0.2",
                key="local.environment",
                name="Gateway's Python environment",
                purpose="LiteLLM and the plugin, installed from the image's own lock",
                look=environment.look,
                act=environment.act,
                needs=("local.packages",),
            ),
            Step(
                number="0.3",
                key="local.supervisor",
                name="Supervisor",
                purpose="runs the rehearsal's servers and starts them again when they fail",
                look=daemon.look,
                act=daemon.act,
                needs=("local.packages",),
            ),
            Step(
                number="0.4",
                key="local.postgres",
                name="Postgres server",
                purpose="stands for Supabase's direct connection",
                look=server.look,
                act=server.act,
                needs=("local.supervisor",),
            ),
            Step(
                number="0.5",
                key="local.pooler",
                name="Pooled port",
                purpose="stands for Supabase's pooler",
                look=pooler.look,
                act=pooler.act,
                needs=("local.postgres",),
            ),
        )

    def endpoints(self) -> Endpoints:
        """The edge's port in the URLs, and where to connect: the names need not resolve."""
        port = self.rehearsal.ports.peek("edge_https")
        return own_machine.endpoints(self._workspace.stack.domains, port, authority(self.layout))

    def admin(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """Ask the gateway's admin route on its own port.

        Raises:
            RunbookError: GW-001 it does not answer, or not with 200.
        """
        from ops.targets.local import web

        port = self.rehearsal.ports.peek("gateway")
        status, answer = web.ask(method, port, path, self._workspace.vault.get("LITELLM_MASTER_KEY"), body)
        if status != 200 or not isinstance(answer, dict):
            raise RunbookError(
                "GW-001",
                f"the gateway answered {status or 'not at all'} to {path}",
                why=str((answer or {}).get("error", {}).get("message", "")) if isinstance(answer, dict) else "",
                next="inv deploy.release",
            )
        return answer

    def watch(self, what: str) -> tuple[int, str]:
        """By the start script, with the watch's own variables."""
        from ops.targets.local import watch

        return watch.call(self.rehearsal, what)

    def received(self) -> Sequence[dict[str, str]]:
        """What the rehearsal's mail server has kept."""
        from ops.targets.local import mailbox

        return mailbox.read(self.layout)

    def requirements(self) -> Sequence[Requirement]:
        """What this machine needs, for `inv doctor`."""
        from ops.targets.local.doctor import requirements

        return requirements(self.layout)
