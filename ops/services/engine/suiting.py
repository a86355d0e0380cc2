"""Options that a container engine needs on this host, from what the engine reports and from the host's limits."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Host:
    """What matters of this machine.

    Attributes:
        systemd: whether systemd runs it; podman asks it for cgroups unless told otherwise.
        runc: whether runc is on PATH.
        files, processes: hard limits as they hold for podman's children; -1 for none.
    """

    systemd: bool
    runc: bool
    files: int
    processes: int

    @staticmethod
    def look(path: str | None = None) -> Host:
        """This machine, with programs looked for on `path` (by default PATH)."""
        return Host(
            systemd=Path("/run/systemd/system").is_dir(),
            runc=shutil.which("runc", path=path) is not None,
            files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
            processes=_processes(resource.getrlimit(resource.RLIMIT_NPROC)[1], Path("/proc/sys/kernel/pid_max")),
        )


def _processes(limit: int, most: Path) -> int:
    """The hard limit podman itself comes to have: it lowers its own to the kernel's highest process number."""
    try:
        highest = int(most.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return limit
    return min(limit, highest) if limit >= 0 else limit


@dataclass(frozen=True)
class Options:
    """Arguments that go with every command, with `build`, and with `run`."""

    always: tuple[str, ...] = ()
    build: tuple[str, ...] = ()
    run: tuple[str, ...] = ()


PODMAN_FILES = 1_048_576  # what podman gives a container when run as root, beyond what a host may allow
PODMAN_PROCESSES = 4_194_304


def for_podman(info: Mapping[str, Any], host: Host) -> Options:
    """What podman must be told here.

    Args:
        info: what `podman info` answers.
        host: this machine.
    """
    about = info.get("host", {})
    always: list[str] = []
    build: list[str] = []
    if about.get("cgroupManager") == "systemd" and not host.systemd:
        always.append("--cgroup-manager=cgroupfs")
    # crun needs pure cgroups, of one version.
    if about.get("cgroupVersion") == "v1" and about.get("ociRuntime", {}).get("name") == "crun":
        if host.runc:
            always += ["--runtime", "runc"]
        else:
            build.append("--isolation=chroot")
    run: list[str] = []
    if not about.get("security", {}).get("rootless"):
        for name, limit, usual in (
            ("nofile", host.files, PODMAN_FILES),
            ("nproc", host.processes, PODMAN_PROCESSES),
        ):
            if 0 <= limit < usual:
                run += ["--ulimit", f"{name}={limit}:{limit}"]
    return Options(tuple(always), tuple(build), tuple(run))
