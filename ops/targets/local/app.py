"""Part 3.1: the app, which in rehearsal is what the supervisor knows of, with the ports reserved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.targets.local import edge, gateway, langfuse, ports, storage, tools, watch
from ops.targets.local.program import Program

if TYPE_CHECKING:
    from ops.targets.local.rehearsal import Rehearsal
    from ops.targets.workspace import Workspace


def programs(workspace: Workspace, rehearsal: Rehearsal) -> list[Program]:
    """The app's processes, as they are to be run."""
    layout, known = rehearsal.layout, rehearsal.ports.known()
    made = [langfuse.program(layout, name, known.get(name, 0)) for name in (langfuse.OPENAI, langfuse.LANGFUSE)]
    made += [gateway.program(layout), edge.program(layout), watch.server(layout, known.get(watch.SMTP, 0))]
    made.append(watch.program(layout))
    if tools.find("weed") is not None:
        made.append(storage.program(layout, known, workspace.stack.storage.bucket))
    return made


class App:
    """The app's processes are known to the supervisor, and the ports of those at rest are free."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal

    def look(self, workspace: Workspace) -> Look:
        """Whether the supervisor knows every process as wanted, and their ports are free or their own."""
        known = self.rehearsal.supervisor.programs()
        if known is None:
            return missing("the supervisor does not run")
        reserved = self.rehearsal.ports.known()
        if any(name not in reserved for name in ports.NAMES):
            return missing("not all ports are picked")
        wanted = programs(workspace, self.rehearsal)
        absent = [program.name for program in wanted if program.name not in known]
        if absent:
            return missing(f"not known to the supervisor: {', '.join(absent)}")
        changed = [program.name for program in wanted if not self.rehearsal.supervisor.is_defined(program, known)]
        if changed:
            return drifted(f"defined differently: {', '.join(changed)}")
        taken = [
            f"{name} ({reserved[name]})"
            for program in wanted
            if not known[program.name].pid
            for name in program.ports
            if not ports.is_free(reserved[name])
        ]
        if taken:
            return drifted(f"another program listens on the port of {', '.join(taken)}")
        return satisfied(f"{len(wanted)} processes: {', '.join(sorted(program.name for program in wanted))}")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Reserve the ports and define the processes; none is started.

        Raises:
            RunbookError: LOCAL-003 a stranger has a port that is not ours to change.
        """
        self.rehearsal.ports.reserve(ports.NAMES)
        for program in programs(workspace, self.rehearsal):
            for name in program.ports:
                self.rehearsal.free_port(name, program.name)
        say("telling the supervisor of the app's processes")
        self.rehearsal.supervisor.define(*programs(workspace, self.rehearsal))
