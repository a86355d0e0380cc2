"""What is wrong in the vault: values overdue, malformed or missing, and names the contract does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from ops.runbook.advice import advice
from ops.vault.formats import fault
from ops.vault.report import due

if TYPE_CHECKING:
    from ops.vault.inventory import Inventory


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and the command or place to mend it."""

    kind: Literal["malformed", "missing", "overdue", "unknown"]
    name: str
    what: str
    next: str


def findings(inventory: Inventory, now: datetime | None = None) -> tuple[Finding, ...]:
    """Everything that is wrong, in the contract's order. `now` is for tests; by default the clock's UTC."""
    now = now or datetime.now(UTC)
    rules = inventory.rules()
    entries = {entry.name: entry for entry in inventory.vault.entries()}
    result: list[Finding] = []
    for rule in rules.values():
        entry = entries.get(rule.name)
        if rule.origin == "derived" or (not rule.stored and inventory.given(rule)):
            continue
        if entry is None:
            maker = f"inv setup.all (step {rule.step})" if rule.step else "inv setup.secrets"
            result.append(Finding("missing", rule.name, "is not there", advice(maker)))
            continue
        mend = advice(f"inv vault.rotate {rule.name}")
        why = fault(rule.format, inventory.vault.get(rule.name))
        if why:
            result.append(Finding("malformed", rule.name, why, mend))
        limit = due(rule, entry.changed)
        if limit is not None and limit <= now:
            age = f"is {(now - entry.changed).days} days old, its period is {rule.rotate_days}"
            result.append(Finding("overdue", rule.name, f"{age}; replacing it costs: {rule.rotation}", mend))
    result.extend(
        Finding("unknown", name, "is in the vault and not in the contract", advice(f"inv vault.remove {name}"))
        for name in sorted(entries.keys() - rules.keys())
    )
    return tuple(result)


def as_json(found: Sequence[Finding]) -> str:
    """The findings as one versioned document."""
    from ops.runbook.report import document

    return document("vault-audit", findings=[asdict(finding) for finding in found])


def as_text(found: Sequence[Finding]) -> str:
    """The findings as lines; one line where there are none."""
    if not found:
        return "every secret is there, well-formed and younger than its period"
    return "\n".join(f"{finding.kind}: {finding.name} {finding.what}\n  next: {finding.next}" for finding in found)
