"""What `inv vault.list` shows and the rotation schedule documents: names, ages, readers; never a value."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from ops.vault import contract as contracts
from ops.vault.contract import Rotation, Rule

if TYPE_CHECKING:
    from ops.description.stack import Stack
    from ops.vault.inventory import Inventory

State = Literal["stored", "missing", "derived", "environment"]


@dataclass(frozen=True)
class Row:
    """One secret.

    Attributes:
        state: stored in the vault; missing; derived (computed when needed); environment (read at each run).
        age_days: since the value last changed; None where none is stored.
        due: day (UTC) it is to be replaced; None where it has no period or none is stored.
        rotation: what replacing it costs.
        consumers: who reads it.
    """

    name: str
    state: State
    origin: str
    age_days: int | None
    due: datetime | None
    rotation: Rotation
    consumers: tuple[str, ...]
    purpose: str


def rows(inventory: Inventory, now: datetime | None = None) -> tuple[Row, ...]:
    """Every secret this target needs, and what of it is there. `now` is for tests; by default the clock's UTC."""
    now = now or datetime.now(UTC)
    entries = {entry.name: entry for entry in inventory.vault.entries()}
    result = []
    for rule in inventory.rules().values():
        entry = entries.get(rule.name)
        state: State = "stored" if entry else "missing"
        if rule.origin == "derived":
            state = "derived"
        elif not rule.stored and inventory.given(rule):
            state = "environment"
        result.append(
            Row(
                name=rule.name,
                state=state,
                origin=entry.origin if entry else rule.origin,
                age_days=(now - entry.changed).days if entry else None,
                due=due(rule, entry.changed) if entry else None,
                rotation=rule.rotation,
                consumers=tuple(rule.consumers),
                purpose=rule.purpose,
            )
        )
    return tuple(result)


def due(rule: Rule, changed: datetime) -> datetime | None:
    """When a value that last changed at `changed` is to be replaced."""
    return changed + timedelta(days=rule.rotate_days) if rule.rotate_days else None


def as_json(inventory: Inventory) -> str:
    """The rows as one versioned document."""
    from ops.runbook.report import document

    secrets: list[dict[str, Any]] = []
    for row in rows(inventory):
        fields = asdict(row)
        fields["due"] = row.due.date().isoformat() if row.due else None
        secrets.append(fields)
    return document("vault", target=inventory.vault.target, file=str(inventory.vault.path), secrets=secrets)


def as_text(inventory: Inventory) -> str:
    """The rows as a table in plain text."""
    lines = [("NAME", "STATE", "ORIGIN", "AGE", "DUE", "ROTATION", "READ BY")]
    lines += [
        (
            row.name,
            row.state,
            row.origin,
            "" if row.age_days is None else f"{row.age_days} d",
            row.due.date().isoformat() if row.due else "never" if row.rotation == "never" else "",
            row.rotation if row.state != "derived" else "",
            ", ".join(row.consumers),
        )
        for row in rows(inventory)
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def schedule_table(stack: Stack) -> str:
    """The rotation schedule of production as a Markdown table; the same whatever target is chosen."""
    lines = [
        "| secret | purpose | comes from | read by | replace | costs | afterwards |",
        "|---|---|---|---|---|---|---|",
    ]
    for rule in contracts.read().rules(stack, "fly").values():
        period = f"every {rule.rotate_days} days" if rule.rotate_days else "on demand"
        cells = (
            f"`{rule.name}`",
            rule.purpose,
            f"step {rule.step}" if rule.step else rule.origin,
            ", ".join(rule.consumers),
            "never" if rule.rotation == "never" else "with its sources" if rule.derive else period,
            rule.rotation if not rule.derive else "",
            ". ".join(part for part in (f"`inv {' '.join(rule.then)}`" if rule.then else "", rule.note) if part),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
