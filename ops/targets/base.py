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
        """Read the real state, cheaply, with no side effect.

        Raises:
            RunbookError: the state cannot be read.
        """
        ...

    def act(self, workspace: Workspace, say: Say) -> None:
        """Make it so; may be killed at any instant and run again.

        Args:
            workspace: what to work on.
            say: told what is being done, in one line each.

        Raises:
            RunbookError: it cannot be made so.
        """
        ...


@dataclass(frozen=True)
class Requirement:
    """One line of `inv doctor`: something this machine must have for this target.

    Attributes:
        name: what it is.
        ok: whether it is there and will do.
        found: what is there, such as a version.
        get: how to get it, for one that is not ok.
    """

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
        image: what it was told to run.
        memory_mb: its memory, in MB.
        digest: of the image that it really runs; empty where that is not known.
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
    digest: str = ""


class Target(Protocol):
    """Where the gateway is built, looked after and taken down; each package of `ops/targets` is one.

    Every method may raise RunbookError where what it asks does not answer.
    """

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
        """Held during a run that changes things: locks out those who work on the same target from elsewhere.

        Raises:
            RunbookError: LOCK-010 somebody else holds it.
        """
        ...

    def preparation(self) -> Sequence[Step[Workspace]]:
        """Steps numbered 0.x that the target itself needs before phase 1."""
        ...

    def endpoints(self) -> Endpoints:
        """Where the gateway is, or will be."""
        ...

    def admin(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """Ask a gateway's admin route, which the edge never lets through.

        Args:
            method: of HTTP.
            path: with its query, such as ``/gateway/admin/limits``.
            body: sent as JSON; None sends none.

        Returns:
            The parsed JSON answer.

        Raises:
            RunbookError: FLY-012 no gateway runs; GW-001 it does not answer, or not with 200.
        """
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
        """Every machine of the stack. Changes nothing.

        Raises:
            RunbookError: FLY-051 this target has none.
        """
        ...

    def logs(self, app: str, group: str, lines: int) -> Iterator[list[str]]:
        """The newest log lines, known secrets redacted; then what comes, a list at a time, for ever.

        Args:
            app: as an operator names it; empty for the gateway's.
            group: only its machines; empty for all.
            lines: how many of the newest at most.

        Raises:
            RunbookError: FLY-048 no such app or group; FLY-051 this target has no machines.
        """
        ...

    def rollback(self, say: Say, *, to: str = "", fast: bool = False) -> str:
        """Put an earlier image into service and hold it there; one line that says what runs now.

        Args:
            say: told what is being done.
            to: an image reference; the last good release's when not given.
            fast: all machines at once.

        Raises:
            RunbookError: FLY-047 nothing to go back to; FLY-043 it does not get healthy; FLY-051 no machines here.
        """
        ...

    def end_hold(self) -> str:
        """Let the next deploy go forward again after a rollback; one line that says what was held."""
        ...

    def scale(self, group: str, count: int, say: Say) -> str:
        """Make a group have `count` healthy machines; one line that says so, and what to edit so that it stays.

        Raises:
            RunbookError: FLY-013 the group has no machine yet; FLY-048 no such group, or a count out of range; FLY-043
                they do not get healthy; FLY-051 no machines here.
        """
        ...

    def run(self, app: str, group: str, command: str, say: Say) -> int:
        """Run a shell command in a machine, its output on ours; its exit code.

        Args:
            app: as an operator names it; empty for the gateway's.
            group: in a machine of this group; empty for any.
            command: as a shell reads it.
            say: told what is being done.

        Raises:
            RunbookError: FLY-012 no such machine runs; FLY-046 no tunnel; FLY-048 no such app; FLY-050 it does not let
                us in; FLY-051 no machines here.
        """
        ...

    @property
    def name_to_destroy(self) -> str:
        """What an operator types to say that all of it is to be destroyed.

        Raises:
            RunbookError: FLY-051 no machines here.
        """
        ...

    def check_destroy(self, typed: str) -> None:
        """Refuse to destroy unless `typed` is `name_to_destroy`.

        Raises:
            RunbookError: FLY-049 something else, or nothing, was typed; FLY-051 no machines here.
        """
        ...

    def destroy(self, say: Say) -> Sequence[str]:
        """Destroy everything the stack has there; names of what was destroyed. Safe to be killed and repeated.

        Raises:
            RunbookError: FLY-051 no machines here.
            FlyError: as flyctl fails.
        """
        ...
