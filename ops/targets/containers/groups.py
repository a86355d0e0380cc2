"""The gateway app's process groups as containers: what each is made of, from the fly.toml that is deployed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ops.targets.containers import images
from ops.targets.containers.app import has_ipv6
from ops.targets.containers.wish import Mount, Wish
from ops.targets.fly import wanted as fly_wanted
from ops.targets.fly.machine_config import seconds

if TYPE_CHECKING:
    from ops.targets.containers.project import Project
    from ops.targets.containers.secrets import Secrets
    from ops.targets.workspace import Workspace

OPENAI, OPENAI_PORT = "openai", 8080
# Langfuse migrates at its start, so it goes first; the edge leads to all others.
ORDER = ("ui", "worker", "gateway", "edge")
CADDYFILE = "/opt/gateway/config/Caddyfile"


class Groups:
    """What the containers of the gateway app are to be."""

    def __init__(self, project: Project, secrets: Secrets) -> None:
        self.project = project
        self.secrets = secrets

    def counts(self, workspace: Workspace) -> dict[str, int]:
        """How many containers each group is to have: as described, unless scaled."""
        described = fly_wanted.gateway(workspace).groups
        scaled = self.project.memory.get("scaled", "groups")
        return {group: int(scaled.get(group, described[group])) for group in ORDER}

    def image(self, workspace: Workspace) -> str:
        """The image they are to run: the one a rollback holds, else the one named after the files."""
        wanted = images.gateway(workspace, self.project)
        hold = self.project.memory.get("hold", "gateway")
        return str(hold["image"]) if hold.get("instead_of") == wanted else wanted

    def machine(self, workspace: Workspace, group: str) -> Mapping[str, Any]:
        """A group's machine as Fly would have it."""
        return fly_wanted.gateway(workspace).machines[group]

    def wish(self, workspace: Workspace, group: str, number: int) -> Wish:
        """One container of a group."""
        project, machine = self.project, self.machine(workspace, group)
        mounts: tuple[Mount, ...] = ()
        if group == "edge" and not has_ipv6(project):
            mounts = (Mount(str(project.state / "files" / "Caddyfile.ipv4"), CADDYFILE),)
        return Wish(
            name=project.container(group, number),
            group=group,
            image=self.image(workspace),
            command=tuple(machine["init"]["cmd"]),
            aliases=(project.host(group),),
            variables={**machine["env"], **self._of_rehearsal(workspace), **self._secrets(group)},
            mounts=mounts,
            memory_mb=int(machine["guest"]["memory_mb"]),
            stop_s=int(seconds(machine["stop_config"].get("timeout", "10s")) or 10),
        )

    def openai(self, workspace: Workspace) -> Wish:
        """The stand-in for OpenAI's API: it accepts the gateway's key and knows the stack's models."""
        key = self.secrets.handed("gateway").get("UPSTREAM_OPENAI_API_KEY", "")
        return Wish(
            name=self.project.container(OPENAI),
            group=OPENAI,
            image=images.standins(workspace, self.project),
            aliases=(self.project.host(OPENAI),),
            variables={"OPENAI_STANDIN_KEY": key, "OPENAI_STANDIN_MODELS": ",".join(workspace.stack.models.prices)},
            ports={OPENAI_PORT: self.project.ports.peek(OPENAI)},
        )

    def _secrets(self, group: str) -> dict[str, str]:
        return self.secrets.handed(group) if group != "edge" else {}

    def _of_rehearsal(self, workspace: Workspace) -> dict[str, str]:
        """What differs from Fly: the stand-in for OpenAI, and the port in Langfuse's public name."""
        port = self.project.ports.peek("edge_https")
        return {
            "UPSTREAM_OPENAI_BASE_URL": f"http://{self.project.host(OPENAI)}:{OPENAI_PORT}/v1",
            "LANGFUSE_NEXTAUTH_URL": f"https://{workspace.stack.domains.langfuse}:{port}",
        }
