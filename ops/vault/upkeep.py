"""Looking after the vault: what is in it, what is due, replacing a value. Data, and no value among it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.vault import contract as contracts
from ops.vault import deliver
from ops.vault.contract import Rotation, Rule
from ops.vault.formats import fault, make
from ops.vault.provide import given

if TYPE_CHECKING:
    from ops.world import World

SOON = timedelta(days=14)  # a replacement is announced this long before it is due


@dataclass(frozen=True)
class Row:
    """One line of `inv vault.list`.

    Attributes:
        state: in the vault; missing; derived (computed when needed); environment (read at each run).
        age_days: since the value last changed; None where there is none.
        due: day (UTC) it is to be replaced; None where it has no period.
        consumers: who reads it.
    """

    name: str
    state: Literal["stored", "missing", "derived", "environment"]
    origin: str
    age_days: int | None
    due: datetime | None
    rotation: Rotation
    consumers: tuple[str, ...]
    purpose: str


@dataclass(frozen=True)
class Finding:
    """One thing `inv vault.audit` found."""

    kind: Literal["fault", "missing", "overdue", "unknown", "soon", "unsent"]
    name: str
    what: str
    next: str

    @property
    def bad(self) -> bool:
        """Whether it should make the audit fail."""
        return self.kind in ("fault", "missing", "overdue")


@dataclass(frozen=True)
class Rotated:
    """What a replacement did: the names replaced, what it costs, what to run next, and what to know."""

    names: tuple[str, ...]
    rotation: Rotation
    then: tuple[str, ...]
    note: str
    kept: str


def rows(world: World, now: datetime | None = None) -> tuple[Row, ...]:
    """Every secret of the contract for this target, and what of it is in the vault."""
    now = now or datetime.now(UTC)
    entries = {entry.name: entry for entry in world.vault.entries()}
    result = []
    for rule in _rules(world).values():
        entry = entries.get(rule.name)
        state: Literal["stored", "missing", "derived", "environment"]
        if rule.origin == "derived":
            state = "derived"
        elif not rule.stored:
            state = "environment" if given(world, rule) else "missing"
        else:
            state = "stored" if entry else "missing"
        result.append(
            Row(
                name=rule.name,
                state=state,
                origin=entry.origin if entry else rule.origin,
                age_days=(now - entry.changed).days if entry else None,
                due=_due(rule, entry.changed) if entry else None,
                rotation=rule.rotation,
                consumers=tuple(rule.consumers),
                purpose=rule.purpose,
            )
        )
    return tuple(result)


def get(world: World, name: str) -> Secret:
    """One value, for `inv vault.get`; derived ones are computed.

    Raises:
        RunbookError: VAULT-001 not there, VAULT-015 the contract knows no such name.
    """
    rule = _rule(world, name)
    if not rule.stored and rule.derive is None:
        value = given(world, rule)
        if value is None:
            raise RunbookError("VAULT-001", f"{name} is not in the environment", next="put it into .env")
        return value
    return deliver.value(world.vault, contracts.read(), world.stack, name)


def rotate(world: World, name: str) -> Rotated:
    """Replace a value: a generated one by a new one, a given one by what the operator's settings now hold.

    The version of the vault before is kept beside it.

    Raises:
        RunbookError: VAULT-016 must never be replaced, VAULT-017 nothing to replace it with,
            VAULT-015 the contract knows no such name.
    """
    rule = _rule(world, name)
    if rule.rotation == "never":
        raise RunbookError(
            "VAULT-016", f"{name} must never be replaced", why=rule.note, next="inv explain VAULT-016"
        )
    if rule.origin == "generated":
        rules = _rules(world)
        # Of a pair both are replaced: half a new pair is no pair.
        group = [rule, *(rules[other] for other in rule.together if other in rules)]
        values = {one.name: make(one.format) for one in group if one.format}
        world.vault.put(values, origin="generated")
    elif rule.origin == "given" and rule.stored:
        values = {name: _newly_given(world, rule)}
        world.vault.put(values, origin="given")
    else:
        source = f"step {rule.step}" if rule.step else "other secrets" if rule.derive else "the environment"
        raise RunbookError(
            "VAULT-017",
            f"{name} is not replaced here: it comes from {source}",
            why=rule.note,
            next="change it there" + (f", then {_commands(rule.then)}" if rule.then else ""),
        )
    return Rotated(tuple(values), rule.rotation, rule.then, rule.note, str(world.vault.previous))


def audit(world: World, now: datetime | None = None) -> tuple[Finding, ...]:
    """What is wrong or due in the vault: formats, ages against their periods, missing and unknown names,
    and values changed after they were last sent to whoever reads them.
    """
    now = now or datetime.now(UTC)
    rules = _rules(world)
    entries = {entry.name: entry for entry in world.vault.entries()}
    findings: list[Finding] = []
    for rule in rules.values():
        entry = entries.get(rule.name)
        if rule.origin == "derived":
            continue
        if entry is None or not rule.stored:
            if rule.stored or given(world, rule) is None:
                source = f"inv setup.all (step {rule.step})" if rule.step else "inv setup.secrets"
                findings.append(Finding("missing", rule.name, "is not there", source))
            continue
        why = fault(rule.format, world.vault.get(rule.name))
        if why:
            findings.append(Finding("fault", rule.name, why, f"inv vault.rotate {rule.name}"))
        due = _due(rule, entry.changed)
        if due is not None and due <= now + SOON:
            age = (now - entry.changed).days
            findings.append(
                Finding(
                    "overdue" if due <= now else "soon",
                    rule.name,
                    f"is {age} days old, its period is {rule.rotate_days} ({rule.rotation})",
                    f"inv vault.rotate {rule.name}",
                )
            )
        for consumer, names in sorted(world.vault.sent_at().items()):
            late = [env for env in set(rule.consumers.values()) & set(names) if names[env] < entry.changed]
            findings.extend(
                Finding(
                    "unsent", rule.name, f"changed after {consumer} got it as {env}", "inv deploy.secrets"
                )
                for env in late
            )
    findings.extend(
        Finding("unknown", name, "is in the vault and not in the contract", f"inv vault.remove {name}")
        for name in sorted(set(entries) - set(rules))
    )
    return tuple(findings)


def remove(world: World, name: str) -> None:
    """Take a secret out of the vault that the contract no longer names.

    Raises:
        RunbookError: VAULT-018 the contract still wants it, VAULT-001 it is not there.
    """
    if name in _rules(world):
        raise RunbookError(
            "VAULT-018", f"{name} is still wanted by the contract", why="only unknown names are removed"
        )
    world.vault.get(name)
    world.vault.remove([name])


def _newly_given(world: World, rule: Rule) -> Secret:
    value = given(world, rule)
    where = world.paths.root / ".env"
    if value is None or (world.vault.has(rule.name) and value == world.vault.get(rule.name)):
        raise RunbookError(
            "VAULT-017",
            f"there is no new {rule.name} to take",
            why="the environment and .env have none, or the one that is in the vault",
            next=f"put the new value into {where}, then inv vault.rotate {rule.name}",
            blocked=True,
        )
    why = fault(rule.format, value)
    if why:
        raise RunbookError("VAULT-012", f"the new {rule.name} {why}", next=f"edit {where}", blocked=True)
    return value


def _rules(world: World) -> dict[str, Rule]:
    return contracts.read().rules(world.stack, world.target_name)


def _rule(world: World, name: str) -> Rule:
    rules = _rules(world)
    if name not in rules:
        import difflib

        near = difflib.get_close_matches(name.upper(), rules, n=1)
        raise RunbookError(
            "VAULT-015",
            f"the contract knows no secret '{name}' for target {world.target_name}",
            why=f"did you mean {near[0]}?" if near else "",
            next="inv vault.list",
        )
    return rules[name]


def _due(rule: Rule, changed: datetime) -> datetime | None:
    return changed + timedelta(days=rule.rotate_days) if rule.rotate_days else None


def _commands(tasks: tuple[str, ...]) -> str:
    return f"inv {' '.join(tasks)}"
