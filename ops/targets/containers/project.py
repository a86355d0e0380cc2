"""What every part of this rehearsal works with: its engine, its names, its ports, its containers."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ops.runbook.errors import RunbookError
from ops.services.engine.engine import Engine, find
from ops.targets.fly.memory import Memory
from ops.targets.local.layout import read, write_private
from ops.targets.local.ports import Ports

if TYPE_CHECKING:
    from pathlib import Path

    from ops.targets.workspace import Workspace

NAME = "RUNBOOK_CONTAINERS_NAME"
PROJECT, OWNER, GROUP, MARK = (f"runbook.{word}" for word in ("project", "owner", "group", "mark"))
TAKEN = "ENGINE-007"


@dataclass(frozen=True)
class Seen:
    """A container as its engine shows it.

    Attributes:
        name, group: what it is called, and which process group or server it is.
        mark: what it was made from.
        state: as the engine says, such as ``running``.
        image: id of its image.
        image_name: the reference it was made with.
        memory_mb: its limit, 0 for none.
        exit_code: of its last end.
    """

    name: str
    group: str
    mark: str
    state: str
    image: str
    image_name: str
    memory_mb: int
    exit_code: int

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self.state == "running"


class Project:
    """The rehearsal of one checkout; making one reads and changes nothing.

    Args:
        workspace: whose settings, state folder and stack it goes by.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.state: Path = workspace.paths.state
        self.ports = Ports(self.state / "ports.json")
        self.memory = Memory(self.state / "containers.json")

    @cached_property
    def engine(self) -> Engine:
        """The engine of this machine.

        Raises:
            RunbookError: ENGINE-001, ENGINE-002.
        """
        return find(self._workspace.environ)

    @cached_property
    def name(self) -> str:
        """What the names of all its containers, volumes, images and its network begin with."""
        return self._workspace.environ.get(NAME) or self._workspace.stack.fly.app

    @property
    def app(self) -> str:
        """The name of the gateway app."""
        return self._workspace.stack.fly.app

    @property
    def network(self) -> str:
        """The name of the private network."""
        return self.name

    @cached_property
    def owner(self) -> str:
        """Tells this checkout's from another's of the same name."""
        return hashlib.sha256(str(self.state.resolve()).encode()).hexdigest()[:16]

    @property
    def labels(self) -> dict[str, str]:
        """What all of its own carries."""
        return {PROJECT: self.name, OWNER: self.owner}

    def host(self, group: str) -> str:
        """A group's name on the private network, as on Fly."""
        return f"{group}.process.{self.app}.internal"

    def container(self, group: str, number: int = 0) -> str:
        """The name of a group's container; servers that there is one of have no number."""
        return f"{self.name}-{group}" + (f"-{number}" if number else "")

    def volume(self, name: str) -> str:
        """The name of a volume."""
        return f"{self.name}-{name}"

    def label_words(self, **more: str) -> list[str]:
        """``--label`` options."""
        labels = {**self.labels, **{f"runbook.{name}": value for name, value in more.items()}}
        return [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]

    def filters(self) -> list[str]:
        """``--filter`` options that choose what is its own."""
        return [word for name, value in self.labels.items() for word in ("--filter", f"label={name}={value}")]

    @cached_property
    def key(self) -> str:
        """The key of the marks, made once."""
        file = self.state / "digest.key"
        if not read(file):
            write_private(file, secrets.token_hex(32))
        return read(file) or ""

    def seen(self) -> list[Seen]:
        """All of its containers, by name."""
        listing = ("ps", "--all", "--no-trunc", "--quiet", *self.filters())
        ids = self.engine.run("listing containers", *listing).stdout.split()
        return sorted((_seen(row) for row in self._inspected(ids)), key=lambda seen: seen.name)

    def of(self, group: str) -> list[Seen]:
        """The containers of one group."""
        return [seen for seen in self.seen() if seen.group == group]

    def _inspected(self, ids: Iterable[str]) -> list[Any]:
        """What the engine says of containers; one that goes meanwhile is left out."""
        rows = []
        if words := list(ids):
            try:
                return list(self.engine.json("looking at containers", "container", "inspect", *words))
            except RunbookError:
                for word in words:
                    if row := self.about(word):
                        rows.append(row)
        return rows

    def about(self, name: str) -> dict[str, Any] | None:
        """What the engine says of the container of that name, whosever it is; None where there is none."""
        try:
            return dict(self.engine.json(f"looking at {name}", "container", "inspect", name)[0])
        except RunbookError as error:
            if "no such" in error.why.lower():
                return None
            raise

    def claim(self, name: str) -> None:
        """Make sure that a container's name is free or ours.

        Raises:
            RunbookError: ENGINE-007 somebody else has it.
        """
        row = self.about(name)
        if row is None:
            return
        labels = row.get("Config", {}).get("Labels") or {}
        if any(labels.get(key) != value for key, value in self.labels.items()):
            whose = labels.get(PROJECT) or labels.get("com.docker.compose.project") or "none of this runbook's"
            raise RunbookError(
                TAKEN,
                f"the name {name} is taken by another project's container ({whose})",
                why="it is left alone",
                next=f"{self.engine.kind} rm it if it is yours, or set {NAME} to another name in .env",
                blocked=True,
            )


def _seen(row: dict[str, Any]) -> Seen:
    labels = row["Config"].get("Labels") or {}
    return Seen(
        name=str(row["Name"]).lstrip("/"),
        group=str(labels.get(GROUP, "")),
        mark=str(labels.get(MARK, "")),
        state=str(row["State"]["Status"]),
        image=str(row["Image"]).removeprefix("sha256:"),
        image_name=str(row["Config"].get("Image") or row.get("ImageName") or ""),
        memory_mb=int(row.get("HostConfig", {}).get("Memory") or 0) // 2**20,
        exit_code=int(row["State"].get("ExitCode") or 0),
    )
