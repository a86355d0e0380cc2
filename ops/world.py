"""What the steps work on: the stack, the target, the vault and the paths, put together once."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError

if TYPE_CHECKING:
    from ops.stack import Stack, Team
    from ops.targets.base import Target
    from ops.vault import Vault

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ("local", "fly")


OWN_STACK = Path("ops", "stack.toml")


def state_name(root: Path, stack_file: Path) -> str:
    """The folder under `.state` for a stack: none of its own for the checkout's, one for each other file."""
    place = stack_file.resolve()
    if place in ((root / OWN_STACK).resolve(), ROOT / OWN_STACK):
        return ""
    return f"{place.stem}-{hashlib.sha256(str(place).encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Paths:
    """Where things lie. `root` is the checkout; `state` is the folder of this stack and target, ignored by git."""

    root: Path
    state: Path
    stack_file: Path

    def inside(self, relative: str) -> Path:
        """A path of the stack file, relative to the checkout."""
        return self.root / relative


class World:
    """Everything a step may ask. Nothing here caches the outside world: looks are fresh."""

    def __init__(self, target_name: str, environ: Mapping[str, str] | None = None, root: Path = ROOT) -> None:
        if target_name not in TARGETS:
            raise RunbookError(
                "CLI-002",
                f"there is no target '{target_name}'",
                why=f"targets are: {', '.join(TARGETS)}",
                next="type the command again with one of them",
            )
        from ops.settings import load

        self.target_name = target_name
        self.environ = load(root, os.environ if environ is None else environ)
        stack_file = root / (self.environ.get("RUNBOOK_STACK") or OWN_STACK)
        self.paths = Paths(root, root / ".state" / state_name(root, stack_file) / target_name, stack_file)

    @cached_property
    def stack(self) -> Stack:
        """The described stack, with overrides from the environment."""
        from ops.stack import read

        return read(self.paths.stack_file, self.environ)

    @cached_property
    def target(self) -> Target:
        """Where the gateway is built."""
        if self.target_name == "local":
            from ops.targets.local import Local

            return Local(self)
        from ops.services import trust

        trust.begin()  # Fly will be called in a moment
        from ops.targets.fly import Fly

        return Fly(self)

    @cached_property
    def vault(self) -> Vault:
        """This target's vault: production's on fly, one of its own in rehearsal."""
        from ops.vault import Vault

        return Vault(self.target.vault, target=self.target_name)

    def team(self, name: str) -> Team:
        """The team of that name.

        Raises:
            RunbookError: CLI-004 there is none.
        """
        for team in self.stack.resolved_teams:
            if team.name == name:
                return team
        names = [team.name for team in self.stack.resolved_teams]
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        why = f"teams are: {', '.join(names)}"
        if near:
            why = f"did you mean {near[0]}? {why}"
        raise RunbookError("CLI-004", f"there is no team '{name}'", why=why, next="inv teams.show")

    @property
    def gateway_dir(self) -> Path:
        """The folder that holds what the image is made of."""
        return self.paths.inside(self.stack.stack.folder)
