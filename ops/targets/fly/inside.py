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
    script = _SCRIPT.format(asked=asked)
    done = account.execute(app, machines[0].id, script, interpreter=f"{PYTHON} -")
    try:
        reply = json.loads(done.stdout.strip().splitlines()[-1])
        status, answer = int(reply["status"]), json.loads(reply["body"] or "null")
    except (ValueError, IndexError, KeyError, TypeError):
        status, answer = 0, None
    if status != 200 or not isinstance(answer, dict):
        why = answer.get("error", {}).get("message", "") if isinstance(answer, dict) else done.stderr.strip()[-300:]
        raise RunbookError(
            "GW-001",
            f"the gateway in machine {machines[0].id} answered {status or 'not at all'} to {path}",
            why=str(why),
            next="inv deploy.logs --target fly",
        )
    return answer
