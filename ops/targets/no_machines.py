"""Operating machines on a target that has none: every command says so, and what to use instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ops.runbook.errors import RunbookError
from ops.runbook.step import Say
from ops.targets.base import Machine


class NoMachines:
    """The operations of a target whose processes are looked after by commands of its own.

    Raises:
        RunbookError: FLY-051, whatever is asked.
    """

    name: str
    instead: str
    after_destroy = ""

    def check_operable(self) -> None:
        """Refuse with RunbookError FLY-051."""
        raise self._refused()

    def machines(self) -> Sequence[Machine]:
        """Refuse with RunbookError FLY-051."""
        raise self._refused()

    def logs(self, app: str, group: str, lines: int) -> Iterator[list[str]]:
        """Refuse with RunbookError FLY-051."""
        raise self._refused()

    def rollback(self, say: Say, *, to: str = "", fast: bool = False) -> str:
        """Refuse with RunbookError FLY-051."""
        raise self._refused()

    def end_hold(self) -> str:
        """Nothing is ever held here."""
        return ""

    def scale(self, group: str, count: int, say: Say) -> str:
        """Refuse with RunbookError FLY-051."""
        raise self._refused()

    def run(self, app: str, group: str, command: str, say: Say) -> int:
        """Refuse with RunbookError FLY-051."""
        raise self._refused()

    @property
    def name_to_destroy(self) -> str:
        """Refuse with RunbookError FLY-051."""
        raise self._refused()

    def check_destroy(self, typed: str) -> None:
        """Refuse with RunbookError FLY-051."""
        raise self._refused()

    def destroy(self, say: Say) -> Sequence[str]:
        """Refuse with RunbookError FLY-051."""
        raise self._refused()

    def _refused(self) -> RunbookError:
        return RunbookError(
            "FLY-051",
            f"target {self.name} has no machines at Fly",
            why=f"this task is for production; {self.instead}",
            next="the same command with --target fly",
        )
