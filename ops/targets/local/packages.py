"""Step 0.1: what a rehearsal needs beside the runbook's own environment, installed on first use."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING

from ops.description import environments
from ops.runbook import proc
from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.targets.local import tools

if TYPE_CHECKING:
    from ops.targets.workspace import Workspace

INSTALL_S = 3600.0
MARK = "inv: "  # how the script begins what it says of its progress


class Packages:
    """The rehearsal's environment is there and made from its lock as it is now.

    Args:
        environment: the checkout's when not given.
    """

    def __init__(self, environment: environments.Environment | None = None) -> None:
        self.environment = environment or environments.rehearsal()

    def look(self, workspace: Workspace) -> Look:
        """Whether all of the lock is installed, by its stamp."""
        name = self.environment.folder.name
        if tools.has_all():
            return satisfied("in the environment of this Python")
        if not self.environment.is_complete:
            return missing(f"{name} is not there yet: servers and a sentence model, 0.5 GB")
        if not self.environment.is_current:
            return drifted(f"{name} was made from another lock")
        return satisfied(f"{name}, lock {hashlib.sha256(self.environment.lock.read_bytes()).hexdigest()[:12]}")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Install them, saying what is done.

        Raises:
            RunbookError: LOCAL-010 the registry was not reached, or the disk is full.
        """
        if tools.has_all():
            return
        other: list[str] = []

        def heard(line: str) -> None:
            if line.startswith(MARK):
                say(line.removeprefix(MARK))
            else:
                other.append(line.strip())

        code = proc.follow(self.environment.making(sys.executable), heard, timeout=INSTALL_S)
        if code != 0:
            causes = [line for line in other if line and not line.startswith(("error BOOT", "next:"))]
            raise RunbookError(
                "LOCAL-010",
                "the rehearsal's packages could not be installed",
                why="\n".join(causes[-5:]),
                next="see that the package registry can be reached, then run the same command again",
            )
