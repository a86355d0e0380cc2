"""Part 3.1: the private network of the stack, and the volumes of its stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.render.files import CLICKHOUSE_VOLUME, MINIO_VOLUME
from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, blocked, missing, satisfied
from ops.targets.containers.project import NAME, OWNER, TAKEN

if TYPE_CHECKING:
    from ops.targets.containers.project import Project
    from ops.targets.workspace import Workspace

POSTGRES_VOLUME, EDGE_VOLUME = "postgres_data", "edge_data"
VOLUMES = (POSTGRES_VOLUME, CLICKHOUSE_VOLUME, MINIO_VOLUME, EDGE_VOLUME)


def has_ipv6(project: Project) -> bool:
    """Whether the network has IPv6, as Fly's has nothing but."""
    row = _network(project) or {}
    return bool(row.get("ipv6_enabled") or row.get("EnableIPv6"))


class App:
    """The network and the volumes are there, and ours."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def look(self, workspace: Workspace) -> Look:
        """Whether the network and the volumes are there and ours."""
        project = self.project
        row = _network(project)
        if row is None:
            return missing(f"no network {project.network} yet")
        if _foreign(project, row):
            return blocked(f"the network {project.network} is another project's", next=_another(project))
        there = _volumes(project)
        absent = [name for name in map(project.volume, VOLUMES) if name not in there]
        if absent:
            return missing(f"no volume {', '.join(absent)} yet")
        kind = "IPv6 and IPv4" if has_ipv6(project) else "IPv4 only: the engine has no IPv6"
        return satisfied(f"network {project.network} ({kind}), {len(VOLUMES)} volumes")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Make what is missing.

        Raises:
            RunbookError: ENGINE-007 another project has the network's name.
        """
        project = self.project
        row = _network(project)
        if row is None:
            say(f"making the network {project.network}")
            self._make_network()
        elif _foreign(project, row):
            raise RunbookError(
                TAKEN, f"the network {project.network} is another project's", next=_another(project), blocked=True
            )
        there = _volumes(project)
        for name in map(project.volume, VOLUMES):
            if name not in there:
                say(f"making the volume {name}")
                project.engine.run(f"making {name}", "volume", "create", *project.label_words(), name)

    def _make_network(self) -> None:
        project = self.project
        words = ("network", "create", *project.label_words())
        try:
            project.engine.run("making the network", *words, "--ipv6", project.network)
        except RunbookError:
            # An engine without IPv6: the edge then dials IPv4 (release).
            project.engine.run("making the network", *words, project.network)


def _network(project: Project) -> dict[str, Any] | None:
    try:
        return dict(project.engine.json("looking at the network", "network", "inspect", project.network)[0])
    except RunbookError as error:
        if "not found" in error.why.lower() or "no such" in error.why.lower():
            return None
        raise


def _foreign(project: Project, row: dict[str, Any]) -> bool:
    return (row.get("labels") or row.get("Labels") or {}).get(OWNER) != project.owner


def _volumes(project: Project) -> set[str]:
    listing = ("volume", "ls", "--quiet", *project.filters())
    return set(project.engine.run("listing volumes", *listing).stdout.split())


def _another(project: Project) -> str:
    return f"{project.engine.kind} network rm {project.network} if it is yours, or set {NAME} to another name in .env"
