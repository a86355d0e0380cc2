"""Part 3.4: both public names over TLS, through a Caddy of the same image that stands for Fly's proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.files import write_atomic
from ops.runbook.step import Look, Say, missing, satisfied
from ops.targets.containers import images, running
from ops.targets.containers.app import EDGE_VOLUME, has_ipv6
from ops.targets.containers.servers import write_readable
from ops.targets.containers.wish import Mount, Wish
from ops.targets.local import web
from ops.targets.local.edge import GATEWAY_PATHS, LANGFUSE_PATH

if TYPE_CHECKING:
    from pathlib import Path

    from ops.targets.containers.groups import Groups
    from ops.targets.containers.project import Project
    from ops.targets.workspace import Workspace

GROUP, PORT = "proxy", 8443
FILE, STORAGE = "/etc/proxy/Caddyfile", "/var/lib/proxy"
ROOT = f"{STORAGE}/pki/authorities/local/root.crt"


def authority(project: Project) -> Path:
    """The certificate of the authority that the proxy made for itself."""
    return project.state / "authority.crt"


def caddyfile(workspace: Workspace, project: Project) -> str:
    """What Fly's proxy does: it ends TLS, says who the client is, and goes to a machine of the edge that lives."""
    domains = workspace.stack.domains
    names = ", ".join(dict.fromkeys(f"https://{name}" for name in (domains.gateway, domains.langfuse)))
    return f"""{{
	admin off
	persist_config off
	auto_https disable_redirects
	https_port {PORT}
	skip_install_trust
	storage file_system {STORAGE}
}}
{names} {{
	tls internal
	reverse_proxy {{
		dynamic a {{
			name {project.host("edge")}
			port {workspace.stack.ports.edge}
			refresh 1s
			versions {"ipv6" if has_ipv6(project) else "ipv4"}
		}}
		flush_interval -1
		lb_try_duration 30s
		lb_try_interval 100ms
		header_up Fly-Client-IP {{client_ip}}
		transport http {{
			dial_timeout 1s
			keepalive off
		}}
	}}
}}
"""


class Domains:
    """Both names answer over TLS, through proxy and edge, from what stands behind it."""

    def __init__(self, project: Project, groups: Groups) -> None:
        self.project = project
        self.groups = groups

    def _wish(self, workspace: Workspace) -> Wish:
        project = self.project
        return Wish(
            name=project.container(GROUP),
            group=GROUP,
            image=self._image(workspace),
            command=("/opt/venv/bin/caddy", "run", "--config", FILE, "--adapter", "caddyfile"),
            aliases=(project.host(GROUP),),
            mounts=(
                Mount(str(project.state / "files" / "proxy.Caddyfile"), FILE),
                Mount(project.volume(EDGE_VOLUME), STORAGE, volume=True),
            ),
            ports={PORT: project.ports.peek("edge_https")},
            user="0",  # the volume is root's
        )

    def _image(self, workspace: Workspace) -> str:
        """The image it was made from, for as long as that is there: Fly's proxy goes on when a release is replaced."""
        kept = str(self.project.memory.get("proxy", "image").get("name", ""))
        return kept if kept and images.found(self.project, kept) else self.groups.image(workspace)

    def _paths(self, workspace: Workspace) -> list[tuple[str, str]]:
        domains = workspace.stack.domains
        both = [(domains.gateway, path) for path in GATEWAY_PATHS if path in workspace.stack.edge.paths][:1]
        return both + ([(domains.langfuse, LANGFUSE_PATH)] if domains.langfuse != domains.gateway else [])

    def _wrong(self, workspace: Workspace) -> str:
        if not authority(self.project).exists() and not self._take_authority():
            return "it has no certificate yet"
        port = self.project.ports.peek("edge_https")
        answers = {
            host: web.secure_status(host, port, path, authority(self.project)) for host, path in self._paths(workspace)
        }
        bad = [f"{host} answers {code or 'nothing'}" for host, code in answers.items() if code != 200]
        return ", ".join(bad)

    def _take_authority(self) -> bool:
        words = ("exec", self.project.container(GROUP), "cat", ROOT)
        try:
            text = self.project.engine.run("reading the certificate authority", *words).stdout
        except RunbookError:
            return False
        if "BEGIN CERTIFICATE" not in text:
            return False
        write_atomic(authority(self.project), text)
        return True

    def look(self, workspace: Workspace) -> Look:
        """Whether the proxy runs as configured and answers for both names."""
        project = self.project
        file = project.state / "files" / "proxy.Caddyfile"
        if not file.exists() or file.read_text(encoding="utf-8") != caddyfile(workspace, project):
            return missing("the proxy is not configured yet")
        if not authority(project).exists():
            return missing("the proxy's certificate authority is not known yet")
        found = running.standing(project, self._wish(workspace), lambda: self._wrong(workspace))
        if not found.satisfied:
            return found
        names = " and ".join(host for host, _ in self._paths(workspace))
        return satisfied(f"{names} answer over TLS on 127.0.0.1:{project.ports.peek('edge_https')}")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Configure the proxy and have it answer."""
        project = self.project
        project.ports.reserve(["edge_https"])
        write_readable(project, "proxy.Caddyfile", caddyfile(workspace, project))
        authority(project).unlink(missing_ok=True)
        wish = self._wish(workspace)
        project.memory.put("proxy", "image", {"name": wish.image})
        running.ensure(project, wish, lambda: self._wrong(workspace), say, patience=60)
