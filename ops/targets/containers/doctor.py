"""What this machine must have for a rehearsal in containers, for `inv doctor`."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.services.engine.engine import Engine
from ops.targets.base import Requirement
from ops.targets.containers import images
from ops.targets.containers.release import NEEDED_BYTES, NEEDED_WITH_BASES
from ops.targets.local import ports

if TYPE_CHECKING:
    from ops.targets.containers.groups import Groups
    from ops.targets.containers.project import Project
    from ops.targets.workspace import Workspace

OTHERS_MB = 3500  # the stores and the stand-ins, as measured or limited


def disk_bytes(workspace: Workspace) -> int:
    """How much disk this takes at most."""
    return NEEDED_WITH_BASES if images.replaced(workspace, "web", "worker", "caddy") else NEEDED_BYTES


def memory_mb(workspace: Workspace, groups: Groups) -> int:
    """How much memory the containers may take together, by their limits."""
    counts = groups.counts(workspace).items()
    of_groups = sum(count * int(groups.machine(workspace, group)["guest"]["memory_mb"]) for group, count in counts)
    return of_groups + OTHERS_MB


def has_mb() -> int:
    """This machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20


def requirements(workspace: Workspace, project: Project, groups: Groups) -> list[Requirement]:
    """Each thing, whether it is there, and how to get it; looks only."""
    version = sys.version.split()[0]
    found = [Requirement("Python 3.11 or newer", sys.version_info >= (3, 11), version, "install Python 3.11 or newer")]
    try:
        engine = project.engine
    except RunbookError as error:
        return [*found, Requirement("container engine", False, error.what, error.next)]
    found.append(Requirement("container engine", True, str(engine), ""))
    if engine.kind == "podman":
        found.append(_names(engine))
    six = "there" if ports.has_ipv6() else "none here: the private network is IPv4 alone, where Fly's is IPv6"
    found.append(Requirement("IPv6", True, six, ""))
    free = engine.free_bytes
    needed = disk_bytes(workspace)
    room = f"{free / 1e9:.1f} GB free in {engine.storage}" if free is not None else "not told by the engine"
    enough = free is None or free >= needed
    found.append(Requirement(f"disk: {needed / 1e9:.0f} GB", enough, room, f"{engine.kind} system prune"))
    limit, have = memory_mb(workspace, groups), has_mb()
    found.append(
        Requirement(
            f"memory: {limit} MB at most",
            have > limit // 2,
            f"{have} MB here",
            "fewer machines: STACK__FLY__GROUPS__UI__COUNT=1 in .env",
        )
    )
    given = [name for name in images.BASES.values() if workspace.environ.get(name)]
    said = f"{', '.join(given)} stand in place of pinned ones" if given else "the pinned ones, from their registries"
    found.append(Requirement("images", True, said, ""))
    return found


def _names(engine: Engine) -> Requirement:
    """Podman resolves names between containers only with netavark's own helper."""
    folders = ("/usr/lib/podman", "/usr/libexec/podman", "/usr/local/libexec/podman", "/usr/local/lib/podman")
    there = shutil.which("aardvark-dns", path=os.pathsep.join((*folders, os.environ.get("PATH", ""))))
    return Requirement(
        "names between containers", there is not None, there or "no aardvark-dns", "apt install netavark aardvark-dns"
    )
