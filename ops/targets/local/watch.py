"""The rehearsal's watch, by the start script of the image, and the mail server it writes to."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ops.description.paths import ROOT
from ops.runbook.step import Look, Say
from ops.targets.local import gateway, tools
from ops.targets.local.layout import Layout, read
from ops.targets.local.program import Program

if TYPE_CHECKING:
    from ops.targets.local.rehearsal import Rehearsal
    from ops.targets.workspace import Workspace

NAME, SMTP = "watch", "smtp"
USER = "watch"
CALL_S = 60.0


def server(layout: Layout, port: int) -> Program:
    """The mail server: a stand-in run from the project's own code."""
    command = (tools.python(), "-m", f"ops.standins.{SMTP}", "--port", str(port), "--state", str(layout.data(SMTP)))
    return Program(SMTP, command, (SMTP,), cwd=ROOT, stop_s=8, priority=40)


def program(layout: Layout) -> Program:
    """``bin/start-watch.sh``."""
    return Program(NAME, ("/bin/sh", str(_script(layout))), (), stop_s=30, start_s=2, priority=60)


def variables(workspace: Workspace, rehearsal: Rehearsal, secrets: dict[str, str]) -> dict[str, str]:
    """What the watch is given, under the names its start script reads.

    No certificates: the rehearsal's edge signs its own, for hours; and no disks: a rehearsal has no volumes.
    """
    ports, layout = rehearsal.ports.known(), rehearsal.layout
    password = workspace.vault.get("SMTP_PASSWORD").reveal()
    return {
        **{name: secrets[name] for name in ("GATEWAY_REDIS_URL", "LITELLM_MASTER_KEY")},
        "GATEWAY_PYTHON": str(layout.environment / "bin" / "python"),
        "SMTP_URL": f"smtps://{USER}:{password}@localhost:{ports.get(SMTP, 0)}",
        "SSL_CERT_FILE": str(layout.data(SMTP) / "certificate.pem"),
        "WATCH_GATEWAYS": "1",
        "WATCH_GATEWAY": f"http://127.0.0.1:{ports.get(gateway.NAME, 0)}",
    }


def inputs(layout: Layout) -> tuple[str, ...]:
    """Digests of what the watch is started from besides its variables."""
    package = layout.gateway / "llm_gateway"
    files = [*sorted((package / "watch").iterdir()), package / "store.py", package / "redis_connection.py"]
    own = [layout.gateway / "config" / "watch.toml", _script(layout)]
    return (gateway.digest([*own, *(file for file in files if file.is_file())]),)


def standing(rehearsal: Rehearsal) -> Look:
    """Whether the mail server and the watch run, from what is there now."""
    layout = rehearsal.layout
    found = rehearsal.standing(server(layout, rehearsal.ports.peek(SMTP)))
    return rehearsal.standing(program(layout), *inputs(layout)) if found.satisfied else found


def start(rehearsal: Rehearsal, say: Say) -> None:
    """Have both running."""
    layout, port = rehearsal.layout, rehearsal.ports.get(SMTP)
    from ops.targets.local.ports import is_open

    rehearsal.start(server(layout, port), lambda: is_open(port), say)
    rehearsal.start(program(layout), lambda: rehearsal.runs(NAME), say, inputs=inputs(layout))


def call(rehearsal: Rehearsal, *arguments: str) -> tuple[int, str]:
    """Run the watch's start script with arguments, as its machine would; exit code and standard output."""
    layout = rehearsal.layout
    given = json.loads(read(layout.env / f"{NAME}.json") or "{}")
    done = subprocess.run(
        ["/bin/sh", str(_script(layout)), *arguments],
        env=given,
        capture_output=True,
        text=True,
        timeout=CALL_S,
        check=False,
    )
    return done.returncode, done.stdout if done.stdout.strip() else done.stderr


def _script(layout: Layout) -> Path:
    return layout.gateway / "bin" / "start-watch.sh"
