"""The target `containers`: a rehearsal of all of the stack in containers, with the very image that Fly runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.targets.base import Target
    from ops.targets.workspace import Workspace


def vault_file(workspace: Workspace) -> Path:
    """This rehearsal's own vault, in its state folder."""
    return workspace.paths.state / "vault.json"


def make(workspace: Workspace) -> Target:
    """The target."""
    from ops.targets.containers.target import Containers

    return Containers(workspace)
