"""What one target's vault must hold, and what the operator's settings offer for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops.runbook.secret import Secret
from ops.vault import contract as contracts
from ops.vault.contract import Rule
from ops.vault.store import Vault

if TYPE_CHECKING:
    from ops.description.stack import Stack


@dataclass(frozen=True)
class Inventory:
    """A vault held against the contract for its stack and target.

    Attributes:
        vault: the values that are there.
        stack: the description that narrows the contract.
        settings: the environment and `.env`, where given secrets come from.
        settings_file: the file an operator puts a given secret into.
    """

    vault: Vault
    stack: Stack
    settings: Mapping[str, str]
    settings_file: Path

    def rules(self) -> dict[str, Rule]:
        """What the contract says of every secret this stack and target need, by name.

        Raises:
            RunbookError: VAULT-010 the contract is broken, VAULT-011 a team's key has another secret's name.
        """
        return contracts.read().rules(self.stack, self.vault.target)

    def rule(self, name: str) -> Rule:
        """What the contract says of one secret.

        Raises:
            RunbookError: VAULT-015 the contract knows no such name.
        """
        return contracts.read().rule(name, self.stack, self.vault.target)

    def given(self, rule: Rule) -> Secret | None:
        """A given secret as the operator's settings have it, or None. A rehearsal never asks them."""
        if self.vault.target in contracts.REHEARSALS:
            return None
        text = self.settings.get(rule.name, "").strip()
        return Secret(text) if text else None
