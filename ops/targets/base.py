"""What a target is: where the runbook builds, behind one small interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from ops.runbook.step import Look, Say, Step
from ops.services.endpoints import Endpoints
from ops.targets.workspace import Workspace


class Part(Protocol):
    """One thing a target can look at and bring about; a step is written once and asks its target's part."""

    def look(self, workspace: Workspace) -> Look:
        """Read the real state, cheaply, with no side effect."""
        ...

    def act(self, workspace: Workspace, say: Say) -> None:
        """Make it so; may be killed at any instant and run again."""
        ...


@dataclass(frozen=True)
class Requirement:
    """One line of `inv doctor`: something this machine must have for this target."""

    name: str
    ok: bool
    found: str
    get: str


@dataclass(frozen=True)
class Machine:
    """One machine, as `inv deploy.status` shows it.

    Attributes:
        app: the app it belongs to.
        group: the process group it runs, such as ``gateway``.
        machine: its id.
        state: as its host says, such as ``started``.
        health: ``healthy``, or what ails it.
        region: where it is.
        release: number of the release it runs; 0 where there are no releases.
        image: what it runs.
        memory_mb: its memory.
    """

    app: str
    group: str
    machine: str
    state: str
    health: str
    region: str
    release: int
    image: str
    memory_mb: int


class Target(Protocol):
    """Where the gateway is built, looked after and taken down; each package of `ops/targets` is one."""

    name: str
    production: bool  # whether a run asks before it changes anything, and reports its progress
    after_destroy: str  # what is left once all is destroyed, as an operator reads it
    extra_needs: Mapping[str, tuple[str, ...]]  # what a step of the phases also needs here, by step key
    redis: Part  # 1.4
    app: Part  # 3.1
    secrets: Part  # 3.2
    clickhouse: Part  # 3.3.1
    storage: Part  # 3.3.2
    release: Part  # 3.3.3
    domains: Part  # 3.4
    pooled: Part  # 3.5

    def exclusive(self) -> AbstractContextManager[None]:
        """Held during a run that changes things: locks out those who work on the same target from elsewhere."""
        ...

    def preparation(self) -> Sequence[Step[Workspace]]:
        """Steps numbered 0.x that the target itself needs before phase 1."""
        ...

    def endpoints(self) -> Endpoints:
        """Where the gateway is, or will be."""
        ...

    def admin(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """Ask a gateway's admin route, which the edge never lets through; the parsed JSON answer."""
        ...

    def watch(self, what: str) -> tuple[int, str]:
        """Run the watch's program where it has its variables, with one argument; its exit code and what it said.

        Args:
            what: ``--once``, ``--test`` or ``--mails``.
        """
        ...

    def received(self) -> Sequence[dict[str, str]] | None:
        """The mails that a mail server of the target's own got, oldest first; None where it has none."""
        ...

    def requirements(self) -> Sequence[Requirement]:
        """What this machine needs, for `inv doctor`; looks only."""
        ...

    def check_operable(self) -> None:
        """Refuse where there are no machines to operate, before anything is asked or done.

        Raises:
            RunbookError: FLY-051 this target has none.
        """
        ...

    def machines(self) -> Sequence[Machine]:
        """Every machine of the stack. Changes nothing."""
        ...

    def logs(self, app: str, group: str, lines: int) -> Iterator[list[str]]:
        """The newest log lines, known secrets redacted; then what comes, a list at a time, for ever.

        Args:
            app: as an operator names it; empty for the gateway's.
            group: only its machines; empty for all.
            lines: how many of the newest at most.
        """
        ...

    def rollback(self, say: Say, *, to: str = "", fast: bool = False) -> str:
        """Put an earlier image into service and hold it there; one line that says what runs now.

        Args:
            to: an image reference; the last good release's when not given.
            fast: all machines at once.
        """
        ...

    def end_hold(self) -> str:
        """Let the next deploy go forward again after a rollback; one line that says what was held."""
        ...

    def scale(self, group: str, count: int, say: Say) -> str:
        """Make a group have `count` healthy machines; one line that says so, and what to edit so that it stays."""
        ...

    def run(self, app: str, group: str, command: str, say: Say) -> int:
        """Run a shell command in a machine, its output on ours; its exit code."""
        ...

    @property
    def name_to_destroy(self) -> str:
        """What an operator types to say that all of it is to be destroyed."""
        ...

    def check_destroy(self, typed: str) -> None:
        """Refuse to destroy unless `typed` is `name_to_destroy`.

        Raises:
            RunbookError: something else, or nothing, was typed.
        """
        ...

    def destroy(self, say: Say) -> Sequence[str]:
        """Destroy everything the stack has there; names of what was destroyed. Safe to be killed and repeated."""
        ...
