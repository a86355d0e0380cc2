"""The stand-ins for the two outside services: OpenAI's API and Langfuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.description.paths import ROOT
from ops.targets.local import tools, web
from ops.targets.local.layout import Layout, read
from ops.targets.local.program import Program

if TYPE_CHECKING:
    from ops.targets.local.rehearsal import Rehearsal
    from ops.targets.workspace import Workspace

OPENAI, LANGFUSE = "openai", "langfuse"
DIRECT, POOLED = "direct", "pooled"
# Langfuse then answers 503 while it cannot reach its database.
DATABASE_PATH = "/api/public/health?failIfDatabaseUnavailable=true"

# Of the variables the real Langfuse is given, those the stand-in reads.
_READ = (
    "DATABASE_URL",
    "DIRECT_URL",
    "NEXTAUTH_URL",
    "NEXTAUTH_SECRET",
    "LANGFUSE_INIT_ORG_ID",
    "LANGFUSE_INIT_ORG_NAME",
    "LANGFUSE_INIT_PROJECT_ID",
    "LANGFUSE_INIT_PROJECT_NAME",
    "LANGFUSE_INIT_PROJECT_PUBLIC_KEY",
    "LANGFUSE_INIT_PROJECT_SECRET_KEY",
    "LANGFUSE_INIT_USER_EMAIL",
    "LANGFUSE_INIT_USER_NAME",
    "LANGFUSE_INIT_USER_PASSWORD",
)


def program(layout: Layout, name: str, port: int) -> Program:
    """The stand-in `name`, run from the project's own code."""
    command = (tools.python(), "-m", f"ops.standins.{name}", "--port", str(port), "--state", str(layout.data(name)))
    return Program(name, command, (name,), cwd=ROOT, stop_s=8, priority=40)


def stage(layout: Layout) -> str:
    """By which connection Langfuse works: ``direct`` until its first migrations are done (3.5), then ``pooled``."""
    return (read(layout.stage) or DIRECT).strip()


def openai_variables(workspace: Workspace, gateway_secrets: dict[str, str]) -> dict[str, str]:
    """What the OpenAI stand-in is given: the key it has to accept, the models it has to know."""
    return {
        "OPENAI_STANDIN_KEY": gateway_secrets["UPSTREAM_OPENAI_API_KEY"],
        "OPENAI_STANDIN_MODELS": ",".join(workspace.stack.models.prices),
    }


def langfuse_variables(workspace: Workspace, rehearsal: Rehearsal, ui_secrets: dict[str, str]) -> dict[str, str]:
    """What the Langfuse stand-in is given: the real one's variables, as far as it reads them."""
    from ops.render import processes

    stack = workspace.stack
    port = rehearsal.ports.peek("edge_https")
    app = {
        **processes.env(stack),
        **ui_secrets,
        "LANGFUSE_NEXTAUTH_URL": f"https://{stack.domains.langfuse}:{port}",
    }
    given = {variable.name: app.get(variable.source, variable.default) for variable in processes.ui(stack)}
    # As bin/start-langfuse.sh has it; without it accounts can be made.
    return {"AUTH_DISABLE_SIGNUP": "true", **{name: given[name] for name in _READ if given.get(name)}}


def openai_ready(port: int) -> bool:
    """Whether the OpenAI stand-in answers."""
    return web.status(port, "/_control/counters") == 200


def info(port: int) -> dict[str, Any] | None:
    """What the Langfuse stand-in says of itself: its process, version, and the database it is connected to."""
    found = web.document(port, "/_control/info")
    return found if isinstance(found, dict) else None
