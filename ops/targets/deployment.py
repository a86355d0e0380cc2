"""What steps work on: a workspace, the target made from it, and what the runbook offers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ops.runbook.phase import Phase
from ops.targets.base import Target
from ops.targets.workspace import Workspace


@dataclass(frozen=True)
class Deployment(Workspace):
    """One stack on one target, with everything a step may ask. It is put together in `ops.session.compose`.

    Attributes:
        make_target: makes the target from this workspace; asked once, and only when the target is needed.
        phases: every phase with its steps, which the guides list.
        commands: the names of all commands, which the guides are checked against.
    """

    make_target: Callable[[Workspace], Target]
    phases: Callable[[], Sequence[Phase[Any]]]
    commands: Callable[[], Collection[str]]

    @cached_property
    def target(self) -> Target:
        """Where the gateway is built."""
        return self.make_target(self)
