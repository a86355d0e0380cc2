"""Step 0.2: the supervisor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.runbook.step import Look, Say, missing, satisfied
from ops.targets.local import processes
from ops.targets.local.supervise import SUPERVISORD

if TYPE_CHECKING:
    from ops.targets.local.rehearsal import Rehearsal
    from ops.world import World


class Daemon:
    """The supervisor runs and is known by its pid."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal

    def look(self, world: World) -> Look:
        if self.rehearsal.supervisor.programs() is None:
            return missing("the supervisor does not run")
        pid = processes.alive(self.rehearsal.layout.pids / SUPERVISORD)
        if not pid:
            return missing("the supervisor runs, but its pid is not on record")
        return satisfied(f"supervisord, pid {pid}")

    def act(self, world: World, say: Say) -> None:
        self.rehearsal.supervisor.start_daemon(say)
