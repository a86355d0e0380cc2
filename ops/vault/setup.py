"""Step 1.2: what is missing in the vault is made or taken; what is there is never changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.runbook.step import Look, Say, blocked, missing, satisfied
from ops.vault import contract as contracts
from ops.vault.contract import Rule
from ops.vault.formats import fault, make

if TYPE_CHECKING:
    from ops.world import World


@dataclass
class _Survey:
    """How things stand, by name."""

    there: list[str] = field(default_factory=list)
    to_make: list[Rule] = field(default_factory=list)
    to_take: dict[str, Secret] = field(default_factory=dict)
    later: dict[str, str] = field(default_factory=dict)  # provisioned: name → step
    awaited: dict[str, str] = field(default_factory=dict)  # given: name → what is wrong or wanted
    faults: dict[str, str] = field(default_factory=dict)  # in the vault, malformed
    newer: list[str] = field(default_factory=list)  # given, and the environment has another value


def look(world: World) -> Look:
    """What the vault holds against its contract. Reads only the vault and the settings."""
    survey = _survey(world)
    if survey.faults:
        return blocked(
            f"in the vault, {_sentence(survey.faults)}",
            next=f"inv vault.rotate {next(iter(survey.faults))} (or restore {world.vault.previous.name})",
        )
    wanted = ", ".join(survey.awaited)
    parts = [f"{len(survey.there)} secrets in the vault"]
    if survey.to_make or survey.to_take:
        counts = (("to make", len(survey.to_make)), ("to take from .env", len(survey.to_take)))
        parts += [f"{count} {word}" for word, count in counts if count]
        if wanted:
            parts.append(f"then still to be given: {wanted}")
        return missing(", ".join(parts))
    if survey.awaited:
        return blocked(
            f"{len(survey.there)} secrets in the vault; only you can give: {_sentence(survey.awaited)}",
            next=f"put {wanted} into {world.paths.root / '.env'}, then inv setup.secrets",
        )
    if survey.later:
        steps = sorted(set(survey.later.values()))
        parts.append(f"{len(survey.later)} to come from step {', '.join(steps)}")
    if survey.newer:
        parts.append(f"the environment's other {', '.join(survey.newer)} waits for inv vault.rotate")
    return satisfied(", ".join(parts))


def act(world: World, say: Say) -> None:
    """Make what is missing, take what is given, in one write each; never change what is there.

    What only a person can give and has not is left to the look that follows: it says what and where.
    """
    survey = _survey(world)
    if survey.to_make:
        say(f"making {len(survey.to_make)} secrets")
        made = {rule.name: make(rule.format) for rule in survey.to_make if rule.format}
        world.vault.put(made, origin="generated")
    if survey.to_take:
        say(f"taking {', '.join(survey.to_take)} from .env or the environment")
        world.vault.put(survey.to_take, origin="given")


def _sentence(faults: dict[str, str]) -> str:
    return "; ".join(f"{name} {what}" for name, what in faults.items())


def given(world: World, rule: Rule) -> Secret | None:
    """A given secret as the operator's settings have it, or None. In rehearsal they are never asked."""
    if world.target_name == "local":
        return None
    text = world.environ.get(rule.name, "").strip()
    return Secret(text) if text else None


def _survey(world: World) -> _Survey:
    vault = world.vault
    names = set(vault.names())
    survey = _Survey()
    for rule in contracts.read().rules(world.stack, world.target_name).values():
        if rule.origin == "derived":
            continue
        if rule.stored and rule.name in names:
            value = vault.get(rule.name)
            why = fault(rule.format, value)
            if why:
                survey.faults[rule.name] = why
            else:
                survey.there.append(rule.name)
                offered = given(world, rule) if rule.origin == "given" else None
                if offered is not None and offered != value:
                    survey.newer.append(rule.name)
        elif rule.origin == "generated":
            survey.to_make.append(rule)
        elif rule.origin == "provisioned":
            survey.later[rule.name] = rule.step
        else:
            _survey_given(world, rule, survey)
    _check_pair(world, survey)
    return survey


def _survey_given(world: World, rule: Rule, survey: _Survey) -> None:
    offered = given(world, rule)
    if offered is None:
        survey.awaited[rule.name] = f"({rule.format.says})" if rule.format else ""
        return
    why = fault(rule.format, offered)
    if why:
        survey.awaited[rule.name] = why
    elif rule.stored:
        survey.to_take[rule.name] = offered


def _check_pair(world: World, survey: _Survey) -> None:
    """Two URLs that are each well-formed may still lead to two databases."""
    from ops.services.postgres import urls

    pair = []
    for name in ("SUPABASE_DIRECT_URL", "SUPABASE_POOLED_URL"):
        if name in survey.to_take:
            pair.append(survey.to_take[name])
        elif name in survey.there:
            pair.append(world.vault.get(name))
    if len(pair) < 2:
        return
    try:
        urls.same_project(urls.direct(pair[0]), urls.pooled(pair[1]))
    except RunbookError as error:
        name = "SUPABASE_POOLED_URL"
        target = survey.awaited if survey.to_take.pop(name, None) else survey.faults
        target[name] = f"is refused ({error.code}): {error.what}"
