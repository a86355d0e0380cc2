"""The phase: a numbered group of steps that is run, planned and reported as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from ops.runbook.step import Step

W = TypeVar("W", contravariant=True)


@dataclass(frozen=True)
class Phase(Generic[W]):
    """One phase of the runbook.

    Attributes:
        number: its place, which its steps' numbers begin with.
        name: the first part of its commands, such as ``deploy``.
        title: what an operator reads.
        all: first line of the help of its `all` command.
        steps: in the order of their numbers.
        includes: names of the phases whose steps its `all` command runs as well.
        deploys: whether its steps change what tests have seen, so that their results no longer count.
        evidence: what a progress report points to when the phase is through: a file of the repository, in which
            ``{folder}`` is the stack's folder; empty for the address of what was deployed.
    """

    number: int
    name: str
    title: str
    all: str
    steps: tuple[Step[W], ...] = ()
    includes: tuple[str, ...] = ()
    deploys: bool = False
    evidence: str = ""
