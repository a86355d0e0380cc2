"""Looking at several sources of which some may not answer: what could not be seen is said, not raised."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ops.runbook.errors import RunbookError

T = TypeVar("T")


class Unseen(list[str]):
    """What could not be seen and why, a sentence each; callers add what they find missing themselves."""

    def look(self, what: str, ask: Callable[[], T]) -> T | None:
        """What a source answers; None, and a sentence more, where it raises a RunbookError.

        Args:
            what: names the source at the beginning of that sentence.
            ask: asks it.
        """
        try:
            return ask()
        except RunbookError as error:
            self.append(f"{what}: {error.what}")
            return None
