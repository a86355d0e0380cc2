"""The target `local`: a rehearsal of all of the stack on the operator's own machine, with real servers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.targets.base import Target
    from ops.targets.workspace import Workspace


def vault_file(workspace: Workspace) -> Path:
    """The rehearsal's own vault, in its state folder."""
    return workspace.paths.state / "vault.json"


def make(workspace: Workspace) -> Target:
    """The target."""
    from ops.targets.local.target import Local

    return Local(workspace)
