"""What this machine must have for a rehearsal, for `inv doctor`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from ops.runbook.errors import RunbookError
from ops.targets.base import Requirement
from ops.targets.local import identity, ports, processes, supervise, tools
from ops.targets.local.layout import Layout

ENVIRONMENT = "inv deploy.all installs it (step 0.1)"
FREE_MB = 2500


def requirements(layout: Layout) -> list[Requirement]:
    """Each thing, whether it is there, and how to get it; looks only."""
    version = sys.version.split()[0]
    found = [
        Requirement("Python 3.11 or newer", sys.version_info >= (3, 11), version, "install Python 3.11 or newer"),
        _package("Postgres server", identity.binaries),
        _supervisor(),
    ]
    programs = (
        ("Redis server (Valkey)", "valkey-server"),
        ("edge (Caddy)", "caddy"),
        ("S3 server (SeaweedFS)", "weed"),
        ("installer (uv)", "uv"),
    )
    for title, name in programs:
        path = tools.find(name)
        found.append(Requirement(title, path is not None, path or "not found", ENVIRONMENT))
    found += [_identity(), _space(layout), _sockets(layout), _left_over(layout)]
    pooler = shutil.which("pgbouncer")
    found.append(
        Requirement(
            "pooled port",
            True,
            pooler or "plain forward; pgbouncer is not installed",
            "apt install pgbouncer (optional)",
        )
    )
    found.append(Requirement("IPv6 loopback", True, "there" if ports.has_ipv6() else "none; IPv4 alone is used", ""))
    return found


def _package(title: str, locate: Callable[[], Path]) -> Requirement:
    try:
        path = locate()
    except RunbookError as error:
        return Requirement(title, False, error.what, "glibc Linux or macOS (Apple silicon); then " + ENVIRONMENT)
    return Requirement(title, path.exists(), str(path), ENVIRONMENT)


def _supervisor() -> Requirement:
    there = tools.package("supervisor") is not None
    return Requirement("supervisor", there, "installed" if there else "not installed", ENVIRONMENT)


def _identity() -> Requirement:
    """Postgres refuses root, so root needs a way round."""
    title = "Postgres as an unprivileged user"
    if os.getuid() != 0:
        return Requirement(title, True, "you are not root", "")
    if identity.namespaces_work():
        return Requirement(title, True, "a user namespace", "")
    way = shutil.which("setpriv")
    found = "account nobody" if way else "no user namespaces, no setpriv"
    return Requirement(title, way is not None, found, "run the rehearsal as a normal user")


def _space(layout: Layout) -> Requirement:
    folder = next(parent for parent in (layout.state, *layout.state.parents) if parent.exists())
    free = shutil.disk_usage(folder).free // 2**20
    return Requirement(
        f"{FREE_MB} MB of disk", free >= FREE_MB, f"{free} MB free in {folder}", f"make room in {folder}"
    )


def _sockets(layout: Layout) -> Requirement:
    folder = layout.run.parent
    ok = os.access(folder, os.W_OK | os.X_OK)
    return Requirement("a folder for sockets", ok, str(folder), f"make {folder} writable, or set XDG_RUNTIME_DIR")


def _left_over(layout: Layout) -> Requirement:
    """Servers of an earlier rehearsal whose supervisor is gone."""
    left: list[str] = []
    if layout.pids.is_dir() and supervise.Supervisor(layout).programs() is None:
        left = [file.name for file in layout.pids.glob("*") if processes.alive(file)]
    return Requirement("no servers left over", not left, ", ".join(left) or "none", "inv local.down")
