"""The rehearsal's gateway: the real LiteLLM, by the start script, configuration and plugin of the image."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ops.targets.local import web
from ops.targets.local.environment import stamp
from ops.targets.local.layout import Layout, read
from ops.targets.local.program import Program

if TYPE_CHECKING:
    from ops.targets.local.rehearsal import Rehearsal
    from ops.targets.workspace import Workspace

NAME = "gateway"
READY_PATH = "/health/readiness"
# Cold, on a busy machine, without compiled bytecode.
START_S = 120.0


def program(layout: Layout) -> Program:
    """``bin/start-litellm.sh``; it ends when told to, after what is in flight (30 s at most)."""
    script = layout.gateway / "bin" / "start-litellm.sh"
    return Program(NAME, ("/bin/sh", str(script)), (NAME,), stop_s=45, start_s=5, priority=50)


def variables(rehearsal: Rehearsal) -> dict[str, str]:
    """What it is told besides its secrets, under the names the start script reads."""
    ports = rehearsal.ports.known()
    return {
        "GATEWAY_PYTHON": str(rehearsal.layout.environment / "bin" / "python"),
        "GATEWAY_PORT": str(ports.get(NAME, 0)),
        "GATEWAY_METRICS_PORT": str(ports.get("metrics", 0)),
        # The edge dials IPv4; nothing of the rehearsal may be reachable from elsewhere.
        "GATEWAY_HOST": "127.0.0.1",
        "UPSTREAM_OPENAI_BASE_URL": f"http://127.0.0.1:{ports.get('openai', 0)}/v1",
        "LANGFUSE_HOST": f"http://127.0.0.1:{ports.get('langfuse', 0)}",
    }


def inputs(layout: Layout) -> tuple[str, ...]:
    """Digests of what it is started from besides its variables: configuration, script, plugin, environment."""
    return (
        digest([layout.gateway / "config" / "litellm.config.yaml", layout.gateway / "bin" / "start-litellm.sh"]),
        digest(sorted((layout.gateway / "llm_gateway").rglob("*.py"))),
        read(stamp(layout)) or "",
    )


def digest(files: list[Path]) -> str:
    """A digest of the files' names and contents; a file that is not there counts as empty."""
    total = hashlib.sha256()
    for file in files:
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            content = b""
        total.update(f"{file.name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def is_ready(port: int) -> bool:
    """Whether it says it is ready: it has read its configuration and reaches Redis."""
    return web.status(port, READY_PATH) == 200


def standing_problem(rehearsal: Rehearsal, workspace: Workspace) -> str:
    """Why it cannot be started at all, for an early and clear answer; empty if it can."""
    layout = rehearsal.layout
    for file in (layout.gateway / "bin" / "start-litellm.sh", layout.gateway / "config" / "litellm.config.yaml"):
        if not file.exists():
            return f"{file.relative_to(workspace.paths.root)} is not rendered yet"
    if not (layout.environment / "bin" / "python").exists():
        return "the gateway's Python environment is not there yet"
    return ""
