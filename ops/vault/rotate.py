"""Replacing a value, and taking one out that nobody wants any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.vault.contract import Rule
from ops.vault.formats import fault, make

if TYPE_CHECKING:
    from ops.vault.inventory import Inventory

COSTS = {
    "free": "nothing that runs notices",
    "restart": "whoever reads it restarts",
    "breaks-sessions": "everybody is logged out",
}


def rotate(inventory: Inventory, name: str, *, confirmed: bool = False) -> str:
    """Replace a value: a generated one by a new one, a given one by what `.env` or the environment now holds.

    Of a pair (a public and a secret key) both are replaced. The vault as it was is kept beside it.

    Args:
        confirmed: the operator has said yes; without it nothing is done.

    Returns:
        What was done, what it costs, and what to run next.

    Raises:
        RunbookError: VAULT-015 no such name, VAULT-016 must never be replaced, VAULT-017 nothing to replace it
            with here, VAULT-019 not confirmed.
    """
    rule = inventory.rule(name)
    if rule.rotation == "never":
        raise RunbookError("VAULT-016", f"{name} must never be replaced", why=rule.note, next="inv explain VAULT-016")
    if rule.origin == "generated":
        rules = inventory.rules()
        group = [rule, *(rules[other] for other in rule.together if other in rules)]
        values = {one.name: make(one.format) for one in group if one.format}
    elif rule.origin == "given" and rule.stored:
        values = {name: _newly_given(inventory, rule)}
    else:
        source = f"step {rule.step}" if rule.step else "other secrets" if rule.derive else "the environment"
        raise RunbookError(
            "VAULT-017",
            f"{name} is not replaced here: it comes from {source}",
            why=rule.note,
            next=f"replace it there, then inv {' '.join(rule.then)}" if rule.then else "replace it there",
        )
    if not confirmed:
        raise RunbookError(
            "VAULT-019",
            f"{' and '.join(values)} would be replaced; {COSTS[rule.rotation]}",
            why=rule.note,
            next=f"inv vault.rotate {name} --yes",
            blocked=True,
        )
    inventory.vault.put(values, origin="generated" if rule.origin == "generated" else "given")
    lines = [
        f"{' and '.join(values)} replaced; the vault as it was is {inventory.vault.previous}",
        f"cost: {COSTS[rule.rotation]}",
    ]
    if rule.note:
        lines.append(f"mind: {rule.note}")
    if rule.then:
        lines.append(f"next: inv {' '.join(rule.then)}")
    return "\n".join(lines)


def remove(inventory: Inventory, name: str) -> str:
    """Take out a secret the contract no longer names (a team that is gone, say). The vault as it was is kept.

    Raises:
        RunbookError: VAULT-018 the contract still wants it, VAULT-001 it is not there.
    """
    if name in inventory.rules():
        raise RunbookError(
            "VAULT-018",
            f"{name} is still wanted by the contract",
            why="only what nobody reads is taken out",
            next=f"inv vault.rotate {name}",
        )
    inventory.vault.get(name)
    inventory.vault.remove([name])
    return f"{name} taken out; the vault as it was is {inventory.vault.previous}\nnext: inv deploy.secrets"


def _newly_given(inventory: Inventory, rule: Rule) -> Secret:
    value = inventory.given(rule)
    if value is None or (inventory.vault.has(rule.name) and value == inventory.vault.get(rule.name)):
        raise RunbookError(
            "VAULT-017",
            f"there is no new {rule.name} to take",
            why=".env and the environment have none, or the one the vault has already",
            next=f"put the new value into {inventory.settings_file}, then inv vault.rotate {rule.name}",
            blocked=True,
        )
    why = fault(rule.format, value)
    if why:
        raise RunbookError("VAULT-012", f"the new {rule.name} {why}", next="edit .env", blocked=True)
    return value
