"""Step 1.1: the folders of the stack, and private ones for state and vault."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from ops.runbook.step import Look, Say, Step, drifted, missing, satisfied

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment


def look(deployment: Deployment) -> Look:
    """The folders of the stack, and a vault folder nobody else can read."""
    absent = [folder for folder in _folders(deployment) if not (deployment.paths.root / folder).is_dir()]
    if absent:
        return missing(f"no {', '.join(absent)}")
    for folder in (deployment.paths.state, deployment.vault.path.parent):
        if not folder.is_dir():
            return missing(f"no {folder.relative_to(deployment.paths.root)}")
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & 0o077:
            return drifted(f"{folder.relative_to(deployment.paths.root)} is open to others", f"{mode:04o} → 0700")
    return satisfied(f"{deployment.stack.stack.folder}/{{bin,config}} and private state folders")


def act(deployment: Deployment, say: Say) -> None:
    """Make what is missing and close what is open."""
    for folder in _folders(deployment):
        (deployment.paths.root / folder).mkdir(parents=True, exist_ok=True)
    for private in (deployment.paths.state, deployment.vault.path.parent):
        private.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.chmod(private, 0o700)


def _folders(deployment: Deployment) -> list[str]:
    base = deployment.stack.stack.folder
    return [f"{base}/bin", f"{base}/config", "docs/runbooks"]


STEP: Step[Deployment] = Step(
    "1.1",
    "setup.structure",
    "Create the folders",
    "the folders of the stack, and private ones for state and vault",
    look,
    act,
)
