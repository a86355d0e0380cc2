"""Calling the gateway's admin routes from inside one of its machines; the edge does not serve them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ops.runbook.errors import RunbookError
from ops.targets.fly.seen import Gone

if TYPE_CHECKING:
    from ops.targets.fly.account import Account
    from ops.targets.workspace import Workspace

PYTHON = "/opt/venv/bin/python"
WATCH = "/opt/gateway/bin/start-watch.sh"

# Runs in the machine; the key is its own variable and never leaves it.
_SCRIPT = """
import json, os, sys, urllib.error, urllib.request
asked = json.loads({asked!r})
request = urllib.request.Request(
    "http://127.0.0.1:%d%s" % (asked["port"], asked["path"]), method=asked["method"],
    data=json.dumps(asked["body"]).encode() if asked["body"] is not None else None,
    headers={{"Authorization": "Bearer " + os.environ["LITELLM_MASTER_KEY"], "Content-Type": "application/json"}})
try:
    with urllib.request.urlopen(request, timeout=20) as reply:
        status, body = reply.status, reply.read()
except urllib.error.HTTPError as error:
    status, body = error.code, error.read()
except OSError as error:
    status, body = 0, str(error).encode()
print(json.dumps({{"status": status, "body": body.decode(errors="replace")}}))
"""


def admin(
    workspace: Workspace, account: Account, method: str, path: str, body: dict[str, str] | None
) -> dict[str, Any]:
    """The parsed JSON answer of an admin route.

    Raises:
        RunbookError: FLY-012 no gateway runs, GW-001 it does not answer as it should.
    """
    app = workspace.stack.fly.app
    try:
        machines = [m.machine for m in account.machines(app) if m.machine.group == "gateway" and m.machine.healthy]
    except Gone:
        machines = []
    if not machines:
        raise RunbookError("FLY-012", f"{app} has no healthy gateway machine", next="inv deploy.status --target fly")
    asked = json.dumps({"port": workspace.stack.ports.gateway, "path": path, "method": method, "body": body})
    done = account.execute(app, machines[0].id, script(asked), interpreter=f"{PYTHON} -")
    return answer(done.stdout, done.stderr, f"machine {machines[0].id}", path, "inv deploy.logs --target fly")


def script(asked: str) -> str:
    """What asks the route, to be run inside.

    Args:
        asked: port, path, method and body as JSON.
    """
    return _SCRIPT.format(asked=asked)


def answer(stdout: str, stderr: str, where: str, path: str, next: str) -> dict[str, Any]:
    """The parsed JSON answer in what the script printed.

    Raises:
        RunbookError: GW-001 the gateway did not answer as it should.
    """
    try:
        reply = json.loads(stdout.strip().splitlines()[-1])
        status, found = int(reply["status"]), json.loads(reply["body"] or "null")
    except (ValueError, IndexError, KeyError, TypeError):
        status, found = 0, None
    if status != 200 or not isinstance(found, dict):
        why = found.get("error", {}).get("message", "") if isinstance(found, dict) else stderr.strip()[-300:]
        raise RunbookError(
            "GW-001", f"the gateway in {where} answered {status or 'not at all'} to {path}", why=str(why), next=next
        )
    return found


def watch(workspace: Workspace, account: Account, what: str) -> tuple[int, str]:
    """Run the watch's start script with one argument in a machine of the watch, else of the gateway.

    Raises:
        RunbookError: FLY-012 neither has a healthy machine.
    """
    app = workspace.stack.fly.app
    try:
        healthy = [seen.machine for seen in account.machines(app) if seen.machine.healthy]
    except Gone:
        healthy = []
    groups = ("watch", "gateway")
    machines = sorted((m for m in healthy if m.group in groups), key=lambda machine: groups.index(machine.group))
    if not machines:
        raise RunbookError("FLY-012", f"{app} has no healthy gateway machine", next="inv deploy.status --target fly")
    done = account.execute(app, machines[0].id, f"exec {WATCH} {what}\n", interpreter="/bin/sh -s")
    return done.exit_code, done.stdout if done.stdout.strip() else done.stderr
