"""What every part of the rehearsal works with: its folders, its ports, its supervisor."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.targets.local.layout import Layout
from ops.targets.local.ports import Ports
from ops.targets.local.program import Program
from ops.targets.local.supervise import Supervisor


class Rehearsal:
    """The rehearsal of one checkout.

    Args:
        layout: where it keeps things.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.ports = Ports(layout.state / "ports.json")
        self.supervisor = Supervisor(layout)

    def standing(self, program: Program, *inputs: str | bytes) -> Look:
        """Whether `program` runs, by this definition, started from what is there now. One call, no side effect."""
        known = self.supervisor.programs()
        if known is None:
            return missing("the supervisor does not run")
        info = known.get(program.name)
        if info is None or not info.up:
            return missing(f"{program.name} does not run" + (f" ({info.state.lower()})" if info else ""))
        if not self.supervisor.is_defined(program, known):
            return drifted(f"{program.name} runs by an older definition")
        if not self.supervisor.is_fresh(program.name, self.supervisor.mark(program, *inputs)):
            return drifted(f"{program.name} was started from what has changed since")
        return satisfied(f"{program.name} runs, pid {info.pid}")

    def runs(self, name: str) -> bool:
        """Whether program `name` is up."""
        info = self.supervisor.info(name)
        return info is not None and info.up

    def free_port(self, name: str, program: str = "") -> int:
        """The port of `name` for program `program` (default: the same), free to be listened on or already its own.

        Raises:
            RunbookError: LOCAL-003 a stranger has it and it is not ours to change.
        """
        if not self.runs(program or name):
            self.ports.check_free(name)
        return self.ports.get(name)

    def start(
        self,
        program: Program,
        ready: Callable[[], bool],
        say: Say,
        *,
        inputs: Iterable[str | bytes] = (),
        timeout: float = 30.0,
    ) -> None:
        """Have `program` running by this definition, from what is there now, and ready; started anew if need be.

        Args:
            program: its definition.
            ready: whether it answers; asked until it does.
            say: told what is waited for.
            inputs: contents of what it reads at its start; when one changes, it is started anew.
            timeout: seconds in which it must be ready.

        Raises:
            RunbookError: LOCAL-004 there is no supervisor, LOCAL-005 it does not come up.
        """
        if self.supervisor.programs() is None:
            raise RunbookError("LOCAL-004", "the supervisor does not run", next="inv deploy.all")
        given = tuple(inputs)
        if self.standing(program, *given).satisfied and ready():
            return
        self.supervisor.start(program, self.supervisor.mark(program, *given), ready, say, timeout=timeout)
