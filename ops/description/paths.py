"""Where things lie: the checkout, the stack file, and the private state folder of each stack and target."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OWN_STACK = Path("ops", "stack.toml")


@dataclass(frozen=True)
class Paths:
    """Where things lie for one stack on one target.

    Attributes:
        root: the checkout.
        state: the folder of this stack and target, ignored by git.
        stack_file: the TOML file that describes the stack.
    """

    root: Path
    state: Path
    stack_file: Path

    def inside(self, relative: str) -> Path:
        """A path of the stack file, relative to the checkout."""
        return self.root / relative


def paths(root: Path, environ: Mapping[str, str], target: str) -> Paths:
    """The paths for a target; `RUNBOOK_STACK` of the settings names another stack file than the checkout's own."""
    stack_file = root / (environ.get("RUNBOOK_STACK") or OWN_STACK)
    return Paths(root, root / ".state" / state_name(root, stack_file) / target, stack_file)


def state_name(root: Path, stack_file: Path) -> str:
    """The folder under `.state` for a stack: none of its own for the checkout's, one for each other file."""
    place = stack_file.resolve()
    if place in ((root / OWN_STACK).resolve(), ROOT / OWN_STACK):
        return ""
    return f"{place.stem}-{hashlib.sha256(str(place).encode()).hexdigest()[:8]}"
