"""Step 1.2: what is missing in the vault is made or taken; what is there is never changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.runbook.step import Look, Say, blocked, missing, satisfied
from ops.vault import postgres_urls as urls
from ops.vault.contract import Rule
from ops.vault.formats import fault, make, placeholder, unsendable

if TYPE_CHECKING:
    from ops.vault.inventory import Inventory


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


def look(inventory: Inventory) -> Look:
    """What the vault holds against its contract. Reads only the vault and the settings."""
    survey = _survey(inventory)
    if survey.faults:
        return blocked(
            f"in the vault, {_sentence(survey.faults)}",
            next=f"inv vault.rotate {next(iter(survey.faults))} (or restore {inventory.vault.previous.name})",
        )
    wanted = ", ".join(survey.awaited)
    give = f"put {wanted} into {inventory.settings_file}, then inv setup.secrets" if wanted else ""
    parts = [f"{len(survey.there)} secrets in the vault"]
    if survey.to_make or survey.to_take:
        counts = (("to make", len(survey.to_make)), ("to take from .env", len(survey.to_take)))
        parts += [f"{count} {word}" for word, count in counts if count]
        if wanted:
            parts.append(f"then only you can give: {_sentence(survey.awaited)}")
        return missing(", ".join(parts), next=give)
    if survey.awaited:
        return blocked(
            f"{len(survey.there)} secrets in the vault; only you can give: {_sentence(survey.awaited)}",
            next=give,
        )
    if survey.later:
        steps = sorted(set(survey.later.values()))
        parts.append(f"{len(survey.later)} to come from step {', '.join(steps)}")
    if survey.newer:
        parts.append(f"the environment's other {', '.join(survey.newer)} waits for inv vault.rotate")
    return satisfied(", ".join(parts))


def act(inventory: Inventory, say: Say) -> None:
    """Make what is missing, take what is given, in one write each; never change what is there.

    What only a person can give and has not is left to the look that follows: it says what and where.
    """
    survey = _survey(inventory)
    if survey.to_make:
        say(f"making {len(survey.to_make)} secrets")
        made = {rule.name: make(rule.format) for rule in survey.to_make if rule.format}
        inventory.vault.put(made, origin="generated")
    if survey.to_take:
        say(f"taking {', '.join(survey.to_take)} from .env or the environment")
        inventory.vault.put(survey.to_take, origin="given")


def _sentence(faults: dict[str, str]) -> str:
    return "; ".join(f"{name} {what}" for name, what in faults.items())


def _survey(inventory: Inventory) -> _Survey:
    vault = inventory.vault
    names = set(vault.names())
    survey = _Survey()
    for rule in inventory.rules().values():
        if rule.origin == "derived":
            continue
        if rule.stored and rule.name in names:
            value = vault.get(rule.name)
            why = fault(rule.format, value)
            if why:
                survey.faults[rule.name] = why
            else:
                survey.there.append(rule.name)
                offered = inventory.given(rule) if rule.origin == "given" else None
                if offered is not None and offered != value:
                    survey.newer.append(rule.name)
        elif rule.origin == "generated":
            survey.to_make.append(rule)
        elif rule.origin == "provisioned":
            survey.later[rule.name] = rule.step
        else:
            _survey_given(inventory, rule, survey)
    _check_pair(inventory, survey)
    return survey


def _survey_given(inventory: Inventory, rule: Rule, survey: _Survey) -> None:
    offered = inventory.given(rule)
    if offered is None:
        survey.awaited[rule.name] = f"({rule.format.says})" if rule.format else ""
        return
    # A URL may hold such characters, in its password, and its own check knows them.
    is_url = rule.format is not None and rule.format.check is not None
    why = fault(rule.format, offered)
    if not is_url:
        why = unsendable(offered) or why or placeholder(offered)
    if why:
        survey.awaited[rule.name] = why
    elif rule.stored:
        survey.to_take[rule.name] = offered


def _check_pair(inventory: Inventory, survey: _Survey) -> None:
    """Two URLs that are each well-formed may still lead to two databases."""
    pair = []
    for name in ("SUPABASE_DIRECT_URL", "SUPABASE_POOLED_URL"):
        if name in survey.to_take:
            pair.append(survey.to_take[name])
        elif name in survey.there:
            pair.append(inventory.vault.get(name))
    if len(pair) < 2:
        return
    try:
        urls.same_project(urls.direct(pair[0]), urls.pooled(pair[1]))
    except RunbookError as error:
        name = "SUPABASE_POOLED_URL"
        target = survey.awaited if survey.to_take.pop(name, None) else survey.faults
        target[name] = f"is refused ({error.code}): {error.what}"
