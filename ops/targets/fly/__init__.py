"""The target `fly`: production on Fly.io."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.targets.base import Target
    from ops.targets.workspace import Workspace


def vault_file(workspace: Workspace) -> Path:
    """Production's vault, where the stack file says."""
    return workspace.paths.inside(workspace.stack.stack.vault)


def make(workspace: Workspace) -> Target:
    """The target. The certificate authorities are read while its modules are being imported."""
    from ops.services import trust

    trust.begin()
    from ops.targets.fly.target import Fly

    return Fly(workspace)
