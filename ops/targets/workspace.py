"""What a target is made from: the description, the settings, the paths and the vault of one stack on one target."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ops.description.paths import Paths
from ops.runbook.errors import RunbookError

if TYPE_CHECKING:
    from ops.description.stack import Stack, Team
    from ops.vault import Vault
    from ops.vault.inventory import Inventory


@dataclass(frozen=True)
class Workspace:
    """The description, the settings, the paths and the vault. Nothing is cached of what lies outside.

    Attributes:
        target_name: names the target, such as ``fly``.
        environ: the operator's settings: the environment, and `.env` beneath it.
        paths: where things lie.
        vault_file: where this target keeps its vault; asked once, and only when the vault is needed.
    """

    target_name: str
    environ: Mapping[str, str]
    paths: Paths
    vault_file: Callable[[Workspace], Path]

    @cached_property
    def stack(self) -> Stack:
        """The described stack, with overrides from the environment.

        Raises:
            RunbookError: STACK-001, STACK-002 it cannot be read.
        """
        from ops.description.read import read

        return read(self.paths.stack_file, self.environ)

    @cached_property
    def vault(self) -> Vault:
        """This target's vault: production's, or one of the rehearsal's own."""
        from ops.vault import Vault

        return Vault(self.vault_file(self), target=self.target_name)

    @property
    def inventory(self) -> Inventory:
        """The vault, held against its contract."""
        from ops.vault.inventory import Inventory

        return Inventory(self.vault, self.stack, self.environ, self.paths.root / ".env")

    @property
    def gateway_dir(self) -> Path:
        """The folder that holds what the image is made of."""
        return self.paths.inside(self.stack.stack.folder)

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
