"""The registry of targets: every package in this folder is one."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from ops.runbook.errors import RunbookError
from ops.targets.base import Target
from ops.targets.workspace import Workspace

DEFAULT = "local"


class Package(Protocol):
    """What the package of a target offers: `ops/targets/NAME/__init__.py`."""

    def vault_file(self, workspace: Workspace) -> Path:
        """Where this target keeps its vault."""
        ...

    def make(self, workspace: Workspace) -> Target:
        """The target itself; making one reads and changes nothing."""
        ...


@cache
def names() -> tuple[str, ...]:
    """The targets' names, the default one first."""
    found = {file.parent.name for file in Path(__file__).parent.glob("*/__init__.py")}
    return (DEFAULT, *sorted(found - {DEFAULT}))


def package(name: str) -> Package:
    """The package of a target.

    Raises:
        RunbookError: CLI-002 there is no such target.
    """
    if name not in names():
        raise RunbookError(
            "CLI-002",
            f"there is no target '{name}'",
            why=f"targets are: {', '.join(names())}",
            next="type the command again with one of them",
        )
    return cast(Package, import_module(f"ops.targets.{name}"))
