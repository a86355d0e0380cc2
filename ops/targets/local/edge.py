"""The rehearsal's edge: the real Caddy with the very rules of production, and a certificate authority of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.targets.local import langfuse, tools, web
from ops.targets.local.layout import Layout, make_private, read, write_private
from ops.targets.local.ports import has_ipv6
from ops.targets.local.program import Program

if TYPE_CHECKING:
    from ops.render import RehearsalEdge
    from ops.targets.local.rehearsal import Rehearsal
    from ops.targets.workspace import Workspace

NAME = "edge"
PORTS = ("edge_http", "edge_https")
GATEWAY_PATHS = ("/health/liveliness", "/health/readiness")
LANGFUSE_PATH = "/api/public/health"


def authority(layout: Layout) -> Path:
    """The certificate of the authority the edge makes for itself."""
    return layout.data(NAME) / "storage" / "pki" / "authorities" / "local" / "root.crt"


def program(layout: Layout) -> Program:
    """Caddy in the foreground."""
    file = layout.data(NAME) / "Caddyfile"
    command = (tools.find("caddy") or "caddy", "run", "--config", str(file), "--adapter", "caddyfile")
    return Program(NAME, command, PORTS, stop_s=35, priority=60)


def _here(layout: Layout, ports: dict[str, int]) -> RehearsalEdge:
    """What of the edge's rules is this machine's."""
    from ops import render

    return render.RehearsalEdge(
        http_port=ports.get("edge_http", 0),
        https_port=ports.get("edge_https", 0),
        gateway_port=ports.get("gateway", 0),
        ui_port=ports.get(langfuse.LANGFUSE, 0),
        storage_dir=layout.data(NAME) / "storage",
        admin_socket=layout.run / "caddy.sock",
        log_file=layout.logs / "edge-access.log",
        bind=("127.0.0.1", "[::1]") if has_ipv6() else ("127.0.0.1",),
    )


def caddyfile(workspace: Workspace, layout: Layout, ports: dict[str, int]) -> str:
    """The edge's rules, rendered for this machine from the same template as production's."""
    from ops import render

    return render.caddyfile(workspace.stack, rehearsal=_here(layout, ports))


def _origin(workspace: Workspace, layout: Layout, ports: dict[str, int], text: str) -> str:
    """Digest of a Caddyfile and all that it was rendered from: as long as it holds, rendering finds the same again."""
    from ops.description import typed
    from ops.render import files
    from ops.validate import stamp

    here = repr(_here(layout, ports))
    return stamp.digest([typed.encode(workspace.stack).decode(), files.source(), here, text])


class Edge:
    """Part 3.4: both host names answer over TLS, through the edge, from what stands behind it."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self.layout = rehearsal.layout

    @property
    def _note(self) -> Path:
        return self.layout.data(NAME) / "origin"

    def _written(self) -> str:
        return read(self.layout.data(NAME) / "Caddyfile") or ""

    def look(self, workspace: Workspace) -> Look:
        """Whether Caddy runs by the wanted Caddyfile and both public names answer 200 over TLS."""
        ports, written = self.rehearsal.ports.known(), self._written()
        if not written:
            return missing("the edge is not configured")
        # Rendering takes longer than all of the rest, so a look that finds nothing new does without.
        if read(self._note) != _origin(workspace, self.layout, ports, written):
            wanted = caddyfile(workspace, self.layout, ports)
            if written != wanted:
                return drifted("the edge's Caddyfile is not what the stack says", _difference(written, wanted))
        found = self.rehearsal.standing(program(self.layout), written)
        if not found.satisfied:
            return found
        port, domains = ports["edge_https"], workspace.stack.domains
        answers = {host: self._ask(port, host, path) for host, path in self._paths(workspace)}
        if bad := [f"{host} answers {code or 'nothing'}" for host, code in answers.items() if code != 200]:
            return drifted(f"through the edge on 127.0.0.1:{port}: {', '.join(bad)}")
        return satisfied(f"Caddy on 127.0.0.1:{port}: {domains.gateway} and {domains.langfuse} answer over TLS")

    def _paths(self, workspace: Workspace) -> list[tuple[str, str]]:
        domains = workspace.stack.domains
        # The stack decides which paths are public; one of the health paths is, or a stranger's request has to do.
        both = [(domains.gateway, path) for path in GATEWAY_PATHS if path in workspace.stack.edge.paths][:1]
        # A stack may do without a name of its own for the UI.
        if domains.langfuse != domains.gateway:
            both.append((domains.langfuse, LANGFUSE_PATH))
        return both

    def _ask(self, port: int, host: str, path: str) -> int:
        return web.secure_status(host, port, path, authority(self.layout))

    def act(self, workspace: Workspace, say: Say) -> None:
        """Write the Caddyfile and start Caddy with it.

        Raises:
            RunbookError: LOCAL-003 a stranger has its port; LOCAL-004 no supervisor; LOCAL-005 it does not come up.
        """
        tools.need("caddy", "it is the edge")
        for name in PORTS:
            self.rehearsal.free_port(name, NAME)
        make_private(self.layout.data(NAME))
        make_private(self.layout.data(NAME) / "storage")
        ports = self.rehearsal.ports.known()
        text = caddyfile(workspace, self.layout, ports)
        if text != self._written():
            write_private(self.layout.data(NAME) / "Caddyfile", text)
        write_private(self._note, _origin(workspace, self.layout, ports, text))
        # A socket left by a killed one would keep it from starting.
        if not self.rehearsal.runs(NAME):
            (self.layout.run / "caddy.sock").unlink(missing_ok=True)
        hosts = [host for host, _ in self._paths(workspace)]
        # Any answer will do: it proves the certificate is there, which comes a moment after the port.
        self.rehearsal.start(
            program(self.layout),
            lambda: all(self._ask(ports["edge_https"], host, "/") for host in hosts),
            say,
            inputs=[text],
            timeout=45,
        )


def _difference(have: str, want: str) -> str:
    import difflib

    lines = difflib.unified_diff(have.splitlines(), want.splitlines(), "running", "wanted", lineterm="", n=1)
    return "\n".join(lines)
