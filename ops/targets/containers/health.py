"""The checks of a rendered fly.toml, asked of a container as Fly asks them of a machine."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ops.runbook.errors import RunbookError
from ops.targets.local import ports, web

if TYPE_CHECKING:
    from ops.targets.containers.project import Project

PYTHON = "/opt/venv/bin/python"
# Over IPv4, as Fly's checks come. No library that takes long to import.
_ASK = """
import http.client, json, sys
for name, check in json.loads(sys.argv[1]).items():
    try:
        connection = http.client.HTTPConnection("127.0.0.1", check["port"], timeout=5)
        connection.request(check["method"], check["path"])
        status = connection.getresponse().status
    except OSError as error:
        status = error.strerror or type(error).__name__
    if status != 200:
        sys.exit(f"check {name} ({check['path']} on port {check['port']}): {status}")
"""


def checks(machine: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The checks of a machine's config, those of its services among them, by name."""
    found = {name: dict(check) for name, check in machine.get("checks", {}).items()}
    for service in machine.get("services", ()):
        for check in service.get("checks", ()):
            found[f"service-{service['internal_port']}"] = {"port": service["internal_port"], **check}
    return found


def inside(project: Project, name: str, machine: Mapping[str, Any]) -> str:
    """Which of a machine's HTTP checks fails in a container of the gateway's image; empty when none does."""
    asked = {
        key: {"method": str(check.get("method", "GET")).upper(), "path": check["path"], "port": check["port"]}
        for key, check in checks(machine).items()
        if check["type"] == "http"
    }
    words = ("exec", name, PYTHON, "-I", "-S", "-c", _ASK, json.dumps(asked))
    try:
        project.engine.run(f"checking {name}", *words)
    except RunbookError as error:
        return error.why.strip().splitlines()[-1] if error.why.strip() else error.what
    return ""


def outside(machine: Mapping[str, Any], published: Mapping[int, int]) -> str:
    """Which of a machine's checks fails through the ports that are published on loopback; empty when none does.

    For images that have no program to ask with.
    """
    for name, check in checks(machine).items():
        port = published.get(check["port"])
        if port is None:
            continue
        if check["type"] == "tcp":
            good = ports.is_open(port)
            said = "closed"
        else:
            status = web.status(port, check["path"])
            good, said = status == http.client.OK, str(status or "no answer")
        if not good:
            return f"check {name} (port {check['port']}): {said}"
    return ""
